package engine_test

import (
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
	case e.scope == graph.ScopeInput && f.Expands && status == graph.Stale:
		return false // the events of the children say the same
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
	for range 1 + r.IntN(3)*r.IntN(2) {
		child := maps.Clone(columns)
		for _, id := range f.Suffix {
			child[id] = pick(r, m.domain[id])
		}
		c.answerSample(m, r, f, child, b, careless)
	}
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
			return true, nil
		}
	}
	return false, nil
}
