package engine

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/cespare/xxhash/v2"

	"github.com/freshline/freshline/graph"
)

// router is the task of one partition of a sample topic.
type router struct {
	source     Source
	task       uint64
	position   int64 // the next offset
	committed  int64 // the same, as of the last commit
	target     int64 // the end of the log when the graph came, or the task
	waits      int64 // the bound of a request that it has not come to, 0 without one
	waitsFor   int64 // the number of that request
	capped     int64 // the number of a request, and one: its bound is above the end of the log, which is cap
	cap        int64
	partitions int32 // of the topic
	worked     bool  // it has been given a record in this epoch
	left       bool  // its scan or a request is under way
	begun      bool  // the scan state has been looked at in this epoch
}

// AddRouter adds the task of one partition of a sample topic: position is the offset of the next
// record, target the end of the log now, partitions the number of partitions of the topic.
func (e *Engine) AddRouter(source Source, position, target int64, partitions int32) {
	e.routers[source] = &router{
		source: source, task: source.hash(), position: position, committed: position, target: target, partitions: partitions,
	}
}

// RemoveRouter removes a task; its state stays.
func (e *Engine) RemoveRouter(source Source) { delete(e.routers, source) }

// SetTarget says where the log of a task ends now: edges that a new graph brings are marked as
// filed once the task has come so far.
func (e *Engine) SetTarget(source Source, end int64) {
	if r := e.routers[source]; r != nil {
		r.target = max(r.target, end)
	}
}

// SetPosition says that a task has read its log up to an offset, past records that are none
// (control records, or what compaction has removed).
func (e *Engine) SetPosition(source Source, position int64) {
	if r := e.routers[source]; r != nil {
		r.position = max(r.position, position)
	}
}

// ReachedEnd is SetPosition where that is the end of the log. A request that waits for more was not made with
// an end of this log; it is taken to mean this one.
func (e *Engine) ReachedEnd(source Source, end int64) {
	e.SetPosition(source, end)
	if r := e.routers[source]; r != nil && r.waits > end {
		r.capped, r.cap = r.waitsFor+1, end
	}
}

// Write is one record of a sample topic.
type Write struct {
	Offset int64
	Time   int64         // ms since 1970
	Trace  string        // traceparent, or ""
	Key    []byte        // the record key
	Delete bool          // a tombstone, or only the ids of Record are there
	Record *graph.Record // nil: a tombstone (Delete), or a payload that is no record
}

// maxTexts bounds the provenance and data versions of a row, so that every event that
// repeats them stays below what a broker takes. Bytes.
const maxTexts = 64 << 10

// maxKey bounds record keys and the tuples of keys, so that keys of the state stay below
// the 65,000 bytes that Badger takes. Bytes.
const maxKey = 8 << 10

// Route files one record of a sample topic, or says why it cannot be used; a record that is
// refused changes nothing (R7). A refusal other than TOO_LARGE can be owed to a graph that is
// not in force yet.
func (e *Engine) Route(source Source, w *Write) (*graph.Refusal, error) {
	r := e.routers[source]
	if r == nil {
		return nil, fmt.Errorf("route a record of %s/%d: %w", source.Topic, source.Partition, ErrNoTask)
	}
	f := e.topics[source.Topic]
	if f == nil {
		return &graph.Refusal{Reason: graph.UnknownFeature, Detail: fmt.Sprintf("no feature of the graph in force has its samples in %s; publish a graph that has it", source.Topic)}, nil
	}
	e.beginRouter(r)
	r.worked = true
	refusal := e.route(r, f, w)
	if refusal == nil {
		r.position = w.Offset + 1
	}
	return refusal, e.err
}

// Skip says that a record of the log was refused and is done with.
func (e *Engine) Skip(source Source, offset int64) { e.SetPosition(source, offset+1) }

func (e *Engine) route(r *router, f *graph.FeaturePlan, w *Write) *graph.Refusal {
	switch {
	case len(w.Key) > maxKey:
		return &graph.Refusal{Reason: graph.TooLarge, Detail: fmt.Sprintf("the record key has %d bytes, at most %d can be kept", len(w.Key), maxKey)}
	case w.Record == nil && !w.Delete:
		return &graph.Refusal{Reason: graph.BadRow, Detail: "the payload is no record with named columns"}
	case w.Record == nil:
		e.unfile(r, f, w.Key)
		return nil
	case w.Delete || w.Record.DeletedAt.Kind() != graph.KindNull:
		if refusal := f.CheckIDs(w.Record); refusal != nil {
			return refusal
		}
		e.unfile(r, f, w.Key)
		return nil
	}
	row, refusal := f.CheckRecord(w.Record, e.history)
	if refusal != nil {
		return refusal
	}
	if refusal := e.checkSize(f, row, w); refusal != nil {
		return refusal
	}
	e.file(r, f, w.Key, row, origin{offset: w.Offset, time: w.Time, trace: w.Trace})
	return nil
}

// checkSize refuses what could not be produced or kept (TOO_LARGE).
func (e *Engine) checkSize(f *graph.FeaturePlan, row *graph.Row, w *Write) *graph.Refusal {
	texts := len(row.Version)
	for i := range row.Fields {
		texts += len(row.Fields[i].Name) + len(row.Fields[i].Provenance) + len(row.Fields[i].DataVersion)
	}
	if texts > maxTexts || len(row.Fields) > graph.MaxFields {
		return &graph.Refusal{Reason: graph.TooLarge, Column: "metaxy_provenance_by_field", Detail: fmt.Sprintf("provenance and data versions have %d bytes in %d fields; at most %d in %d can be kept", texts, len(row.Fields), maxTexts, graph.MaxFields)}
	}
	size := texts + len(w.Key) + len(w.Trace) + 1<<10
	for _, c := range row.Columns {
		size += len(c.Name) + valueSize(c.Value)
	}
	if size > e.cfg.MaxRow {
		return &graph.Refusal{Reason: graph.TooLarge, Detail: fmt.Sprintf("the row has about %d bytes, at most %d can be kept; store large values elsewhere and write where they are", size, e.cfg.MaxRow)}
	}
	for _, edge := range e.plan.Edges {
		if edge.Upstream != f {
			continue
		}
		key, _ := edge.Key(nil, row)
		if n := len(graph.AppendTuple(nil, key...)); n > maxKey {
			return &graph.Refusal{Reason: graph.TooLarge, Detail: fmt.Sprintf("the key columns have %d bytes, at most %d can be kept", n, maxKey)}
		}
	}
	return nil
}

func valueSize(v graph.Value) int { return len(graph.AppendValue(nil, v)) }

// file files a write under its record key on every edge that it belongs to, and takes back the
// places that it no longer has.
func (e *Engine) file(r *router, f *graph.FeaturePlan, record []byte, row *graph.Row, o origin) {
	old, had := e.filed(r, record)
	// A log that is read again, because the group has forgotten its offsets, keeps its marks.
	row.Marked = o.offset < old.marked
	if !f.ManyKeys {
		e.place(r, f, record, old, row, o, false, true)
		return
	}
	ids, _ := sampleName(f, row) // its ids have been checked
	if had && !bytes.Equal(old.indexed, ids) {
		e.unindex(r, old.indexed, record)
	}
	e.st.Set(indexKey(nil, r.task, ids, record), binary.BigEndian.AppendUint64(nil, uint64(o.offset)))
	winner := e.latest(r, ids)
	next := *old
	next.indexed = ids
	e.place(r, f, record, &next, row, o, !bytes.Equal(winner, record), true)
	e.judgeShadows(r, f, ids, winner, record)
	if had && !bytes.Equal(old.indexed, ids) {
		e.promote(r, f, old.indexed)
	}
}

// filed reads what is filed of a record key; without any it is empty.
func (e *Engine) filed(r *router, record []byte) (f *filed, had bool) {
	f = &filed{}
	value, ok := e.get(append(taskKey(e.key[:0], prefixFiled, r.task), record...))
	if !ok {
		return f, false
	}
	e.fail(f.decode(value))
	return f, true
}

// place files a row at every place that it has under the graph in force. live says that the own
// row is produced even where nothing but its source differs from before (E3).
func (e *Engine) place(r *router, f *graph.FeaturePlan, record []byte, old *filed, row *graph.Row, o origin, shadowed, live bool) {
	next := filed{indexed: old.indexed, own: old.own, row: old.row}
	if row.Marked {
		next.marked = old.marked
	}
	row.Group = f.IsGroup(row)
	key, fits := f.Own.Key(nil, row)
	if fits {
		next.own = placeOf(f.Own, key)
		fits = !next.own.tooLong() // else a graph has made a large column part of the key: it counts for nothing
	}
	if !fits {
		next.own = old.own
	} else {
		next.row = appendRow(nil, o, row, row.Columns, true, shadowed)
		if live || next.own != old.own || !bytes.Equal(next.row, old.row) {
			e.produce(r, recordOwn, next.own, record, next.row)
		}
		if next.own != old.own && !old.own.zero() {
			e.produce(r, recordOwn, old.own, record, nil)
		}
	}
	if fits && !shadowed {
		for _, edge := range e.plan.Edges {
			if edge.Upstream == f && !edge.Own {
				e.placeOn(r, edge, record, old, &next, row, o)
			}
		}
	}
	for _, was := range old.edges {
		if !next.has(was.place) {
			e.produce(r, recordEdge, was.place, record, nil)
		}
	}
	e.st.Set(append(taskKey(e.key[:0], prefixFiled, r.task), record...), next.append(nil))
}

// placeOn files a row on one edge, unless what its readers see there is what they saw before.
func (e *Engine) placeOn(r *router, edge *graph.Edge, record []byte, old, next *filed, row *graph.Row, o origin) {
	key, ok := edge.Key(nil, row)
	if !ok || !edge.View.Passes(row.Columns) {
		return
	}
	value := appendRow(nil, o, row, edge.View.Select(nil, row.Columns), false, false)
	if placeOf(edge, key).tooLong() {
		return // as one without a usable value (J2): only a graph that came after the row can make it so
	}
	at := filedEdge{place: placeOf(edge, key), digest: xxhash.Sum64(seenOf(value))}
	next.edges = append(next.edges, at)
	if edge.Upstream.ManyKeys || !old.same(at) {
		e.produce(r, recordEdge, at.place, record, value)
	}
}

func (f *filed) has(p place) bool {
	for _, e := range f.edges {
		if e.place == p {
			return true
		}
	}
	return false
}

func (f *filed) same(at filedEdge) bool {
	for _, e := range f.edges {
		if e == at {
			return true
		}
	}
	return false
}

// tooLong reports whether the state could not have a key for the place.
func (p place) tooLong() bool { return len(p.join)+len(p.rest) > maxKey }

func placeOf(edge *graph.Edge, key []graph.Value) place {
	return place{
		edge: edge.Name,
		join: string(graph.AppendTuple(nil, key[:edge.K]...)),
		rest: string(graph.AppendTuple(nil, key[edge.K:]...)),
	}
}

// unfile takes back everything that is filed of a record key.
func (e *Engine) unfile(r *router, f *graph.FeaturePlan, record []byte) {
	old, had := e.filed(r, record)
	if !had {
		return
	}
	if !old.own.zero() {
		e.produce(r, recordOwn, old.own, record, nil)
	}
	for _, was := range old.edges {
		e.produce(r, recordEdge, was.place, record, nil)
	}
	e.st.Delete(append(taskKey(e.key[:0], prefixFiled, r.task), record...))
	if len(old.indexed) > 0 {
		e.unindex(r, old.indexed, record)
		e.promote(r, f, old.indexed)
	}
}

// produce adds a record of rows for a place; a nil value takes it back.
func (e *Engine) produce(r *router, kind byte, p place, record, value []byte) {
	k := rowsKey{kind: kind, edge: p.edge, join: []byte(p.join), rest: []byte(p.rest), source: r.source, record: record}
	e.out.Rows = append(e.out.Rows, Row{
		Partition: graph.Partition(k.join, e.cfg.Partitions), Key: k.append(nil), Value: value,
	})
	e.told += len(value) + len(p.join) + len(p.rest) + len(record)
}

// produceAll adds a record for every partition of rows.
func (e *Engine) produceAll(k rowsKey, value []byte) {
	key := k.append(nil)
	for q := range e.cfg.Partitions {
		e.out.Rows = append(e.out.Rows, Row{Partition: q, Key: key, Value: value})
	}
}

// Behind returns the router tasks that have not come to where their log ended when the graph came, or a
// request: what they have to file is waited for (E4, S10).
func (e *Engine) Behind() map[Source]int64 {
	behind := map[Source]int64{}
	for source, r := range e.routers {
		if r.position < max(r.target, r.waits) && e.topics[source.Topic] != nil {
			behind[source] = r.position
		}
	}
	return behind
}
