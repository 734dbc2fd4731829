package engine_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"

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
	failure              *oracleFailure
	failed               graph.Status // of the work that has failed
}

// oracleFailure is what a worker said of a piece of work (S12): of the work itself, or of its event id.
type oracleFailure struct {
	work, id      string
	shapes        []*graph.Shape // of its key, that graphs had when it was said
	attempt       int64
	kind, message string
}

// fail makes an answer a failure if that is of its present work.
func (a *answer) fail(f *oracleFailure) {
	a.failed, a.status, a.failure = a.status, graph.Failed, f
}

// content is what E1 compares, but for the event id.
func (a *answer) content() string {
	text := a.outcome()
	if a.failure != nil {
		text += fmt.Sprintf(" failure %d %q %q", a.failure.attempt, a.failure.kind, a.failure.message)
	}
	return text
}

// outcome is what a checkpoint of a replay compares.
func (a *answer) outcome() string {
	text := fmt.Sprintf("%s %s causes %v changed %v version %s", a.scope, a.status, a.causes, a.changed, a.version)
	if a.expected != nil && a.expected.there {
		text += " expected " + a.expected.text
	}
	return text
}

// work is what the event id is a hash of (E3): names go with all values, so that no order counts.
func (a *answer) work(k answerKey) string {
	status := a.status
	if a.failure != nil {
		status = a.failed
	}
	key := map[string]graph.Value{}
	for i, name := range a.names {
		key[name] = a.values[i]
	}
	inputs := strings.Split(a.expected.inputs, "\n")
	slices.Sort(inputs)
	return fmt.Sprintf("%s %v %s %s %s %s source %s%s", k.feature, key, a.scope, status, a.version, a.expected.text, a.source, strings.Join(inputs, "\n"))
}

// verdict is the judgement of one own row, or of none.
type verdict struct {
	status  graph.Status
	causes  map[string]bool
	changed map[string]bool
}

// oracleView is the answers of one moment, as they are found feature by feature.
type oracleView struct {
	*oracle
	all      map[answerKey]*answer
	suspects map[*oracleRow]map[graph.FieldKey]bool // S3
	coming   map[graph.FeatureKey][]*oracleComing
	done     map[graph.FeatureKey]bool
	failed   func(answerKey, *answer) *oracleFailure // the failure of this very work (S12), or nil
}

// answers computes the answer for every key that is not fresh.
func (o *oracle) answers() map[answerKey]*answer {
	return o.answersFailed(func(k answerKey, a *answer) *oracleFailure {
		if f := o.failures[k]; f != nil && f.work != "" && a.work(k) == f.work {
			return f
		}
		return nil
	})
}

// answersFailed is answers where failed says whether the work that a key has has failed.
func (o *oracle) answersFailed(failed func(answerKey, *answer) *oracleFailure) map[answerKey]*answer {
	v := &oracleView{
		oracle: o, all: map[answerKey]*answer{}, suspects: map[*oracleRow]map[graph.FieldKey]bool{},
		coming: map[graph.FeatureKey][]*oracleComing{}, done: map[graph.FeatureKey]bool{}, failed: failed,
	}
	if g := o.newest(); g != nil {
		for _, spec := range g.Features {
			v.answer(spec)
		}
	}
	return v.all
}

// answer answers for a feature, after those that it reads.
func (o *oracleView) answer(spec *graph.Feature) {
	if o.done[spec.Key] {
		return
	}
	o.done[spec.Key] = true
	for _, d := range spec.Deps {
		o.answer(o.newest().Feature(d.Feature))
	}
	if len(spec.Deps) == 0 {
		o.answerRoot(spec)
	} else {
		o.answerFeature(spec)
	}
}

// request marks the rows that a filter keeps and that come from below an offset (S10), whether they count now or not.
func (o *oracle) request(feature graph.FeatureKey, filter *graph.Filter, below func(*oracleRow) bool) {
	for _, row := range o.rows[feature] {
		if below(row) && (filter == nil || filter.Eval(func(name string) graph.Value { return row.columns[name] }) == graph.True) {
			row.marked = true
		}
	}
}

func (o *oracleView) answerRoot(spec *graph.Feature) {
	for _, s := range o.samples(spec) {
		v := newVerdict()
		for _, field := range spec.Fields {
			if !o.current(spec, s.oracleRow, field.Key) {
				v.causes["CODE_VERSION"], v.changed[string(field.Key)] = true, true
			}
		}
		v.conclude(spec, s.oracleRow)
		a := o.say(spec, v, nil, graph.ScopeSample, spec.IDColumns, s.columns, s.oracleRow)
		o.suspect(spec, s.oracleRow, a, nil, nil)
	}
}

// conclude adds a request (S10, S8) and makes the status.
func (v *verdict) conclude(spec *graph.Feature, own *oracleRow) {
	if own.marked {
		v.causes["REQUESTED"] = true
		for _, field := range spec.Fields {
			v.changed[string(field.Key)] = true
		}
	}
	if len(v.causes) > 0 {
		v.status = graph.Stale
	}
}

func newVerdict() verdict { return verdict{causes: map[string]bool{}, changed: map[string]bool{}} }

// judge gives the status of an own row (S4).
func (o *oracle) judge(spec *graph.Feature, e *oracleExpected, own *oracleRow) verdict {
	v := newVerdict()
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
	v.conclude(spec, own)
	return v
}

// judgeMissing gives the status where there is no own row (S4).
func judgeMissing(spec *graph.Feature, e *oracleExpected) verdict {
	v := newVerdict()
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

// oraclePlace is one match key of a feature, with what is there.
type oraclePlace struct {
	m      map[string]graph.Value
	input  bool // a dependency with all columns has a row
	owns   []oracleSample
	groups []oracleSample // one at most

	unsettled map[graph.FieldKey]bool // (c) of S3
}

// places finds the match keys at which something may be said; own rows without one are orphans (J2).
func (o *oracle) places(spec *graph.Feature, join *oracleJoin, deps []*oracleDep, orphan func(oracleSample)) map[string]*oraclePlace {
	places := map[string]*oraclePlace{}
	at := func(columns map[string]graph.Value) *oraclePlace {
		name, m := placeAt(join.match, columns)
		if m != nil && places[name] == nil {
			places[name] = &oraclePlace{m: m}
		}
		return places[name]
	}
	for _, dep := range deps {
		for _, in := range dep.rows {
			if dep.full {
				at(in.columns).input = true
			}
		}
	}
	for _, s := range o.samples(spec) {
		if p := at(s.columns); p != nil {
			p.owns = append(p.owns, s)
		} else {
			orphan(s)
		}
	}
	for _, s := range o.groups(spec, join) {
		p := at(s.columns)
		p.groups = append(p.groups, s)
	}
	return places
}

func (o *oracleView) answerFeature(spec *graph.Feature) {
	join := joinOf(o.newest().Graph, spec)
	deps := o.deps(spec, join)
	parents := o.newest().Parents(spec.Key)
	settle := o.settles(spec)
	inputColumns, sampleColumns, missing := join.match, slices.Concat(join.match, join.suffix), graph.ScopeInput
	if len(join.suffix) == 0 && len(join.match) == len(spec.IDColumns) {
		inputColumns, sampleColumns, missing = spec.IDColumns, spec.IDColumns, graph.ScopeSample
	}
	places := o.places(spec, join, deps, func(s oracleSample) {
		v := newVerdict()
		v.status, v.causes["UPSTREAM_MISSING"] = graph.Orphaned, true
		o.suspect(spec, s.oracleRow, o.say(spec, v, nil, graph.ScopeSample, sampleColumns, s.columns, s.oracleRow), nil, nil)
	})
	for _, p := range places {
		e := o.expect(spec, deps, parents, p.m)
		p.unsettled = o.unsettled(spec, deps, parents, p.m)
		if e.there && settle && o.waits(spec, deps, parents, p.m) {
			e.ready = false // S3
		}
		if join.expands {
			o.answerExpansion(spec, join, deps, p, e, sampleColumns)
			continue
		}
		if len(p.owns) == 0 {
			a := o.say(spec, judgeMissing(spec, e), e, missing, inputColumns, p.m, nil)
			o.comes(spec, deps, p, a)
		}
		for _, s := range p.owns {
			a := o.say(spec, o.judge(spec, e, s.oracleRow), e, graph.ScopeSample, sampleColumns, s.columns, s.oracleRow)
			o.suspect(spec, s.oracleRow, a, nil, p.unsettled)
		}
	}
}

// answerExpansion answers for a parent and its children (S6, S7).
func (o *oracleView) answerExpansion(spec *graph.Feature, join *oracleJoin, deps []*oracleDep, p *oraclePlace, e *oracleExpected, sampleColumns []string) {
	var group *oracleRow
	var of verdict // of the group record
	if len(p.groups) > 0 {
		group = p.groups[0].oracleRow
		of = o.judge(spec, e, group)
	}
	current := int64(0)
	for _, s := range p.owns {
		if o.judge(spec, e, s.oracleRow).status == graph.Fresh {
			current++
		}
	}
	complete := group != nil && of.status == graph.Fresh && current == group.children
	family := newVerdict() // of the present rows that are not current
	children := make([]*answer, len(p.owns))
	for i, s := range p.owns {
		v := o.judge(spec, e, s.oracleRow)
		if complete && v.status != graph.Fresh {
			v = newVerdict()
			v.status, v.causes["SUPERSEDED"] = graph.Orphaned, true
		} else if v.status == graph.Stale {
			family.add(v)
		}
		children[i] = o.say(spec, v, e, graph.ScopeSample, sampleColumns, s.columns, s.oracleRow)
	}
	if group != nil && of.status == graph.Stale {
		family.add(of)
	}
	if group != nil && of.status == graph.Fresh && !complete {
		family.causes["INCOMPLETE"] = true
	}
	v := newVerdict()
	switch present := len(p.owns)+len(p.groups) > 0; {
	case !present && e.there, e.ready && e.there && join.receipts && group == nil:
		v = judgeMissing(spec, e)
	case !e.there && (present || p.input):
		v.status, v.causes["UPSTREAM_MISSING"] = graph.Orphaned, true
	case !e.there:
	case !e.ready:
		v.status, v.causes["INPUT_PENDING"] = graph.Awaiting, true
	case len(family.causes) > 0:
		v = family
		v.status = graph.Stale
	}
	a := o.say(spec, v, e, graph.ScopeInput, join.match, p.m, group)
	if a != nil {
		a.children, a.notCurrent = len(p.owns), len(p.owns)-int(current)
	}
	o.comes(spec, deps, p, a)
	for i, s := range p.owns {
		o.suspect(spec, s.oracleRow, children[i], a, p.unsettled)
	}
}

func (v *verdict) add(o verdict) {
	maps.Copy(v.causes, o.causes)
	maps.Copy(v.changed, o.changed)
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
func (o *oracleView) say(spec *graph.Feature, v verdict, e *oracleExpected, scope graph.Scope,
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
	if o.all[k] != nil {
		panic(fmt.Sprintf("two answers for %v", k))
	}
	o.all[k] = a
	if a.status.Work() {
		if f := o.failed(k, a); f != nil {
			a.fail(f)
		}
	}
	return a
}
