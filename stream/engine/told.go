package engine

import (
	"encoding/binary"
	"slices"

	"github.com/freshline/freshline/graph"
)

// What a task has said on edges that are not its own (suspect.go) is told: it is kept beside the own
// row, so that it can be taken back, and, since the state may be lost, in the task's own partition of
// rows:
//
//	'y' name bytes(K) bytes(rest) log tail   log is empty; of a flag name is the own edge, rest has the row's
//	                                         suffix and tail is its source; of what is still to come name is the shape
//
// The value, in rows and in the state: a byte, the kind of the record; bytes, what its key ends in
// (source and matchhash, or shape and match); a sequence of place, bytes(names). Only the task writes
// them, so only recovery reads them.
const (
	recordTold  = 'y'
	sectionTold = 0x07
)

// told is one flag that was set: where, and for which fields.
type told struct {
	place
	names string
}

func decodeTold(value []byte) (kind byte, record []byte, list []told) {
	r := byteReader{b: slices.Clone(value)}
	if k := r.take(1); k != nil {
		kind = k[0]
	}
	record = r.bytes()
	for len(r.b) > 0 && !r.bad {
		t := told{place: r.place()}
		t.names = string(r.bytes())
		list = append(list, t)
	}
	return kind, record, list
}

// inform brings what was said on other edges under one key up to what is to be said now.
func (ev *evaluation) inform(kind byte, name [nameSize]byte, rest, tail, record []byte, want []told) {
	if len(want) == 0 && !ev.said() {
		return
	}
	key := append(joinedKey(nil, ev.r.q, ev.join(), sectionTold, name[:]), rest...)
	key = append(append(key, tupleEnd), tail...)
	value, had := ev.e.get(key)
	if !had && len(want) == 0 {
		return
	}
	_, _, was := decodeTold(value)
	if slices.Equal(was, want) {
		return
	}
	for _, t := range was {
		if !slices.ContainsFunc(want, func(w told) bool { return w.place == t.place }) {
			ev.e.say(kind, t.place, record, nil)
		}
	}
	next := appendText([]byte{kind}, record)
	for _, t := range want {
		if !slices.Contains(was, t) {
			ev.e.say(kind, t.place, record, []byte(t.names))
		}
		next = appendText(appendPlace(next, t.place), t.names)
	}
	k := rowsKey{kind: recordTold, edge: graph.EdgeName(name), join: ev.join(), rest: rest, record: tail}
	if len(want) == 0 {
		ev.e.st.Delete(key)
		ev.e.keepTold(ev.r, &k, nil)
		return
	}
	ev.e.st.Set(key, next)
	ev.e.keepTold(ev.r, &k, next)
}

// say sets or (nil names) takes back a flag on an edge that is not the own one.
func (e *Engine) say(kind byte, p place, record, names []byte) {
	k := rowsKey{kind: kind, edge: p.edge, join: []byte(p.join), rest: []byte(p.rest), record: record}
	e.produceRow(graph.Partition(k.join, e.cfg.Partitions), &k, names)
}

func (e *Engine) keepTold(r *resolver, k *rowsKey, value []byte) { e.produceRow(r.q, k, value) }

// produceRow adds a record of a resolver to the output.
func (e *Engine) produceRow(q int32, k *rowsKey, value []byte) {
	key := k.append(nil)
	e.out.Rows = append(e.out.Rows, Row{Partition: q, Key: key, Value: value})
	e.told += len(key) + len(value)
}

// untell takes back what was said under one key of the state; it is of what is not in force any
// more, or of a row that is gone.
func (e *Engine) untell(r *resolver, key, value []byte) {
	kind, record, list := decodeTold(value)
	for _, t := range list {
		e.say(kind, t.place, record, nil)
	}
	if j, ok := parseJoined(key[len(partKey(nil, r.q, partJoined)):]); ok {
		e.keepTold(r, &rowsKey{kind: recordTold, edge: graph.EdgeName(j.name), join: j.join, rest: j.rest, record: j.tail}, nil)
	}
}

// RestoreTold takes over what the task of a partition has said, as a record of its rows says it; other records
// are left alone. The graph log must have been read to its end.
func (e *Engine) RestoreTold(q int32, key, value []byte) error {
	if len(key) == 0 || key[0] != recordTold {
		return nil
	}
	k, err := parseRowsKey(key)
	if err != nil {
		return err
	}
	stateKey := append(joinedKey(nil, q, k.join, sectionTold, k.edge[:]), k.rest...)
	stateKey = append(append(stateKey, tupleEnd), k.record...)
	if value == nil {
		e.st.Delete(stateKey)
		return e.err
	}
	e.st.Set(stateKey, value)
	e.noteSaid(q, k.join, k.edge[:], k.rest)
	return e.err
}

// noteSaid says in the first page of a match key that something is said of it: the page may be of
// another shape, or have gone.
func (e *Engine) noteSaid(q int32, join, name, rest []byte) {
	f := e.toldFeature(name)
	if f == nil {
		return // the sweep takes it back
	}
	match, _, ok := cut(rest, len(f.Layout)-f.K)
	if !ok {
		return
	}
	shape := nameOf(f.Shape.Name)
	e.markSaid(append(append(joinedKey(nil, q, join, sectionPages, shape[:]), match...), tupleEnd), true)
}

// toldFeature returns the feature of which something is told under a name, nil if that is not in force.
func (e *Engine) toldFeature(name []byte) *graph.FeaturePlan {
	var f *graph.FeaturePlan
	if edge := e.plan.Edge(graph.EdgeName(name)); edge != nil {
		f = edge.Upstream
	} else if shape := e.shapes[binary.BigEndian.Uint64(name)]; shape != nil {
		if f = e.plan.Feature(shape.Feature); f != nil && f.Shape.Name != shape.Name {
			f = nil
		}
	}
	if f == nil || !f.Watched {
		return nil
	}
	return f
}

// sweepTold looks at what was told under a name: what is not in force, or is of a row that is gone, is
// taken back.
func (e *Engine) sweepTold(r *resolver, name, from, to []byte, found []bool) bool {
	f := e.toldFeature(name)
	if f == nil {
		return e.drop(from, to, func(key, value []byte) { e.untell(r, key, value) })
	}
	found[f.Position()] = true
	var gone, stay [][]byte
	e.scan(from, to, func(key, value []byte) bool {
		if graph.EdgeName(name) == f.Own.Name && !e.rowOfTold(key) {
			gone = append(gone, slices.Clone(key))
			e.untell(r, key, value)
		} else {
			stay = append(stay, slices.Clone(key))
		}
		return true
	})
	for _, key := range gone {
		e.st.Delete(key)
	}
	for _, key := range stay {
		if j, ok := parseJoined(key[len(partKey(nil, r.q, partJoined)):]); ok {
			e.noteSaid(r.q, j.join, name, j.rest)
		}
	}
	return true
}

// rowOfTold reports whether the own row is there of which something is told: its key differs in the section.
func (e *Engine) rowOfTold(key []byte) bool {
	at := tupleLen(key[len(partKey(nil, 0, partJoined)):])
	if at < 0 {
		return false
	}
	row := slices.Clone(key)
	row[len(partKey(nil, 0, partJoined))+at+1] = sectionRows
	_, ok := e.get(row)
	return ok
}
