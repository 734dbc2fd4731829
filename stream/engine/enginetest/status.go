package enginetest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/freshline/freshline/graph"
)

// AnswerKey is the key of an event: feature, and the record key of E2.
type AnswerKey struct {
	Feature graph.FeatureKey
	Key     string
}

// Answer is what holds for a key that is not fresh.
type Answer struct {
	Scope    graph.Scope
	Status   graph.Status
	Causes   []string // sorted
	Changed  []string // sorted
	Version  string
	Expected *Expected // of NEW and STALE

	Children, NotCurrent int // of an expansion's INPUT
	Names                []string
	Values               []graph.Value // of the key
	IDNames              []string
	IDValues             []graph.Value
	Source               string // of the own row
	Failure              *Failure
	failed               graph.Status // of the work that has failed
}

// Failure is what a worker said of a piece of work (S12): of the work itself, or of its event id.
type Failure struct {
	Work, ID      string
	Shapes        []*graph.Shape // of its key, that graphs had when it was said
	Attempt       int64
	Kind, Message string
}

// fail makes an answer a failure if that is of its present work.
func (a *Answer) fail(f *Failure) {
	a.failed, a.Status, a.Failure = a.Status, graph.Failed, f
}

// Content is what E1 compares, but for the event id.
func (a *Answer) Content() string {
	text := a.Outcome()
	if a.Failure != nil {
		text += fmt.Sprintf(" failure %d %q %q", a.Failure.Attempt, a.Failure.Kind, a.Failure.Message)
	}
	return text
}

// Outcome is what a checkpoint of a replay compares.
func (a *Answer) Outcome() string {
	text := fmt.Sprintf("%s %s causes %v changed %v version %s", a.Scope, a.Status, a.Causes, a.Changed, a.Version)
	if a.Expected != nil && a.Expected.There {
		text += " expected " + a.Expected.Text
	}
	return text
}

// Work is what the event id is a hash of (E3): names go with all values, so that no order counts.
func (a *Answer) Work(k AnswerKey) string {
	status := a.Status
	if a.Failure != nil {
		status = a.failed
	}
	key := map[string]graph.Value{}
	for i, name := range a.Names {
		key[name] = a.Values[i]
	}
	inputs := strings.Split(a.Expected.inputs, "\n")
	slices.Sort(inputs)
	return fmt.Sprintf("%s %v %s %s %s %s source %s%s", k.Feature, key, a.Scope, status, a.Version, a.Expected.Text, a.Source, strings.Join(inputs, "\n"))
}

// verdict is the judgement of one own row, or of none.
type verdict struct {
	status  graph.Status
	causes  map[string]bool
	changed map[string]bool
}

// view is the answers of one moment, as they are found feature by feature.
type view struct {
	*Oracle
	all      map[AnswerKey]*Answer
	suspects map[*Row]map[graph.FieldKey]bool // S3
	coming   map[graph.FeatureKey][]*coming
	done     map[graph.FeatureKey]bool
	failed   func(AnswerKey, *Answer) *Failure // the failure of this very work (S12), or nil
}

// Answers computes the answer for every key that is not fresh.
func (o *Oracle) Answers() map[AnswerKey]*Answer {
	return o.AnswersFailed(func(k AnswerKey, a *Answer) *Failure {
		if f := o.Failures[k]; f != nil && f.Work != "" && a.Work(k) == f.Work {
			return f
		}
		return nil
	})
}

// AnswersFailed is answers where failed says whether the work that a key has has failed.
func (o *Oracle) AnswersFailed(failed func(AnswerKey, *Answer) *Failure) map[AnswerKey]*Answer {
	v := &view{
		Oracle: o, all: map[AnswerKey]*Answer{}, suspects: map[*Row]map[graph.FieldKey]bool{},
		coming: map[graph.FeatureKey][]*coming{}, done: map[graph.FeatureKey]bool{}, failed: failed,
	}
	if g := o.Newest(); g != nil {
		for _, spec := range g.Features {
			v.answer(spec)
		}
	}
	return v.all
}

// Answer answers for a feature, after those that it reads.
func (o *view) answer(spec *graph.Feature) {
	if o.done[spec.Key] {
		return
	}
	o.done[spec.Key] = true
	for _, d := range spec.Deps {
		o.answer(o.Newest().Feature(d.Feature))
	}
	if len(spec.Deps) == 0 {
		o.answerRoot(spec)
	} else {
		o.answerFeature(spec)
	}
}

// Request marks the rows that a filter keeps and that come from below an offset (S10), whether they count now or not.
func (o *Oracle) Request(feature graph.FeatureKey, filter *graph.Filter, below func(*Row) bool) {
	for _, row := range o.Rows[feature] {
		if below(row) && (filter == nil || filter.Eval(func(name string) graph.Value { return row.Columns[name] }) == graph.True) {
			row.marked = true
		}
	}
}

func (o *view) answerRoot(spec *graph.Feature) {
	for _, s := range o.Samples(spec) {
		v := newVerdict()
		for _, field := range spec.Fields {
			if !o.current(spec, s.Row, field.Key) {
				v.causes["CODE_VERSION"], v.changed[string(field.Key)] = true, true
			}
		}
		v.conclude(spec, s.Row)
		a := o.say(spec, v, nil, graph.ScopeSample, spec.IDColumns, s.Columns, s.Row)
		o.suspect(spec, s.Row, a, nil, nil)
	}
}

// conclude adds a request (S10, S8) and makes the status.
func (v *verdict) conclude(spec *graph.Feature, own *Row) {
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
func (o *Oracle) judge(spec *graph.Feature, e *Expected, own *Row) verdict {
	v := newVerdict()
	switch {
	case !e.There:
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
		case own.Provenance[field.Key.StructName()] != e.Fields[field.Key]:
			v.causes["UPSTREAM_DATA"], v.changed[string(field.Key)] = true, true
		}
	}
	v.conclude(spec, own)
	return v
}

// judgeMissing gives the status where there is no own row (S4).
func judgeMissing(spec *graph.Feature, e *Expected) verdict {
	v := newVerdict()
	switch {
	case !e.There:
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

// place is one match key of a feature, with what is there.
type place struct {
	m      map[string]graph.Value
	input  bool // a dependency with all columns has a row
	owns   []Sample
	groups []Sample // one at most

	unsettled map[graph.FieldKey]bool // (c) of S3
}

// places finds the match keys at which something may be said; own rows without one are orphans (J2).
func (o *Oracle) places(spec *graph.Feature, join *Join, deps []*dep, orphan func(Sample)) map[string]*place {
	places := map[string]*place{}
	at := func(columns map[string]graph.Value) *place {
		name, m := placeAt(join.Match, columns)
		if m != nil && places[name] == nil {
			places[name] = &place{m: m}
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
	for _, s := range o.Samples(spec) {
		if p := at(s.Columns); p != nil {
			p.owns = append(p.owns, s)
		} else {
			orphan(s)
		}
	}
	for _, s := range o.Groups(spec, join) {
		p := at(s.Columns)
		p.groups = append(p.groups, s)
	}
	return places
}

func (o *view) answerFeature(spec *graph.Feature) {
	join := JoinOf(o.Newest().Graph, spec)
	deps := o.deps(spec, join)
	parents := o.Newest().Parents(spec.Key)
	settle := o.settles(spec)
	inputColumns, sampleColumns, missing := join.Match, slices.Concat(join.Match, join.Suffix), graph.ScopeInput
	if len(join.Suffix) == 0 && len(join.Match) == len(spec.IDColumns) {
		inputColumns, sampleColumns, missing = spec.IDColumns, spec.IDColumns, graph.ScopeSample
	}
	places := o.places(spec, join, deps, func(s Sample) {
		v := newVerdict()
		v.status, v.causes["UPSTREAM_MISSING"] = graph.Orphaned, true
		o.suspect(spec, s.Row, o.say(spec, v, nil, graph.ScopeSample, sampleColumns, s.Columns, s.Row), nil, nil)
	})
	for _, p := range places {
		e := o.expect(spec, deps, parents, p.m)
		p.unsettled = o.unsettled(spec, deps, parents, p.m)
		if e.There && settle && o.waits(spec, deps, parents, p.m) {
			e.ready = false // S3
		}
		if join.Expands {
			o.answerExpansion(spec, join, deps, p, e, sampleColumns)
			continue
		}
		if len(p.owns) == 0 {
			a := o.say(spec, judgeMissing(spec, e), e, missing, inputColumns, p.m, nil)
			o.comes(spec, deps, p, a)
		}
		for _, s := range p.owns {
			a := o.say(spec, o.judge(spec, e, s.Row), e, graph.ScopeSample, sampleColumns, s.Columns, s.Row)
			o.suspect(spec, s.Row, a, nil, p.unsettled)
		}
	}
}

// answerExpansion answers for a parent and its children (S6, S7).
func (o *view) answerExpansion(spec *graph.Feature, join *Join, deps []*dep, p *place, e *Expected, sampleColumns []string) {
	var group *Row
	var of verdict // of the group record
	if len(p.groups) > 0 {
		group = p.groups[0].Row
		of = o.judge(spec, e, group)
	}
	current := int64(0)
	for _, s := range p.owns {
		if o.judge(spec, e, s.Row).status == graph.Fresh {
			current++
		}
	}
	complete := group != nil && of.status == graph.Fresh && current == group.children
	family := newVerdict() // of the present rows that are not current
	children := make([]*Answer, len(p.owns))
	for i, s := range p.owns {
		v := o.judge(spec, e, s.Row)
		if complete && v.status != graph.Fresh {
			v = newVerdict()
			v.status, v.causes["SUPERSEDED"] = graph.Orphaned, true
		} else if v.status == graph.Stale {
			family.add(v)
		}
		children[i] = o.say(spec, v, e, graph.ScopeSample, sampleColumns, s.Columns, s.Row)
	}
	if group != nil && of.status == graph.Stale {
		family.add(of)
	}
	if group != nil && of.status == graph.Fresh && !complete {
		family.causes["INCOMPLETE"] = true
	}
	v := newVerdict()
	switch present := len(p.owns)+len(p.groups) > 0; {
	case !present && e.There, e.ready && e.There && join.Receipts && group == nil:
		v = judgeMissing(spec, e)
	case !e.There && (present || p.input):
		v.status, v.causes["UPSTREAM_MISSING"] = graph.Orphaned, true
	case !e.There:
	case !e.ready:
		v.status, v.causes["INPUT_PENDING"] = graph.Awaiting, true
	case len(family.causes) > 0:
		v = family
		v.status = graph.Stale
	}
	a := o.say(spec, v, e, graph.ScopeInput, join.Match, p.m, group)
	if a != nil {
		a.Children, a.NotCurrent = len(p.owns), len(p.owns)-int(current)
	}
	o.comes(spec, deps, p, a)
	for i, s := range p.owns {
		o.suspect(spec, s.Row, children[i], a, p.unsettled)
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
func (o *view) say(spec *graph.Feature, v verdict, e *Expected, scope graph.Scope,
	columns []string, row map[string]graph.Value, own *Row) *Answer {
	if v.status == graph.Fresh {
		return nil
	}
	a := &Answer{
		Scope: scope, Status: v.status, Version: o.Newest().Versions[spec.Key].Feature,
		Causes: slices.Sorted(maps.Keys(v.causes)), Changed: slices.Sorted(maps.Keys(v.changed)),
		Names: columns, IDNames: spec.IDColumns,
	}
	if scope == graph.ScopeInput {
		a.IDNames = columns
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
	a.Values, a.IDValues = usable(a.Names), usable(a.IDNames)
	switch {
	case v.status.Work() && e != nil:
		a.Expected = e
	case v.status.Work(): // a root
		a.Expected = &Expected{}
	}
	if own != nil {
		a.Source = fmt.Sprintf("%d/%d", own.Partition, own.Offset)
	}
	k := AnswerKey{spec.Key, string(graph.AppendKeyJSON(nil, a.Names, a.Values))}
	if o.all[k] != nil {
		panic(fmt.Sprintf("two answers for %v", k))
	}
	o.all[k] = a
	if a.Status.Work() {
		if f := o.failed(k, a); f != nil {
			a.fail(f)
		}
	}
	return a
}
