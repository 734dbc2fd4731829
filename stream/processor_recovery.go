package stream

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/state"
	"github.com/freshline/freshline/stream/engine"
)

// stateLife is how old the state of a task may be to be trusted: tombstones live as long in the
// topics, and of an older state nobody could say what has been deleted since.
const stateLife = tombstoneLife - time.Hour

// recovery is the one rule of recovery at work on some tasks: take the stable committed offset;
// read what the state is a view of from where the state is to the end of the logs, applying
// without emitting; then evaluate what was read, or, after a start from nothing, everything.
type recovery struct {
	p        *Processor
	tasks    []task
	records  map[task]taskRecord // where each begins
	fresh    map[task]bool       // from nothing
	features map[string]graph.FeatureKey
	next     map[task]int64 // the first request that each has not done
	reader   state.ReadCloser
	limit    state.Limit
	read     int64    // records
	empty    [][]byte // prefixes of the state under which it had nothing
	sieve    *state.Sieve
}

// recover brings tasks to life, under the newest graph: whoever had them before may have known a newer one than we,
// and have emitted for features that only it has. Tasks that the graph has no use for are parked, and so are all
// where it fails, to be brought to life by the next turn.
func (p *Processor) recover(ctx context.Context, tasks []task) (err error) {
	if len(tasks) == 0 {
		return nil
	}
	defer func() {
		if err != nil {
			p.park(tasks)
			p.follow = true
		}
	}()
	start := p.clock.Now()
	if err := p.syncGraphs(ctx); err != nil {
		return err
	}
	wanted := make([]task, 0, len(tasks))
	for _, t := range tasks {
		if p.wanted[t.topic] {
			wanted = append(wanted, t)
		} else {
			p.parked[t] = true
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	if recovering := p.o.Hooks.OnRecovering; recovering != nil {
		recovering(len(wanted))
		defer recovering(0)
	}
	r := &recovery{p: p, tasks: wanted, records: map[task]taskRecord{}, fresh: map[task]bool{}, limit: writeLimit(p.store)}
	err = r.run(ctx, false)
	if errors.Is(err, ErrOffsetBeyondEnd) {
		p.o.Log.Warn("the state is not of these topics and is rebuilt", "error", err)
		err = r.run(ctx, true)
	}
	if err != nil {
		return fmt.Errorf("recover %d tasks: %w", len(wanted), err)
	}
	p.more = true
	p.show()
	p.o.Log.Info("tasks are recovered", "tasks", len(wanted), "rebuilt", len(r.fresh), "records", r.read, "took", p.clock.Now().Sub(start))
	return nil
}

func (p *Processor) park(tasks []task) {
	for _, t := range tasks {
		p.parked[t] = true
	}
}

// recoverAll recovers every task from its logs again.
func (p *Processor) recoverAll(ctx context.Context) error {
	tasks := slices.SortedFunc(maps.Keys(p.tasks), task.compare)
	for _, t := range tasks {
		if err := p.drop(t); err != nil {
			return err
		}
	}
	p.held = nil
	return p.recover(ctx, tasks)
}

func (r *recovery) run(ctx context.Context, rebuild bool) (err error) {
	p := r.p
	defer func() {
		if err != nil {
			p.forgetTasks(r.tasks)
		}
	}()
	r.requestsDone()
	inputs, err := r.inputs(ctx)
	if err != nil {
		return err
	}
	r.empty = nil
	starts, err := r.starts(rebuild)
	if err != nil {
		return err
	}
	r.sieve = state.NewSieve(r.empty)
	if r.reader, err = p.beginState(r.sieve); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.reader.Close()) }()
	reached, err := p.logs.Read(ctx, starts, p.o.Hooks.OnRecovery, func(record *kgo.Record) error { return r.take(ctx, record) })
	if err != nil {
		return err
	}
	return r.finish(reached, inputs)
}

// inputs finds where the input of each task goes on, and adds the task to the engine.
func (r *recovery) inputs(ctx context.Context) (map[string]map[int32]int64, error) {
	p := r.p
	partitions := map[string][]int32{}
	for _, t := range r.tasks {
		partitions[t.topic] = append(partitions[t.topic], t.partition)
	}
	committed, err := p.logs.Committed(ctx, partitions)
	if err != nil {
		return nil, err
	}
	first, err := p.logs.Offsets(ctx, earliestOffset, partitions)
	if err != nil {
		return nil, err
	}
	ends, err := p.logs.Offsets(ctx, latestOffset, partitions)
	if err != nil {
		return nil, err
	}
	for _, t := range r.tasks {
		offset := max(committed[t.topic][t.partition], first[t.topic][t.partition])
		end := ends[t.topic][t.partition]
		if t.topic == p.o.Namespace.Rows() {
			p.engine.AddResolver(t.partition)
			continue
		}
		if offset > end {
			return nil, fmt.Errorf("topic %s, partition %d: the group has read up to offset %d, but the log ends at %d: it was deleted and made anew; stop all processes, delete the offsets of group %s for this topic and start again", t.topic, t.partition, offset, end, p.o.Namespace.Group())
		}
		committed[t.topic][t.partition] = offset
		if t.topic == p.o.Namespace.Failures() {
			continue
		}
		p.engine.AddRouter(t.source(), offset, end, p.counts[t.topic])
	}
	return committed, nil
}

// starts finds from where each log is to be read, and drops the state of tasks that start from nothing.
func (r *recovery) starts(rebuild bool) (map[string]map[int32]int64, error) {
	p := r.p
	r.features = map[string]graph.FeatureKey{}
	for _, key := range p.history.FeatureKeys() {
		if name := p.o.Namespace.Staleness(key); p.counts[name] > 0 {
			r.features[name] = key
		}
	}
	starts := positions{}
	need := func(topic string, partition int32, offset int64) {
		if was, ok := starts[topic][partition]; !ok || offset < was {
			starts.set(topic, partition, offset)
		}
	}
	for _, t := range r.tasks {
		if t.topic == p.o.Namespace.Failures() {
			continue // what it files is in rows, and it remembers nothing
		}
		record, err := r.record(t, rebuild)
		if err != nil {
			return nil, err
		}
		r.records[t] = record
		if t.topic != p.o.Namespace.Rows() {
			for q := range p.partitions {
				need(p.o.Namespace.Rows(), q, record.logs.get(p.o.Namespace.Rows(), q))
			}
			continue
		}
		need(t.topic, t.partition, record.logs.get(t.topic, t.partition))
		for topic := range r.features {
			need(topic, t.partition, record.logs.get(topic, t.partition))
		}
	}
	return starts, nil
}

// record reads what the state says of a task; a task without, or with too old a one, starts from nothing.
func (r *recovery) record(t task, rebuild bool) (record taskRecord, err error) {
	p := r.p
	err = p.write(func(o *state.Overlay) error {
		value, ok, err := o.Get(taskRecordKey(t))
		if err == nil && ok {
			record, ok = decodeTaskRecord(value)
		}
		if !ok || rebuild || p.clock.Now().Sub(time.UnixMilli(record.time)) > stateLife {
			r.fresh[t] = true
			o.Delete(taskRecordKey(t))
		}
		return err
	})
	if err != nil || !r.fresh[t] {
		return record, err
	}
	prefixes := engine.RouterPrefixes(t.source())
	if t.topic == p.o.Namespace.Rows() {
		prefixes = [][]byte{engine.ResolverPrefix(t.partition)}
	}
	for _, prefix := range prefixes {
		if err := p.store.DropPrefix(prefix); err != nil {
			return record, fmt.Errorf("drop state: %w", err)
		}
	}
	r.empty = append(r.empty, prefixes...)
	return taskRecord{logs: positions{}}, nil
}

// take gives one record to the tasks that it is news for.
func (r *recovery) take(ctx context.Context, record *kgo.Record) error {
	p := r.p
	r.read++
	if feature, ok := r.features[record.Topic]; ok {
		t := task{p.o.Namespace.Rows(), record.Partition}
		if begin, ok := r.records[t]; ok && record.Offset >= begin.logs.get(record.Topic, record.Partition) {
			if _, err := p.engine.RestoreEvent(record.Partition, feature, record.Key, digestOf(record)); err != nil {
				return err
			}
		}
		return r.flush(false)
	}
	t := task{record.Topic, record.Partition}
	if begin, ok := r.records[t]; ok && record.Offset >= begin.logs.get(record.Topic, record.Partition) {
		if err := p.resolve(ctx, record); err != nil {
			return err
		}
		if err := p.engine.RestoreTold(record.Partition, record.Key, record.Value); err != nil {
			return err
		}
	}
	if source, ok := engine.SourceOf(record.Key); ok {
		if begin, ok := r.records[task{source.Topic, source.Partition}]; ok && record.Offset >= begin.logs.get(record.Topic, record.Partition) {
			if err := p.engine.RestoreFiled(record.Key, record.Value); err != nil {
				return err
			}
		}
	}
	return r.flush(false)
}

// flush applies what was read when there is much of it, or at the end. What was touched becomes
// dirty keys in the same write; a task that starts from nothing is swept instead.
func (r *recovery) flush(end bool) error {
	p := r.p
	if !end && p.overlay.Fits(r.limit) {
		return nil
	}
	for t := range r.fresh {
		if t.topic == p.o.Namespace.Rows() {
			p.engine.Forget(t.partition)
		}
	}
	if err := p.engine.Defer(); err != nil {
		return err
	}
	r.sieve.Add(p.overlay)
	if err := p.store.Apply(p.overlay); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	p.engine.Commit()
	if end {
		return nil
	}
	if err := r.reader.Close(); err != nil {
		return err
	}
	var err error
	r.reader, err = p.beginState(r.sieve)
	return err
}

// finish writes down how far the tasks have come, and begins to read their inputs.
func (r *recovery) finish(reached map[string]map[int32]int64, inputs map[string]map[int32]int64) error {
	p := r.p
	rows := p.o.Namespace.Rows()
	now := p.clock.Now().UnixMilli()
	begin := map[string]map[int32]int64{}
	for _, t := range r.tasks {
		s := &taskState{record: taskRecord{owned: true, time: now, logs: positions{}}}
		if t.topic == rows {
			s.position, s.committed = reached[rows][t.partition], max(0, inputs[rows][t.partition])
			s.record.logs.set(rows, t.partition, s.position)
			for topic := range r.features {
				s.record.logs.set(topic, t.partition, reached[topic][t.partition])
			}
		} else {
			s.position, s.committed = inputs[t.topic][t.partition], inputs[t.topic][t.partition]
			for q := range p.partitions {
				if p.isSample(t.topic) {
					s.record.logs.set(rows, q, reached[rows][q])
				}
			}
		}
		if err := r.startOver(t); err != nil {
			return err
		}
		p.overlay.Set(taskRecordKey(t), s.record.encode())
		p.tasks[t] = s
		if begin[t.topic] == nil {
			begin[t.topic] = map[int32]int64{}
		}
		begin[t.topic][t.partition] = s.position
	}
	r.skipRequests()
	p.overlay.Set([]byte{positionPrefix, positionTime}, binary.AppendVarint(nil, now))
	if err := r.flush(true); err != nil {
		return err
	}
	p.fetch.Add(begin)
	if p.paused {
		p.fetch.Pause(p.samplePartitions())
	}
	return nil
}

// startOver asks for everything to be visited, of a task that started from nothing.
func (r *recovery) startOver(t task) error {
	if !r.fresh[t] {
		return nil
	}
	if t.topic == r.p.o.Namespace.Rows() {
		return r.p.engine.SweepAll(t.partition)
	}
	return r.p.engine.RescanAll(t.source())
}

// forgetTasks takes tasks out of the engine whose recovery failed.
func (p *Processor) forgetTasks(tasks []task) {
	for _, t := range tasks {
		if t.topic == p.o.Namespace.Rows() {
			p.engine.RemoveResolver(t.partition)
		} else {
			p.engine.RemoveRouter(t.source())
		}
	}
}

// roomForPositions is how much an epoch may have written when it is committed: what is left of one Apply is for
// the positions.
func roomForPositions(store state.Store) state.Limit {
	limit := store.Limit()
	return state.Limit{Keys: limit.Keys * 9 / 10, Bytes: limit.Bytes * 9 / 10}
}

// writeLimit is how much of one Apply an epoch may fill before it begins no further key; the rest
// is for what it has begun.
func writeLimit(store state.Store) state.Limit {
	limit := store.Limit()
	return state.Limit{Keys: limit.Keys / 2, Bytes: limit.Bytes / 2}
}
