package stream

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/schema"
	"github.com/freshline/freshline/stream/engine"
	"github.com/freshline/freshline/stream/engine/enginetest"
)

// simTold is what has been committed, as a reader of all topics knows it, and the oracle that hears of the inputs.
type simTold struct {
	oracle   *enginetest.Oracle
	words    *enginetest.Words
	routed   map[task]int64          // sample and failure topics: so far the oracle has heard
	done     map[engine.Source]int64 // the first request that a task has not done
	last     map[string]*simEvent    // by topic, partition and key; nil: a tombstone
	live     map[enginetest.AnswerKey]int32
	recent   []simEmitted // since it was last emptied
	events   int
	compared int
}

// simEvent is a staleness record, decoded.
type simEvent struct {
	*schema.Staleness
	enginetest.Said
	digest uint64
}

type simEmitted struct {
	enginetest.AnswerKey
	event *simEvent
}

func newSimTold(defaults graph.Defaults) simTold {
	return simTold{
		oracle: enginetest.NewOracle(defaults), words: enginetest.NewWords(), routed: map[task]int64{}, done: map[engine.Source]int64{},
		last: map[string]*simEvent{}, live: map[enginetest.AnswerKey]int32{},
	}
}

// take hears of an epoch that is committed: of the inputs that it was the first to use, and of what it says.
func (s *simulation) take(p *simProcess, epoch *Epoch) {
	s.activity++
	s.trace("  %s commits %d records and %v", p.instance, len(epoch.Records), epoch.Offsets)
	letters, err := lettersOf(s.ns, epoch.Records)
	if err != nil {
		s.fail(err)
		return
	}
	for _, topic := range slices.Sorted(maps.Keys(epoch.Offsets)) {
		if topic == s.ns.Rows() {
			continue
		}
		for _, n := range slices.Sorted(maps.Keys(epoch.Offsets[topic])) {
			if err := s.takeInput(p, task{topic, n}, epoch.Offsets[topic][n], letters); err != nil {
				s.fail(err)
			}
		}
	}
	for origin, reason := range letters {
		s.fail(fmt.Errorf("R7: %s has a dead letter (%s), and was not read for the first time", origin, reason))
	}
	for _, r := range epoch.Records {
		switch {
		case strings.HasPrefix(r.Topic, s.ns.stalenessPrefix()):
			if s.owners[task{s.ns.Rows(), r.Partition}] != p {
				s.fail(fmt.Errorf("%s emits for partition %d of rows, which it does not have", p.instance, r.Partition))
			}
			if err := s.takeEvent(r); err != nil {
				s.fail(err)
			}
		case r.Topic == s.ns.Requests():
			if source, next, ok := readDone(r); ok {
				s.takeDone(source, next)
			}
		}
	}
}

// lettersOf returns the reasons of the dead letters among records.
func lettersOf(ns Namespace, records []*kgo.Record) (map[Origin]graph.Reason, error) {
	letters := map[Origin]graph.Reason{}
	for _, r := range records {
		if r.Topic != ns.DeadLetter() {
			continue
		}
		origin, err := ParseOrigin(string(r.Key))
		if err != nil {
			return nil, err
		}
		for _, h := range r.Headers {
			if h.Key == headerReason {
				letters[origin] = graph.Reason(h.Value)
			}
		}
	}
	return letters, nil
}

// takeInput lets the oracle judge the records that an epoch has read, and compares what it says with the dead letters,
// which it takes out.
func (s *simulation) takeInput(p *simProcess, t task, to int64, letters map[Origin]graph.Reason) error {
	if to < s.routed[t] {
		return fmt.Errorf("%v: offset %d is committed after %d", t, to, s.routed[t])
	}
	for len(p.handed[t]) > 0 && p.handed[t][0].Offset < to {
		r := p.handed[t][0]
		if p.handed[t] = p.handed[t][1:]; r.Offset < s.routed[t] {
			continue
		}
		origin := Origin{t.topic, t.partition, r.Offset}
		reason := letters[origin]
		delete(letters, origin)
		if t.topic == s.ns.Failures() {
			s.takeFailure(p, r, reason)
			continue
		}
		if err := s.takeSample(p, t, r, reason); err != nil {
			return err
		}
	}
	s.routed[t] = to
	return nil
}

// takeSample gives the oracle one record of a sample topic. An epoch may have put graphs in force while it read: the
// answer has to be right under one of those.
func (s *simulation) takeSample(p *simProcess, t task, r *kgo.Record, reason graph.Reason) error {
	feature := graph.FeatureKey(strings.ReplaceAll(strings.TrimPrefix(t.topic, s.ns.String()+".sample."), ".", "/"))
	w := &engine.Write{Offset: r.Offset, Key: r.Key, Delete: r.Value == nil}
	if r.Value != nil {
		if w.Record = s.bodies[string(r.Value[len(s.frame):])]; w.Record == nil {
			if reason != graph.BadBytes {
				return fmt.Errorf("R7: %v/%d is no record and is said to be %q", t, r.Offset, reason)
			}
			return nil
		}
	}
	first := max(1, p.from)
	if owedToGraph(reason) { // what was pushed before the record was written is to be heard first (R7)
		first = max(first, s.pushed[Origin{t.topic, t.partition, r.Offset}])
	}
	var want graph.Reason
	for n := p.seen; n >= first; n-- {
		if want = s.oracle.Write(n, feature, t.partition, w); want == reason {
			return nil
		}
	}
	return fmt.Errorf("R7: %v/%d: the oracle says %q, the processor %q", t, r.Offset, want, reason)
}

func (s *simulation) takeFailure(p *simProcess, r *kgo.Record, reason graph.Reason) {
	if reason != "" {
		return
	}
	feature, key, err := splitFailureKey(r.Key)
	if err != nil {
		s.fail(err)
		return
	}
	k := enginetest.AnswerKey{Feature: feature, Key: string(key)}
	delete(s.oracle.Failures, k)
	if r.Value == nil {
		return
	}
	said, err := schema.DecodeFailure(r.Value)
	if err != nil {
		s.fail(err)
		return
	}
	s.oracle.Failures[k] = &enginetest.Failure{
		ID: said.EventID, Shapes: s.histories[p.seen].Shapes(feature), Attempt: int64(said.Attempt), Kind: said.Type, Message: said.Message,
	}
}

// takeDone marks what a task has marked: all below the bound has been routed then.
func (s *simulation) takeDone(source engine.Source, next int64) {
	for _, q := range s.requests {
		if q.number >= s.done[source] && q.number < next && q.topic == source.Topic {
			s.oracle.Request(q.feature, q.filter, func(row *enginetest.Row) bool {
				return row.Partition == source.Partition && row.Offset < q.bounds[source.Partition]
			})
		}
	}
	s.done[source] = max(s.done[source], next)
}

// takeEvent holds a staleness record against the one before it (E1).
func (s *simulation) takeEvent(r *kgo.Record) error {
	e := readEvent(context.Background(), s.ns, nil, r)
	if e.Err != nil {
		return e.Err
	}
	var event *simEvent
	if e.Staleness != nil {
		event = &simEvent{e.Staleness, saidBy(e.Staleness), digestOf(r)}
	}
	name := r.Topic + "/" + strconv.Itoa(int(r.Partition)) + "/" + string(r.Key)
	before := s.last[name]
	s.trace("  event %s %v", name, event)
	switch {
	case before == nil && event == nil:
		return fmt.Errorf("E1: a tombstone for %s, of which nothing is known", name)
	case before != nil && event != nil && before.Said == event.Said:
		return fmt.Errorf("E1: the same event again for %s: %s", name, event)
	case before != nil && event != nil && before.digest == event.digest:
		return fmt.Errorf("E1: the digest is the same for %s: %s, then %s", name, before, event)
	}
	k := enginetest.AnswerKey{Feature: e.Feature, Key: string(r.Key)}
	if q, ok := s.live[k]; ok && q != r.Partition && event != nil {
		return fmt.Errorf("E2: an event for %s while partition %d has one: %s", name, q, event)
	}
	if event != nil {
		s.live[k] = r.Partition
	} else if s.live[k] == r.Partition {
		delete(s.live, k)
	}
	s.events++
	s.recent = append(s.recent, simEmitted{k, event})
	s.last[name] = event
	return nil
}

func (e *simEvent) String() string {
	if e == nil {
		return "FRESH"
	}
	return e.Said.String()
}

// saidBy is what E1 compares of an event.
func saidBy(e *schema.Staleness) enginetest.Said {
	a := enginetest.Answer{
		Scope: e.Scope, Status: e.Status, Version: e.FeatureVersion, Causes: e.Causes, Changed: slices.Sorted(slices.Values(e.ChangedFields)),
	}
	if e.Expected != nil {
		a.Expected = &enginetest.Expected{There: true}
		for _, f := range e.Expected.ByField {
			a.Expected.Text += f.Field + "=" + f.Text + " "
		}
		a.Expected.Text += e.Expected.Text
	}
	if f := e.Failure; f != nil {
		a.Failure = &enginetest.Failure{Attempt: int64(f.Attempt), Kind: f.Type, Message: f.Message}
	}
	said := enginetest.Said{Content: a.Content()}
	if e.Status.Work() {
		said.EventID = e.EventID
	}
	return said
}

// answered merges what a reader of all staleness topics has, whatever was cleaned.
func (s *simulation) answered() (map[enginetest.AnswerKey]*simEvent, error) {
	all := map[enginetest.AnswerKey]*simEvent{}
	for _, name := range sortedKeys(s.topics) {
		if !strings.HasPrefix(name, s.ns.stalenessPrefix()) {
			continue
		}
		for _, log := range s.topics[name] {
			for key, r := range log.latest() {
				k := enginetest.AnswerKey{Feature: s.ns.stalenessFeature(name), Key: key}
				if r.Value == nil {
					continue
				}
				if all[k] != nil {
					return nil, fmt.Errorf("E2: %v has an event in two partitions, one of them %d", k, log.partition)
				}
				all[k] = s.last[name+"/"+strconv.Itoa(int(log.partition))+"/"+key]
			}
		}
	}
	return all, nil
}

// check holds the staleness topics against the oracle (E5). All must be quiet.
func (s *simulation) check() error {
	if len(s.histories) == 1 {
		return nil
	}
	got, err := s.answered()
	if err != nil {
		return err
	}
	said := make(map[enginetest.AnswerKey]*enginetest.Said, len(got))
	for k, e := range got {
		if e == nil {
			return fmt.Errorf("%v is in its topic, and was never committed", k)
		}
		said[k] = &e.Said
	}
	want := s.oracle.AnswersFailed(func(k enginetest.AnswerKey, _ *enginetest.Answer) *enginetest.Failure {
		// Whether a failure is of the present work its event id says (S12), which Compare holds against the work.
		if f, e := s.oracle.Failures[k], said[k]; f != nil && e != nil && f.ID == e.EventID && s.keepsFailure(f, k) {
			return f
		}
		return nil
	})
	compared, err := s.words.Compare(said, want)
	s.compared += compared
	return err
}

// keepsFailure reports whether the key of a failure is where it was when that was said: a push that moves it to
// another partition of rows makes that the work is offered again.
func (s *simulation) keepsFailure(f *enginetest.Failure, k enginetest.AnswerKey) bool {
	at := func(shape *graph.Shape) int32 {
		names, values, err := graph.ParseKeyJSON([]byte(k.Key))
		if err != nil {
			return -1
		}
		ordered, _, ok := shape.Parse(names, values)
		if !ok {
			return -1
		}
		return graph.Partition(graph.AppendTuple(nil, ordered[:shape.K]...), s.partitions)
	}
	now := at(s.plan().Feature(k.Feature).Shape)
	return slices.ContainsFunc(f.Shapes, func(shape *graph.Shape) bool { return at(shape) == now })
}

func sortedKeys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }
