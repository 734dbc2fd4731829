package engine_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/state"
	"github.com/freshline/freshline/stream/engine"
	"github.com/freshline/freshline/stream/engine/enginetest"
)

// How an epoch ends.
type ending int

const (
	endCommit  ending = iota
	endAbort          // the transaction was aborted: the overlay is dropped, the process goes on
	endBefore         // the process dies before anything is produced
	endBetween        // the process dies when the transaction is committed and the state is not yet written
)

// tasks are what a process takes over.
type tasks struct {
	routers   []engine.Source
	resolvers []int32
}

// epochOptions say what an epoch does.
type epochOptions struct {
	all    bool // it reads its logs to their ends
	budget int
	ending ending
	take   *tasks // taken over: recovery
	defers bool   // recovery leaves the work to later epochs

	first     func(e *engine.Engine) error // done at the start of the epoch
	committed func()                       // called once what the epoch puts out is in the logs
}

// routed is a record that an epoch has routed: the answer counts once it is committed.
type routed struct {
	source engine.Source
	write  *engine.Write
	graphs int // that the process had read
	reason graph.Reason
}

// epoch runs one epoch of a process. It reports whether it had anything to do.
func (c *cluster) epoch(p *process, o epochOptions) (busy bool, err error) {
	reader, err := p.store.Reader()
	if err != nil {
		return false, err
	}
	defer func() {
		if reader != nil {
			err = errors.Join(err, reader.Close())
		}
	}()
	if p.overlay == nil {
		p.overlay = state.NewOverlay(reader)
	} else {
		p.overlay.Reset(reader)
	}
	e := p.engine
	if step := c.r.Int64N(4); !c.frozen {
		c.now += step
	}
	e.SetTime(c.now)
	e.Begin(p.overlay)
	reads, routes := maps.Clone(p.reads), maps.Clone(p.routes)
	if o.take != nil {
		// In between recovery writes what it has; the positions stay where they are until its end.
		write := func() error {
			for _, q := range o.take.resolvers {
				if _, known := p.store.resolvers[q]; !known {
					e.Forget(q)
				}
			}
			if err := errors.Join(e.Defer(), p.store.Apply(p.overlay), reader.Close()); err != nil {
				return err
			}
			if reader, err = p.store.Reader(); err != nil {
				return err
			}
			p.overlay.Reset(reader)
			e.Begin(p.overlay)
			return nil
		}
		if err := c.recover(p, o.take, reads, routes, write); err != nil {
			return false, err
		}
	}
	if o.first != nil {
		if err := o.first(e); err != nil {
			return false, err
		}
	}
	done, err := c.feed(p, o, reads, routes)
	if err != nil {
		return false, err
	}
	more := false
	if o.defers {
		err = e.Defer()
	} else {
		more, err = e.Work(o.budget)
	}
	if err != nil {
		return false, err
	}
	out := e.Output()
	busy = more || len(out.Rows)+len(out.Events) > 0 || !maps.Equal(reads, p.reads) || !maps.Equal(routes, p.routes)
	if err := reader.Close(); err != nil {
		return busy, err
	}
	reader = nil
	if o.ending == endAbort {
		e.Abort()
		return true, nil
	}
	if o.ending == endBefore {
		c.crash(p)
		return true, nil
	}
	if err := c.produce(p, out); err != nil {
		return busy, err
	}
	if o.committed != nil {
		o.committed()
	}
	maps.Copy(c.committed, routes)
	if err := c.commitRouted(done); err != nil {
		return busy, err
	}
	for _, d := range out.Done {
		c.commitDone(d)
	}
	if o.ending == endBetween {
		c.crash(p)
		return true, nil
	}
	if c.r.IntN(8) == 0 {
		if s := p.store.copy(); s != nil {
			p.copies = append(p.copies, s)
		}
	}
	if err := p.store.Apply(p.overlay); err != nil {
		return busy, err
	}
	for q, position := range reads {
		p.store.resolvers[q] = simPosition{position, c.seq}
	}
	for source := range routes {
		p.store.routers[source] = c.seq
	}
	p.reads, p.routes = reads, routes
	e.Commit()
	return busy, nil
}

// feed gives the engine records of its logs, in a random order of the logs.
func (c *cluster) feed(p *process, o epochOptions, reads map[int32]int64, routes map[engine.Source]int64) (done []routed, err error) {
	var feeds []func() error
	for _, source := range slices.SortedFunc(maps.Keys(routes), compareSources) {
		feeds = append(feeds, func() error {
			for _, rec := range c.some(c.samples[source].from(routes[source]), o.all) {
				result, err := c.route(p, source, rec.write)
				if err != nil {
					return err
				}
				done = append(done, result)
				routes[source] = rec.offset + 1
			}
			return nil
		})
	}
	for _, q := range slices.Sorted(maps.Keys(reads)) {
		feeds = append(feeds, func() error {
			for _, rec := range c.some(c.rows[q].from(reads[q]), o.all) {
				if err := c.resolve(p, q, rec); err != nil {
					return err
				}
				reads[q] = rec.offset + 1
			}
			return nil
		})
	}
	c.r.Shuffle(len(feeds), func(i, j int) { feeds[i], feeds[j] = feeds[j], feeds[i] })
	for _, feed := range feeds {
		if err := feed(); err != nil {
			return nil, err
		}
	}
	return done, nil
}

func compareSources(a, b engine.Source) int {
	if c := strings.Compare(a.Topic, b.Topic); c != 0 {
		return c
	}
	return int(a.Partition - b.Partition)
}

// some returns some first records, or all.
func (c *cluster) some(records []simRecord, all bool) []simRecord {
	if all || len(records) == 0 || c.r.IntN(3) == 0 {
		return records
	}
	return records[:c.r.IntN(len(records)+1)]
}

// route gives one record of a sample topic to the engine. Before a refusal counts that a newer
// graph could lift, the graph log is read to its end (R7).
func (c *cluster) route(p *process, source engine.Source, w *engine.Write) (routed, error) {
	for {
		refusal, err := p.engine.Route(source, w)
		if err != nil {
			return routed{}, fmt.Errorf("route %v %d: %w", source, w.Offset, err)
		}
		result := routed{source: source, write: w, graphs: p.graphs}
		if refusal == nil {
			return result, nil
		}
		result.reason = refusal.Reason
		final := refusal.Reason == graph.TooLarge || refusal.Reason == graph.BadBytes || refusal.Reason == graph.BadRow
		if !final && c.readGraphs(p, len(c.histories)-1) {
			continue
		}
		p.engine.Skip(source, w.Offset)
		return result, nil
	}
}

// resolve gives one record of rows to the engine, reading the graph log where it asks for that.
func (c *cluster) resolve(p *process, q int32, rec simRecord) error {
	return c.withGraph(p, func() error { return p.engine.Resolve(q, []byte(rec.key), rec.value) })
}

func (c *cluster) withGraph(p *process, fn func() error) error {
	err := fn()
	var need *engine.NeedGraphError
	if errors.As(err, &need) {
		if !c.readGraphs(p, len(c.histories)-1) {
			return fmt.Errorf("the graph log is read to its end: %w", err)
		}
		return fn()
	}
	return err
}

// commitRouted lets the oracle judge what was routed, and compares.
func (c *cluster) commitRouted(done []routed) error {
	for _, d := range done {
		reason := c.oracle.Write(d.graphs, graph.FeatureKey(d.source.Topic), d.source.Partition, d.write)
		if reason != d.reason {
			return fmt.Errorf("record %d of %v under graph %d: the engine says %q, the oracle %q", d.write.Offset, d.source, d.graphs, d.reason, reason)
		}
	}
	return nil
}

// produce appends what an epoch puts out to the logs.
func (c *cluster) produce(p *process, out *engine.Output) error {
	for _, row := range out.Rows {
		if c.tracing {
			c.trace("  %d row %d %s: %t", c.seq, row.Partition, engine.RowsKeyText(row.Key), row.Value != nil)
		}
		c.rows[row.Partition].append(simRecord{offset: c.seq, key: string(row.Key), value: slices.Clone(row.Value), gone: row.Value == nil})
		c.seq++
	}
	for i := range out.Events {
		e := &out.Events[i]
		if c.resolvers[e.Partition] != p {
			return fmt.Errorf("process %d emits for partition %d, which it does not have", p.name, e.Partition)
		}
		if err := c.produceEvent(e); err != nil {
			return err
		}
	}
	return nil
}

// budget is how many keys an epoch may visit: often so few that work is cut to pieces.
func (c *cluster) budget() int { return enginetest.Pick(c.r, []int{1, 2, 5, 20, 1000}) }
