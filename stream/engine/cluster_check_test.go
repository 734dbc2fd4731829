package engine_test

import (
	"errors"
	"fmt"
	"slices"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/state"
	"github.com/freshline/freshline/stream/engine"
	"github.com/freshline/freshline/stream/engine/enginetest"
)

// produceEvent appends an event to its staleness log, and holds it against the one before it (E1).
func (c *cluster) produceEvent(e *engine.Event) error {
	name := stalenessKey(e.Feature, e.Partition, string(e.Key))
	before := c.last[name]
	var event *simEvent
	if e.Body != nil {
		event = makeEvent(e)
	}
	if c.tracing {
		c.trace("  %d event %s %s", c.seq, name, event)
	}
	switch {
	case before == nil && event == nil:
		return fmt.Errorf("E1: a tombstone for %s, of which nothing is known", name)
	case before != nil && event != nil && before.content == event.content && before.id == event.id:
		return fmt.Errorf("E1: the same event again for %s: %s", name, event)
	case before != nil && event != nil && before.digest == event.digest:
		return fmt.Errorf("E1: the digest is the same for %s: %s, then %s", name, before, event)
	}
	k := enginetest.AnswerKey{Feature: e.Feature, Key: string(e.Key)}
	if q, ok := c.live[k]; ok && q != e.Partition && event != nil {
		return fmt.Errorf("E2: an event for %s while partition %d has one: %s", name, q, event)
	}
	if event != nil {
		c.live[k] = e.Partition
	} else if c.live[k] == e.Partition {
		delete(c.live, k)
	}
	c.events++
	c.recent = append(c.recent, emitted{k, e.Partition, event})
	c.last[name] = event
	log := c.stale[e.Feature][e.Partition]
	log.append(simRecord{offset: c.seq, key: string(e.Key), event: event, gone: event == nil})
	c.seq++
	return nil
}

func makeEvent(e *engine.Event) *simEvent {
	b := e.Body
	a := enginetest.Answer{
		Scope: e.Scope, Status: b.Judgement.Status, Version: b.Feature.Version,
		Causes: b.Judgement.Causes.Texts(), Changed: b.Feature.Keys(b.Judgement.Changed),
	}
	if b.Expected != nil {
		a.Expected = &enginetest.Expected{There: true}
		for i, field := range b.Feature.Fields {
			a.Expected.Text += field.Struct + "=" + b.Expected.Fields[i] + " "
		}
		a.Expected.Text += b.Expected.Provenance
	}
	if f := b.Failure; f != nil {
		a.Failure = &enginetest.Failure{Attempt: f.Attempt, Kind: f.Type, Message: f.Message}
	}
	event := &simEvent{key: string(e.Key), scope: e.Scope, content: a.Content(), digest: e.Digest, body: b}
	if a.Status.Work() {
		event.id = b.EventID
	}
	return event
}

// ids returns what the event should name as its id: columns of its key. Where a push of other id
// columns leaves key and answer as they were, there is no new event (E1), and the id is that of before.
func (e *simEvent) ids() (ids []graph.Value) {
	shape := e.body.Feature.Shape
	columns := shape.IDColumns
	if e.scope == graph.ScopeInput {
		columns = shape.InputColumns
	}
	names, values, _ := graph.ParseKeyJSON([]byte(e.key))
	for _, c := range columns {
		if i := slices.Index(names, c); i >= 0 {
			ids = append(ids, values[i])
		}
	}
	return ids
}

// said is what the event says, nil of a tombstone.
func (e *simEvent) said() *enginetest.Said {
	if e == nil {
		return nil
	}
	return &enginetest.Said{Content: e.content, EventID: e.id}
}

func (e *simEvent) String() string { return e.said().String() }

// compareSaid holds events against what the oracle answers, and the ids that they name against their keys.
func compareSaid(words *enginetest.Words, got map[enginetest.AnswerKey]*simEvent, want map[enginetest.AnswerKey]*enginetest.Answer) (int, error) {
	said := make(map[enginetest.AnswerKey]*enginetest.Said, len(got))
	var faults []error
	for k, e := range got {
		said[k] = e.said()
		if ids := e.ids(); !slices.Equal(e.body.ID, ids) {
			faults = append(faults, fmt.Errorf("E2: %s %s: id is %v, not %v", k.Feature, k.Key, e.body.ID, ids))
		}
	}
	compared, err := words.Compare(said, want)
	return compared, errors.Join(append(faults, err)...)
}

// answered merges the compacted staleness logs.
func (c *cluster) answered() (map[enginetest.AnswerKey]*simEvent, error) {
	all := map[enginetest.AnswerKey]*simEvent{}
	for feature, logs := range c.stale {
		for q, log := range logs {
			for key, event := range log.latest() {
				k := enginetest.AnswerKey{Feature: feature, Key: key}
				if all[k] != nil {
					return nil, fmt.Errorf("E2: %v has an event in two partitions, one of them %d", k, q)
				}
				all[k] = event
			}
		}
	}
	return all, nil
}

// check compares the staleness logs with the oracle (E5). All must be quiet.
func (c *cluster) check() error {
	if len(c.histories) == 1 {
		return nil
	}
	got, err := c.answered()
	if err != nil {
		return err
	}
	want := c.oracle.AnswersFailed(func(k enginetest.AnswerKey, _ *enginetest.Answer) *enginetest.Failure {
		// Whether a failure is of the present work its event id says (S12), which compare holds against the work.
		if f, e := c.oracle.Failures[k], got[k]; f != nil && e != nil && f.ID == e.id && c.keepsFailure(f, k) {
			return f
		}
		return nil
	})
	compared, err := compareSaid(c.works, got, want)
	c.compared += compared
	if err != nil {
		return err
	}
	return errors.Join(c.checkCounts(want), c.checkSamples(), c.checkExplained(got))
}

// keepsFailure reports whether the key of a failure is where it was when that was said: a push that moves it to
// another partition of rows makes that the work is offered again.
func (c *cluster) keepsFailure(f *enginetest.Failure, k enginetest.AnswerKey) bool {
	at := func(shape *graph.Shape) int32 {
		names, values, err := graph.ParseKeyJSON([]byte(k.Key))
		if err != nil {
			return -1
		}
		ordered, _, ok := shape.Parse(names, values)
		if !ok {
			return -1
		}
		return graph.Partition(graph.AppendTuple(nil, ordered[:shape.K]...), c.partitions)
	}
	now := at(c.plan().Feature(k.Feature).Shape)
	return slices.ContainsFunc(f.Shapes, func(shape *graph.Shape) bool { return at(shape) == now })
}

func compareText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// checkCounts compares the counts of children (S6).
func (c *cluster) checkCounts(want map[enginetest.AnswerKey]*enginetest.Answer) error {
	for _, p := range c.processes {
		reader, err := p.store.Reader()
		if err != nil {
			return err
		}
		p.engine.Begin(state.NewOverlay(reader))
		for k, a := range want {
			f := c.plan().Feature(k.Feature)
			if a.Scope != graph.ScopeInput || !f.Expands {
				continue
			}
			q := graph.Partition(graph.AppendTuple(nil, f.Shape.FromInput(a.Values)[:f.K]...), c.partitions)
			if c.resolvers[q] != p {
				continue
			}
			children, notCurrent, err := p.engine.CountChildren(q, f, a.Values)
			if err != nil || children != int64(a.Children) || notCurrent != int64(a.NotCurrent) {
				_ = reader.Close()
				return fmt.Errorf("S6: %s %s has %d children, %d not current; counted are %d and %d, %w", k.Feature, k.Key, a.Children, a.NotCurrent, children, notCurrent, err)
			}
		}
		if err := reader.Close(); err != nil {
			return err
		}
	}
	return nil
}

// checkStep checks what was emitted since a graph was pushed while all was quiet: nothing but what
// holds in the end, once, and before it tombstones at most of keys that have moved or whose columns
// have changed (E4).
func (c *cluster) checkStep(before map[graph.FeatureKey]uint64) error {
	told := map[enginetest.AnswerKey]bool{}
	final, err := c.answered()
	if err != nil {
		return err
	}
	for _, r := range c.recent {
		end := final[r.AnswerKey]
		if r.event == nil {
			if f := c.plan().Feature(r.Feature); end != nil && f != nil && before[r.Feature] == f.Shape.Name {
				return fmt.Errorf("E4: a tombstone for %v, which is %s in the end", r.AnswerKey, end)
			}
			continue
		}
		if told[r.AnswerKey] || end == nil || end.content != r.event.content || end.id != r.event.id {
			return fmt.Errorf("E4: after a graph %v is told to be %s; in the end it is %s", r.AnswerKey, r.event, end)
		}
		told[r.AnswerKey] = true
	}
	return nil
}

// step pushes a graph while all is quiet, and waits until it is again.
func (c *cluster) step(push func()) error {
	if err := c.quiet(); err != nil {
		return err
	}
	before := map[graph.FeatureKey]uint64{}
	if len(c.histories) > 1 {
		for _, f := range c.plan().Features {
			before[f.Key] = f.Shape.Name
		}
	}
	c.recent = nil
	push()
	if err := c.quiet(); err != nil {
		return err
	}
	return c.checkStep(before)
}

// calm does something while all is quiet, and waits until it is again, with a clock that waits for
// all that is under way: then no work is offered that is not there in the end (S3).
func (c *cluster) calm(change func()) error {
	if err := c.quiet(); err != nil {
		return err
	}
	c.recent, c.frozen = nil, true
	defer func() { c.frozen = false }()
	change()
	if err := c.quiet(); err != nil {
		return err
	}
	if c.hold == 0 {
		return nil
	}
	final, err := c.answered()
	if err != nil {
		return err
	}
	for _, r := range c.recent {
		if r.event == nil || r.event.id == "" {
			continue
		}
		if end := final[r.AnswerKey]; end == nil || end.content != r.event.content || end.id != r.event.id {
			return fmt.Errorf("S3: after one write %v is offered as %s; in the end it is %s", r.AnswerKey, r.event, end)
		}
	}
	return nil
}

// checkSamples looks every sample up by its ids, in the partition where it lies.
func (c *cluster) checkSamples() error {
	readers := map[*process]state.ReadCloser{}
	defer func() {
		for _, r := range readers {
			_ = r.Close()
		}
	}()
	for _, p := range c.processes {
		r, err := p.store.Reader()
		if err != nil {
			return err
		}
		readers[p] = r
	}
	for _, f := range c.plan().Features {
		for _, s := range c.oracle.Samples(f.Spec) {
			var join []graph.Value
			for _, column := range f.Layout[:f.K] {
				if v := s.Columns[column]; v.Usable() {
					join = append(join, v)
				} else {
					join = append(join, graph.Null())
				}
			}
			q := graph.Partition(graph.AppendTuple(nil, join...), c.partitions)
			p := c.resolvers[q]
			if p == nil {
				continue
			}
			found, err := p.engine.ByID(readers[p], q, f.Key, s.IDs)
			if err != nil || found == nil || found.Offset != s.Offset || found.Source.Partition != s.Partition {
				return fmt.Errorf("%s %v of offset %d: found in partition %d is %+v, %w", f.Key, s.IDs, s.Offset, q, found, err)
			}
		}
	}
	return nil
}
