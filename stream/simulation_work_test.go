package stream

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/schema"
	"github.com/freshline/freshline/stream/engine/enginetest"
)

// simRequest is a request that was made (S10).
type simRequest struct {
	number  int64
	feature graph.FeatureKey
	topic   string
	filter  *graph.Filter
	bounds  map[int32]int64
}

// writeSome sends random writes and deletes: of roots mostly, or of whatever.
func (s *simulation) writeSome(kind string) {
	if s.plan() == nil || len(s.plan().Graph.Features) == 0 {
		return
	}
	features := s.oracle.Newest().Features
	for range 1 + s.r.IntN(4) {
		spec := enginetest.Pick(s.r, features)
		for range 5 {
			if kind == "root" && len(spec.Deps) > 0 {
				spec = enginetest.Pick(s.r, features)
			}
		}
		switch kind {
		case "delete":
			s.write(spec.Key, s.writes.Remove(s.r, s.oracle, spec), false)
		case "garbage": // over a good row, mostly
			s.write(spec.Key, s.writes.Write(s.r, s.oracle, spec), true)
		default:
			s.write(spec.Key, s.writes.Write(s.r, s.oracle, spec), false)
		}
	}
}

func compareAnswerKeys(a, b enginetest.AnswerKey) int {
	return cmp.Or(cmp.Compare(a.Feature, b.Feature), cmp.Compare(a.Key, b.Key))
}

// work lets workers answer events that are outstanding, at most so many; 0: all, with care.
func (s *simulation) work(most int) (done int) {
	events, err := s.answered()
	if err != nil {
		s.fail(err)
		return 0
	}
	keys := slices.SortedFunc(maps.Keys(events), compareAnswerKeys)
	if most > 0 {
		keys = enginetest.Some(s.r, keys, most)
	}
	w := &enginetest.Worker{Oracle: s.oracle, Writes: s.writes, R: s.r, Careless: most > 0}
	for _, k := range keys {
		if events[k] == nil {
			continue
		}
		sends := w.Do(events[k].job(k))
		for _, send := range sends {
			s.write(send.Feature, send.Write, false)
		}
		if len(sends) > 0 {
			done++
		}
	}
	return done
}

// job is what an event offers to a worker.
func (e *simEvent) job(k enginetest.AnswerKey) *enginetest.Job {
	job := &enginetest.Job{AnswerKey: k, Scope: e.Scope, Status: e.Status, Version: e.FeatureVersion, ID: map[string]graph.Value{}}
	names, values, _ := graph.ParseKeyJSON([]byte(k.Key)) // what cannot be read has no columns, and Do sees to it
	for _, c := range e.ID {
		if i := slices.Index(names, c.Name); i >= 0 {
			job.ID[c.Name] = values[i] // with its type, which Avro's primitives have not
		}
	}
	if e.Expected != nil {
		job.Expected = map[string]string{}
		for _, f := range e.Expected.ByField {
			job.Expected[f.Field] = f.Text
		}
	}
	return job
}

// request asks for rows of a feature again (S10): what lies below the ends of its logs now.
func (s *simulation) request() error {
	if s.plan() == nil || len(s.plan().Graph.Features) == 0 {
		return nil
	}
	feature := enginetest.Pick(s.r, s.plan().Graph.Features).Key
	q := simRequest{feature: feature, topic: s.ns.Sample(&graph.Feature{Key: feature}), bounds: map[int32]int64{}}
	value := requestJSON{Feature: feature, Topic: q.topic, Bounds: map[string]int64{}}
	if enginetest.Chance(s.r, 60) {
		where := enginetest.Pick(s.r, []string{"a = 1", "n > 1", "freshline_children >= 0", "k IS NULL", "s = '1' OR b = 2"})
		filter, err := graph.ParseFilter(where)
		if err != nil {
			return err
		}
		q.filter, value.Where = filter, &where
	}
	for n, log := range s.topics[q.topic] {
		q.bounds[int32(n)] = log.end
		value.Bounds[strconv.Itoa(n)] = log.end
	}
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	t := task{s.ns.Requests(), 0}
	q.number = s.topics[t.topic][0].end
	s.append(&kgo.Record{Key: fmt.Appendf(nil, "%032x", q.number), Value: text}, t, nil)
	s.trace("  request %d %s", q.number, text)
	s.requests = append(s.requests, q)
	s.changes++
	return nil
}

// failWork says of some work that it could not be done, or takes that back (S12).
func (s *simulation) failWork() error {
	events, err := s.answered()
	if err != nil || len(events) == 0 {
		return err
	}
	k := enginetest.Pick(s.r, slices.SortedFunc(maps.Keys(events), compareAnswerKeys))
	e := events[k]
	if e == nil || e.Said.EventID == "" {
		return nil
	}
	q := s.live[k]
	r := &kgo.Record{Key: FailureKey(k.Feature, []byte(k.Key))}
	said := schema.Failure{Feature: k.Feature, Key: k.Key, EventID: e.Said.EventID}
	said.Attempt, said.Type, said.Message = int32(1+s.r.IntN(3)), enginetest.Pick(s.r, []string{"Timeout", "DecodeError"}), "no"
	switch s.r.IntN(8) {
	case 0: // a retry
	case 1:
		said.EventID = "00112233445566778899aabbccddeeff"
		fallthrough
	default:
		if r.Value, err = said.Append(nil, schema.FailureSchema().Frame()); err != nil {
			return err
		}
	}
	s.append(r, task{s.ns.Failures(), q}, nil)
	s.changes++
	return nil
}

// quiet brings everything to its end and checks.
func (s *simulation) quiet() error {
	if err := s.drain(); err != nil {
		return err
	}
	if s.fault != nil {
		return s.fault
	}
	return s.check()
}

// complete lets workers do all that is to be done, until nothing is.
func (s *simulation) complete() error {
	for range 25 {
		if err := s.quiet(); err != nil {
			return err
		}
		if s.work(0) > 0 {
			continue
		}
		events, err := s.answered()
		for k, e := range events {
			if err == nil && e.Status == graph.Awaiting {
				err = fmt.Errorf("%s %s waits, but there is no work", k.Feature, k.Key)
			}
		}
		return err
	}
	return nil
}

// loseAll loses the state of every process at a quiet point: what is read again says nothing new (E4).
func (s *simulation) loseAll() error {
	if err := s.quiet(); err != nil {
		return err
	}
	before := s.events
	for _, p := range s.processes {
		s.forget(p)
	}
	if err := s.quiet(); err != nil {
		return err
	}
	if s.events != before {
		return fmt.Errorf("E4: %d events after the state was lost", s.events-before)
	}
	return nil
}

// step pushes a graph while all is quiet. Until it is quiet again nothing is said but what holds in the end, once,
// and before it tombstones at most of keys that have moved or whose columns have changed (E4).
func (s *simulation) step() error {
	if err := s.quiet(); err != nil {
		return err
	}
	before := map[graph.FeatureKey]uint64{}
	if s.plan() != nil {
		for _, f := range s.plan().Features {
			before[f.Key] = f.Shape.Name
		}
	}
	g := s.graphs.Next()
	if g == nil {
		return nil
	}
	s.recent = nil
	s.push(g)
	if err := s.quiet(); err != nil {
		return err
	}
	told := map[enginetest.AnswerKey]bool{}
	final, err := s.answered()
	if err != nil {
		return err
	}
	for _, r := range s.recent {
		end := final[r.AnswerKey]
		if r.event == nil {
			if f := s.plan().Feature(r.Feature); end != nil && f != nil && before[r.Feature] == f.Shape.Name {
				return fmt.Errorf("E4: a tombstone for %v, which is %s in the end", r.AnswerKey, end)
			}
			continue
		}
		if told[r.AnswerKey] || end == nil || end.Said != r.event.Said {
			return fmt.Errorf("E4: after a graph %v is told to be %s; in the end it is %s", r.AnswerKey, r.event, end)
		}
		told[r.AnswerKey] = true
	}
	return nil
}

// expire lets so much time pass that tombstones are cleaned away, with a process that is down meanwhile.
func (s *simulation) expire() error {
	if err := s.quiet(); err != nil {
		return err
	}
	s.faults["tombstones expired"]++
	away := enginetest.Pick(s.r, s.processes)
	s.stop(away)
	s.writeSome("delete")
	s.now += 8 * simDay.Milliseconds()
	if len(s.processes) > 1 {
		away.away = true
		err := s.drain() // a process that runs is never a week behind
		if away.away = false; err != nil {
			return err
		}
		s.now += 8 * simDay.Milliseconds()
	}
	s.compact(func(r *kgo.Record) bool { return s.now-r.Timestamp.UnixMilli() > tombstoneLife.Milliseconds() })
	return nil
}
