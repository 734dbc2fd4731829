package engine

import (
	"bytes"
	"encoding/binary"
	"slices"

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
	live     bool // a row has touched it, or a sweep visits it: flags that it asks for may still be on their way
	ripe     bool // it has been held (held.go)
	flagged  bool // a flag has touched it
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
func (e *Engine) touchAll(r *resolver, f *graph.FeaturePlan, prefix []byte, columns int, cause Origin) *job {
	j := r.job(f, prefix, columns, cause)
	j.all = true
	return j
}

// touchOwn says that one own row has changed.
func (e *Engine) touchOwn(r *resolver, f *graph.FeaturePlan, match, suffix []byte, cause Origin) *job {
	j := r.job(f, match, len(f.Layout), cause)
	j.suffixes[string(suffix)] = struct{}{}
	return j
}

// join is the join key that a job lies under.
func (j *job) join() []byte {
	join, _, _ := cut(j.prefix, j.feature.K)
	return join
}

// sorted returns the jobs in the order of the state's join keys, under each in topological order:
// what a feature says on its own edge is there before its readers are evaluated.
func (r *resolver) sorted() []*job {
	list := make([]*job, 0, len(r.jobs))
	for _, j := range r.jobs {
		list = append(list, j)
	}
	slices.SortFunc(list, func(a, b *job) int {
		if c := bytes.Compare(a.join(), b.join()); c != 0 {
			return c
		}
		if c := a.feature.Position() - b.feature.Position(); c != 0 {
			return c
		}
		if c := bytes.Compare(a.prefix, b.prefix); c != 0 {
			return c
		}
		return a.columns - b.columns
	})
	return list
}

// workResolver evaluates what was touched, then dirty keys, then goes on with the sweep.
func (e *Engine) workResolver(r *resolver) (more bool) {
	e.openFeatures(r)
	e.runHeld(r)
	e.runTouched(r)
	for !e.spent() && e.runDirty(r) {
		e.runTouched(r)
	}
	for !e.spent() && e.sweep(r) {
		e.runTouched(r)
	}
	e.runTouched(r)
	e.sayJudged(r)
	e.openFeatures(r) // a sweep may have cleared the way
	more = e.hasWork(r)
	r.left = more || len(r.held) > 0 || len(r.opened) < len(e.plan.Features)
	return more
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
			e.runLive(r, j)
		}
	}
}

// behind says of which features, by position, dirty keys are left.
func (e *Engine) behind(r *resolver) []bool {
	if r.dirty != nil {
		return r.dirty
	}
	r.dirty = make([]bool, len(e.plan.Features))
	prefix := partKey(nil, r.q, partDirty)
	for from := prefix; ; {
		key := e.first(from, state.PrefixEnd(prefix))
		if len(key) < len(prefix)+2 {
			return r.dirty
		}
		position := binary.BigEndian.Uint16(key[len(prefix):])
		if int(position) < len(r.dirty) {
			r.dirty[position] = true
		}
		from = binary.BigEndian.AppendUint16(slices.Clone(prefix), position+1)
	}
}

// waits reports whether a feature of which some ancestor has dirty keys must wait for these: what is
// suspect on the own edge of the ancestor is not known before.
func (e *Engine) waits(r *resolver, f *graph.FeaturePlan) bool {
	if !slices.ContainsFunc(f.Deps, func(d *graph.DepPlan) bool { return d.Settle }) {
		return false
	}
	for position, is := range e.behind(r) {
		if is && f.DependsOn(e.plan.Features[position]) {
			return true
		}
	}
	return false
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
	if e.spent() || e.waits(r, j.feature) {
		e.saveDirty(r, j, nil)
		return
	}
	limit := min(e.budget, e.cfg.Inline)
	e.budget -= limit
	ev := e.evaluate(r, j, limit)
	pos, done := ev.run(nil, nil)
	e.budget += max(ev.left, 0)
	if !done {
		e.saveDirty(r, j, pos)
	}
}

// Dirty keys are jobs that an epoch did not finish, in topological order. The key holds what was touched,
// the value how far it has come: bytes(position), bytes(stop), a byte of flags, and the origin.
// A touch of a dirty key does not move its position: it sets the end of the lap to where the
// position is, and the job goes round once more, so that a fan-out that is touched again and
// again still comes to its end.
type lap struct {
	position []byte // go on here; empty: from the start
	stop     []byte // after wrapping round, up to here; empty: no further lap
	wrapped  bool
	live     bool // as those of job
	ripe     bool
}

const (
	lapWrapped = 1 << iota
	lapLive
	lapRipe
)

// jobKeys returns the keys under which a job is kept in a part of the state: one for all, or one for each
// own row. They begin with the position of the feature in the graph in force, whose sweep
// replaces them when another comes.
func jobKeys(part byte, r *resolver, j *job) (keys [][]byte) {
	base := binary.BigEndian.AppendUint16(partKey(nil, r.q, part), uint16(j.feature.Position()))
	base = append(binary.BigEndian.AppendUint16(base, uint16(j.columns)), j.prefix...)
	base = append(base, tupleEnd)
	if !j.all || j.feature.Watched { // rows that are gone: a visit of all does not come by them
		for suffix := range j.suffixes {
			keys = append(keys, append(append(slices.Clone(base), 1), suffix...))
		}
	}
	switch {
	case j.all:
		keys = append(keys, base)
	case len(keys) == 0: // the key of M alone
		keys = append(keys, append(base, 1))
	}
	return keys
}

func (l lap) append(dst []byte, cause Origin) []byte {
	dst = appendText(appendText(dst, l.position), l.stop)
	var flags byte
	if l.wrapped {
		flags |= lapWrapped
	}
	if l.live {
		flags |= lapLive
	}
	if l.ripe {
		flags |= lapRipe
	}
	return cause.append(append(dst, flags))
}

func (o Origin) append(dst []byte) []byte {
	dst = binary.AppendUvarint(appendText(dst, o.Topic), uint64(o.Partition))
	dst = binary.AppendVarint(binary.AppendVarint(dst, o.Offset), o.Time)
	return appendText(dst, o.Trace)
}

func decodeLap(value []byte) (l lap, cause Origin) {
	b := byteReader{b: slices.Clone(value)}
	l.position, l.stop = b.bytes(), b.bytes()
	if flags := b.take(1); flags != nil {
		l.wrapped, l.live, l.ripe = flags[0]&lapWrapped != 0, flags[0]&lapLive != 0, flags[0]&lapRipe != 0
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
	if r.dirty != nil {
		r.dirty[j.feature.Position()] = true
	}
	keys := jobKeys(partDirty, r, j)
	fresh := lap{live: j.live, ripe: j.ripe}
	if j.all {
		key := keys[len(keys)-1]
		keys = keys[:len(keys)-1]
		l := fresh
		l.position = position
		if was, ok := e.get(key); ok {
			if old, _ := decodeLap(was); len(old.position) > 0 {
				l.position, l.stop = old.position, old.position
			}
		}
		e.st.Set(key, l.append(nil, j.cause))
	}
	for _, key := range keys {
		e.st.Set(key, fresh.append(nil, j.cause))
	}
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
	r.dirty = nil
	j, ok := e.parseJobKey(key[len(prefix):])
	if !ok || !r.isOpen(j.feature) {
		return true // a sweep visits it
	}
	l, cause := decodeLap(value)
	j.cause, j.live, j.ripe = cause, l.live, l.ripe
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

// parseJobKey reads what follows the part in a key of jobKeys.
func (e *Engine) parseJobKey(key []byte) (*job, bool) {
	if len(key) < 4 {
		return nil, false
	}
	position := int(binary.BigEndian.Uint16(key))
	j := &job{columns: int(binary.BigEndian.Uint16(key[2:])), suffixes: map[string]struct{}{}}
	at := tupleLen(key[4:])
	if position >= len(e.plan.Features) || at < 0 {
		return nil, false
	}
	j.feature = e.plan.Features[position]
	j.prefix = key[4 : 4+at]
	if own := key[4+at+1:]; len(own) > 1 {
		j.suffixes[string(own[1:])] = struct{}{}
	} else if len(own) == 0 {
		j.all = true
	}
	return j, true
}

// dropDirty forgets the dirty keys and the held keys of a task.
func (e *Engine) dropDirty(r *resolver) {
	var keys [][]byte
	for _, part := range []byte{partDirty, partHeld} {
		prefix := partKey(nil, r.q, part)
		e.scan(prefix, state.PrefixEnd(prefix), func(key, _ []byte) bool {
			keys = append(keys, slices.Clone(key))
			return true
		})
	}
	for _, key := range keys {
		e.st.Delete(key)
	}
	clear(r.held)
	r.due = 0
	r.dirty = nil
}

// hasWork reports whether dirty keys, held keys that are due, or a sweep are left.
func (e *Engine) hasWork(r *resolver) bool {
	prefix := partKey(nil, r.q, partDirty)
	if e.first(prefix, state.PrefixEnd(prefix)) != nil {
		return true
	}
	if r.due != 0 && r.due <= e.now {
		return true
	}
	_, ok := e.get(partKey(e.key[:0], r.q, partSweep))
	return ok
}
