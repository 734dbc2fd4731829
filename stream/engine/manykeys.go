package engine

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/state"
)

// Once a push has changed the id columns of a feature, several record keys may be one sample,
// and the latest write counts (R1, R2). For such features, and only for them, a router keeps an
// index from ids to record keys; of the record keys of one sample all but the latest are
// shadowed: their own rows stay in rows, marked, as the memory of them, and count for nothing.
//
// The index is of one partition of the sample topic. Samples that a push made one, and that lie
// in different partitions, are told apart only where they share a join key (R2 asks producers to
// write one sample always under one key).

// sampleName names a sample under the id columns in force, or a group record by the columns of M:
// values of other columns are another name. ok is false for a row that lacks one of them.
func sampleName(f *graph.FeaturePlan, row *graph.Row) (name []byte, ok bool) {
	var columns []byte
	names := f.IDs
	if f.IsGroup(row) {
		names, columns = f.Match, []byte("group")
	}
	for _, id := range names {
		columns = appendText(columns, id)
	}
	ids := row.Values(nil, names)
	if slices.ContainsFunc(ids, func(v graph.Value) bool { return !v.Usable() }) {
		return nil, false
	}
	return graph.AppendTuple(binary.BigEndian.AppendUint64(nil, xxhash.Sum64(columns)), ids...), true
}

func indexKey(dst []byte, task uint64, ids, record []byte) []byte {
	return append(append(append(taskKey(dst, prefixByIDs, task), ids...), tupleEnd), record...)
}

func (e *Engine) unindex(r *router, ids, record []byte) {
	if len(ids) > 0 {
		e.st.Delete(indexKey(nil, r.task, ids, record))
	}
}

// reindex brings the index up to an own row that recovery has read: it must be whole before the
// first row is filed again.
func (e *Engine) reindex(r *router, filed *filed, record []byte) {
	f := e.topics[r.source.Topic]
	if f == nil || !f.ManyKeys {
		return
	}
	e.unindex(r, filed.indexed, record)
	filed.indexed = nil
	if filed.own.zero() {
		return
	}
	var s stored
	if err := s.decode(filed.row); err != nil {
		e.fail(err)
		return
	}
	s.row.Columns = s.columns(nil)
	name, ok := sampleName(f, &s.row)
	if !ok {
		return
	}
	filed.indexed = name
	e.st.Set(indexKey(nil, r.task, filed.indexed, record), binary.BigEndian.AppendUint64(nil, uint64(s.offset)))
}

// latest returns the record key with the latest write of a sample, nil if there is none.
func (e *Engine) latest(r *router, ids []byte) (record []byte) {
	best := int64(-1)
	prefix := indexKey(nil, r.task, ids, nil)
	e.scan(prefix, state.PrefixEnd(prefix), func(key, value []byte) bool {
		if offset := int64(binary.BigEndian.Uint64(value)); offset > best {
			best = offset
			record = append([]byte{}, key[len(prefix):]...)
		}
		return true
	})
	return record
}

// judgeShadows files the other record keys of a sample again where they are shadowed and
// should not be, or the other way round.
func (e *Engine) judgeShadows(r *router, f *graph.FeaturePlan, ids, winner, but []byte) {
	var others [][]byte
	prefix := indexKey(nil, r.task, ids, nil)
	e.scan(prefix, state.PrefixEnd(prefix), func(key, _ []byte) bool {
		if record := key[len(prefix):]; !bytes.Equal(record, but) {
			others = append(others, append([]byte{}, record...))
		}
		return true
	})
	for _, record := range others {
		e.refile(r, f, record, !bytes.Equal(record, winner))
	}
}

// promote lets the latest of the record keys that are left of a sample count.
func (e *Engine) promote(r *router, f *graph.FeaturePlan, ids []byte) {
	e.judgeShadows(r, f, ids, e.latest(r, ids), nil)
}

// refile files a record again, from the router's memory of it.
func (e *Engine) refile(r *router, f *graph.FeaturePlan, record []byte, shadowed bool) {
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
	e.place(r, f, record, old, &s.row, origin{offset: s.offset, time: s.time, trace: s.trace}, shadowed, false)
}
