package engine

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/freshline/freshline/graph"
)

// Failure is what a worker says of a piece of work that it could not do (S12). The newest of a key
// is kept, and makes it FAILED while its work has that event id.
//
// Its bytes, in rows and in the state: 16 bytes event id, uvarint attempt, bytes type, bytes message.
type Failure struct {
	EventID       string // 32 hex digits
	Attempt       int64
	Type, Message string
}

// maxFailure bounds what is kept of type and message together, in bytes.
const maxFailure = 16 << 10

func (f *Failure) append(dst []byte) ([]byte, error) {
	id, err := hex.DecodeString(f.EventID)
	if err != nil || len(id) != 16 {
		return nil, fmt.Errorf("event id %.40q is not 32 hex digits", f.EventID)
	}
	dst = binary.AppendUvarint(append(dst, id...), uint64(max(f.Attempt, 0)))
	kind := f.Type[:min(len(f.Type), maxFailure/4)]
	return appendText(appendText(dst, kind), f.Message[:min(len(f.Message), maxFailure-len(kind))]), nil
}

func decodeFailure(value []byte) (id [16]byte, f *Failure, ok bool) {
	r := byteReader{b: value}
	copy(id[:], r.take(16))
	f = &Failure{EventID: hex.EncodeToString(id[:]), Attempt: int64(r.uvarint())}
	f.Type, f.Message = string(r.bytes()), string(r.bytes())
	return id, f, !r.bad
}

// Fail makes the record of rows for a failure of a key of a feature of the graph in force; nil
// takes back what was said of the key. The key is one that an event has (E2).
func (e *Engine) Fail(feature graph.FeatureKey, key []byte, failure *Failure) error {
	f := e.plan.Feature(feature)
	if f == nil {
		return ErrUnknownFeature
	}
	names, vals, err := graph.ParseKeyJSON(key)
	if err != nil {
		return fmt.Errorf("key of %s: %w", feature, err)
	}
	ordered, sample, ok := f.Shape.Parse(names, vals)
	if !ok {
		return fmt.Errorf("key %.200s is none of %s: it has %v, or %v", key, feature, f.Shape.SampleColumns, f.Shape.InputColumns)
	}
	shape := nameOf(f.Shape.Name)
	k := rowsKey{kind: recordFail, edge: shape}
	k.join = graph.AppendTuple(nil, ordered[:f.K]...)
	k.rest = graph.AppendTuple(nil, ordered[f.K:len(f.Layout)]...)
	if sample {
		k.record = graph.AppendTuple(nil, ordered[len(f.Layout):]...)
	}
	var value []byte
	if failure != nil {
		if value, err = failure.append(nil); err != nil {
			return fmt.Errorf("failure of %s %s: %w", feature, key, err)
		}
	}
	e.out.Rows = append(e.out.Rows, Row{Partition: graph.Partition(k.join, e.cfg.Partitions), Key: k.append(nil), Value: value})
	return nil
}

// applyFailure keeps a failure, says so in the first page of its match key, and touches the key.
func (e *Engine) applyFailure(r *resolver, k *rowsKey, value []byte) {
	base := append(joinedKey(nil, r.q, k.join, sectionFailed, k.edge[:]), k.rest...)
	key := append(append(base, tupleEnd), k.record...)
	if value == nil {
		e.st.Delete(key)
	} else {
		e.st.Set(key, value)
		e.flagFailure(r, k.join, k.edge[:], k.rest)
	}
	shape := e.shapes[binary.BigEndian.Uint64(k.edge[:])]
	if shape == nil {
		return
	}
	f := e.plan.Feature(shape.Feature)
	if f == nil || f.Shape.Name != shape.Name {
		return
	}
	match := append(slices.Clone(k.join), k.rest...)
	j := r.job(f, match, len(f.Layout), Origin{})
	if len(k.record) > 0 {
		j.suffixes[string(k.record)] = struct{}{}
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
	of, failure, ok := decodeFailure(value)
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
