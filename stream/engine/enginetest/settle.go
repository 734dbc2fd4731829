package enginetest

import (
	"slices"

	"github.com/freshline/freshline/graph"
)

// The gate settled, S3 sentence by sentence.

// coming is a sample still to come: the columns that are known of it, and its fields.
type coming struct {
	columns map[string]graph.Value
	fields  map[graph.FieldKey]bool
}

// Settled reports whether the gate of the newest graph is settled.
func (o *Oracle) settled() bool {
	gate := o.Newest().Gate
	if gate == graph.GateUnset {
		gate = o.defaults.Gate
	}
	return gate == graph.GateSettled
}

// settles reports whether the edges of a feature are settle edges: it aggregates, or two of its
// dependencies have an ancestor in common or are one the other's.
func (o *Oracle) settles(spec *graph.Feature) bool {
	if !o.settled() {
		return false
	}
	for i, d := range spec.Deps {
		if d.Lineage.Kind == graph.Aggregation {
			return true
		}
		mine := o.ancestors(d.Feature)
		for _, other := range spec.Deps[:i] {
			for key := range o.ancestors(other.Feature) {
				if mine[key] {
					return true
				}
			}
		}
	}
	return false
}

// ancestors returns a feature and all that it depends on.
func (o *Oracle) ancestors(key graph.FeatureKey) map[graph.FeatureKey]bool {
	all := map[graph.FeatureKey]bool{key: true}
	for _, d := range o.Newest().Feature(key).Deps {
		for key := range o.ancestors(d.Feature) {
			all[key] = true
		}
	}
	return all
}

func allFields(spec *graph.Feature) map[graph.FieldKey]bool {
	all := map[graph.FieldKey]bool{}
	for _, field := range spec.Fields {
		all[field.Key] = true
	}
	return all
}

// suspect notes in which fields a row of a feature is suspect: a is the answer for it, input the one
// for its INPUT, nil where they are fresh, and unsettled the fields of (c).
func (o *view) suspect(spec *graph.Feature, row *Row, a, input *Answer, unsettled map[graph.FieldKey]bool) {
	if !o.settled() {
		return
	}
	is := func(a *Answer, status graph.Status) bool { return a != nil && a.Status == status }
	fields := map[graph.FieldKey]bool{}
	for _, field := range spec.Fields {
		changed := is(a, graph.Stale) && slices.Contains(a.Changed, string(field.Key)) ||
			is(a, graph.Orphaned) && slices.Contains(a.Causes, "SUPERSEDED") // (a)
		old := !is(a, graph.Orphaned) && !o.current(spec, row, field.Key) // (b)
		failed := is(a, graph.Failed) || is(input, graph.Failed)
		if (changed || old) && !failed || unsettled[field.Key] {
			fields[field.Key] = true
		}
	}
	o.suspects[row] = fields
}

// unsettled returns the fields of (c): those that read a field which in an input at a match key is
// not in force, suspect, or still to come in its group.
func (o *view) unsettled(spec *graph.Feature, deps []*dep, parents map[graph.FieldKey][]graph.Parent, m map[string]graph.Value) map[graph.FieldKey]bool {
	fields := map[graph.FieldKey]bool{}
	if !o.settled() {
		return fields
	}
	for _, dep := range deps {
		for _, field := range spec.Fields {
			for _, parent := range parents[field.Key] {
				if parent.Feature == dep.up.Key && (o.suspected(dep, m, parent.Field) || o.outOfForce(dep, m, parent.Field)) {
					fields[field.Key] = true
				}
			}
		}
	}
	return fields
}

func (o *view) outOfForce(dep *dep, m map[string]graph.Value, field graph.FieldKey) bool {
	return slices.ContainsFunc(dep.at(m), func(in input) bool { return !o.current(dep.up, in.row, field) })
}

// suspected reports whether an input at a match key is suspect in a field, or a sample of its group still to come.
func (o *view) suspected(dep *dep, m map[string]graph.Value, field graph.FieldKey) bool {
	rows := dep.at(m)
	if len(rows) == 0 {
		return false
	}
	if slices.ContainsFunc(rows, func(in input) bool { return o.suspects[in.row][field] }) {
		return true
	}
	if dep.spec.Lineage.Kind != graph.Aggregation {
		return false
	}
	return slices.ContainsFunc(o.coming[dep.up.Key], func(c *coming) bool {
		if !c.fields[field] {
			return false
		}
		columns := renamed(dep.spec, c.columns)
		return !slices.ContainsFunc(dep.ids, func(id string) bool { return columns[id] != m[id] })
	})
}

// waits reports whether an expected row waits on its settle edges: for any field that is read.
func (o *view) waits(spec *graph.Feature, deps []*dep, parents map[graph.FieldKey][]graph.Parent, m map[string]graph.Value) bool {
	for _, dep := range deps {
		if dep.spec.Settle != nil && !*dep.spec.Settle {
			continue
		}
		for _, field := range dep.up.Fields {
			if reads(parents, dep.up.Key, field.Key) && o.suspected(dep, m, field.Key) {
				return true
			}
		}
	}
	return false
}

// comes notes the sample of a match key that is still to come, if there is one: a is the answer for
// the key without an own row, or for the parent.
func (o *view) comes(spec *graph.Feature, deps []*dep, p *place, a *Answer) {
	if a == nil || !o.settled() {
		return
	}
	present := len(p.owns)+len(p.groups) > 0
	c := &coming{columns: map[string]graph.Value{}}
	switch {
	case a.Status == graph.New, slices.Contains(a.Causes, "INCOMPLETE") && a.Status == graph.Stale, a.Status == graph.Awaiting && !present:
		c.fields = allFields(spec)
	case a.Status == graph.Stale:
		c.fields = map[graph.FieldKey]bool{}
		for _, key := range a.Changed {
			c.fields[graph.FieldKey(key)] = true
		}
	case a.Status == graph.Awaiting:
		c.fields = p.unsettled
	default:
		return
	}
	for _, dep := range slices.Backward(deps) { // the first that has a column counts
		if dep.spec.Lineage.Kind == graph.Aggregation {
			continue
		}
		for _, in := range dep.at(p.m) {
			for name, value := range in.columns {
				if dep.keeps(name) {
					c.columns[name] = value
				}
			}
		}
	}
	for name, value := range p.m {
		c.columns[name] = value
	}
	o.coming[spec.Key] = append(o.coming[spec.Key], c)
}

// keeps reports whether select leaves a column, by its name after rename: it never removes id and
// join columns (J4).
func (dep *dep) keeps(name string) bool {
	if !dep.spec.HasSelect || slices.Contains(dep.spec.Select, name) || slices.Contains(dep.ids, name) {
		return true
	}
	return slices.ContainsFunc(dep.up.IDColumns, func(id string) bool { return renamedTo(dep.spec, id) == name })
}
