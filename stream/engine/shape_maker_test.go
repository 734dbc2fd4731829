package engine_test

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream/engine/enginetest"
)

// shapeMaker makes graphs in which waves meet: chains, diamonds, expansions whose receipts are
// required, groups, at any grain and in any order, all of them to be settled.
type shapeMaker struct {
	r     *rand.Rand
	mixed bool // fields of one feature may read other fields, also where it waits
	enginetest.SpecGraph
}

// newShape makes a graph of n features. Their ids are a, maybe b, then a column for each expansion above.
func newShape(r *rand.Rand, n int, mixed bool) *shapeMaker {
	m := &shapeMaker{r: r, mixed: mixed}
	for i := range n {
		f := &enginetest.SpecFeature{Key: fmt.Sprintf("f%d", i)}
		for _, name := range enginetest.Some(r, []string{"x", "y", "z"}, 1+r.IntN(3)) {
			f.Fields = append(f.Fields, &enginetest.SpecField{Key: name, Code: "1"})
		}
		if i == 0 || enginetest.Chance(r, 15) {
			f.IDs = []string{"a"}
			if enginetest.Chance(r, 40) {
				f.IDs = []string{"a", "b"}
			}
		} else {
			m.depend(f, i)
		}
		m.fieldDeps(f)
		m.Features = append(m.Features, f)
	}
	return m
}

// depend gives a feature its dependencies.
func (m *shapeMaker) depend(f *enginetest.SpecFeature, i int) {
	r := m.r
	up := enginetest.Pick(r, m.Features)
	f.IDs = slices.Clone(up.IDs)
	d := &enginetest.SpecDep{Feature: up.Key}
	switch {
	case len(up.IDs) < 4 && enginetest.Chance(r, 35):
		d.Lineage = map[string]any{"expansion": up.IDs}
		d.Receipts = "required"
		f.IDs = append(f.IDs, fmt.Sprintf("k%d", i))
	case len(up.IDs) > 1 && enginetest.Chance(r, 55):
		f.IDs = f.IDs[:1+r.IntN(len(f.IDs)-1)]
		d.Lineage = map[string]any{"aggregation": f.IDs}
	}
	f.Deps = []*enginetest.SpecDep{d}
	// More inputs of the same grain, of a lesser one, or in groups.
	match := slices.Clone(up.IDs)
	if d.Lineage != nil && d.Receipts == "" {
		match = f.IDs
	}
	for _, other := range enginetest.Some(r, m.Features, r.IntN(3)) {
		d := &enginetest.SpecDep{Feature: other.Key}
		switch {
		case other == up:
			continue
		case isPrefix(other.IDs, match):
		case isPrefix(match, other.IDs):
			d.Lineage = map[string]any{"aggregation": match}
		default:
			continue
		}
		f.Deps = append(f.Deps, d)
	}
	f.Deps = enginetest.Some(r, f.Deps, len(f.Deps))
}

func isPrefix(short, long []string) bool {
	return len(short) <= len(long) && slices.Equal(short, long[:len(short)])
}

// fieldDeps lets some fields read only some of what there is. Where a feature may wait, all its fields
// read the same unless mixed: a row that waits for one field is suspect in no other one, however old it is there.
func (m *shapeMaker) fieldDeps(f *enginetest.SpecFeature) {
	waits := len(f.Deps) > 1
	for _, d := range f.Deps {
		waits = waits || d.Lineage["aggregation"] != nil
	}
	waits = waits && !m.mixed
	for i, field := range f.Fields {
		if waits && i > 0 {
			field.Deps = f.Fields[0].Deps
			continue
		}
		if len(f.Deps) == 0 || !waits && enginetest.Chance(m.r, 40) {
			continue
		}
		reads := map[string]any{}
		for _, d := range f.Deps {
			if waits && enginetest.Chance(m.r, 20) && len(reads)+1 < len(f.Deps) {
				continue
			}
			var names []string
			for _, up := range m.Feature(d.Feature).Fields {
				names = append(names, up.Key)
			}
			reads[d.Feature] = enginetest.Some(m.r, names, 1+m.r.IntN(len(names)))
		}
		field.Deps = reads
	}
}

// fresh reports whether new samples may come without a group being told of them too late: a sample
// whose own inputs are still to come is not counted (S3), so no group may lie further below an
// expansion than right below it, and what makes the samples of a group must be a root.
func (m *shapeMaker) fresh() bool {
	expands := func(f *enginetest.SpecFeature) bool {
		return slices.ContainsFunc(f.Deps, func(d *enginetest.SpecDep) bool { return d.Receipts != "" })
	}
	var under func(f *enginetest.SpecFeature) bool // an expansion lies above
	under = func(f *enginetest.SpecFeature) bool {
		return slices.ContainsFunc(f.Deps, func(d *enginetest.SpecDep) bool {
			up := m.Feature(d.Feature)
			return expands(up) || under(up)
		})
	}
	for _, f := range m.Features {
		for _, d := range f.Deps {
			if d.Lineage["aggregation"] == nil {
				continue
			}
			up := m.Feature(d.Feature)
			late := slices.ContainsFunc(up.Deps, func(o *enginetest.SpecDep) bool {
				return len(m.Feature(o.Feature).Deps) > 0
			})
			if under(up) || late {
				return false
			}
		}
	}
	return true
}

// readers returns the fields that read a field of a feature, directly or not, and the feature's own.
func readersOf(g *enginetest.Graph, feature graph.FeatureKey, fields []string) map[graph.Parent]bool {
	all := map[graph.Parent]bool{}
	for _, field := range fields {
		all[graph.Parent{Feature: feature, Field: graph.FieldKey(field)}] = true
	}
	for more := true; more; {
		more = false
		for _, spec := range g.Features {
			for field, parents := range g.Parents(spec.Key) {
				reader := graph.Parent{Feature: spec.Key, Field: field}
				if !all[reader] && slices.ContainsFunc(parents, func(p graph.Parent) bool { return all[p] }) {
					all[reader], more = true, true
				}
			}
		}
	}
	return all
}
