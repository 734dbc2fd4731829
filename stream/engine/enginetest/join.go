package enginetest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/freshline/freshline/graph"
)

// dep is one dependency: its input ids, and the rows that it sees.
type dep struct {
	spec *graph.Dependency
	up   *graph.Feature
	ids  []string // J1
	full bool     // it has all columns of M
	rows []input
}

// input is one row as a dependency sees it.
type input struct {
	row     *Row
	ids     []graph.Value          // the upstream's id columns
	columns map[string]graph.Value // after rename
}

// Join is how a feature joins its dependencies.
type Join struct {
	inputs   [][]string // input ids, by dependency (J1)
	Match    []string   // M (J3)
	Suffix   []string   // the id columns outside M
	Expands  bool
	Receipts bool
}

// JoinOf finds how a feature joins (J1 to J3); a root has its ids as M.
func JoinOf(g *graph.Graph, spec *graph.Feature) *Join {
	j := &Join{}
	for _, d := range spec.Deps {
		j.Expands = j.Expands || d.Lineage.Kind == graph.Expansion
		j.Receipts = j.Receipts || d.Receipts == "required"
		ids := d.Lineage.On
		switch {
		case d.Lineage.Kind == graph.Identity:
			ids = nil
			for _, id := range g.Feature(d.Feature).IDColumns {
				ids = append(ids, renamedTo(d, id))
			}
		case ids == nil:
			ids = spec.IDColumns
		}
		j.inputs = append(j.inputs, ids)
		for _, id := range ids {
			if !slices.Contains(j.Match, id) {
				j.Match = append(j.Match, id)
			}
		}
	}
	if len(spec.Deps) == 0 {
		j.Match = spec.IDColumns
	}
	j.Suffix = slices.DeleteFunc(slices.Clone(spec.IDColumns), func(id string) bool { return slices.Contains(j.Match, id) })
	return j
}

// deps returns the dependencies of a feature, with the rows that they see.
func (o *Oracle) deps(spec *graph.Feature, join *Join) (deps []*dep) {
	for i, d := range spec.Deps {
		dep := &dep{spec: d, up: o.Newest().Feature(d.Feature), ids: join.inputs[i]}
		dep.full = len(dep.ids) == len(join.Match)
		dep.rows = o.see(dep)
		deps = append(deps, dep)
	}
	return deps
}

func renamedTo(d *graph.Dependency, column string) string {
	for _, r := range d.Rename {
		if r.From == column {
			return r.To
		}
	}
	return column
}

// renamed renames all columns at once (J4).
func renamed(d *graph.Dependency, before map[string]graph.Value) map[string]graph.Value {
	columns := maps.Clone(before)
	for _, r := range d.Rename {
		delete(columns, r.From)
	}
	for _, r := range d.Rename {
		delete(columns, r.To)
		if v, ok := before[r.From]; ok {
			columns[r.To] = v
		}
	}
	return columns
}

// see applies rename and filters to the rows of an upstream, in the order of its ids (J4, J5).
func (o *Oracle) see(dep *dep) (rows []input) {
	for _, s := range o.Samples(dep.up) {
		columns := renamed(dep.spec, s.Columns)
		if !o.passes(dep.spec, columns) {
			continue
		}
		if slices.ContainsFunc(dep.ids, func(id string) bool { return !columns[id].Usable() }) {
			continue // J2
		}
		rows = append(rows, input{s.Row, s.IDs, columns})
	}
	return rows
}

func (o *Oracle) passes(d *graph.Dependency, columns map[string]graph.Value) bool {
	for _, text := range d.Filters {
		filter, err := graph.ParseFilter(text)
		if err != nil {
			panic(err)
		}
		if filter.Eval(func(name string) graph.Value { return columns[name] }) != graph.True {
			return false
		}
	}
	return true
}

// at returns the rows of a dependency at a match key.
func (dep *dep) at(m map[string]graph.Value) (rows []input) {
	for _, in := range dep.rows {
		if !slices.ContainsFunc(dep.ids, func(id string) bool { return in.columns[id] != m[id] }) {
			rows = append(rows, in)
		}
	}
	return rows
}

// Expected is E(m) of S1, S2.
type Expected struct {
	There, ready bool
	Fields       map[graph.FieldKey]string
	Provenance   string
	Text         string // all of it
	inputs       string // data versions and selected columns of every input row (E3)
}

// expect computes the expected row at a match key.
func (o *Oracle) expect(spec *graph.Feature, deps []*dep, parents map[graph.FieldKey][]graph.Parent, m map[string]graph.Value) *Expected {
	e := &Expected{ready: true}
	full := false
	present := map[graph.FeatureKey][]input{}
	kind := map[graph.FeatureKey]graph.LineageKind{}
	for _, dep := range deps {
		rows := dep.at(m)
		if len(rows) == 0 {
			if !dep.spec.Optional {
				return e // J6
			}
			continue
		}
		present[dep.up.Key], kind[dep.up.Key] = rows, dep.spec.Lineage.Kind
		full = full || dep.full // J3
		for _, field := range dep.up.Fields {
			if !reads(parents, dep.up.Key, field.Key) {
				continue
			}
			for _, in := range rows {
				e.ready = e.ready && o.current(dep.up, in.row, field.Key) // S2
			}
		}
	}
	e.There = full
	if !e.There || !e.ready {
		return e
	}
	e.Fields = map[graph.FieldKey]string{}
	byStruct := map[string]string{}
	for _, field := range spec.Fields {
		text := string(field.Key) + "|" + field.CodeVersion
		for _, parent := range parents[field.Key] {
			text += "|" + parent.String() + "|" + o.value(present[parent.Feature], kind[parent.Feature], parent.Field)
		}
		e.Fields[field.Key] = o.hash(text)
		byStruct[field.Key.StructName()] = e.Fields[field.Key]
	}
	var hashes []string
	for _, name := range slices.Sorted(maps.Keys(byStruct)) {
		hashes = append(hashes, byStruct[name])
		e.Text += name + "=" + byStruct[name] + " "
	}
	e.Provenance = o.hash(strings.Join(hashes, "|"))
	e.Text += e.Provenance
	for _, dep := range deps {
		for _, in := range present[dep.up.Key] {
			e.inputs += describe(dep, in)
		}
	}
	return e
}

func reads(parents map[graph.FieldKey][]graph.Parent, feature graph.FeatureKey, field graph.FieldKey) bool {
	for _, list := range parents {
		if slices.Contains(list, graph.Parent{Feature: feature, Field: field}) {
			return true
		}
	}
	return false
}

// value is what one dependency gives for one of its fields: the data version, of a group the hash of J5, "" if absent.
func (o *Oracle) value(rows []input, kind graph.LineageKind, field graph.FieldKey) string {
	var texts []string
	for _, in := range rows {
		texts = append(texts, in.row.Data[field.StructName()])
	}
	switch {
	case len(texts) == 0:
		return ""
	case kind == graph.Aggregation:
		return o.hash(strings.Join(texts, "|"))
	}
	return texts[0]
}

// describe words an input row as E3 has it.
func describe(dep *dep, in input) string {
	seen := in.columns
	if dep.spec.HasSelect {
		seen = map[string]graph.Value{}
		for _, c := range dep.spec.Select {
			if v, ok := in.columns[c]; ok {
				seen[c] = v
			}
		}
	}
	ids := map[string]graph.Value{}
	for i, id := range dep.up.IDColumns {
		ids[renamedTo(dep.spec, id)] = in.ids[i]
	}
	return fmt.Sprintf("\n  input %s ids %v data %v columns %v", dep.up.Key, ids, in.row.Data, seen)
}
