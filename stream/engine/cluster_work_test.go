package engine_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream/engine"
	"github.com/freshline/freshline/stream/engine/enginetest"
)

// worker answers some events that are outstanding, as workers do: with what the event expects, or
// with less, or late and under an older version.
func (c *cluster) worker(m *enginetest.WriteMaker, r *rand.Rand, careless bool, limit int) (done int) {
	events, err := c.answered()
	if err != nil {
		return 0 // check says so
	}
	keys := slices.SortedFunc(maps.Keys(events), func(a, b enginetest.AnswerKey) int {
		return compareText(string(a.Feature)+a.Key, string(b.Feature)+b.Key)
	})
	if limit > 0 {
		keys = enginetest.Some(r, keys, limit)
	}
	for _, k := range keys {
		if c.answerEvent(m, r, k.Feature, events[k], careless) {
			done++
		}
	}
	return done
}

// answerEvent does what one event asks for; it reports whether that was anything.
func (c *cluster) answerEvent(m *enginetest.WriteMaker, r *rand.Rand, feature graph.FeatureKey, e *simEvent, careless bool) bool {
	w := &enginetest.Worker{Oracle: c.oracle, Writes: m, R: r, Careless: careless}
	sends := w.Do(e.job(feature))
	for _, s := range sends {
		c.produceSample(s.Feature, s.Write)
	}
	return len(sends) > 0
}

// job is what the event offers.
func (e *simEvent) job(feature graph.FeatureKey) *enginetest.Job {
	b := e.body
	job := &enginetest.Job{
		AnswerKey: enginetest.AnswerKey{Feature: feature, Key: e.key}, Scope: e.scope, Status: b.Judgement.Status, Version: b.Feature.Version,
		ID: map[string]graph.Value{},
	}
	names := b.Feature.Shape.IDColumns
	if e.scope == graph.ScopeInput {
		names = b.Feature.Shape.InputColumns
	}
	for i, name := range names {
		job.ID[name] = b.ID[i]
	}
	if b.Expected != nil {
		job.Expected = map[string]string{}
		for i, field := range b.Feature.Fields {
			job.Expected[field.Struct] = b.Expected.Fields[i]
		}
	}
	return job
}

// complete lets workers do all that is to be done, until nothing is. It reports whether that came to an end.
func (c *cluster) complete(m *enginetest.WriteMaker) (bool, error) {
	for range 25 {
		if err := c.drain(); err != nil {
			return false, err
		}
		if err := c.check(); err != nil {
			return false, err
		}
		if c.worker(m, c.r, false, 0) == 0 {
			return true, c.waitsForNothing()
		}
	}
	return false, nil
}

// waitsForNothing checks that no key waits, when no worker has anything to do: it would wait for ever.
func (c *cluster) waitsForNothing() error {
	events, err := c.answered()
	for k, e := range events {
		if err == nil && e.body.Judgement.Status == graph.Awaiting {
			err = fmt.Errorf("%s %s waits, but there is no work", k.Feature, k.Key)
		}
	}
	return err
}

// request asks for rows of a feature again (S10): what lies below the ends of its logs now.
func (c *cluster) request(feature graph.FeatureKey) error {
	var filter *graph.Filter
	if enginetest.Chance(c.r, 60) {
		var err error
		if filter, err = graph.ParseFilter(enginetest.Pick(c.r, []string{"a = 1", "n > 1", "freshline_children >= 0", "k IS NULL", "s = '1' OR b = 2"})); err != nil {
			return err
		}
	}
	q := &engine.Request{
		Number: int64(len(c.requests)), Feature: feature, Topic: string(feature), Rows: engine.NewSelection(filter, nil), Bounds: map[int32]int64{},
	}
	for _, source := range c.sources {
		if source.Topic == q.Topic {
			q.Bounds[source.Partition] = c.samples[source].end
		}
	}
	c.trace("  request %d of %s: %s, below %v", q.Number, feature, filterText(filter), q.Bounds)
	c.requests = append(c.requests, q)
	c.filters = append(c.filters, filter)
	return nil
}

func filterText(f *graph.Filter) string {
	if f == nil {
		return "all"
	}
	return f.String()
}

// readRequests makes a process read the log of requests to its end, after the graphs.
func (c *cluster) readRequests(p *process) {
	c.readGraphs(p, len(c.histories)-1)
	if p.asked < len(c.requests) {
		p.asked = len(c.requests)
		p.engine.SetRequests(c.requests)
	}
}

// commitDone lets the oracle mark what a task has marked: all below the bound has been routed then.
func (c *cluster) commitDone(d engine.Done) {
	q := c.requests[d.Number]
	c.done[d.Source] = max(c.done[d.Source], d.Number+1)
	bound := q.Bounds[d.Source.Partition]
	c.oracle.Request(q.Feature, c.filters[d.Number], func(row *enginetest.Row) bool { return row.Partition == d.Source.Partition && row.Offset < bound })
}

// fail says of some work that it could not be done, or takes that back (S12).
func (c *cluster) fail() error {
	events, err := c.answered()
	if err != nil || len(events) == 0 {
		return err
	}
	keys := slices.SortedFunc(maps.Keys(events), func(a, b enginetest.AnswerKey) int {
		return compareText(string(a.Feature)+a.Key, string(b.Feature)+b.Key)
	})
	k := enginetest.Pick(c.r, keys)
	e := events[k]
	if e.id == "" {
		return nil
	}
	p := enginetest.Pick(c.r, c.processes)
	c.readGraphs(p, len(c.histories)-1)
	if f := c.plan().Feature(k.Feature); f == nil || f.Shape.Name != e.body.Feature.Shape.Name {
		return nil
	}
	failure := &engine.Failure{EventID: e.id, Attempt: int64(c.r.IntN(3)), Type: enginetest.Pick(c.r, []string{"Timeout", "DecodeError"}), Message: "no"}
	switch c.r.IntN(8) {
	case 0:
		failure = nil
	case 1:
		failure.EventID = "00112233445566778899aabbccddeeff"
	}
	o := epochOptions{budget: c.budget(), first: func(e *engine.Engine) error {
		refusal, err := e.Fail(k.Feature, []byte(k.Key), failure, engine.Origin{})
		if refusal != nil {
			return refusal
		}
		return err
	}, committed: func() {
		delete(c.oracle.Failures, k)
		if failure != nil {
			c.oracle.Failures[k] = &enginetest.Failure{ID: failure.EventID, Shapes: c.histories[len(c.histories)-1].Shapes(k.Feature), Attempt: failure.Attempt, Kind: failure.Type, Message: failure.Message}
		}
	}}
	if enginetest.Chance(c.r, 10) {
		o.ending = enginetest.Pick(c.r, []ending{endAbort, endBefore, endBetween})
	}
	_, err = c.epoch(p, o)
	return err
}
