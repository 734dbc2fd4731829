package engine

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/freshline/freshline/graph"
)

// resolver is the task of one partition of rows.
type resolver struct {
	q      int32
	worked bool            // it has been given a record in this epoch
	jobs   map[string]*job // touched in this epoch
	marks  map[graph.EdgeName]*hydration
	moved  map[uint64]int32 // name of a move → partitions that have taken back
	judged map[uint64]int32 // name of what was judged → partitions that have
	ours   map[uint64]bool  // which of these this one has said
	held   map[string]int64 // key of the state → when it is offered, ms since 1970
	due    int64            // the first of these times; 0: nothing is held
	ready  bool             // the above hold what the state has
	open   bool             // opened is up to date with marks and graph
	opened []graph.FeatureKey

	judging []*graph.FeaturePlan // open, and this partition has not said yet that it has judged them
	left    bool                 // work is left that no record waits for: held, dirty, a sweep, features not open
	dirty   []bool               // by position: the feature has dirty keys; nil: to be looked up
}

// hydration counts the marks of one edge.
type hydration struct{ have, want int32 }

// forget drops what is only a view of the state.
func (r *resolver) forget() { r.ready, r.open = false, false }

// AddResolver adds the task of one partition of rows.
func (e *Engine) AddResolver(q int32) { e.resolvers[q] = &resolver{q: q, jobs: map[string]*job{}} }

// RemoveResolver removes a task; its state stays.
func (e *Engine) RemoveResolver(q int32) { delete(e.resolvers, q) }

// Resolve applies one record of rows. A NeedGraphError asks for newer graphs to be pushed first;
// then the record is to be given again.
func (e *Engine) Resolve(q int32, key, value []byte) error {
	r := e.resolvers[q]
	if r == nil {
		return fmt.Errorf("resolve a record of rows/%d: %w", q, ErrNoTask)
	}
	k, err := parseRowsKey(key)
	if err != nil {
		return err
	}
	r.worked = true
	switch k.kind {
	case recordOwn, recordEdge:
		if value != nil && e.newer(k.edge) {
			return &NeedGraphError{Number: -1}
		}
		e.applyRow(r, &k, value)
	case recordFlag, recordComing:
		if value != nil && e.newer(k.edge) {
			return &NeedGraphError{Number: -1}
		}
		if e.plan != nil {
			e.applyFlag(r, &k, value)
		}
	case recordFail:
		e.applyFailure(r, &k, value)
	case recordMark:
		e.applyMark(r, &k, value)
	case recordMoved:
		e.applyMoved(r, &k)
	case recordJudged:
		e.applyJudged(r, &k, value)
	case recordGraph:
		b := byteReader{b: value}
		if number := int64(b.uvarint()); value != nil && (e.plan == nil || number > e.plan.Number) {
			return &NeedGraphError{number}
		}
	}
	return e.err
}

// newer reports whether an edge may be of a graph that is not known yet. Compaction may have taken
// the announcement of that graph ('g'), and left the one of a graph after it, behind the row. An edge
// that is still not known when the record is given again is none that this code makes.
func (e *Engine) newer(name graph.EdgeName) bool {
	if e.history.HasEdge(name) || e.strange[name] {
		return false
	}
	e.strange[name] = true
	return true
}

// applyRow keeps, replaces or takes back one row, and touches what reads it.
func (e *Engine) applyRow(r *resolver, k *rowsKey, value []byte) {
	if e.plan == nil {
		return
	}
	edge := e.plan.Edge(k.edge)
	if edge == nil {
		return // of an edge older than the graph: what the state has of it goes with the sweep
	}
	key := rowKey(nil, r.q, k.edge, k.join, k.rest, k.hash())
	old, had := e.get(key)
	old = slices.Clone(old)
	var next []byte
	if value != nil {
		var s stored
		if err := s.head(&byteReader{b: value}); err != nil {
			e.fail(fmt.Errorf("rows/%d: %w", r.q, err))
			return
		}
		if !s.isShadowed() {
			next = append(binary.AppendUvarint(nil, uint64(k.source.Partition)), value...)
		}
	}
	switch {
	case next == nil && !had:
		return
	case next == nil:
		e.st.Delete(key)
	case had && bytes.Equal(old, next):
		return
	default:
		e.st.Set(key, next)
	}
	e.countRow(r, edge, k, old, next)
	cause := causeOf(k.source, next, old)
	if edge.Own {
		e.applyOwn(r, edge, k, old, next, cause)
	}
	if bytes.Equal(seenInState(old), seenInState(next)) {
		return
	}
	for _, reader := range edge.Readers {
		n := reader.Feature.Deps[reader.Dep].N - edge.K
		head, _, ok := cut(k.rest, n)
		if !ok {
			continue
		}
		e.touchAll(r, reader.Feature, append(slices.Clone(k.join), head...), edge.K+n, cause).live = true
	}
}

// applyOwn keeps what follows from the own rows of a feature: the classes of the children of
// a parent, and the index by id; and touches the row.
func (e *Engine) applyOwn(r *resolver, edge *graph.Edge, k *rowsKey, old, next []byte, cause Origin) {
	f := edge.Upstream
	match, suffix, ok := cut(k.rest, edge.N-edge.K)
	if !ok {
		return
	}
	if f.Expands {
		e.count(r, edge, k.join, match, old, -1)
		e.count(r, edge, k.join, match, next, 1)
	}
	full := append(slices.Clone(k.join), match...)
	if f.Expands && (old == nil) != (next == nil) {
		e.indexByID(r, edge, full, suffix, next != nil)
	}
	e.touchOwn(r, f, full, suffix, cause).live = true
}

// seenInState returns the part of a row's bytes in the state that readers see.
func seenInState(value []byte) []byte {
	if value == nil {
		return nil
	}
	b := byteReader{b: value}
	b.uvarint()
	return seenOf(b.b)
}

// causeOf makes the origin of a change to a row: of the write, or for a row that is taken back
// of the write that it was.
func causeOf(source Source, next, old []byte) Origin {
	value := next
	if value == nil {
		value = old
	}
	var s stored
	if value == nil || s.decodeHead(value) != nil {
		return Origin{}
	}
	return Origin{Topic: source.Topic, Partition: source.Partition, Offset: s.offset, Time: s.time, Trace: s.trace}
}

// indexByID keeps under the ids of a sample where it is, where its ids do not hold its match key.
// For a time there may be several places: rows are read in any order, and one that moves is met
// where it arrives before it is met where it left.
func (e *Engine) indexByID(r *resolver, edge *graph.Edge, match, suffix []byte, there bool) {
	vals := values(values(nil, match), suffix)
	key := append(byIDKey(r.q, edge, edge.Upstream.Shape.SampleIDs(nil, vals)), match...)
	if there {
		e.st.Set(key, nil)
		return
	}
	join, rest, ok := cut(match, edge.K)
	if !ok {
		return
	}
	own := append(append(joinedKey(nil, r.q, join, sectionRows, edge.Name[:]), rest...), suffix...)
	own = append(own, tupleEnd)
	if e.first(own, prefixAbove(own)) == nil { // no other record key has it there (R2)
		e.st.Delete(key)
	}
}

// byIDKey is the prefix of the places of a sample.
func byIDKey(q int32, edge *graph.Edge, ids []graph.Value) []byte {
	key := append(partKey(nil, q, partByID), edge.Name[:]...)
	return append(graph.AppendTuple(key, ids...), tupleEnd)
}

// The children of one parent that are judged alike are a class: their number is kept under
// the digest of what is judged, with those bytes, so that the parent's event is exact however
// many children there are (S6). Value: uvarint count, what is judged.

func classKey(r *resolver, edge *graph.Edge, join, match, judged []byte) []byte {
	key := append(joinedKey(nil, r.q, join, sectionClasses, edge.Name[:]), match...)
	return binary.BigEndian.AppendUint64(append(key, tupleEnd), xxhash.Sum64(judged))
}

// count adds a child to its class, or takes it away.
func (e *Engine) count(r *resolver, edge *graph.Edge, join, match, value []byte, by int64) {
	if value == nil {
		return
	}
	var s stored
	if err := s.decodeHead(value); err != nil {
		e.fail(err)
		return
	}
	key := classKey(r, edge, join, match, s.judged)
	var n int64
	if was, ok := e.get(key); ok {
		b := byteReader{b: was}
		n = int64(b.uvarint())
	}
	if n += by; n <= 0 {
		e.st.Delete(key)
		return
	}
	e.st.Set(key, append(binary.AppendUvarint(nil, uint64(n)), s.judged...))
}
