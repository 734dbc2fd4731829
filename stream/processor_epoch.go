package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/schema"
	"github.com/freshline/freshline/state"
	"github.com/freshline/freshline/stream/engine"
)

// epoch is one epoch under way.
type epoch struct {
	stats     EpochStats
	positions map[task]int64 // of the tasks that were given anything
	letters   []*kgo.Record
	rest      []fetched     // polled, and left for the next epoch
	left      map[task]bool // of which something is in rest: what follows there has to wait
	synced    bool          // the graph topic was read to its end for a record
	tidied    []string      // ids of requests that are done and tidied away
}

// runEpoch runs one epoch: inputs, work, commit, and only then the state (DESIGN 4).
func (p *Processor) runEpoch(ctx context.Context) error {
	if err := p.member.BeginEpoch(ctx); err != nil {
		return err
	}
	defer p.member.EndEpoch()
	if p.changed() {
		return nil // what was polled may be of tasks that are gone
	}
	memberID, generation := p.member.Generation()
	if generation < 0 {
		return nil
	}
	start := p.clock.Now()
	reader, err := p.beginState(nil)
	if err != nil {
		return err
	}
	ep := &epoch{positions: map[task]int64{}, left: map[task]bool{}}
	records, err := p.step(ctx, ep)
	if err == nil && (len(records) > 0 || len(ep.positions) > 0) {
		err = p.commit(ctx, ep, records, memberID, generation)
	}
	reads, writes := p.overlay.Reads(), p.overlay.Writes()
	if closeErr := reader.Close(); err == nil && closeErr != nil {
		err = fmt.Errorf("read state: %w", closeErr)
	}
	p.last = p.clock.Now()
	if err != nil {
		return p.settle(ctx, err)
	}
	p.held = ep.rest
	p.batch = min(2*p.batch, epochRecords)
	if p.o.Hooks.OnEpoch != nil {
		ep.stats.Reads, ep.stats.Writes, ep.stats.Took = reads, writes, p.last.Sub(start)
		p.o.Hooks.OnEpoch(ep.stats)
	}
	return nil
}

// beginState begins an overlay over the state as it is; a sieve, which may be nil, spares it questions.
func (p *Processor) beginState(sieve *state.Sieve) (state.ReadCloser, error) {
	reader, err := p.store.Reader()
	if err != nil {
		return nil, fmt.Errorf("read state: %w", err)
	}
	if sieve != nil {
		reader = sieve.Reader(reader)
	}
	if p.overlay == nil {
		p.overlay = state.NewOverlay(reader)
	} else {
		p.overlay.Reset(reader)
	}
	p.engine.Begin(p.overlay)
	return reader, nil
}

// step gives the engine what was polled, lets it work, and makes the records of what it says.
func (p *Processor) step(ctx context.Context, ep *epoch) ([]*kgo.Record, error) {
	limit := writeLimit(p.store)
	for i, f := range p.held {
		if !p.overlay.Fits(limit) {
			ep.rest = append(ep.rest, p.held[i:]...)
			break
		}
		rest, err := p.feed(ctx, ep, f, limit)
		if err != nil {
			return nil, err
		}
		if rest != nil {
			ep.rest = append(ep.rest, *rest)
		}
	}
	p.engine.SetTime(p.clock.Now().UnixMilli())
	more, err := p.engine.Work(p.keys)
	if err != nil {
		return nil, err
	}
	p.more = more
	out := p.engine.Output()
	for _, source := range out.Routers {
		p.note(ep, task{source.Topic, source.Partition})
	}
	for _, q := range out.Resolvers {
		p.note(ep, task{p.o.Namespace.Rows(), q})
	}
	if !more {
		p.noteRecovered(ep)
	}
	for t, state := range p.tasks {
		unfinished := p.unfinished(t)
		if unfinished {
			ep.stats.Unfinished++
		}
		if !state.told || state.unfinished != unfinished {
			p.note(ep, t)
		}
	}
	records := make([]*kgo.Record, 0, len(out.Rows)+len(out.Events)+len(ep.letters))
	for i := range out.Rows {
		records = append(records, &kgo.Record{Topic: p.o.Namespace.Rows(), Partition: out.Rows[i].Partition, Key: out.Rows[i].Key, Value: out.Rows[i].Value})
	}
	encoder := eventEncoder{namespace: p.o.Namespace, pushed: p.pushed}
	for i := range out.Events {
		record, err := encoder.record(&out.Events[i])
		if err != nil {
			return nil, err
		}
		records = append(records, record)
	}
	ep.stats.Slipped = out.Slipped
	records = append(records, p.requestRecords(ep, out.Done)...)
	ep.stats.RowsOut, ep.stats.Events, ep.stats.DeadLetters = len(out.Rows), len(out.Events), len(ep.letters)
	return append(records, ep.letters...), nil
}

// note says that the input offset of a task is to be committed, moved or not: that is what the
// group fences the epoch by.
func (p *Processor) note(ep *epoch, t task) {
	if state := p.tasks[t]; state != nil {
		if _, ok := ep.positions[t]; !ok {
			ep.positions[t] = state.position
		}
	}
}

// unfinished reports whether a task has work left that no record of its log waits for.
func (p *Processor) unfinished(t task) bool {
	source := t.source()
	if t.topic == p.o.Namespace.Rows() {
		source.Topic = ""
	}
	return p.engine.Unfinished(source)
}

// noteRecovered says that the group is to have the offsets to which recovery has read, now that all of it is
// evaluated: where that emitted nothing and no record follows, nothing else would ever tell the group.
func (p *Processor) noteRecovered(ep *epoch) {
	for t, state := range p.tasks {
		if state.committed < state.position {
			p.note(ep, t)
		}
	}
}

// feed gives one partition's records to the engine; what the epoch has no room for is returned.
func (p *Processor) feed(ctx context.Context, ep *epoch, f fetched, limit state.Limit) (*fetched, error) {
	t := task{f.Topic, f.Partition}
	if p.tasks[t] == nil {
		return nil, nil
	}
	if ep.left[t] {
		return &f, nil // its position is that of the first record that was left
	}
	if !p.wanted[f.Topic] {
		p.stranded[t] = true // a graph that has just come has no use for it: its task is parked, and recovers
		return nil, nil
	}
	rows, failures := f.Topic == p.o.Namespace.Rows(), f.Topic == p.o.Namespace.Failures()
	for i, record := range f.Records {
		taken := ep.stats.Samples + ep.stats.Failures + ep.stats.RowsIn
		if taken > 0 && (taken >= p.batch || !p.overlay.Fits(limit)) {
			return restOf(ep, t, f, i), nil
		}
		if rows {
			ep.stats.RowsIn++
			if err := p.resolve(ctx, record); err != nil {
				return nil, err
			}
			continue
		}
		take := p.route
		if failures {
			take = p.takeFailure
		}
		letter, err := take(ctx, ep, record)
		if errors.Is(err, schema.ErrUnavailable) {
			p.o.Log.Warn("the schema of a record cannot be asked for and is waited for", "topic", record.Topic, "partition", record.Partition, "offset", record.Offset, "error", err)
			p.waiting = true
			return restOf(ep, t, f, i), nil
		}
		if err != nil {
			return nil, err
		}
		if !p.wanted[f.Topic] { // a graph that came with this record has no use for it
			p.stranded[t] = true
			ep.positions[t] = record.Offset
			return nil, nil
		}
		if failures {
			ep.stats.Failures++
		} else {
			ep.stats.Samples++
		}
		if letter != nil {
			ep.letters = append(ep.letters, letter)
		}
	}
	ep.positions[t] = f.Position
	if !rows {
		p.engine.SetPosition(t.source(), f.Position)
	}
	return nil, nil
}

// restOf leaves the records of a partition from one on for the next epoch.
func restOf(ep *epoch, t task, f fetched, from int) *fetched {
	rest := f
	rest.Records = f.Records[from:]
	ep.positions[t], ep.left[t] = f.Records[from].Offset, true
	return &rest
}

// resolve gives one record of rows to the engine, which may need newer graphs first.
func (p *Processor) resolve(ctx context.Context, record *kgo.Record) error {
	err := p.engine.Resolve(record.Partition, record.Key, record.Value)
	var need *engine.NeedGraphError
	if errors.As(err, &need) {
		if err := p.syncGraphs(ctx); err != nil {
			return err
		}
		err = p.engine.Resolve(record.Partition, record.Key, record.Value)
	}
	if err != nil {
		return fmt.Errorf("topic %s, partition %d, offset %d: %w", record.Topic, record.Partition, record.Offset, err)
	}
	return nil
}

// route gives one record of a sample topic to the engine; a record that is refused becomes a dead letter.
func (p *Processor) route(ctx context.Context, ep *epoch, record *kgo.Record) (*kgo.Record, error) {
	write := &engine.Write{
		Offset: record.Offset, Time: record.Timestamp.UnixMilli(), Trace: traceOf(record), Key: record.Key, Delete: record.Value == nil,
	}
	if record.Value != nil {
		decoded, refusal, err := decodeSample(ctx, p.decode, record)
		if err != nil {
			return nil, err
		}
		if refusal != nil {
			p.engine.Skip(engine.Source{Topic: record.Topic, Partition: record.Partition}, record.Offset)
			return deadLetter(p.o.Namespace, record, refusal), nil
		}
		write.Record = decoded
	}
	source := engine.Source{Topic: record.Topic, Partition: record.Partition}
	refusal, err := p.engine.Route(source, write)
	if err != nil || refusal == nil {
		return nil, err
	}
	// A graph that has just been pushed may know better. One look an epoch is enough: what the epoch
	// takes was written before it.
	if owedToGraph(refusal.Reason) && !ep.synced {
		ep.synced = true
		before := p.engine.Plan()
		if err := p.syncGraphs(ctx); err != nil {
			return nil, err
		}
		if p.engine.Plan() != before && p.wanted[record.Topic] {
			if refusal, err = p.engine.Route(source, write); err != nil || refusal == nil {
				return nil, err
			}
		}
	}
	if !p.wanted[record.Topic] {
		return nil, nil // it is left for when a graph has its feature again
	}
	p.engine.Skip(source, record.Offset)
	return deadLetter(p.o.Namespace, record, refusal), nil
}

// owedToGraph says whether another graph could make a refused record usable (R7).
func owedToGraph(reason graph.Reason) bool {
	switch reason {
	case graph.UnknownFeature, graph.BadID, graph.UnknownVersion, graph.BadProvenance:
		return true
	}
	return false
}

// decodeSample decodes a payload. A registry or a topic that does not answer is waited for (R7): the
// error is schema.ErrUnavailable.
func decodeSample(ctx context.Context, decoder *schema.Decoder, record *kgo.Record) (*graph.Record, *graph.Refusal, error) {
	decoded, err := decoder.Decode(ctx, record.Value)
	switch {
	case err == nil:
		return decoded, nil, nil
	case ctx.Err() != nil:
		return nil, nil, ctx.Err()
	case errors.Is(err, schema.ErrUnavailable):
		return nil, nil, err
	case errors.Is(err, schema.ErrNotRecord):
		return nil, &graph.Refusal{Reason: graph.BadRow, Detail: err.Error()}, nil
	}
	return nil, &graph.Refusal{Reason: graph.BadBytes, Detail: err.Error()}, nil
}

// pause waits between two tries.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// commit ends the transaction and only then applies the overlay, with the positions of the logs in it.
func (p *Processor) commit(ctx context.Context, ep *epoch, records []*kgo.Record, memberID string, generation int32) error {
	offsets := map[string]map[int32]int64{}
	unfinished := map[string]map[int32]bool{}
	if !p.overlay.Fits(roomForPositions(p.store)) {
		return errTooMuch
	}
	for t, position := range ep.positions {
		if offsets[t.topic] == nil {
			offsets[t.topic], unfinished[t.topic] = map[int32]int64{}, map[int32]bool{}
		}
		unfinished[t.topic][t.partition] = p.unfinished(t)
		offsets[t.topic][t.partition] = position
	}
	defer p.inspect.committing()()
	committed, err := p.txns.Commit(ctx, Epoch{
		Records: records, Offsets: offsets, Unfinished: unfinished, Group: p.o.Namespace.Group(),
		MemberID: memberID, Generation: generation, InstanceID: p.o.InstanceID,
	})
	if err != nil {
		return err
	}
	for t := range ep.positions {
		if state := p.tasks[t]; state != nil {
			state.told, state.unfinished = true, unfinished[t.topic][t.partition]
		}
	}
	note := p.savePositions(ep, committed)
	if err := p.store.Apply(p.overlay); err != nil {
		return fmt.Errorf("%w: %w", errNotApplied, err)
	}
	note()
	p.noteTidied(ep)
	p.engine.Commit()
	p.inspect.epochs.Add(1)
	return nil
}

// errTooMuch says that an epoch has written more than the state takes at once. Nothing of it was produced: it is
// repeated with fewer records.
var errTooMuch = errors.New("the epoch has written more than the state takes at once")

// errNotApplied says that an epoch was committed, and that the state does not have it.
var errNotApplied = errors.New("write state")

// settle deals with an epoch that did not come to its end: what was polled is kept, or the tasks
// recover from the logs.
func (p *Processor) settle(ctx context.Context, err error) error {
	p.engine.Abort()
	p.more = true // what the epoch has done of sweeps and of dirty keys is still to be done
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, errTooMuch) && p.batch > 1:
		p.batch /= 2
		return nil
	case errors.Is(err, ErrRejected):
		return err
	case errors.Is(err, ErrAborted):
		p.o.Log.Warn("an epoch was aborted and is repeated", "error", err)
		return p.clock.Pause(ctx, minCommitInterval)
	// That the group has another member of our instance id may be ourselves: a process that stood still for longer than a
	// session joins anew. Where it is another process the member hears of it, while mend waits.
	case errors.Is(err, ErrFenced), errors.Is(err, ErrUnknown), errors.Is(err, errNotApplied) && !errors.Is(err, state.ErrDamaged):
		p.unsettled = err
		return nil
	}
	return err
}

// fencedFor is how long a process that was fenced as a producer waits to be told that it is fenced as a
// member too: then another process has its instance id, and it must not take the id back. It is a few
// heartbeats.
const fencedFor = 3 * time.Second

// mend settles what became of an epoch whose outcome is not known, or is not in the state: the
// producer is initialised again and every task reads its logs. It runs between epochs, so that changes of
// ownership are noted meanwhile.
func (p *Processor) mend(ctx context.Context) error {
	if p.unsettled == nil {
		return nil
	}
	err := p.unsettled
	p.o.Log.Warn("the outcome of an epoch is settled and the state is read again", "error", err)
	if errors.Is(err, ErrFenced) {
		if err := p.clock.Pause(ctx, fencedFor); err != nil {
			return err
		}
	}
	if !errors.Is(err, errNotApplied) {
		if err := p.txns.Reinit(ctx); err != nil {
			return away(ctx, err)
		}
	}
	p.unsettled = nil
	return p.recoverAll(ctx)
}
