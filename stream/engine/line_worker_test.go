package engine_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream/engine"
	"github.com/freshline/freshline/stream/engine/enginetest"
)

// lineWorker answers what is offered as lines of a replay file.
type lineWorker struct {
	*oracleReplay
	r        *rand.Rand
	writes   *enginetest.WriteMaker
	careless bool // it writes less, or late, or the wrong thing
	same     bool // it splits a parent again into the samples that it had
}

// answer returns the lines that do the work of a key, in the order of a worker: of an expansion its
// record comes last.
func (w *lineWorker) answer(k enginetest.AnswerKey, a *enginetest.Answer) [][]byte {
	spec := w.Newest().Feature(k.Feature)
	columns := map[string]graph.Value{}
	for i, name := range a.Names {
		if !a.Values[i].IsNull() {
			columns[name] = a.Values[i]
		}
	}
	switch {
	case a.Status == graph.Orphaned && a.Scope == graph.ScopeSample:
		if w.careless && enginetest.Chance(w.r, 50) {
			return nil
		}
		return w.remove(spec, a.IDValues)
	case a.Status == graph.Orphaned:
		return w.removeGroup(spec, columns)
	case !a.Status.Work() || a.Status == graph.Failed && w.careless:
		return nil
	case a.Scope == graph.ScopeSample:
		return [][]byte{w.sample(spec, columns, a)}
	}
	join := enginetest.JoinOf(w.Newest().Graph, spec)
	if join.Expands {
		return w.expansion(spec, join, columns, a)
	}
	for _, id := range join.Suffix {
		columns[id] = enginetest.Pick(w.r, w.writes.Domain[id])
	}
	return [][]byte{w.sample(spec, columns, a)}
}

// remove deletes a sample.
func (w *lineWorker) remove(spec *graph.Feature, ids []graph.Value) [][]byte {
	text := append([]byte(`{"delete":`), graph.AppendJSONString(nil, string(spec.Key))...)
	text = graph.AppendKeyJSON(append(text, `,"row":`...), spec.IDColumns, ids)
	return [][]byte{append(text, '}')}
}

// removeGroup deletes the record of an expansion, if there is one.
func (w *lineWorker) removeGroup(spec *graph.Feature, columns map[string]graph.Value) [][]byte {
	join := enginetest.JoinOf(w.Newest().Graph, spec)
	for _, s := range w.Groups(spec, join) {
		if slices.Equal(s.IDs, valuesOf(columns, join.Match)) {
			text := append([]byte(`{"delete":`), graph.AppendJSONString(nil, string(spec.Key))...)
			text = graph.AppendKeyJSON(append(text, `,"row":`...), join.Match, s.IDs)
			return [][]byte{append(text, '}')}
		}
	}
	return nil
}

func valuesOf(columns map[string]graph.Value, names []string) []graph.Value {
	values := make([]graph.Value, len(names))
	for i, name := range names {
		values[i] = columns[name]
	}
	return values
}

// sample writes one sample: the columns of the row that is there, new ones where there is none.
func (w *lineWorker) sample(spec *graph.Feature, key map[string]graph.Value, a *enginetest.Answer) []byte {
	columns, ids := maps.Clone(key), valuesOf(key, spec.IDColumns)
	old := map[string]string{}
	var was *enginetest.Row
	for _, s := range w.Samples(spec) {
		if slices.Equal(s.IDs, ids) {
			was = s.Row
		}
	}
	if was != nil {
		old = was.Provenance
		for name, value := range was.Columns {
			if _, ok := columns[name]; !ok && name != graph.ColumnChildren {
				columns[name] = value
			}
		}
	} else {
		w.writes.Fill(string(spec.Key), columns)
	}
	rec := enginetest.NewRecord(columns)
	rec.FeatureVersion = graph.String(a.Version)
	provenance := map[string]string{}
	for _, field := range spec.Fields {
		name := field.Key.StructName()
		if provenance[name] = a.Expected.Fields[field.Key]; len(spec.Deps) == 0 {
			provenance[name] = "root"
			if text, ok := old[name]; ok {
				provenance[name] = text
			}
		}
	}
	var data map[string]string
	if w.careless {
		data = w.spoil(spec, rec, provenance)
	} else if was != nil && len(spec.Deps) == 0 {
		data = was.Data
	}
	enginetest.FillMaps(rec, provenance, data)
	return writeJSON(spec.Key, &engine.Write{Record: rec})
}

// spoil spoils what a worker writes, sometimes.
func (w *lineWorker) spoil(spec *graph.Feature, rec *graph.Record, provenance map[string]string) map[string]string {
	switch n := w.r.IntN(20); {
	case n == 0:
		provenance[enginetest.Pick(w.r, spec.Fields).Key.StructName()] = "wrong"
	case n == 1: // no version
		rec.FeatureVersion, rec.HasVersion = graph.Null(), true
	case n == 2: // late
		version := w.SomeVersion(w.r, spec.Key)
		rec.FeatureVersion = graph.String(version)
		for key := range w.FieldsOf(len(w.Graphs), spec.Key, version) {
			if _, ok := provenance[key.StructName()]; !ok {
				provenance[key.StructName()] = "old"
			}
		}
	case n < 6:
		return map[string]string{enginetest.Pick(w.r, spec.Fields).Key.StructName(): enginetest.Pick(w.r, []string{"d1", "d2"})}
	}
	return nil
}

// expansion expands a parent (again): the children that are there or new ones, then the record of
// how many they are, where there is one or must be, or where nothing came of it (S7).
func (w *lineWorker) expansion(spec *graph.Feature, join *enginetest.Join, columns map[string]graph.Value, a *enginetest.Answer) (lines [][]byte) {
	at := func(s enginetest.Sample) bool {
		return slices.Equal(s.Values(join.Match), valuesOf(columns, join.Match))
	}
	var children []map[string]graph.Value
	for _, s := range w.Samples(spec) {
		if at(s) {
			child := maps.Clone(columns)
			for _, id := range join.Suffix {
				child[id] = s.Columns[id]
			}
			children = append(children, child)
		}
	}
	group := slices.ContainsFunc(w.Groups(spec, join), at)
	var left []map[string]graph.Value
	if len(children) == 0 && !(w.same && group) || !w.same && enginetest.Chance(w.r, 20) { // another split
		n := w.r.IntN(len(children) + 1)
		children, left = slices.Clone(children[:n]), children[n:]
		for i := range w.r.IntN(3) {
			if child := w.child(join, columns, i); !slices.ContainsFunc(children, func(o map[string]graph.Value) bool { return maps.Equal(o, child) }) {
				children = append(children, child)
				left = slices.DeleteFunc(left, func(o map[string]graph.Value) bool { return maps.Equal(o, child) })
			}
		}
	}
	for _, child := range left {
		if !w.careless {
			lines = append(lines, w.remove(spec, valuesOf(child, spec.IDColumns))...)
		}
	}
	for _, child := range enginetest.Some(w.r, children, len(children)) {
		if !w.careless || !enginetest.Chance(w.r, 20) {
			lines = append(lines, w.sample(spec, child, a))
		}
	}
	if !group && !join.Receipts && enginetest.Chance(w.r, 70) && (w.careless || len(children) > 0) {
		return lines
	}
	n := len(children)
	if w.careless && enginetest.Chance(w.r, 20) {
		n = w.r.IntN(4)
	}
	rec := enginetest.NewRecord(columns)
	rec.FeatureVersion, rec.Children = graph.String(a.Version), graph.Int(int64(n))
	provenance := map[string]string{}
	for _, field := range spec.Fields {
		provenance[field.Key.StructName()] = a.Expected.Fields[field.Key]
	}
	enginetest.FillMaps(rec, provenance, nil)
	return append(lines, writeJSON(spec.Key, &engine.Write{Record: rec}))
}

// child gives a parent's sample its ids: those of a careful worker are no other parent's.
func (w *lineWorker) child(join *enginetest.Join, columns map[string]graph.Value, i int) map[string]graph.Value {
	child := maps.Clone(columns)
	for _, id := range join.Suffix {
		if w.careless {
			child[id] = enginetest.Pick(w.r, w.writes.Domain[id])
		} else {
			child[id] = graph.String(fmt.Sprintf("%s%d", graph.AppendKeyJSON(nil, join.Match, valuesOf(columns, join.Match)), i))
		}
	}
	return child
}
