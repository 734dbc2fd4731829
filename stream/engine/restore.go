package engine

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/state"
)

// Recovery reads the logs that the state is a view of. Records of rows go through Resolve, as
// live ones do; what was emitted is read from the staleness topics, and what a router has filed
// from rows. None of it emits anything: Work, afterwards, evaluates what was touched, and a
// sweep what was read without being touched.

// RestoreEvent takes over what was last emitted for a key, as a staleness topic has it: the
// digest that the record carries, 0 for a tombstone. The key is touched: the row that it answered may
// have gone again, and compaction may have taken that row. The graph log must have been read to its end.
// Keys of a feature or a shape that no graph had are not ours; they are left alone and false is returned.
func (e *Engine) RestoreEvent(q int32, feature graph.FeatureKey, key []byte, digest uint64) (bool, error) {
	names, vals, err := graph.ParseKeyJSON(key)
	if err != nil {
		return false, nil
	}
	known := false
	for _, shape := range e.history.Shapes(feature) {
		match, suffix, ok := e.locate(q, shape, names, vals)
		if !ok {
			continue
		}
		// One key has one event: of the shapes that have the key the newest has the entry.
		e.setEntry(e.pagesOf(q, shape, match), suffix, func(uint64) uint64 { return digest })
		digest, known = 0, true
		if f := e.plan.Feature(feature); f != nil && f.Shape.Name == shape.Name && e.resolvers[q] != nil {
			j := e.resolvers[q].job(f, match, len(f.Layout), Origin{})
			if len(suffix) > 0 {
				j.suffixes[string(suffix)] = struct{}{}
			}
		}
	}
	return known, e.err
}

// locate finds where the event of a key stands under a shape: the tuple of its match key, and its suffix.
// ok is false where the shape has no such key, or has it in another partition.
func (e *Engine) locate(q int32, shape *graph.Shape, names []string, vals []graph.Value) (match, suffix []byte, ok bool) {
	ordered, sample, ok := shape.Parse(names, vals)
	if !ok {
		return nil, nil, false
	}
	join := graph.AppendTuple(nil, ordered[:shape.K]...)
	if graph.Partition(join, e.cfg.Partitions) != q {
		return nil, nil, false
	}
	if sample {
		suffix = graph.AppendTuple(nil, ordered[len(shape.Layout):]...)
	}
	return graph.AppendTuple(join, ordered[shape.K:len(shape.Layout)]...), suffix, true
}

// pagesOf is the prefix of the pages of a match key.
func (e *Engine) pagesOf(q int32, shape *graph.Shape, match []byte) []byte {
	join, rest, ok := cut(match, shape.K)
	if !ok {
		e.fail(errRowsKey)
	}
	name := nameOf(shape.Name)
	return append(append(joinedKey(nil, q, join, sectionPages, name[:]), rest...), tupleEnd)
}

// SourceOf returns the log whose task filed a record of rows; ok is false for records that no
// router restores.
func SourceOf(key []byte) (source Source, ok bool) {
	k, err := parseRowsKey(key)
	if err != nil || k.kind != recordOwn && k.kind != recordEdge && k.kind != recordMark {
		return source, false
	}
	return k.source, true
}

// RestoreFiled takes over what the task of a log (SourceOf) has filed, as a record of rows says
// it. Records of logs without a task here are left alone.
func (e *Engine) RestoreFiled(key, value []byte) error {
	k, err := parseRowsKey(key)
	if err != nil {
		return err
	}
	r := e.routers[k.source]
	if r == nil {
		return nil
	}
	switch k.kind {
	case recordMark:
		marked := append(taskKey(nil, prefixMarked, r.task), k.edge[:]...)
		if value == nil {
			e.st.Delete(marked)
		} else {
			e.st.Set(marked, nil)
		}
	case recordOwn, recordEdge:
		e.restoreFiled(r, &k, value)
	}
	return e.err
}

func (e *Engine) restoreFiled(r *router, k *rowsKey, value []byte) {
	f, _ := e.filed(r, k.record)
	at := place{edge: k.edge, join: string(k.join), rest: string(k.rest)}
	switch {
	case k.kind == recordOwn && value != nil:
		f.setOwn(at, value)
	case k.kind == recordOwn:
		f.dropOwn(at)
	case k.kind == recordEdge:
		f.edges = slices.DeleteFunc(f.edges, func(e filedEdge) bool { return e.place == at })
		if value != nil {
			f.edges = append(f.edges, filedEdge{place: at, digest: xxhash.Sum64(seenOf(value))})
		}
	}
	if k.kind == recordOwn {
		e.reindex(r, f, k.record)
		e.remark(f)
	}
	stateKey := append(taskKey(nil, prefixFiled, r.task), k.record...)
	if f.own.zero() && len(f.edges) == 0 {
		e.st.Delete(stateKey)
		return
	}
	e.st.Set(stateKey, f.append(nil))
}

// SweepAll asks for every key of a resolver task to be visited again: after its state has been
// rebuilt, or read from an older Badger.
func (e *Engine) SweepAll(q int32) error {
	r := e.resolvers[q]
	if r == nil {
		return ErrNoTask
	}
	e.st.Delete(partKey(nil, q, partGraph))
	r.forget()
	clear(r.jobs)
	return e.err
}

// RescanAll asks for everything that a router task has filed to be filed again: after its state
// has been rebuilt.
func (e *Engine) RescanAll(source Source) error {
	r := e.routers[source]
	if r == nil {
		return ErrNoTask
	}
	e.st.Delete(taskKey(nil, prefixScan, r.task))
	r.begun = false
	return e.err
}

// Prefixes returns what the keys of the engine begin with.
func Prefixes() [][]byte {
	return [][]byte{{prefixFiled}, {prefixByIDs}, {prefixMarked}, {prefixScan}, {prefixRequests}, {prefixState}}
}

// ResolverPrefix is the prefix of all that the state has of a resolver task, RouterPrefixes of a
// router task: what to drop when a rebuild begins.
func ResolverPrefix(q int32) []byte {
	return binary.BigEndian.AppendUint16([]byte{prefixState}, uint16(q))
}

// RouterPrefixes returns the prefixes of all that the state has of a router task.
func RouterPrefixes(source Source) [][]byte {
	var prefixes [][]byte
	for _, kind := range []byte{prefixFiled, prefixByIDs, prefixMarked, prefixScan, prefixRequests} {
		prefixes = append(prefixes, taskKey(nil, kind, source.hash()))
	}
	return prefixes
}

// Sample is what the state has of one sample of a feature.
type Sample struct {
	Match  []graph.Value // in the order of the feature's Layout
	Suffix []graph.Value // of the feature's Suffix
	Row    graph.Row
	Source Source // of the write; Topic is that of the feature
	Offset int64
}

// ErrUnknownFeature says that the graph in force has no such feature.
var ErrUnknownFeature = errors.New("the graph in force has no such feature")

// ByID finds a sample of a feature by its own ids (values in the order of the id columns) in one
// partition of rows; nil if it is not there.
func (e *Engine) ByID(view state.Reader, q int32, feature graph.FeatureKey, ids []graph.Value) (*Sample, error) {
	f := e.plan.Feature(feature)
	if f == nil {
		return nil, ErrUnknownFeature
	}
	match, suffix := f.Shape.FromIDs(ids)
	places := [][]graph.Value{match}
	if match == nil {
		places = nil
		prefix := byIDKey(q, f.Own, ids)
		if err := view.Scan(prefix, prefixAbove(prefix), func(key, _ []byte) bool {
			places = append(places, values(nil, key[len(prefix):]))
			return true
		}); err != nil {
			return nil, err
		}
	}
	var found *Sample
	for _, match := range places {
		if err := e.samples(view, q, f, match, suffix, func(s *Sample) bool {
			if found == nil || s.Offset > found.Offset {
				found = s
			}
			return true
		}); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// ByParent calls fn for the samples of a feature with a match key (values in the order of the
// columns of M, as an event's key has them) in one partition of rows, in the order of their ids,
// until it returns false.
func (e *Engine) ByParent(view state.Reader, q int32, feature graph.FeatureKey, match []graph.Value, fn func(*Sample) bool) error {
	f := e.plan.Feature(feature)
	if f == nil {
		return ErrUnknownFeature
	}
	return e.samples(view, q, f, f.Shape.FromInput(match), nil, fn)
}

func (e *Engine) samples(view state.Reader, q int32, f *graph.FeaturePlan, match, suffix []graph.Value, fn func(*Sample) bool) error {
	base := joinedKey(nil, q, graph.AppendTuple(nil, match[:f.K]...), sectionRows, f.Own.Name[:])
	prefix := graph.AppendTuple(bytes.Clone(base), match[f.K:]...)
	prefix = graph.AppendTuple(prefix, suffix...)
	var fault error
	err := view.Scan(prefix, append(bytes.Clone(prefix), tupleTop), func(key, value []byte) bool {
		var s stored
		if fault = s.decodeState(value); fault != nil {
			return false
		}
		s.row.Columns = s.columns(nil)
		rest := values(nil, key[len(base):len(key)-8-1])
		at := len(f.Layout) - f.K
		return fn(&Sample{
			Match: slices.Clone(match), Suffix: rest[at:], Row: s.row,
			Source: Source{Topic: e.cfg.Topic(f), Partition: s.partition}, Offset: s.offset,
		})
	})
	return errors.Join(err, fault)
}

// CountChildren counts the samples of a parent and those that are not fresh, now (S6); the match
// key is in the order of the columns of M. Begin must have been called.
func (e *Engine) CountChildren(q int32, f *graph.FeaturePlan, match []graph.Value) (children, notCurrent int64, err error) {
	if !f.Expands {
		return 0, 0, nil
	}
	layout := f.Shape.FromInput(match)
	ev := e.evaluate(&resolver{q: q}, &job{feature: f}, 0)
	ev.begin(graph.AppendTuple(nil, layout...))
	ev.countFamily()
	return ev.family.Children, ev.family.NotCurrent, e.err
}
