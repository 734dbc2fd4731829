package engine

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/state"
)

// job is what has been touched: the match keys of one feature that begin with a prefix, all that
// is there (all), or single own rows of one match key.
type job struct {
	feature  *graph.FeaturePlan
	prefix   []byte // a tuple of the first columns of the feature's Layout
	columns  int
	all      bool
	suffixes map[string]struct{} // of own rows, where not all
	cause    Origin
}

// Origin is where a change came from: a record of a sample topic, or a graph (Topic is "" then,
// and Offset the number of the graph).
type Origin struct {
	Topic     string
	Partition int32
	Offset    int64
	Time      int64 // ms since 1970
	Trace     string
}

func (r *resolver) job(f *graph.FeaturePlan, prefix []byte, columns int, cause Origin) *job {
	var b [4]byte
	binary.BigEndian.PutUint16(b[:], uint16(f.Position()))
	binary.BigEndian.PutUint16(b[2:], uint16(columns))
	key := string(prefix) + string(b[:])
	j := r.jobs[key]
	if j == nil {
		j = &job{feature: f, prefix: prefix, columns: columns, suffixes: map[string]struct{}{}}
		r.jobs[key] = j
	}
	j.cause = cause
	return j
}

// touchAll says that the expectation of every match key under a prefix may have changed.
func (e *Engine) touchAll(r *resolver, f *graph.FeaturePlan, prefix []byte, columns int, cause Origin) {
	r.job(f, prefix, columns, cause).all = true
}

// touchOwn says that one own row has changed.
func (e *Engine) touchOwn(r *resolver, f *graph.FeaturePlan, match, suffix []byte, cause Origin) {
	r.job(f, match, len(f.Layout), cause).suffixes[string(suffix)] = struct{}{}
}

// sorted returns the jobs in the order of the state's keys, then in topological order.
func (r *resolver) sorted() []*job {
	list := make([]*job, 0, len(r.jobs))
	for _, j := range r.jobs {
		list = append(list, j)
	}
	slices.SortFunc(list, func(a, b *job) int {
		if c := strings.Compare(string(a.prefix), string(b.prefix)); c != 0 {
			return c
		}
		if c := a.feature.Position() - b.feature.Position(); c != 0 {
			return c
		}
		return a.columns - b.columns
	})
	return list
}

// workResolver evaluates what was touched, then dirty keys, then goes on with the sweep.
func (e *Engine) workResolver(r *resolver) (more bool) {
	e.openFeatures(r)
	e.runTouched(r)
	for !e.spent() && e.runDirty(r) {
		e.runTouched(r)
	}
	for !e.spent() && e.sweep(r) {
		e.runTouched(r)
	}
	e.runTouched(r)
	e.openFeatures(r) // a sweep may have cleared the way
	return e.hasWork(r)
}

// runTouched evaluates what was touched, and what that touches in turn: a flag on the own edge of a
// feature is kept at once (suspect.go).
func (e *Engine) runTouched(r *resolver) {
	for len(r.jobs) > 0 && e.err == nil {
		jobs := r.sorted()
		clear(r.jobs)
		for _, j := range jobs {
			if !r.isOpen(j.feature) {
				continue
			}
			if e.spent() {
				e.saveDirty(r, j, nil)
				continue
			}
			e.runLive(r, j)
		}
	}
}

// Defer keeps what has been touched as dirty keys, for the epochs to come: recovery, which
// evaluates nothing, calls it before what it read is applied.
func (e *Engine) Defer() error {
	for _, r := range e.sortedResolvers() {
		for _, j := range r.sorted() {
			e.saveDirty(r, j, nil)
		}
		clear(r.jobs)
	}
	return e.err
}

// Forget drops what has been touched in one partition of rows: a sweep visits it.
func (e *Engine) Forget(q int32) {
	if r := e.resolvers[q]; r != nil {
		clear(r.jobs)
	}
}

// runLive evaluates a job as far as one fan-out may go in an epoch; the rest becomes a dirty key.
func (e *Engine) runLive(r *resolver, j *job) {
	limit := min(e.budget, e.cfg.Inline)
	e.budget -= limit
	ev := e.evaluate(r, j, limit)
	pos, done := ev.run(nil, nil)
	e.budget += max(ev.left, 0)
	if !done {
		e.saveDirty(r, j, pos)
	}
}

// Dirty keys are jobs that an epoch did not finish. The key holds what was touched, the value how
// far it has come: bytes(position), bytes(stop), a byte (1: it has wrapped round), and the origin.
// A touch of a dirty key does not move its position: it sets the end of the lap to where the
// position is, and the job goes round once more, so that a fan-out that is touched again and
// again still comes to its end.
type lap struct {
	position []byte // go on here; empty: from the start
	stop     []byte // after wrapping round, up to here; empty: no further lap
	wrapped  bool
}

func dirtyKey(r *resolver, f *graph.FeaturePlan, columns int, prefix []byte, own bool, suffix string) []byte {
	key := binary.BigEndian.AppendUint64(partKey(nil, r.q, partDirty), xxhash.Sum64String(string(f.Key)))
	key = append(binary.BigEndian.AppendUint16(key, uint16(columns)), prefix...)
	key = append(key, tupleEnd)
	if own {
		key = append(append(key, 1), suffix...)
	}
	return key
}

func (l lap) append(dst []byte, cause Origin) []byte {
	dst = appendText(appendText(dst, l.position), l.stop)
	if l.wrapped {
		dst = append(dst, 1)
	} else {
		dst = append(dst, 0)
	}
	return cause.append(dst)
}

func (o Origin) append(dst []byte) []byte {
	dst = binary.AppendUvarint(appendText(dst, o.Topic), uint64(o.Partition))
	dst = binary.AppendVarint(binary.AppendVarint(dst, o.Offset), o.Time)
	return appendText(dst, o.Trace)
}

func decodeLap(value []byte) (l lap, cause Origin) {
	b := byteReader{b: slices.Clone(value)}
	l.position, l.stop = b.bytes(), b.bytes()
	if wrapped := b.take(1); wrapped != nil {
		l.wrapped = wrapped[0] == 1
	}
	return l, b.origin()
}

func (r *byteReader) origin() (o Origin) {
	o.Topic, o.Partition = string(r.bytes()), int32(r.uvarint())
	o.Offset, o.Time = r.varint(), r.varint()
	o.Trace = string(r.bytes())
	return o
}

// saveDirty keeps a job for later epochs.
func (e *Engine) saveDirty(r *resolver, j *job, position []byte) {
	if !j.all {
		if len(j.suffixes) == 0 { // the key of M alone
			j.suffixes[""] = struct{}{}
		}
		for suffix := range j.suffixes {
			e.st.Set(dirtyKey(r, j.feature, j.columns, j.prefix, true, suffix), lap{}.append(nil, j.cause))
		}
		return
	}
	if j.feature.Watched {
		for suffix := range j.suffixes { // rows that are gone: a visit of all does not come by them
			e.st.Set(dirtyKey(r, j.feature, j.columns, j.prefix, true, suffix), lap{}.append(nil, j.cause))
		}
	}
	key := dirtyKey(r, j.feature, j.columns, j.prefix, false, "")
	l := lap{position: position}
	if was, ok := e.get(key); ok {
		if old, _ := decodeLap(was); len(old.position) > 0 {
			l = lap{position: old.position, stop: old.position}
		}
	}
	e.st.Set(key, l.append(nil, j.cause))
}

// runDirty goes on with the first dirty key; it reports whether there was one.
func (e *Engine) runDirty(r *resolver) bool {
	prefix := partKey(nil, r.q, partDirty)
	var key, value []byte
	e.scan(prefix, state.PrefixEnd(prefix), func(k, v []byte) bool {
		key, value = slices.Clone(k), slices.Clone(v)
		return false
	})
	if key == nil {
		return false
	}
	e.st.Delete(key)
	j, ok := e.parseDirty(key[len(prefix):])
	if !ok || !r.isOpen(j.feature) {
		return true // a sweep visits it
	}
	l, cause := decodeLap(value)
	j.cause = cause
	limit := e.budget
	e.budget = 0
	ev := e.evaluate(r, j, limit)
	var stop []byte
	if l.wrapped {
		stop = l.stop
	}
	own := !j.all
	pos, done := ev.run(l.position, stop)
	e.budget = max(ev.left, 0)
	switch {
	case !done && own && j.all: // it became one of the whole match key
		e.saveDirty(r, j, pos)
		return true
	case !done:
		l.position = pos
	case !l.wrapped && len(l.stop) > 0:
		l.position, l.wrapped = nil, true
	default:
		return true
	}
	e.st.Set(key, l.append(nil, cause))
	return true
}

func (e *Engine) parseDirty(key []byte) (*job, bool) {
	if len(key) < 10 {
		return nil, false
	}
	name := binary.BigEndian.Uint64(key)
	j := &job{columns: int(binary.BigEndian.Uint16(key[8:])), suffixes: map[string]struct{}{}}
	for _, f := range e.plan.Features {
		if xxhash.Sum64String(string(f.Key)) == name {
			j.feature = f
		}
	}
	at := tupleLen(key[10:])
	if j.feature == nil || at < 0 {
		return nil, false
	}
	j.prefix = key[10 : 10+at]
	if own := key[10+at+1:]; len(own) > 1 {
		j.suffixes[string(own[1:])] = struct{}{}
	} else if len(own) == 0 {
		j.all = true
	}
	return j, true
}

// dropDirty forgets the dirty keys of a task.
func (e *Engine) dropDirty(r *resolver) {
	prefix := partKey(nil, r.q, partDirty)
	var keys [][]byte
	e.scan(prefix, state.PrefixEnd(prefix), func(key, _ []byte) bool {
		keys = append(keys, slices.Clone(key))
		return true
	})
	for _, key := range keys {
		e.st.Delete(key)
	}
}

// hasWork reports whether dirty keys or a sweep are left.
func (e *Engine) hasWork(r *resolver) bool {
	prefix := partKey(nil, r.q, partDirty)
	if e.first(prefix, state.PrefixEnd(prefix)) != nil {
		return true
	}
	_, ok := e.get(partKey(e.key[:0], r.q, partSweep))
	return ok
}
