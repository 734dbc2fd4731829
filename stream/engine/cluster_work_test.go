package engine_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream/engine"
)

// worker answers some events that are outstanding, as workers do: with what the event expects, or
// with less, or late and under an older version.
func (c *cluster) worker(m *writeMaker, r *rand.Rand, careless bool, limit int) (done int) {
	events, err := c.answered()
	if err != nil {
		return 0 // check says so
	}
	keys := slices.SortedFunc(maps.Keys(events), func(a, b answerKey) int {
		return compareText(string(a.feature)+a.key, string(b.feature)+b.key)
	})
	if limit > 0 {
		keys = some(r, keys, limit)
	}
	for _, k := range keys {
		if c.answerEvent(m, r, k.feature, events[k], careless) {
			done++
		}
	}
	return done
}

// answerEvent does what one event asks for; it reports whether that was anything.
func (c *cluster) answerEvent(m *writeMaker, r *rand.Rand, feature graph.FeatureKey, e *simEvent, careless bool) bool {
	b := e.body
	f := b.Feature
	switch status := b.Judgement.Status; {
	case status == graph.Orphaned && e.scope == graph.ScopeSample:
		if careless && chance(r, 50) {
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
		columns[id] = pick(r, m.domain[id])
	}
	c.answerSample(m, r, f, columns, b, careless)
	return true
}

// answerExpansion expands a parent (again): it writes the children that are there, or new ones, and
// sometimes, always where that is required or there is one, the record of how many there are (S7).
func (c *cluster) answerExpansion(m *writeMaker, r *rand.Rand, f *graph.FeaturePlan, columns map[string]graph.Value, e *simEvent, careless bool) bool {
	g := c.oracle.newest()
	spec := g.Feature(f.Key)
	if spec == nil {
		return false
	}
	join := joinOf(g.Graph, spec)
	if !join.expands || !slices.Equal(join.match, f.Match) || !slices.Equal(join.suffix, f.Suffix) {
		return false // the event is of an earlier graph
	}
	at := func(s oracleSample) bool {
		return !slices.ContainsFunc(join.match, func(id string) bool { return s.columns[id] != columns[id] })
	}
	var children []map[string]graph.Value
	for _, s := range c.oracle.samples(spec) {
		if at(s) {
			child := maps.Clone(columns)
			for _, id := range join.suffix {
				child[id] = s.columns[id]
			}
			children = append(children, child)
		}
	}
	group := slices.ContainsFunc(c.oracle.groups(spec, join), at)
	if len(children) == 0 && (!group || chance(r, 50)) {
		for range 1 + r.IntN(3)*r.IntN(2) {
			child := maps.Clone(columns)
			for _, id := range join.suffix {
				child[id] = pick(r, m.domain[id])
			}
			if !slices.ContainsFunc(children, func(o map[string]graph.Value) bool { return maps.Equal(o, child) }) {
				children = append(children, child)
			}
		}
	}
	for _, child := range children {
		if !careless || !chance(r, 20) {
			c.answerSample(m, r, f, maps.Clone(child), e.body, careless)
		}
	}
	if !group && !join.receipts && !chance(r, 30) {
		return true
	}
	n := len(children)
	if careless && chance(r, 20) {
		n = r.IntN(4)
	}
	rec := record(columns)
	rec.FeatureVersion, rec.Children = graph.String(f.Version), graph.Int(int64(n))
	provenance := map[string]string{}
	for i, field := range f.Fields {
		provenance[field.Struct] = e.body.Expected.Fields[i]
	}
	fillMaps(rec, provenance, nil)
	c.produceSample(f.Key, &engine.Write{Key: m.recordKey(string(f.Key), join.match, columns), Record: rec})
	return true
}

func (c *cluster) answerSample(m *writeMaker, r *rand.Rand, f *graph.FeaturePlan, columns map[string]graph.Value, b *engine.Body, careless bool) {
	m.fill(string(f.Key), columns)
	rec := record(columns)
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
			provenance[pick(r, f.Fields).Struct] = "wrong"
		case n == 1: // no version
			rec.FeatureVersion = graph.Null()
		case n == 2: // late
			version := c.oracle.someVersion(r, f.Key)
			rec.FeatureVersion = graph.String(version)
			for key := range c.oracle.fieldsOf(len(c.oracle.graphs), f.Key, version) {
				if _, ok := provenance[key.StructName()]; !ok {
					provenance[key.StructName()] = "old"
				}
			}
		case n < 6:
			data = map[string]string{pick(r, f.Fields).Struct: pick(r, []string{"d1", "d2"})}
		}
	}
	fillMaps(rec, provenance, data)
	c.produceSample(f.Key, &engine.Write{Key: m.recordKey(string(f.Key), f.IDs, columns), Record: rec})
}

// deleteSample writes a tombstone under every record key that holds a sample.
func (c *cluster) deleteSample(feature graph.FeatureKey, ids []string, values []graph.Value) (done bool) {
	var records []string
	for key, row := range c.oracle.rows[feature] {
		if slices.Equal(row.values(ids), values) {
			records = append(records, key.record)
		}
	}
	slices.Sort(records)
	for _, record := range records {
		c.produceSample(feature, &engine.Write{Key: []byte(record), Delete: true})
	}
	return len(records) > 0
}

// complete lets workers do all that is to be done, until nothing is. It reports whether that came to an end.
func (c *cluster) complete(m *writeMaker) (bool, error) {
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
			err = fmt.Errorf("%s %s waits, but there is no work", k.feature, k.key)
		}
	}
	return err
}

// request asks for rows of a feature again (S10): what lies below the ends of its logs now.
func (c *cluster) request(feature graph.FeatureKey) error {
	var filter *graph.Filter
	if chance(c.r, 60) {
		var err error
		if filter, err = graph.ParseFilter(pick(c.r, []string{"a = 1", "n > 1", "freshline_children >= 0", "k IS NULL", "s = '1' OR b = 2"})); err != nil {
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
	c.oracle.request(q.Feature, c.filters[d.Number], func(row *oracleRow) bool { return row.partition == d.Source.Partition && row.offset < bound })
}

// fail says of some work that it could not be done, or takes that back (S12).
func (c *cluster) fail() error {
	events, err := c.answered()
	if err != nil || len(events) == 0 {
		return err
	}
	keys := slices.SortedFunc(maps.Keys(events), func(a, b answerKey) int { return compareText(string(a.feature)+a.key, string(b.feature)+b.key) })
	k := pick(c.r, keys)
	e := events[k]
	if e.id == "" {
		return nil
	}
	p := pick(c.r, c.processes)
	c.readGraphs(p, len(c.histories)-1)
	if f := c.plan().Feature(k.feature); f == nil || f.Shape.Name != e.body.Feature.Shape.Name {
		return nil
	}
	failure := &engine.Failure{EventID: e.id, Attempt: int64(c.r.IntN(3)), Type: pick(c.r, []string{"Timeout", "DecodeError"}), Message: "no"}
	switch c.r.IntN(8) {
	case 0:
		failure = nil
	case 1:
		failure.EventID = "00112233445566778899aabbccddeeff"
	}
	o := epochOptions{budget: c.budget(), first: func(e *engine.Engine) error {
		refusal, err := e.Fail(k.feature, []byte(k.key), failure, engine.Origin{})
		if refusal != nil {
			return refusal
		}
		return err
	}, committed: func() {
		delete(c.oracle.failures, k)
		if failure != nil {
			c.oracle.failures[k] = &oracleFailure{id: failure.EventID, shapes: c.histories[len(c.histories)-1].Shapes(k.feature), attempt: failure.Attempt, kind: failure.Type, message: failure.Message}
		}
	}}
	if chance(c.r, 10) {
		o.ending = pick(c.r, []ending{endAbort, endBefore, endBetween})
	}
	_, err = c.epoch(p, o)
	return err
}
