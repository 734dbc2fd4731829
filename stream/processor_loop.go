package stream

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// loop runs epochs: graphs that were pushed and changes of ownership come between them.
func (p *Processor) loop(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := p.turn(ctx); err != nil {
			return err
		}
	}
	return nil
}

// awayPause is how long a process waits before it asks Kafka again.
const awayPause = time.Second

// turn is one turn of the loop: at most one epoch. Where Kafka cannot be asked, what the turn was about is still to be
// done, and the next one does it.
func (p *Processor) turn(ctx context.Context) error {
	err := p.takeTurn(ctx)
	if !errors.Is(err, errAway) || ctx.Err() != nil {
		return err
	}
	p.o.Log.Warn("kafka cannot be asked at present and is asked again", "error", err)
	return p.clock.Pause(ctx, awayPause)
}

func (p *Processor) takeTurn(ctx context.Context) error {
	if err := p.mend(ctx); err != nil {
		return err
	}
	if err := p.takeGraphs(ctx, p.graphs.Take()); err != nil {
		return err
	}
	if err := p.takeRequests(ctx); err != nil {
		return err
	}
	if err := p.followGraph(ctx); err != nil {
		return err
	}
	if err := p.takeChanges(ctx); err != nil {
		return err
	}
	if p.history.Plan() == nil {
		p.opened.Do(func() { close(p.ready) }) // nothing to recover before the first graph
	}
	if err := p.collect(ctx); err != nil {
		return err
	}
	if len(p.tasks) == 0 || len(p.held) == 0 && !p.more && !p.due() {
		return nil
	}
	return p.runEpoch(ctx)
}

// due reports whether the engine has held work back long enough.
func (p *Processor) due() bool {
	next := p.engine.NextDue()
	return next > 0 && next <= p.clock.Now().UnixMilli()
}

// watchGraphs wakes the loop when a graph has been pushed.
func (p *Processor) watchGraphs(ctx context.Context) error {
	for {
		select {
		case <-p.graphs.Ready():
			p.interrupt()
		case <-ctx.Done():
			return nil
		}
	}
}

// interrupt ends the poll under way.
func (p *Processor) interrupt() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.wake != nil {
		p.wake()
	}
}

// collect polls what the next epoch takes: it waits for the first records, as long as there is
// nothing else to do, and takes more until there are no more at once, or the interval or the
// bound of records is reached. An epoch that was aborted has its records still.
func (p *Processor) collect(ctx context.Context) error {
	count := 0
	for _, f := range p.held {
		count += len(f.Records)
	}
	if p.waiting { // a schema was not to be had: the records that need it are held
		p.waiting = false
		if err := p.clock.Pause(ctx, time.Second); err != nil {
			return err
		}
	}
	if count > 0 {
		return nil
	}
	start := p.clock.Now()
	wait := idlePoll
	if next := p.engine.NextDue(); next > 0 {
		wait = min(wait, max(time.Millisecond, time.UnixMilli(next).Sub(p.clock.Now())))
	}
	if p.more && len(p.tasks) > 0 {
		wait = time.Millisecond
	}
	for count < epochRecords && p.clock.Now().Sub(start) < max(wait, p.o.CommitInterval) {
		got, err := p.poll(ctx, wait, epochRecords-count)
		p.held = append(p.held, got...) // in any case: they are not polled again
		if err != nil {
			return err
		}
		for _, f := range got {
			count += len(f.Records)
		}
		if len(got) == 0 {
			break
		}
		wait = drainPoll
		if since := p.clock.Now().Sub(p.last); since < minCommitInterval {
			wait = minCommitInterval - since
		}
		if p.clock.Now().Sub(start) >= p.o.CommitInterval {
			break
		}
	}
	return nil
}

// poll polls once. What is not owned any more, and what moved only the position of a task that is
// not here, is left out.
func (p *Processor) poll(ctx context.Context, wait time.Duration, records int) ([]fetched, error) {
	pollCtx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	p.mu.Lock()
	p.wake = cancel
	pending := len(p.changes) > 0
	p.mu.Unlock()
	if pending {
		return nil, nil
	}
	got, err := p.fetch.Poll(pollCtx, records)
	p.mu.Lock()
	p.wake = nil
	p.mu.Unlock()
	idle := len(got) == 0
	var failed error
	var faults []*FetchError
	collectFetchErrors(err, &faults)
	switch {
	case len(faults) > 0: // whether or not the wait is over: they are not read on by themselves
		var mended map[task]bool
		mended, failed = p.mendFetch(ctx, faults)
		// What came of them before lies behind where they have recovered to.
		got = slices.DeleteFunc(got, func(f fetched) bool { return mended[task{f.Topic, f.Partition}] })
	case err != nil && pollCtx.Err() == nil:
		p.o.Log.Warn("a poll failed and is repeated", "error", err)
	}
	if idle && !p.more && failed == nil {
		p.passEmptyTails(ctx)
	}
	got = slices.DeleteFunc(got, func(f fetched) bool { return p.tasks[task{f.Topic, f.Partition}] == nil })
	p.watchLag(got)
	return got, failed
}

// mendFetch deals with partitions that cannot be read on: their tasks recover.
func (p *Processor) mendFetch(ctx context.Context, faults []*FetchError) (mended map[task]bool, _ error) {
	mended = map[task]bool{}
	for _, fault := range faults {
		p.o.Log.Warn("a partition cannot be read on and is read again from what is known", "topic", fault.Topic, "partition", fault.Partition, "offset", fault.Offset, "error", fault.Err)
		t := task{fault.Topic, fault.Partition}
		if p.tasks[t] == nil {
			continue
		}
		if err := p.drop(t); err != nil {
			return mended, err
		}
		mended[t] = true
	}
	return mended, p.recover(ctx, slices.SortedFunc(maps.Keys(mended), task.compare))
}

// passEmptyTails lets tasks pass the ends of logs that hold no records any more: compaction has removed
// them, so nothing is ever polled, and what waits for the task to come so far (E4) would wait for ever.
func (p *Processor) passEmptyTails(ctx context.Context) {
	starts := positions{}
	for source, position := range p.engine.Behind() {
		if p.tasks[task{source.Topic, source.Partition}] != nil {
			starts.set(source.Topic, source.Partition, position)
		}
	}
	if len(starts) == 0 || p.paused {
		return
	}
	// An open transaction would be waited for: then there is something to come.
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	full := map[task]bool{}
	reached, err := p.logs.Read(ctx, starts, nil, func(r *kgo.Record) error {
		full[task{r.Topic, r.Partition}] = true
		return nil
	})
	if err != nil {
		return // at the next poll again
	}
	for topic, partitions := range reached {
		for partition, end := range partitions {
			if t := (task{topic, partition}); !full[t] {
				p.engine.ReachedEnd(t.source(), end)
				p.more = true
			}
		}
	}
}

// collectFetchErrors finds the errors of partitions among joined ones.
func collectFetchErrors(err error, into *[]*FetchError) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			collectFetchErrors(e, into)
		}
		return
	}
	var fault *FetchError
	if errors.As(err, &fault) {
		*into = append(*into, fault)
	}
}

// watchLag pauses the sample partitions while rows lag behind: rows first, or what the routers
// write would grow faster than it is resolved.
func (p *Processor) watchLag(got []fetched) {
	rows := p.o.Namespace.Rows()
	for _, f := range got {
		if f.Topic == rows {
			p.lag[f.Partition] = max(0, f.HighWatermark-f.Position)
		}
	}
	var behind int64
	for _, n := range p.lag {
		behind += n
	}
	switch {
	case !p.paused && behind > rowsLag:
		p.paused = true
		p.fetch.Pause(p.samplePartitions())
	case p.paused && behind < rowsLag/2:
		p.paused = false
		p.fetch.Resume(p.samplePartitions())
	}
}

// samplePartitions lists the partitions of sample topics and of failures that are here.
func (p *Processor) samplePartitions() map[string][]int32 {
	partitions := map[string][]int32{}
	for t := range p.tasks {
		if t.topic != p.o.Namespace.Rows() {
			partitions[t.topic] = append(partitions[t.topic], t.partition)
		}
	}
	return partitions
}
