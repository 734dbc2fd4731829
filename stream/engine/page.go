package engine

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/freshline/freshline/graph"
)

// What was last emitted is kept in pages: one for a match key with few events, more where a
// page would outgrow pageSize. The key of a page ends in the suffix with which it begins; it has
// every event whose suffix is not below that and below the next page's. The first one begins in the
// empty suffix, and is there whenever another is: so one Get finds that a match key has no page, and
// a match key with one page needs no search.
//
// A page is a byte of flags and a sequence of entries in order of suffix:
// bytes(suffix), 8 bytes digest of what E1 compares. The event of the key of M has the empty suffix.
// What is fresh has no entry.
const pageSize = 4 << 10

// The flags of a page; all but the first stand in the first page of a match key.
const (
	pageMore        = 1 << iota // another page may follow
	pageComplete                // the group was complete when its children were last judged (S7)
	pageFailures                // workers could not do work of this match key (S12)
	pageInputFailed             // the work of the key of M had failed when the children were last judged (S3)
	pageSaid                    // something is said of rows of this match key, or of what is still to come (S3)
)

// entry is one event of a page.
type entry struct {
	suffix []byte
	digest uint64
}

func (ev *evaluation) pagePrefix() []byte {
	shape := nameOf(ev.f.Shape.Name)
	key := joinedKey(nil, ev.r.q, ev.join(), sectionPages, shape[:])
	return append(append(key, ev.matchRest()...), tupleEnd)
}

func appendEntry(dst []byte, suffix []byte, digest uint64) []byte {
	return binary.BigEndian.AppendUint64(appendText(dst, suffix), digest)
}

// readEntry returns the first entry of a page and what follows it.
func readEntry(page []byte) (en entry, rest []byte, ok bool) {
	r := byteReader{b: page}
	en.suffix = r.bytes()
	digest := r.take(8)
	if r.bad {
		return en, nil, false
	}
	en.digest = binary.BigEndian.Uint64(digest)
	return en, r.b, true
}

// page is one page, taken out of the state.
type page struct {
	flags   byte // of the first page
	lower   []byte
	entries []byte
	upper   []byte // where the next page begins; nil where none does
	stored  bool
}

// page finds the page that has a suffix. Without any page it is an empty one from the start.
func (e *Engine) page(prefix, suffix []byte) (p page) {
	e.flags = 0
	first, ok := e.get(prefix)
	if !ok || len(first) == 0 {
		return p
	}
	p.stored, p.flags = true, first[0]
	e.flags = first[0]
	if first[0]&pageMore == 0 {
		p.entries = append(p.entries, first[1:]...)
		return p
	}
	p.entries = append(p.entries, first[1:]...)
	if len(suffix) > 0 {
		key, value, ok, err := e.st.Last(prefix, append(append(slices.Clone(prefix), suffix...), 0))
		e.fail(err)
		if ok && err == nil && len(value) > 0 {
			p.lower, p.entries = slices.Clone(key[len(prefix):]), append(p.entries[:0], value[1:]...)
		}
	}
	after := append(append(slices.Clone(prefix), p.lower...), 0)
	if next := e.first(after, prefixAbove(prefix)); next != nil {
		p.upper = next[len(prefix):]
	}
	return p
}

// setEntry puts, replaces or (digest 0) removes one entry.
func (e *Engine) setEntry(prefix, suffix []byte, update func(old uint64) uint64) {
	p := e.page(prefix, suffix)
	next := make([]byte, 0, len(p.entries)+len(suffix)+12)
	rest := p.entries
	var old uint64
	for len(rest) > 0 {
		en, after, ok := readEntry(rest)
		if !ok {
			e.fail(errRowBytes)
			return
		}
		c := bytes.Compare(en.suffix, suffix)
		if c > 0 {
			break
		}
		if c == 0 {
			old, rest = en.digest, after
			break
		}
		next = append(next, rest[:len(rest)-len(after)]...)
		rest = after
	}
	digest := update(old)
	if digest == old {
		return
	}
	if digest != 0 {
		next = appendEntry(next, suffix, digest)
	}
	e.writePage(prefix, &p, append(next, rest...))
}

// writePage replaces the entries of a page, which may become several.
func (e *Engine) writePage(prefix []byte, p *page, entries []byte) {
	kept := p.flags &^ pageMore
	put := func(lower, entries []byte, more bool) {
		value := make([]byte, 1, 1+len(entries))
		if len(lower) == 0 {
			value[0] = kept
		}
		if more {
			value[0] |= pageMore
		}
		e.st.Set(append(slices.Clone(prefix), lower...), append(value, entries...))
	}
	if len(entries) == 0 && (len(p.lower) > 0 || p.upper == nil && kept == 0) {
		if p.stored {
			e.st.Delete(append(slices.Clone(prefix), p.lower...))
		}
		return
	}
	lower, start, rest := p.lower, entries, entries
	for len(rest) > 0 {
		en, after, ok := readEntry(rest)
		if !ok {
			e.fail(errRowBytes)
			return
		}
		if size := len(start) - len(after); size > pageSize && len(start) != len(rest) {
			put(lower, start[:len(start)-len(rest)], true)
			start, lower = rest, en.suffix
		}
		rest = after
	}
	put(lower, start, p.upper != nil)
}

// turned reports whether what is said of all children has changed since they were last judged: the
// group has become complete or ceased to be (S7), or the work of their parent has failed (S3).
func (ev *evaluation) turned() bool {
	if !ev.f.Expands || ev.null {
		return false
	}
	_, touched := ev.job.suffixes[string(noOwnIDs(ev.f))]
	if !touched && !ev.family.HasGroup() && !ev.f.Watched {
		return false
	}
	first, ok := ev.e.get(ev.pagePrefix())
	var was byte
	if ev.e.flags = 0; ok && len(first) > 0 {
		was, ev.e.flags = first[0], first[0]
	}
	return (was&pageComplete != 0) != ev.family.Complete() || (was&pageInputFailed != 0) != ev.inputFails()
}

// inputFails reports whether the work of the parent has failed, if somebody has to know.
func (ev *evaluation) inputFails() bool {
	if !ev.f.Watched || ev.e.flags&pageFailures == 0 {
		return false
	}
	scope, j, own := ev.judgeInput()
	return j.Status.Work() && ev.workFailed(nil, scope, j, own)
}

// visitAll judges the own rows of the match key from a suffix on, up to another, as far as it may,
// page by page, and at the start the key of M; it returns the suffix to go on with, or that it is done.
func (ev *evaluation) visitAll(from, stop []byte) (suffix []byte, done bool) {
	prefix := ev.pagePrefix()
	for {
		p := ev.e.page(prefix, from)
		m := pageMerge{ev: ev, old: p.entries, from: from}
		flags := p.flags
		if len(from) == 0 {
			p.flags &^= pageComplete
			if ev.family.Complete() {
				p.flags |= pageComplete
			}
			p.flags &^= pageInputFailed
			if ev.inputFails() {
				p.flags |= pageInputFailed
			}
		}
		next := m.run(stop, p.upper)
		if !bytes.Equal(m.out, p.entries) || p.flags != flags || p.stored && len(m.out) == 0 {
			ev.e.writePage(prefix, &p, m.out)
		}
		switch {
		case ev.e.err != nil, m.stopped:
			return nil, true
		case next != nil:
			return next, false
		case p.upper == nil:
			return nil, true
		}
		from = p.upper
	}
}

// pageMerge brings one page up to date with the own rows in its range.
type pageMerge struct {
	ev      *evaluation
	old     []byte // entries not yet looked at
	from    []byte // entries below stay as they are
	out     []byte
	stopped bool
}

// run merges; it returns the suffix at which it had to end, nil at the end of the range.
func (m *pageMerge) run(stop, upper []byte) (next []byte) {
	ev := m.ev
	base := ev.ownPrefix(nil)
	start := append(slices.Clone(base), m.from...)
	end := append(slices.Clone(base), tupleTop)
	if upper != nil {
		end = append(slices.Clone(base), upper...)
	}
	if len(m.from) == 0 {
		m.input()
	}
	own := &ev.children
	own.begin(ev, len(base))
	var until []byte // where the scan was ended; nil: nowhere
	ev.e.scan(start, end, func(key, value []byte) bool {
		return own.row(key, value, func(suffix []byte, s *stored) bool {
			if len(stop) > 0 && bytes.Compare(suffix, stop) >= 0 {
				m.stopped, until = true, slices.Clone(suffix)
				return false
			}
			if ev.left <= 0 || !ev.e.st.Fits(ev.e.cfg.MaxWrites) {
				next = slices.Clone(suffix)
				until = next
				return false
			}
			ev.left--
			m.row(suffix, s)
			return true
		})
	})
	if until == nil {
		own.flush(func(suffix []byte, s *stored) bool { m.row(suffix, s); return true })
	}
	m.gone(until)
	m.out = append(m.out, m.old...)
	return next
}

// input answers for the key of M, whose entry is the first of the first page.
func (m *pageMerge) input() {
	var old uint64
	if en, rest, ok := readEntry(m.old); ok && len(en.suffix) == 0 {
		old, m.old = en.digest, rest
	}
	scope, j, own := m.ev.judgeInput()
	if digest := m.ev.answer(nil, scope, j, own, old); digest != 0 {
		m.out = appendEntry(m.out, nil, digest)
	}
	m.ev.sayInput(j, own)
}

// gone takes back the events below a suffix (nil: all that are left) whose rows are gone.
func (m *pageMerge) gone(before []byte) {
	for len(m.old) > 0 {
		en, rest, ok := readEntry(m.old)
		if !ok {
			m.ev.e.fail(errRowBytes)
			return
		}
		if before != nil && bytes.Compare(en.suffix, before) >= 0 {
			return
		}
		if bytes.Compare(en.suffix, m.from) < 0 {
			m.out = append(m.out, m.old[:len(m.old)-len(rest)]...)
		} else if digest := m.ev.answer(en.suffix, graph.ScopeSample, graph.Judgement{}, nil, en.digest); digest != 0 {
			m.out = appendEntry(m.out, en.suffix, digest)
		}
		m.old = rest
	}
}

// row judges the next own row.
func (m *pageMerge) row(suffix []byte, s *stored) {
	m.gone(suffix)
	var old uint64
	if en, rest, ok := readEntry(m.old); ok && bytes.Equal(en.suffix, suffix) {
		old, m.old = en.digest, rest
	}
	j := m.ev.judge(s)
	if digest := m.ev.answer(suffix, graph.ScopeSample, j, s, old); digest != 0 {
		m.out = appendEntry(m.out, suffix, digest)
	}
	if !m.ev.f.Watched {
		return
	}
	if row := m.ev.recorded(s); row != nil && !row.Group {
		s.row = *row
		m.ev.sayOwn(suffix, s, j)
	}
}

// ownScan gives the own rows of a scan one by one, of several record keys that are one sample
// the latest (R2): those of a process that has not read a graph of other id columns yet are such, too.
type ownScan struct {
	ev   *evaluation
	base int
	have bool // rows[held] is a row that has not been given
	held int
	rows [2]ownRow
}

// ownRow is a copy of one row. Its buffers are used again and again.
type ownRow struct {
	stored
	suffix []byte
	value  []byte
}

func (o *ownScan) begin(ev *evaluation, base int) { o.ev, o.base, o.have = ev, base, false }

func (o *ownScan) row(key, value []byte, fn func(suffix []byte, s *stored) bool) bool {
	held, next := &o.rows[o.held], &o.rows[1-o.held]
	next.suffix = append(next.suffix[:0], key[o.base:len(key)-8-1]...)
	next.value = append(next.value[:0], value...)
	if err := next.decodeHead(next.value); err != nil {
		o.ev.e.fail(err)
		return false
	}
	next.source = sourceOf(key)
	switch {
	case !o.have:
	case bytes.Equal(next.suffix, held.suffix):
		if !next.later(&held.stored) {
			return true
		}
	case !fn(held.suffix, &held.stored):
		o.have = false
		return false
	}
	o.held, o.have = 1-o.held, true
	return true
}

// flush gives the last row.
func (o *ownScan) flush(fn func(suffix []byte, s *stored) bool) {
	if o.have {
		fn(o.rows[o.held].suffix, &o.rows[o.held].stored)
	}
}
