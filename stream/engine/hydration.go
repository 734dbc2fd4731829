package engine

import (
	"encoding/binary"
	"slices"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/state"
)

// A feature is open in a partition once all its edges are marked by every task of their logs,
// and, where a push has moved its keys, once every partition has taken back what it had under
// the earlier join key (E4). Only open features are evaluated; opening one starts a sweep.

// applyMark keeps or takes back a mark of hydration.
func (e *Engine) applyMark(r *resolver, k *rowsKey, value []byte) {
	key := binary.BigEndian.AppendUint64(append(partKey(nil, r.q, partMarks), k.edge[:]...), k.source.hash())
	if value == nil {
		e.st.Delete(key)
	} else {
		e.st.Set(key, value)
	}
	r.forget()
}

// applyMoved keeps the mark of a partition that has taken back.
func (e *Engine) applyMoved(r *resolver, k *rowsKey) {
	key := append(partKey(nil, r.q, partMoved), k.edge[:]...)
	e.st.Set(binary.BigEndian.AppendUint32(key, uint32(k.source.Partition)), nil)
	r.forget()
}

// load reads the marks of a task from its state.
func (e *Engine) load(r *resolver) {
	if r.ready {
		return
	}
	r.ready = true
	r.marks, r.moved = map[graph.EdgeName]*hydration{}, map[uint64]int32{}
	prefix := partKey(nil, r.q, partMarks)
	e.scan(prefix, state.PrefixEnd(prefix), func(key, value []byte) bool {
		b := byteReader{b: value}
		name := graph.EdgeName(key[len(prefix):])
		h := r.marks[name]
		if h == nil {
			h = &hydration{}
			r.marks[name] = h
		}
		h.have++
		h.want = max(h.want, int32(b.uvarint()))
		return true
	})
	prefix = partKey(nil, r.q, partMoved)
	e.scan(prefix, state.PrefixEnd(prefix), func(key, _ []byte) bool {
		r.moved[binary.BigEndian.Uint64(key[len(prefix):])]++
		return true
	})
	e.loadJudged(r)
	e.loadHeld(r)
}

// hydrated reports whether a feature may be evaluated.
func (e *Engine) hydrated(r *resolver, a *applied, f *graph.FeaturePlan) bool {
	if !r.marked(f.Own) || !e.judgedInputs(r, a, f) {
		return false
	}
	for _, d := range f.Deps {
		if !r.marked(d.Edge) {
			return false
		}
	}
	return f.Moved == 0 || r.moved[f.Moved] >= e.cfg.Partitions
}

// reshaped reports whether pages of an earlier shape of the feature may still be there: until they
// are gone, or have become pages of this one, what was last emitted is not known.
func (e *Engine) reshaped(a *applied, f *graph.FeaturePlan) bool {
	return len(e.history.Shapes(f.Key)) > 1 && !slices.Contains(a.shapes, f.Shape.Name)
}

func (r *resolver) marked(edge *graph.Edge) bool {
	h := r.marks[edge.Name]
	return h != nil && h.have >= h.want
}

// applied is what a resolver task has done under a graph. Its bytes: uvarint number of the graph;
// uvarint number of open features; their keys; uvarint number of moves for which it has said
// that it has taken back; their names; uvarint number of shapes for which a sweep has cleared
// the pages of earlier ones; their names; uvarint number of features whose rows it has judged since the
// state was begun; their names (judged.go).
type applied struct {
	graph  int64
	open   []graph.FeatureKey
	moves  []uint64
	shapes []uint64
	judged []uint64
}

func (e *Engine) applied(r *resolver) (a applied, ok bool) {
	value, ok := e.get(partKey(e.key[:0], r.q, partGraph))
	if !ok {
		return a, false
	}
	b := byteReader{b: value}
	a.graph = int64(b.uvarint())
	for n := b.uvarint(); n > 0 && !b.bad; n-- {
		a.open = append(a.open, graph.FeatureKey(b.bytes()))
	}
	for _, list := range []*[]uint64{&a.moves, &a.shapes, &a.judged} {
		for n := b.uvarint(); n > 0 && !b.bad; n-- {
			if name := b.take(8); name != nil {
				*list = append(*list, binary.BigEndian.Uint64(name))
			}
		}
	}
	return a, !b.bad
}

func (e *Engine) setApplied(r *resolver, a applied) {
	value := binary.AppendUvarint(nil, uint64(a.graph))
	value = binary.AppendUvarint(value, uint64(len(a.open)))
	for _, key := range a.open {
		value = appendText(value, string(key))
	}
	for _, names := range [][]uint64{a.moves, a.shapes, a.judged} {
		value = binary.AppendUvarint(value, uint64(len(names)))
		for _, name := range names {
			value = binary.BigEndian.AppendUint64(value, name)
		}
	}
	e.st.Set(partKey(e.key[:0], r.q, partGraph), value)
}

// openFeatures brings the task up to the graph in force and to the marks that it has, and starts
// the sweeps that this asks for.
func (e *Engine) openFeatures(r *resolver) {
	if r.open {
		return
	}
	r.open = true
	e.load(r)
	a, ok := e.applied(r)
	changed := false
	if !ok || a.graph != e.plan.Number {
		e.forgetJudged(r, &a)
		a = applied{graph: e.plan.Number, moves: a.moves, judged: a.judged, shapes: slices.DeleteFunc(a.shapes, func(name uint64) bool {
			return !slices.ContainsFunc(e.plan.Features, func(f *graph.FeaturePlan) bool { return f.Shape.Name == name })
		})}
		e.dropDirty(r) // the sweep visits every key
		e.triggerSweep(r, nil, Origin{Topic: "", Offset: e.plan.Number})
		changed = true
	}
	for _, f := range e.plan.Features {
		if slices.Contains(a.open, f.Key) || !e.hydrated(r, &a, f) || e.reshaped(&a, f) {
			continue
		}
		a.open = append(a.open, f.Key)
		e.triggerSweep(r, f, Origin{Offset: e.plan.Number})
		changed = true
	}
	if changed {
		e.setApplied(r, a)
	}
	r.opened, r.judging = a.open, r.judging[:0]
	for _, f := range e.plan.Features {
		if f.Watched && r.isOpen(f) && !slices.Contains(a.judged, f.Judged) {
			r.judging = append(r.judging, f)
		}
	}
}

// isOpen reports whether a feature is evaluated.
func (r *resolver) isOpen(f *graph.FeaturePlan) bool { return slices.Contains(r.opened, f.Key) }
