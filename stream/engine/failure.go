package engine

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"

	"github.com/freshline/freshline/graph"
)

// Failure is what a worker says of a piece of work that it could not do (S12). The newest of a key
// is kept, and makes it FAILED while its work has that event id.
//
// Its bytes, in rows and in the state: 16 bytes event id, uvarint attempt, bytes type, bytes message, and
// where it was said: the origin (job.go). One that is taken back has no event id (16 zeros) in rows, and is
// not in the state: as a tombstone it could not say where that was said.
type Failure struct {
	EventID       string // 32 hex digits
	Attempt       int64
	Type, Message string
}

// maxFailure bounds what is kept of type and message together, in bytes.
const maxFailure = 16 << 10

// append appends the bytes of a failure; nil takes back what was said before.
func (f *Failure) append(dst []byte, o Origin) ([]byte, error) {
	if f == nil {
		f = &Failure{EventID: takenBack}
	}
	id, err := hex.DecodeString(f.EventID)
	if err != nil || len(id) != 16 {
		return nil, fmt.Errorf("event id %.40q is not 32 hex digits", f.EventID)
	}
	dst = binary.AppendUvarint(append(dst, id...), uint64(max(f.Attempt, 0)))
	kind := CutText(f.Type, maxFailure/4)
	dst = appendText(appendText(dst, kind), CutText(f.Message, maxFailure-len(kind)))
	return o.append(dst), nil
}

const takenBack = "00000000000000000000000000000000"

// CutText cuts a text to at most so many bytes, between two characters.
func CutText(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}

func decodeFailure(value []byte) (id [16]byte, f *Failure, o Origin, ok bool) {
	r := byteReader{b: value}
	copy(id[:], r.take(16))
	f = &Failure{EventID: hex.EncodeToString(id[:]), Attempt: int64(r.uvarint())}
	f.Type, f.Message = string(r.bytes()), string(r.bytes())
	o = r.origin()
	return id, f, o, !r.bad
}

// Fail files what a worker says of the work of a key of a feature, or why it cannot be used; nil takes
// back what was said of the key before. The key is one that an event has (E2). All graphs that were pushed
// before it was said should be in force, and then no refusal is owed to a graph.
//
// It is filed under every shape that the feature ever had and that has such a key, in force or not: so
// the newest word on a key counts also where a later graph brings an earlier shape back, or the feature
// itself (G6). Under a shape that is new it counts where the key stays in its partition of rows (carryFailure); a push
// that moves it to another one makes that the work is offered again.
func (e *Engine) Fail(feature graph.FeatureKey, key []byte, failure *Failure, o Origin) (*graph.Refusal, error) {
	shapes := e.history.Shapes(feature)
	if len(shapes) == 0 {
		return &graph.Refusal{Reason: graph.UnknownFeature, Detail: fmt.Sprintf("no graph had a feature %.200q", feature)}, nil
	}
	if len(key) > maxKey {
		return &graph.Refusal{Reason: graph.TooLarge, Detail: fmt.Sprintf("the key has %d bytes, at most %d can be kept", len(key), maxKey)}, nil
	}
	names, vals, err := graph.ParseKeyJSON(key)
	if err != nil {
		return &graph.Refusal{Reason: graph.BadID, Detail: fmt.Sprintf("key of %s: %s", feature, err)}, nil
	}
	if !bytes.Equal(graph.AppendKeyJSON(nil, names, vals), key) {
		return &graph.Refusal{Reason: graph.BadID, Detail: fmt.Sprintf("key %.200s of %s is not written as the key of an event is; copy the bytes of that", key, feature)}, nil
	}
	value, err := failure.append(nil, o)
	if err != nil {
		return &graph.Refusal{Reason: graph.BadRow, Column: "event_id", Detail: fmt.Sprintf("failure of %s %s: %s; write the event_id of the event that was worked on", feature, key, err)}, nil
	}
	known := false
	for _, shape := range shapes {
		ordered, sample, ok := shape.Parse(names, vals)
		if !ok {
			continue
		}
		known = true
		k := rowsKey{kind: recordFail, edge: nameOf(shape.Name)}
		k.join = graph.AppendTuple(nil, ordered[:shape.K]...)
		k.rest = graph.AppendTuple(nil, ordered[shape.K:len(shape.Layout)]...)
		if sample {
			k.record = graph.AppendTuple(nil, ordered[len(shape.Layout):]...)
		}
		e.out.Rows = append(e.out.Rows, Row{Partition: graph.Partition(k.join, e.cfg.Partitions), Key: k.append(nil), Value: value})
		e.told += len(value)
	}
	if !known {
		newest := shapes[len(shapes)-1]
		return &graph.Refusal{Reason: graph.BadID, Detail: fmt.Sprintf("key %.200s is none of %s: it has the columns %v, or %v", key, feature, newest.SampleColumns, newest.InputColumns)}, nil
	}
	return nil, e.err
}

// applyFailure keeps a failure, says so in the first page of its match key, and touches the key.
func (e *Engine) applyFailure(r *resolver, k *rowsKey, value []byte) {
	base := append(joinedKey(nil, r.q, k.join, sectionFailed, k.edge[:]), k.rest...)
	key := append(append(base, tupleEnd), k.record...)
	id, _, cause, ok := decodeFailure(value)
	there := ok && id != [16]byte{}
	if there {
		e.st.Set(key, value)
		e.flagFailure(r, k.join, k.edge[:], k.rest)
	} else {
		e.st.Delete(key)
	}
	shape := e.shapes[binary.BigEndian.Uint64(k.edge[:])]
	if shape == nil {
		return
	}
	f := e.plan.Feature(shape.Feature)
	if f == nil {
		return
	}
	if f.Shape.Name != shape.Name {
		if !there {
			value = nil
		}
		e.carryFailure(r, shape, f, &joined{join: k.join, rest: k.rest, tail: k.record}, value, true)
		return
	}
	match := append(slices.Clone(k.join), k.rest...)
	e.touchFailed(r, f, match, k.record, cause)
}

// carryFailure makes a failure of a key under an earlier shape one under the shape in force, where that has the
// key in this partition: the work may be the same. One that was said under the shape in force stays, unless newest
// says that this one is later.
func (e *Engine) carryFailure(r *resolver, shape *graph.Shape, f *graph.FeaturePlan, j *joined, value []byte, newest bool) {
	vals := values(values(nil, j.join), j.rest)
	key := shape.InputKey(nil, vals)
	if len(j.tail) > 0 {
		key = shape.SampleKey(nil, values(vals, j.tail))
	}
	names, vals, err := graph.ParseKeyJSON(key)
	if err != nil {
		return
	}
	match, suffix, ok := e.locate(r.q, f.Shape, names, vals)
	if !ok {
		return
	}
	join, rest, _ := cut(match, f.K)
	name := nameOf(f.Shape.Name)
	at := append(joinedKey(nil, r.q, join, sectionFailed, name[:]), rest...)
	at = append(append(at, tupleEnd), suffix...)
	if _, had := e.get(at); had && !newest {
		return
	}
	if value == nil {
		e.st.Delete(at)
	} else {
		e.st.Set(at, value)
		e.flagFailure(r, join, name[:], rest)
	}
	if !r.isOpen(f) {
		return // the sweep that opens it visits every key
	}
	e.touchFailed(r, f, match, suffix, Origin{})
}

// touchFailed says that something is known of the work of a key.
func (e *Engine) touchFailed(r *resolver, f *graph.FeaturePlan, match, suffix []byte, cause Origin) {
	j := r.job(f, match, len(f.Layout), cause)
	if len(suffix) > 0 {
		j.suffixes[string(suffix)] = struct{}{}
	}
}

// carryFailures does so for all failures in a range of the state.
func (e *Engine) carryFailures(r *resolver, shape *graph.Shape, f *graph.FeaturePlan, from, to []byte) {
	var keys, vals [][]byte
	e.scan(from, to, func(key, value []byte) bool {
		keys, vals = append(keys, slices.Clone(key[len(partKey(nil, r.q, partJoined)):])), append(vals, slices.Clone(value))
		return true
	})
	for i, key := range keys {
		if j, ok := parseJoined(key); ok {
			e.carryFailure(r, shape, f, &j, vals[i], false)
		}
	}
}

// flagFailure says in the first page of a match key that there are failures.
func (e *Engine) flagFailure(r *resolver, join, shape, rest []byte) {
	prefix := append(append(joinedKey(nil, r.q, join, sectionPages, shape), rest...), tupleEnd)
	if p := e.page(prefix, nil); p.flags&pageFailures == 0 {
		p.flags |= pageFailures
		e.writePage(prefix, &p, p.entries)
	}
}

// flagFailures does so for all failures in a range of the state: the pages may have gone with a
// graph that did not have the feature.
func (e *Engine) flagFailures(r *resolver, from, to []byte) {
	var keys [][]byte
	e.scan(from, to, func(key, _ []byte) bool {
		keys = append(keys, slices.Clone(key[len(partKey(nil, r.q, partJoined)):]))
		return true
	})
	for _, key := range keys {
		if j, ok := parseJoined(key); ok {
			e.flagFailure(r, j.join, j.name, j.rest)
		}
	}
}

// failureOf returns the failure of a piece of work, nil if it has not failed.
func (ev *evaluation) failureOf(suffix []byte, id [16]byte) *Failure {
	if ev.e.flags&pageFailures == 0 {
		return nil
	}
	shape := nameOf(ev.f.Shape.Name)
	key := append(joinedKey(nil, ev.r.q, ev.join(), sectionFailed, shape[:]), ev.matchRest()...)
	value, ok := ev.e.get(append(append(key, tupleEnd), suffix...))
	if !ok {
		return nil
	}
	of, failure, _, ok := decodeFailure(value)
	if !ok || of != id {
		return nil
	}
	return failure
}

// digest goes into what E1 compares.
func (f *Failure) digest(dst []byte) uint64 {
	dst = appendText(appendText(binary.AppendUvarint(dst, uint64(f.Attempt)), f.Type), f.Message)
	return xxhash.Sum64(dst)
}
