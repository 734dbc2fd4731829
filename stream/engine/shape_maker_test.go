package engine_test

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/freshline/freshline/graph"
)

// shapeMaker makes graphs in which waves meet: chains, diamonds, expansions whose receipts are
// required, groups, at any grain and in any order, all of them to be settled.
type shapeMaker struct {
	r     *rand.Rand
	mixed bool // fields of one feature may read other fields, also where it waits
	specGraph
}

// newShape makes a graph of n features. Their ids are a, maybe b, then a column for each expansion above.
func newShape(r *rand.Rand, n int, mixed bool) *shapeMaker {
	m := &shapeMaker{r: r, mixed: mixed}
	for i := range n {
		f := &specFeature{Key: fmt.Sprintf("f%d", i)}
		for _, name := range some(r, []string{"x", "y", "z"}, 1+r.IntN(3)) {
			f.Fields = append(f.Fields, &specField{Key: name, Code: "1"})
		}
		if i == 0 || chance(r, 15) {
			f.IDs = []string{"a"}
			if chance(r, 40) {
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
func (m *shapeMaker) depend(f *specFeature, i int) {
	r := m.r
	up := pick(r, m.Features)
	f.IDs = slices.Clone(up.IDs)
	d := &specDep{Feature: up.Key}
	switch {
	case len(up.IDs) < 4 && chance(r, 35):
		d.Lineage = map[string]any{"expansion": up.IDs}
		d.Receipts = "required"
		f.IDs = append(f.IDs, fmt.Sprintf("k%d", i))
	case len(up.IDs) > 1 && chance(r, 55):
		f.IDs = f.IDs[:1+r.IntN(len(f.IDs)-1)]
		d.Lineage = map[string]any{"aggregation": f.IDs}
	}
	f.Deps = []*specDep{d}
	// More inputs of the same grain, of a lesser one, or in groups.
	match := slices.Clone(up.IDs)
	if d.Lineage != nil && d.Receipts == "" {
		match = f.IDs
	}
	for _, other := range some(r, m.Features, r.IntN(3)) {
		d := &specDep{Feature: other.Key}
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
	f.Deps = some(r, f.Deps, len(f.Deps))
}

func isPrefix(short, long []string) bool {
	return len(short) <= len(long) && slices.Equal(short, long[:len(short)])
}

// fieldDeps lets some fields read only some of what there is. Where a feature may wait, all its fields
// read the same unless mixed: a row that waits for one field is suspect in no other one, however old it is there.
func (m *shapeMaker) fieldDeps(f *specFeature) {
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
		if len(f.Deps) == 0 || !waits && chance(m.r, 40) {
			continue
		}
		reads := map[string]any{}
		for _, d := range f.Deps {
			if waits && chance(m.r, 20) && len(reads)+1 < len(f.Deps) {
				continue
			}
			var names []string
			for _, up := range m.feature(d.Feature).Fields {
				names = append(names, up.Key)
			}
			reads[d.Feature] = some(m.r, names, 1+m.r.IntN(len(names)))
		}
		field.Deps = reads
	}
}

// fresh reports whether new samples may come without a group being told of them too late: a sample
// whose own inputs are still to come is not counted (S3), so no group may lie further below an
// expansion than right below it, and what makes the samples of a group must be a root.
func (m *shapeMaker) fresh() bool {
	expands := func(f *specFeature) bool {
		return slices.ContainsFunc(f.Deps, func(d *specDep) bool { return d.Receipts != "" })
	}
	var under func(f *specFeature) bool // an expansion lies above
	under = func(f *specFeature) bool {
		return slices.ContainsFunc(f.Deps, func(d *specDep) bool {
			up := m.feature(d.Feature)
			return expands(up) || under(up)
		})
	}
	for _, f := range m.Features {
		for _, d := range f.Deps {
			if d.Lineage["aggregation"] == nil {
				continue
			}
			up := m.feature(d.Feature)
			late := slices.ContainsFunc(up.Deps, func(o *specDep) bool {
				return len(m.feature(o.Feature).Deps) > 0
			})
			if under(up) || late {
				return false
			}
		}
	}
	return true
}

// readers returns the fields that read a field of a feature, directly or not, and the feature's own.
func readersOf(g *oracleGraph, feature graph.FeatureKey, fields []string) map[graph.Parent]bool {
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
