package engine

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/state"
)

// A row goes to its readers in one step, what is suspect of their other inputs in several: by the
// resolver of each, through rows. So that work is not offered which is about to be taken back, a key of
// a feature whose flags can come late (FeaturePlan.Hops) that a row has touched is held before it is
// offered as NEW or STALE: Config.Hold for each step. Everything else is said at once, and so
// are its own flags. Only when something is offered depends on the clock, never what. What slips
// through all the same is counted (Output.Slipped).
//
// A sweep holds what it finds, too: of rows that came while the state was away, or before the feature was open, it
// may be the first to know. That is bounded by sweptHeld keys of a task at a time, since a first start finds
// everything, and then what is suspect has been said before (judged.go).
//
// Held keys are kept in the state as dirty keys are, with the time from which they are offered: varint ms
// since 1970, the origin.
const partHeld = 'P'

// sweptHeld is how many keys of a task may be held when a sweep holds one more join key.
const sweptHeld = 10_000

// SetTime tells the engine the time, in ms since 1970. Call it before Work.
func (e *Engine) SetTime(now int64) { e.now = now }

// NextDue returns when the first held key is to be offered, ms since 1970; 0: none is held.
func (e *Engine) NextDue() int64 {
	var next int64
	for _, r := range e.resolvers {
		if r.due != 0 && (next == 0 || r.due < next) {
			next = r.due
		}
	}
	return next
}

// findDue finds when the first held key of a task is to be offered.
func (r *resolver) findDue() {
	r.due = 0
	for _, due := range r.held {
		if r.due == 0 || due < r.due {
			r.due = due
		}
	}
}

// holdsBack reports whether an answer is not to be given yet. What is held stays so, whoever else visits it: a flag
// that is taken back says nothing of those that are on their way.
func (ev *evaluation) holdsBack(j graph.Judgement) bool {
	if !j.Status.Work() || ev.job.ripe || ev.f.Hops == 0 || ev.e.cfg.Hold == 0 {
		return false
	}
	return ev.job.live || ev.held()
}

// held reports whether the match key at hand is held, as a whole or its key of M.
func (ev *evaluation) held() bool {
	if len(ev.r.held) == 0 {
		return false
	}
	at := job{feature: ev.f, prefix: ev.match, columns: len(ev.f.Layout)}
	for _, at.all = range []bool{true, false} {
		if _, ok := ev.r.held[string(jobKeys(partHeld, ev.r, &at)[0])]; ok {
			return true
		}
	}
	return false
}

// hold keeps the keys of a match key that were visited, until it is time to offer them. A key that
// is held already keeps its time.
func (e *Engine) hold(r *resolver, j *job, match []byte) {
	due := e.now + int64(j.feature.Hops)*e.cfg.Hold
	at := *j
	at.prefix, at.columns = match, len(j.feature.Layout)
	for _, key := range jobKeys(partHeld, r, &at) {
		if _, ok := r.held[string(key)]; ok {
			continue
		}
		r.held[string(key)] = due
		if r.due == 0 || due < r.due {
			r.due = due
		}
		e.st.Set(key, j.cause.append(binary.AppendVarint(nil, due)))
	}
}

// loadHeld reads the held keys of a task from its state.
func (e *Engine) loadHeld(r *resolver) {
	r.held = map[string]int64{}
	prefix := partKey(nil, r.q, partHeld)
	e.scan(prefix, state.PrefixEnd(prefix), func(key, value []byte) bool {
		b := byteReader{b: value}
		r.held[string(key)] = b.varint()
		return true
	})
	r.findDue()
}

// runHeld offers what has been held long enough.
func (e *Engine) runHeld(r *resolver) {
	if r.due == 0 || r.due > e.now {
		return
	}
	defer r.findDue()
	var keys []string
	for key, due := range r.held {
		if due <= e.now {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		if e.spent() {
			return
		}
		value, _ := e.get([]byte(key))
		b := byteReader{b: bytes.Clone(value)}
		b.varint()
		e.st.Delete([]byte(key))
		delete(r.held, key)
		j, ok := e.parseJobKey([]byte(key[len(partKey(nil, r.q, partHeld)):]))
		if !ok || !r.isOpen(j.feature) {
			continue // a sweep visits it
		}
		j.cause, j.live, j.ripe = b.origin(), true, true
		e.runLive(r, j)
	}
}
