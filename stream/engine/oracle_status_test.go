package engine_test

import (
	"fmt"
	"maps"
	"slices"

	"github.com/freshline/freshline/graph"
)

// answerKey is the key of an event: feature, and the record key of E2.
type answerKey struct {
	feature graph.FeatureKey
	key     string
}

// answer is what holds for a key that is not fresh.
type answer struct {
	scope    graph.Scope
	status   graph.Status
	causes   []string // sorted
	changed  []string // sorted
	version  string
	expected *oracleExpected // of NEW and STALE

	children, notCurrent int // of an expansion's INPUT
	names                []string
	values               []graph.Value // of the key
	idNames              []string
	idValues             []graph.Value
	source               string // of the own row
}

// content is what E1 compares, but for the event id.
func (a *answer) content() string {
	text := fmt.Sprintf("%s %s causes %v changed %v version %s", a.scope, a.status, a.causes, a.changed, a.version)
	if a.expected != nil && a.expected.there {
		text += " expected " + a.expected.text
	}
	return text
}

// work is what the event id is a hash of (E3).
func (a *answer) work(k answerKey) string {
	return fmt.Sprintf("%s %s %s %s %s %s source %s%s", k.feature, k.key, a.scope, a.status, a.version, a.expected.text, a.source, a.expected.inputs)
}

// verdict is the judgement of one own row, or of none.
type verdict struct {
	status  graph.Status
	causes  map[string]bool
	changed map[string]bool
}

// answers computes the answer for every key that is not fresh.
func (o *oracle) answers() map[answerKey]*answer {
	all := map[answerKey]*answer{}
	if o.newest() == nil {
		return all
	}
	for _, spec := range o.newest().Features {
		if len(spec.Deps) == 0 {
			o.answerRoot(spec, all)
		} else {
			o.answerFeature(spec, all)
		}
	}
	return all
}

func (o *oracle) answerRoot(spec *graph.Feature, all map[answerKey]*answer) {
	for _, s := range o.samples(spec) {
		v := verdict{causes: map[string]bool{}, changed: map[string]bool{}}
		for _, field := range spec.Fields {
			if !o.current(spec, s.oracleRow, field.Key) {
				v.status, v.causes["CODE_VERSION"], v.changed[string(field.Key)] = graph.Stale, true, true
			}
		}
		o.say(all, spec, v, nil, graph.ScopeSample, spec.IDColumns, s.columns, s.oracleRow)
	}
}

// judge gives the status of an own row (S4).
func (o *oracle) judge(spec *graph.Feature, e *oracleExpected, own *oracleRow) verdict {
	v := verdict{causes: map[string]bool{}, changed: map[string]bool{}}
	switch {
	case !e.there:
		v.status, v.causes["UPSTREAM_MISSING"] = graph.Orphaned, true
		return v
	case !e.ready:
		v.status, v.causes["INPUT_PENDING"] = graph.Awaiting, true
		return v
	}
	for _, field := range spec.Fields {
		switch {
		case !o.current(spec, own, field.Key):
			v.causes["CODE_VERSION"], v.changed[string(field.Key)] = true, true
		case own.provenance[field.Key.StructName()] != e.fields[field.Key]:
			v.causes["UPSTREAM_DATA"], v.changed[string(field.Key)] = true, true
		}
	}
	if len(v.changed) > 0 {
		v.status = graph.Stale
	}
	return v
}

// judgeMissing gives the status where there is no own row (S4).
func judgeMissing(spec *graph.Feature, e *oracleExpected) verdict {
	v := verdict{causes: map[string]bool{}, changed: map[string]bool{}}
	switch {
	case !e.there:
	case !e.ready:
		v.status, v.causes["INPUT_PENDING"] = graph.Awaiting, true
	default:
		v.status = graph.New
		for _, field := range spec.Fields {
			v.changed[string(field.Key)] = true
		}
	}
	return v
}

func (o *oracle) answerFeature(spec *graph.Feature, all map[answerKey]*answer) {
	deps, match := o.deps(spec)
	parents := o.newest().Parents(spec.Key)
	expands := false
	for _, dep := range deps {
		expands = expands || dep.spec.Lineage.Kind == graph.Expansion
	}
	suffix := slices.DeleteFunc(slices.Clone(spec.IDColumns), func(id string) bool { return slices.Contains(match, id) })
	inputColumns, sampleColumns, missing := match, slices.Concat(match, suffix), graph.ScopeInput
	if len(suffix) == 0 && len(match) == len(spec.IDColumns) {
		inputColumns, sampleColumns, missing = spec.IDColumns, spec.IDColumns, graph.ScopeSample
	}
	// The match keys at which something may be said: where a dependency with all columns has a row, or an own row is.
	places := map[string]map[string]graph.Value{}
	owns := map[string][]oracleSample{}
	for _, dep := range deps {
		for _, in := range dep.rows {
			if dep.full {
				name, m := placeAt(match, in.columns)
				places[name] = m
			}
		}
	}
	for _, s := range o.samples(spec) {
		name, m := placeAt(match, s.columns)
		if m == nil { // J2
			v := verdict{status: graph.Orphaned, causes: map[string]bool{"UPSTREAM_MISSING": true}}
			o.say(all, spec, v, nil, graph.ScopeSample, sampleColumns, s.columns, s.oracleRow)
			continue
		}
		places[name] = m
		owns[name] = append(owns[name], s)
	}
	for name, m := range places {
		e := o.expect(spec, deps, parents, m)
		if len(owns[name]) == 0 {
			v := judgeMissing(spec, e)
			if expands && !e.there { // a dependency with all columns has a row, or this would be no place
				v.status, v.causes["UPSTREAM_MISSING"] = graph.Orphaned, true
			}
			o.say(all, spec, v, e, missing, inputColumns, m, nil)
			continue
		}
		family := verdict{causes: map[string]bool{}, changed: map[string]bool{}}
		notCurrent := 0
		for _, s := range owns[name] {
			v := o.judge(spec, e, s.oracleRow)
			o.say(all, spec, v, e, graph.ScopeSample, sampleColumns, s.columns, s.oracleRow)
			if v.status != graph.Fresh { // S6
				family.status = v.status
				maps.Copy(family.causes, v.causes)
				maps.Copy(family.changed, v.changed)
				notCurrent++
			}
		}
		if expands {
			if a := o.say(all, spec, family, e, graph.ScopeInput, match, m, nil); a != nil {
				a.children, a.notCurrent = len(owns[name]), notCurrent
			}
		}
	}
}

// placeAt returns the match key that a row has, nil if a value of it cannot be used.
func placeAt(match []string, columns map[string]graph.Value) (string, map[string]graph.Value) {
	m := map[string]graph.Value{}
	var values []graph.Value
	for _, c := range match {
		if !columns[c].Usable() {
			return "", nil
		}
		m[c] = columns[c]
		values = append(values, columns[c])
	}
	return string(graph.AppendTuple(nil, values...)), m
}

// say adds an answer unless it is fresh.
func (o *oracle) say(all map[answerKey]*answer, spec *graph.Feature, v verdict, e *oracleExpected, scope graph.Scope,
	columns []string, row map[string]graph.Value, own *oracleRow) *answer {
	if v.status == graph.Fresh {
		return nil
	}
	a := &answer{
		scope: scope, status: v.status, version: o.newest().versions[spec.Key].Feature,
		causes: slices.Sorted(maps.Keys(v.causes)), changed: slices.Sorted(maps.Keys(v.changed)),
		names: columns, idNames: spec.IDColumns,
	}
	if scope == graph.ScopeInput {
		a.idNames = columns
	}
	usable := func(columns []string) (values []graph.Value) {
		for _, c := range columns {
			if v := row[c]; v.Usable() {
				values = append(values, v)
			} else {
				values = append(values, graph.Null()) // E2
			}
		}
		return values
	}
	a.values, a.idValues = usable(a.names), usable(a.idNames)
	switch {
	case v.status.Work() && e != nil:
		a.expected = e
	case v.status.Work(): // a root
		a.expected = &oracleExpected{}
	}
	if own != nil {
		a.source = fmt.Sprintf("%d/%d", own.partition, own.offset)
	}
	k := answerKey{spec.Key, string(graph.AppendKeyJSON(nil, a.names, a.values))}
	if all[k] != nil {
		panic(fmt.Sprintf("two answers for %v", k))
	}
	all[k] = a
	return a
}
