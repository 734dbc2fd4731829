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
	b := e.body
	f := b.Feature
	switch status := b.Judgement.Status; {
	case status == graph.Orphaned && e.scope == graph.ScopeSample:
		if careless && enginetest.Chance(r, 50) {
			return false
		}
		return c.deleteSample(feature, f.IDs, b.ID)
	case !status.Work():
		return false
	}
	names, values, err := graph.ParseKeyJSON([]byte(e.key))
	if err != nil || slices.ContainsFunc(values, func(v graph.Value) bool { return !v.Usable() }) {
		return false
	}
	columns := map[string]graph.Value{}
	for i, name := range names {
		columns[name] = values[i]
	}
	if e.scope == graph.ScopeSample {
		c.answerSample(m, r, f, columns, b, careless)
		return true
	}
	if f.Expands {
		return c.answerExpansion(m, r, f, columns, e, careless)
	}
	for _, id := range f.Suffix {
		columns[id] = enginetest.Pick(r, m.Domain[id])
	}
	c.answerSample(m, r, f, columns, b, careless)
	return true
}

// answerExpansion expands a parent (again): it writes the children that are there, or new ones, and
// sometimes, always where that is required or there is one, the record of how many there are (S7).
func (c *cluster) answerExpansion(m *enginetest.WriteMaker, r *rand.Rand, f *graph.FeaturePlan, columns map[string]graph.Value, e *simEvent, careless bool) bool {
	g := c.oracle.Newest()
	spec := g.Feature(f.Key)
	if spec == nil {
		return false
	}
	join := enginetest.JoinOf(g.Graph, spec)
	if !join.Expands || !slices.Equal(join.Match, f.Match) || !slices.Equal(join.Suffix, f.Suffix) {
		return false // the event is of an earlier graph
	}
	at := func(s enginetest.Sample) bool {
		return !slices.ContainsFunc(join.Match, func(id string) bool { return s.Columns[id] != columns[id] })
	}
	var children []map[string]graph.Value
	for _, s := range c.oracle.Samples(spec) {
		if at(s) {
			child := maps.Clone(columns)
			for _, id := range join.Suffix {
				child[id] = s.Columns[id]
			}
			children = append(children, child)
		}
	}
	group := slices.ContainsFunc(c.oracle.Groups(spec, join), at)
	if len(children) == 0 && (!group || enginetest.Chance(r, 50)) {
		for range 1 + r.IntN(3)*r.IntN(2) {
			child := maps.Clone(columns)
			for _, id := range join.Suffix {
				child[id] = enginetest.Pick(r, m.Domain[id])
			}
			if !slices.ContainsFunc(children, func(o map[string]graph.Value) bool { return maps.Equal(o, child) }) {
				children = append(children, child)
			}
		}
	}
	for _, child := range children {
		if !careless || !enginetest.Chance(r, 20) {
			c.answerSample(m, r, f, maps.Clone(child), e.body, careless)
		}
	}
	if !group && !join.Receipts && !enginetest.Chance(r, 30) {
		return true
	}
	n := len(children)
	if careless && enginetest.Chance(r, 20) {
		n = r.IntN(4)
	}
	rec := enginetest.NewRecord(columns)
	rec.FeatureVersion, rec.Children = graph.String(f.Version), graph.Int(int64(n))
	provenance := map[string]string{}
	for i, field := range f.Fields {
		provenance[field.Struct] = e.body.Expected.Fields[i]
	}
	enginetest.FillMaps(rec, provenance, nil)
	c.produceSample(f.Key, &engine.Write{Key: m.RecordKey(string(f.Key), join.Match, columns), Record: rec})
	return true
}

func (c *cluster) answerSample(m *enginetest.WriteMaker, r *rand.Rand, f *graph.FeaturePlan, columns map[string]graph.Value, b *engine.Body, careless bool) {
	m.Fill(string(f.Key), columns)
	rec := enginetest.NewRecord(columns)
	rec.FeatureVersion = graph.String(f.Version)
	provenance, data := map[string]string{}, map[string]string(nil)
	for i, field := range f.Fields {
		provenance[field.Struct] = "root"
		if b.Expected != nil {
			provenance[field.Struct] = b.Expected.Fields[i]
		}
	}
	if careless {
		switch n := r.IntN(20); {
		case n == 0:
			provenance[enginetest.Pick(r, f.Fields).Struct] = "wrong"
		case n == 1: // no version
			rec.FeatureVersion = graph.Null()
		case n == 2: // late
			version := c.oracle.SomeVersion(r, f.Key)
			rec.FeatureVersion = graph.String(version)
			for key := range c.oracle.FieldsOf(len(c.oracle.Graphs), f.Key, version) {
				if _, ok := provenance[key.StructName()]; !ok {
					provenance[key.StructName()] = "old"
				}
			}
		case n < 6:
			data = map[string]string{enginetest.Pick(r, f.Fields).Struct: enginetest.Pick(r, []string{"d1", "d2"})}
		}
	}
	enginetest.FillMaps(rec, provenance, data)
	c.produceSample(f.Key, &engine.Write{Key: m.RecordKey(string(f.Key), f.IDs, columns), Record: rec})
}

// deleteSample writes a tombstone under every record key that holds a sample.
func (c *cluster) deleteSample(feature graph.FeatureKey, ids []string, values []graph.Value) (done bool) {
	var records []string
	for key, row := range c.oracle.Rows[feature] {
		if slices.Equal(row.Values(ids), values) {
			records = append(records, key.NewRecord)
		}
	}
	slices.Sort(records)
	for _, record := range records {
		c.produceSample(feature, &engine.Write{Key: []byte(record), Delete: true})
	}
	return len(records) > 0
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
