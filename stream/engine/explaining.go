package engine

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/freshline/freshline/graph"
)

// explaining is the work on one Explanation.
type explaining struct {
	view *View
	e    *Engine
	*Explanation
	f      *graph.FeaturePlan
	ev     *evaluation
	flags  map[int]map[string]graph.FieldSet // by dependency: what is suspect, by row
	newest map[int]*InputReason              // by dependency
	others []Wait                            // that do not block
	known  bool                              // there is a row, or an event
}

// run evaluates the match key as visit does, and keeps what it finds for one of its keys.
func (x *explaining) run(match, suffix []byte) {
	ev, e := x.ev, x.e
	ev.begin(match)
	ev.countFamily()
	page := e.page(ev.pagePrefix(), suffix)
	old := digestIn(page.entries, suffix)
	ev.inputFailed = ev.inputFails()
	scope, j, own := graph.ScopeSample, graph.Judgement{}, (*stored)(nil)
	if len(suffix) == 0 {
		scope, j, own = ev.judgeInput()
	} else if own = ev.own(suffix); own != nil {
		j = ev.family.JudgeChild(ev.f.Judge(&own.row, ev.presence, ev.expected))
	}
	x.known = own != nil || old != 0 || ev.seen.total > 0 || ev.family.Children > 0 || len(suffix) == 0 && ev.anyOwn()
	x.name(match, suffix, scope)
	x.takeOwn(own)
	x.takeInputs()
	x.takeGroup(scope)
	if !x.Open {
		x.Missing = x.view.Missing(x.f)
		return
	}
	x.Explanation.Expected = ev.presence != graph.Absent
	x.judge(suffix, scope, j, own, old)
	x.takeComing()
	x.takeFields(own)
	x.Newest = x.newestOf(x.Judgement)
}

// unknown reports that nothing is known of the key, as far as that can be said.
func (x *explaining) unknown() bool { return x.Open && !x.known }

// digestIn returns the digest of an entry of a page, 0 if it has none.
func digestIn(entries, suffix []byte) uint64 {
	for len(entries) > 0 {
		en, rest, ok := readEntry(entries)
		if !ok {
			return 0
		}
		if bytes.Equal(en.suffix, suffix) {
			return en.digest
		}
		entries = rest
	}
	return 0
}

// name sets key and id.
func (x *explaining) name(match, suffix []byte, scope graph.Scope) {
	s := x.f.Shape
	vals := values(values(nil, match), suffix)
	x.Scope = scope
	x.Key = x.ev.key(suffix, scope)
	names, ids := s.IDColumns, []graph.Value(nil)
	if scope == graph.ScopeInput {
		names, ids = s.InputColumns, s.InputIDs(nil, vals)
	} else {
		ids = s.SampleIDs(nil, vals)
	}
	for i, name := range names {
		x.ID = append(x.ID, graph.Column{Name: name, Value: ids[i]})
	}
}

// judge makes the event of the key, whether or not it has been emitted, and takes what it says.
func (x *explaining) judge(suffix []byte, scope graph.Scope, j graph.Judgement, own *stored, old uint64) {
	ev, e := x.ev, x.e
	e.out.Events = e.out.Events[:0]
	x.Judgement = j
	x.Emitted = ev.answer(suffix, scope, j, own, 0) == old
	if len(e.out.Events) == 0 {
		return
	}
	body := e.out.Events[0].Body
	x.Judgement, x.Failure = body.Judgement, body.Failure
	if j.Status.Work() {
		x.EventID = body.EventID
	}
}

func (x *explaining) takeOwn(own *stored) {
	if own == nil {
		return
	}
	x.Exists = true
	row := own.row
	row.Fields = slices.Clone(row.Fields)
	row.Columns = nil
	x.Recorded = &row
	x.Source = x.originOf(x.f, own)
	texts := make([]string, 0, len(row.Fields))
	for i := range row.Fields {
		texts = append(texts, row.Fields[i].Provenance)
	}
	x.Provenance.Recorded = x.e.hasher.Provenance(x.e.plan, texts)
}

// originOf names the record that wrote a row.
func (x *explaining) originOf(f *graph.FeaturePlan, s *stored) Origin {
	return Origin{Topic: x.e.cfg.Topic(f), Partition: s.partition, Offset: s.offset, Time: s.time, Trace: s.trace}
}

func (x *explaining) takeGroup(scope graph.Scope) {
	if !x.f.Expands {
		return
	}
	family := &x.ev.family
	if scope == graph.ScopeInput {
		x.Children, x.NotCurrent = family.Children, family.NotCurrent
	}
	if family.HasGroup() && x.ev.groupRow != nil {
		x.Group = &GroupReason{Counted: x.ev.groupRow.row.Children, Complete: family.Complete(), Source: x.originOf(x.f, x.ev.groupRow)}
	}
}

// takeFields compares field by field, sorted by key.
func (x *explaining) takeFields(own *stored) {
	expected := x.ev.expected
	if expected != nil {
		x.Provenance.Expected = expected.Provenance
	}
	for i, field := range x.f.Fields {
		r := FieldReason{Field: field.Key, Changed: x.Judgement.Changed.Has(i), Version: field.Version}
		r.VersionSince, _ = x.e.history.Since(x.f.Key, field.Key)
		if expected != nil {
			r.Expected = expected.Fields[i]
		}
		if own != nil {
			if named := own.row.Field(field.Struct); named != nil {
				r.Recorded, r.DataVersion = named.Provenance, named.DataVersion
			}
			if own.row.HasVersion {
				r.WasVersion = x.e.history.FieldVersions(x.f.Key, own.row.Version)[field.Key]
			}
		}
		x.Fields = append(x.Fields, r)
	}
	slices.SortFunc(x.Fields, func(a, b FieldReason) int { return strings.Compare(string(a.Field), string(b.Field)) })
}

// takeInputs lists the inputs as an event would (E6).
func (x *explaining) takeInputs() {
	ev := x.ev
	x.InputsTotal = ev.seen.total
	if len(ev.match) == 0 || ev.null || len(ev.inputs) < len(x.f.Deps) {
		return
	}
	for i, d := range x.f.Deps {
		if x.Open && !d.Spec.Optional && !ev.inputs[i].Present {
			x.Absent = append(x.Absent, d.Upstream.Key)
		}
	}
	list := ev.listInputs()
	if list == nil {
		return
	}
	for i := range list.List {
		row := &ev.seen.rows[i]
		var s stored
		if err := s.decodeState(row.value); err != nil {
			x.e.fail(err)
			return
		}
		x.Inputs = append(x.Inputs, x.inputReason(row.dep, row.key, &s, list.List[i]))
	}
}

func (x *explaining) inputReason(dep int, key []byte, s *stored, input EventInput) InputReason {
	d := x.f.Deps[dep]
	return InputReason{
		EventInput: input,
		Key:        x.ev.upstreamKey(d, &inputRow{dep: dep, key: key}, s),
		Version:    s.row.Version, HasVersion: s.row.HasVersion,
		Source: x.originOf(d.Upstream, s),
	}
}

// see is told of every input while it is gathered, also of those that an event would not list.
func (x *explaining) see(dep int, key []byte, s *stored) {
	was := x.newest[dep]
	if at := x.originOf(x.f.Deps[dep].Upstream, s); was == nil || laterWrite(at, was.Source) {
		next := x.inputReason(dep, key, s, EventInput{Feature: x.f.Deps[dep].Upstream.Key})
		x.newest[dep] = &next
	}
	x.seeWait(dep, key, s)
}

// laterWrite orders writes of different topics by their time, which is that of who wrote them; within one
// topic, and where times are the same, by offset.
func laterWrite(a, b Origin) bool {
	if a.Time != b.Time {
		return a.Time > b.Time
	}
	return a.Offset > b.Offset
}

// newestOf returns the input that was written last of those that a changed field reads, or of all where
// no field has changed.
func (x *explaining) newestOf(j graph.Judgement) (best *InputReason) {
	for dep := range x.f.Deps {
		in := x.newest[dep]
		if in == nil || !j.Changed.Empty() && !x.reads(j.Changed, dep) {
			continue
		}
		if best == nil || laterWrite(in.Source, best.Source) {
			best = in
		}
	}
	return best
}

// reads reports whether one of some fields reads a dependency.
func (x *explaining) reads(fields graph.FieldSet, dep int) bool {
	for i, field := range x.f.Fields {
		if fields.Has(i) && slices.ContainsFunc(field.Parents, func(p graph.ParentPlan) bool { return p.Dep == dep }) {
			return true
		}
	}
	return false
}

// rowName names a row as flags do: the rest of its key, and its source.
func rowName(key []byte, s *stored) string {
	return string(binary.BigEndian.AppendUint64(append(slices.Clone(key), tupleEnd), s.source))
}
