package engine

import (
	"encoding/binary"
	"slices"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/state"
)

// The scan is a router's one loop: it goes through all that the task has filed, in the order of
// record keys, and files it as the graph in force wants it. It begins when the task sees a new
// graph, and when its state has been rebuilt. At its end, and once the task has read its log up
// to what was there when the graph came, it marks its edges as filed (E4).
//
// The state of the scan ('A'): uvarint number of the graph; a byte, 1 when it is done; the record
// key to go on with.
type scanState struct {
	graph  int64
	done   bool
	cursor []byte
}

func (e *Engine) scanState(r *router) (s scanState, ok bool) {
	value, ok := e.get(taskKey(e.key[:0], prefixScan, r.task))
	if !ok {
		return s, false
	}
	b := byteReader{b: value}
	s.graph = int64(b.uvarint())
	if done := b.take(1); done != nil {
		s.done = done[0] == 1
	}
	s.cursor = append([]byte{}, b.b...)
	return s, !b.bad
}

func (e *Engine) setScanState(r *router, s scanState) {
	value := binary.AppendUvarint(nil, uint64(s.graph))
	if s.done {
		value = append(value, 1)
	} else {
		value = append(value, 0)
	}
	e.st.Set(taskKey(e.key[:0], prefixScan, r.task), append(value, s.cursor...))
}

// beginRouter makes the task see the graph in force: from here on it files under it, and says so
// in rows before anything else.
func (e *Engine) beginRouter(r *router) {
	if r.begun || e.topics[r.source.Topic] == nil {
		return
	}
	r.begun = true
	if s, ok := e.scanState(r); ok && s.graph == e.plan.Number {
		return
	}
	e.setScanState(r, scanState{graph: e.plan.Number})
	e.produceAll(rowsKey{kind: recordGraph, source: r.source}, binary.AppendUvarint(nil, uint64(e.plan.Number)))
}

// workRouter goes on with the scan of a task, marks what is filed, and goes on with requests.
func (e *Engine) workRouter(r *router) (more bool) {
	f := e.topics[r.source.Topic]
	if f == nil {
		return false
	}
	e.beginRouter(r)
	s, _ := e.scanState(r)
	if !s.done {
		if s = e.scanOn(r, f, s); !s.done {
			return true
		}
	}
	if r.position >= r.target {
		e.mark(r, f)
	}
	return e.workRequests(r, f)
}

// scanChunk bounds how many records one epoch files again, since what that writes is not known
// before.
const scanChunk = 2000

// scanOn files the next records again.
func (e *Engine) scanOn(r *router, f *graph.FeaturePlan, s scanState) scanState {
	prefix := taskKey(nil, prefixFiled, r.task)
	from := append(slices.Clone(prefix), s.cursor...)
	var records [][]byte
	s.done = true
	e.scan(from, state.PrefixEnd(prefix), func(key, _ []byte) bool {
		record := slices.Clone(key[len(prefix):])
		if e.spent() || len(records) >= scanChunk {
			s.cursor, s.done = record, false
			return false
		}
		e.budget--
		records = append(records, record)
		return true
	})
	for i, record := range records {
		if i > 0 && e.spent() { // what filing again writes is not known before: whole rows
			s.cursor, s.done = record, false
			break
		}
		e.rescan(r, f, record)
	}
	if s.done {
		s.cursor = nil
	}
	e.setScanState(r, s)
	return s
}

// rescan files one record again under the graph in force.
func (e *Engine) rescan(r *router, f *graph.FeaturePlan, record []byte) {
	if !f.ManyKeys {
		e.refile(r, f, record, false)
		return
	}
	old, had := e.filed(r, record)
	if !had || len(old.row) == 0 {
		return
	}
	var s stored
	if err := s.decode(old.row); err != nil {
		e.fail(err)
		return
	}
	s.row.Columns = s.columns(nil)
	name, usable := sampleName(f, &s.row)
	if len(old.indexed) > 0 && string(old.indexed) != string(name) {
		e.unindex(r, old.indexed, record)
	}
	if !usable { // it counts for nothing until a graph comes that it fits
		e.place(r, f, record, &filed{own: old.own, row: old.row, edges: old.edges, marked: old.marked}, &s.row, origin{}, false, false)
		return
	}
	e.st.Set(indexKey(nil, r.task, name, record), binary.BigEndian.AppendUint64(nil, uint64(s.offset)))
	winner := e.latest(r, name)
	old.indexed = name
	e.place(r, f, record, old, &s.row, origin{offset: s.offset, time: s.time, trace: s.trace}, string(winner) != string(record), false)
	e.judgeShadows(r, f, name, winner, record)
}

// mark marks the edges of a feature as filed, in every partition of rows, and takes back the
// marks of edges that are gone.
func (e *Engine) mark(r *router, f *graph.FeaturePlan) {
	prefix := taskKey(nil, prefixMarked, r.task)
	marked := map[graph.EdgeName]bool{}
	e.scan(prefix, state.PrefixEnd(prefix), func(key, _ []byte) bool {
		marked[graph.EdgeName(key[len(prefix):])] = true
		return true
	})
	value := binary.AppendUvarint(nil, uint64(r.partitions))
	for _, edge := range e.plan.Edges {
		if edge.Upstream != f {
			continue
		}
		if !marked[edge.Name] {
			e.st.Set(append(slices.Clone(prefix), edge.Name[:]...), nil)
			e.produceAll(rowsKey{kind: recordMark, edge: edge.Name, source: r.source}, value)
		}
		delete(marked, edge.Name)
	}
	gone := make([]graph.EdgeName, 0, len(marked))
	for name := range marked {
		gone = append(gone, name)
	}
	slices.SortFunc(gone, func(a, b graph.EdgeName) int { return slices.Compare(a[:], b[:]) })
	for _, name := range gone {
		e.st.Delete(append(slices.Clone(prefix), name[:]...))
		e.produceAll(rowsKey{kind: recordMark, edge: name, source: r.source}, nil)
	}
}
