package enginetest

import (
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream/engine"
)

// Job is what an event offers, as far as a worker goes by it.
type Job struct {
	AnswerKey
	Scope    graph.Scope
	Status   graph.Status
	Version  string            // of the feature
	Expected map[string]string // provenance by struct name; nil of a root
	ID       map[string]graph.Value
}

// Send is a write of a feature.
type Send struct {
	Feature graph.FeatureKey
	*engine.Write
}

// Worker answers jobs as workers do: with what the event expects, or, where it is careless, with less, or late and
// under an older version.
type Worker struct {
	Oracle   *Oracle
	Writes   *WriteMaker
	R        *rand.Rand
	Careless bool
}

// Do returns the writes that answer a job, in the order of a worker: of an expansion its record comes last. It
// returns none where there is nothing to do.
func (w *Worker) Do(job *Job) []Send {
	switch {
	case job.Status == graph.Orphaned && job.Scope == graph.ScopeSample:
		if w.Careless && Chance(w.R, 50) {
			return nil
		}
		return w.remove(job)
	case !job.Status.Work():
		return nil
	}
	spec := w.Oracle.Newest().Feature(job.Feature)
	names, values, err := graph.ParseKeyJSON([]byte(job.Key))
	if spec == nil || err != nil || slices.ContainsFunc(values, func(v graph.Value) bool { return !v.Usable() }) {
		return nil
	}
	columns := map[string]graph.Value{}
	for i, name := range names {
		columns[name] = values[i]
	}
	join := JoinOf(w.Oracle.Newest().Graph, spec)
	switch {
	case job.Scope == graph.ScopeSample:
	case join.Expands:
		if !sameNames(names, join.Match) {
			return nil // the event is of an earlier graph
		}
		return w.expand(job, spec, join, columns)
	default:
		for _, id := range join.Suffix {
			columns[id] = Pick(w.R, w.Writes.Domain[id])
		}
	}
	return []Send{w.sample(job, spec, columns)}
}

func sameNames(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// remove deletes every record that holds a sample.
func (w *Worker) remove(job *Job) (sends []Send) {
	var records []string
	for key, row := range w.Oracle.Rows[job.Feature] {
		same := true
		for name, v := range job.ID {
			same = same && row.Columns[name] == v
		}
		if same {
			records = append(records, key.Record)
		}
	}
	slices.Sort(records)
	for _, record := range records {
		sends = append(sends, Send{job.Feature, &engine.Write{Key: []byte(record), Delete: true}})
	}
	return sends
}

// expand splits a parent (again): it writes the children that are there, or new ones, and sometimes, always where
// that is required or there is one, the record of how many there are (S7).
func (w *Worker) expand(job *Job, spec *graph.Feature, join *Join, columns map[string]graph.Value) (sends []Send) {
	at := func(s Sample) bool {
		return !slices.ContainsFunc(join.Match, func(id string) bool { return s.Columns[id] != columns[id] })
	}
	var children []map[string]graph.Value
	for _, s := range w.Oracle.Samples(spec) {
		if at(s) {
			child := maps.Clone(columns)
			for _, id := range join.Suffix {
				child[id] = s.Columns[id]
			}
			children = append(children, child)
		}
	}
	group := slices.ContainsFunc(w.Oracle.Groups(spec, join), at)
	if len(children) == 0 && (!group || Chance(w.R, 50)) {
		for range 1 + w.R.IntN(3)*w.R.IntN(2) {
			child := maps.Clone(columns)
			for _, id := range join.Suffix {
				child[id] = Pick(w.R, w.Writes.Domain[id])
			}
			if !slices.ContainsFunc(children, func(o map[string]graph.Value) bool { return maps.Equal(o, child) }) {
				children = append(children, child)
			}
		}
	}
	for _, child := range children {
		if !w.Careless || !Chance(w.R, 20) {
			sends = append(sends, w.sample(job, spec, maps.Clone(child)))
		}
	}
	if !group && !join.Receipts && !Chance(w.R, 30) {
		return sends
	}
	n := len(children)
	if w.Careless && Chance(w.R, 20) {
		n = w.R.IntN(4)
	}
	rec := NewRecord(columns)
	rec.FeatureVersion, rec.Children = graph.String(job.Version), graph.Int(int64(n))
	FillMaps(rec, w.provenance(job), nil)
	return append(sends, Send{spec.Key, &engine.Write{Key: w.Writes.RecordKey(string(spec.Key), join.Match, columns), Record: rec}})
}

// provenance is what the event expects, of every field of its version.
func (w *Worker) provenance(job *Job) map[string]string {
	texts := map[string]string{}
	for field := range w.Oracle.FieldsOf(len(w.Oracle.Graphs), job.Feature, job.Version) {
		texts[field.StructName()] = "root"
		if text, ok := job.Expected[field.StructName()]; ok {
			texts[field.StructName()] = text
		}
	}
	return texts
}

func (w *Worker) sample(job *Job, spec *graph.Feature, columns map[string]graph.Value) Send {
	w.Writes.Fill(string(spec.Key), columns)
	rec := NewRecord(columns)
	rec.FeatureVersion = graph.String(job.Version)
	provenance, data := w.provenance(job), map[string]string(nil)
	if fields := slices.Sorted(maps.Keys(provenance)); w.Careless && len(fields) > 0 {
		switch n := w.R.IntN(20); {
		case n == 0:
			provenance[Pick(w.R, fields)] = "wrong"
		case n == 1: // no version
			rec.FeatureVersion = graph.Null()
		case n == 2: // late
			version := w.Oracle.SomeVersion(w.R, spec.Key)
			rec.FeatureVersion = graph.String(version)
			for key := range w.Oracle.FieldsOf(len(w.Oracle.Graphs), spec.Key, version) {
				if _, ok := provenance[key.StructName()]; !ok {
					provenance[key.StructName()] = "old"
				}
			}
		case n < 6:
			data = map[string]string{Pick(w.R, fields): Pick(w.R, []string{"d1", "d2"})}
		}
	}
	FillMaps(rec, provenance, data)
	return Send{spec.Key, &engine.Write{Key: w.Writes.RecordKey(string(spec.Key), spec.IDColumns, columns), Record: rec}}
}
