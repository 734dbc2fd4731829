package engine

import (
	"encoding/binary"
	"slices"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/state"
)

// A reader on a settle edge must not answer before what is suspect of its inputs has been said (E4).
// So a resolver task says, in every partition of rows, that it has judged all that it has of a
// feature that somebody waits for: once, when the first sweep of the feature and the dirty keys that
// this left are done. The mark's name (FeaturePlan.Judged) is of all that the flags are made of, so a push
// that changes that asks for new marks, and others do not. Flags come before the mark, from the same
// task, in one order.
//
// Flags of the own edge are not in rows. So where they are read the task must also have judged the
// feature itself since its state was begun; that is kept in applied.
const (
	recordJudged = 'j'
	partJudged   = 'J'
)

// applyJudged keeps or takes back the mark of a partition.
func (e *Engine) applyJudged(r *resolver, k *rowsKey, value []byte) {
	key := append(partKey(nil, r.q, partJudged), k.edge[:]...)
	key = binary.BigEndian.AppendUint32(key, uint32(k.source.Partition))
	if value == nil {
		e.st.Delete(key)
	} else {
		e.st.Set(key, nil)
	}
	r.forget()
}

// loadJudged reads the marks of a task from its state.
func (e *Engine) loadJudged(r *resolver) {
	r.judged, r.ours = map[uint64]int32{}, map[uint64]bool{}
	prefix := partKey(nil, r.q, partJudged)
	e.scan(prefix, state.PrefixEnd(prefix), func(key, _ []byte) bool {
		name := binary.BigEndian.Uint64(key[len(prefix):])
		r.judged[name]++
		if binary.BigEndian.Uint32(key[len(prefix)+8:]) == uint32(r.q) {
			r.ours[name] = true
		}
		return true
	})
}

// judgedInputs reports whether all is known that is suspect of the inputs of a feature.
func (e *Engine) judgedInputs(r *resolver, a *applied, f *graph.FeaturePlan) bool {
	for _, d := range f.Deps {
		if f.Asks(d) && (r.judged[d.Upstream.Judged] < e.cfg.Partitions || !slices.Contains(a.judged, d.Upstream.Judged)) {
			return false
		}
	}
	return true
}

// sayJudged says of which features all rows have been judged.
func (e *Engine) sayJudged(r *resolver) {
	if len(r.judging) == 0 || e.err != nil {
		return
	}
	a, ok := e.applied(r)
	if !ok {
		return
	}
	s, _ := e.readSweep(r)
	before := len(a.judged)
	for _, f := range r.judging {
		if slices.Contains(s.features, f.Key) || e.behind(r)[f.Position()] {
			continue
		}
		a.judged = append(a.judged, f.Judged)
		if !r.ours[f.Judged] {
			e.produceAll(rowsKey{kind: recordJudged, edge: nameOf(f.Judged), source: Source{Partition: r.q}}, []byte{1})
		}
	}
	if len(a.judged) > before {
		e.setApplied(r, a)
		r.forget()
	}
}

// forgetJudged takes back the marks of this partition that no graph in force asks for.
func (e *Engine) forgetJudged(r *resolver, a *applied) {
	used := map[uint64]bool{}
	for _, f := range e.plan.Features {
		used[f.Judged] = true
	}
	a.judged = slices.DeleteFunc(a.judged, func(name uint64) bool { return !used[name] })
	var names []uint64
	for name := range r.ours {
		if !used[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		e.produceAll(rowsKey{kind: recordJudged, edge: nameOf(name), source: Source{Partition: r.q}}, nil)
	}
}
