package engine

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/freshline/freshline/graph"
)

// What was last emitted is kept in pages: one for a match key with few events, more where a
// page would outgrow pageSize. The key of a page ends in the suffix with which it begins (the
// first one in an empty suffix); it has every event whose suffix is not below that and below the
// next page's. A page is a sequence of entries in order of suffix: bytes(suffix), 8 bytes digest of
// what E1 compares. The event of the key of M has the empty suffix. What is fresh has no entry.
const pageSize = 4 << 10

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

// page finds the page that has a suffix: its lower bound, its content, and the next page's bound,
// nil at the end. Without any page it is an empty one from the start.
func (e *Engine) page(prefix, suffix []byte) (lower, content, upper []byte) {
	key, value, ok, err := e.st.Last(prefix, append(append(slices.Clone(prefix), suffix...), 0))
	e.fail(err)
	if ok && err == nil {
		lower, content = slices.Clone(key[len(prefix):]), slices.Clone(value)
	}
	after := append(append(slices.Clone(prefix), lower...), 0)
	if next := e.first(after, prefixAbove(prefix)); next != nil {
		upper = next[len(prefix):]
	}
	return lower, content, upper
}

// setEntry puts, replaces or (digest 0) removes one entry.
func (e *Engine) setEntry(prefix, suffix []byte, update func(old uint64) uint64) {
	lower, content, _ := e.page(prefix, suffix)
	next := make([]byte, 0, len(content)+len(suffix)+12)
	rest := content
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
	e.writePage(prefix, lower, append(next, rest...))
}

// writePage writes entries from a lower bound on, split into pages.
func (e *Engine) writePage(prefix, lower, content []byte) {
	if len(content) == 0 {
		e.st.Delete(append(slices.Clone(prefix), lower...))
		return
	}
	start, rest := content, content
	for len(rest) > 0 {
		en, after, ok := readEntry(rest)
		if !ok {
			e.fail(errRowBytes)
			return
		}
		if size := len(start) - len(after); size > pageSize && len(start) != len(rest) {
			e.st.Set(append(slices.Clone(prefix), lower...), start[:len(start)-len(rest)])
			start, lower = rest, en.suffix
		}
		rest = after
	}
	e.st.Set(append(slices.Clone(prefix), lower...), start)
}

// visitAll judges the own rows of the match key from a suffix on, up to another, as far as it may,
// page by page; it returns the suffix to go on with, or that it is done.
func (ev *evaluation) visitAll(from, stop []byte) (suffix []byte, done bool) {
	prefix := ev.pagePrefix()
	for {
		lower, content, upper := ev.e.page(prefix, from)
		m := pageMerge{ev: ev, old: content, from: from}
		next := m.run(stop, upper)
		if !bytes.Equal(m.out, content) {
			ev.e.writePage(prefix, lower, m.out)
		}
		switch {
		case ev.e.err != nil, m.stopped:
			return nil, true
		case next != nil:
			return next, false
		case upper == nil:
			return nil, true
		}
		from = upper
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
	own := ownScan{ev: ev, base: len(base)}
	ev.e.scan(start, end, func(key, value []byte) bool {
		return own.row(key, value, func(suffix []byte, s *stored) bool {
			if len(stop) > 0 && bytes.Compare(suffix, stop) >= 0 {
				m.stopped = true
				return false
			}
			if ev.left <= 0 || !ev.e.st.Fits(ev.e.cfg.MaxWrites) {
				next = slices.Clone(suffix)
				return false
			}
			ev.left--
			m.row(suffix, s)
			return true
		})
	})
	if next == nil && !m.stopped {
		own.flush(func(suffix []byte, s *stored) bool { m.row(suffix, s); return true })
	}
	if next == nil && !m.stopped {
		m.gone(nil)
	}
	m.out = append(m.out, m.old...)
	return next
}

// gone takes back the events below a suffix (nil: all that are left) whose rows are gone.
func (m *pageMerge) gone(before []byte) (old uint64) {
	for len(m.old) > 0 {
		en, rest, ok := readEntry(m.old)
		if !ok {
			m.ev.e.fail(errRowBytes)
			return 0
		}
		if before != nil {
			switch c := bytes.Compare(en.suffix, before); {
			case c > 0:
				return 0
			case c == 0:
				m.old = rest
				return en.digest
			}
		}
		if len(en.suffix) == 0 || bytes.Compare(en.suffix, m.from) < 0 {
			m.out = append(m.out, m.old[:len(m.old)-len(rest)]...)
		} else if digest := m.ev.answer(en.suffix, graph.ScopeSample, graph.Judgement{}, nil, en.digest); digest != 0 {
			m.out = appendEntry(m.out, en.suffix, digest)
		}
		m.old = rest
	}
	return 0
}

// row judges the next own row.
func (m *pageMerge) row(suffix []byte, s *stored) {
	old := m.gone(suffix)
	if digest := m.ev.answer(suffix, graph.ScopeSample, m.ev.judge(s), s, old); digest != 0 {
		m.out = appendEntry(m.out, suffix, digest)
	}
}

// ownScan gives the own rows of a scan one by one, of several record keys that are one sample
// the latest (R2).
type ownScan struct {
	ev     *evaluation
	base   int
	s      stored
	held   stored
	suffix []byte // of held
	value  []byte
}

func (o *ownScan) row(key, value []byte, fn func(suffix []byte, s *stored) bool) bool {
	suffix := key[o.base : len(key)-8-1]
	if err := o.s.decodeHead(value); err != nil {
		o.ev.e.fail(err)
		return false
	}
	if !o.ev.f.ManyKeys {
		return fn(suffix, &o.s)
	}
	if o.value != nil && bytes.Equal(suffix, o.suffix) {
		if !o.s.later(&o.held) {
			return true
		}
	} else if o.value != nil && !fn(o.suffix, &o.held) {
		o.value = nil
		return false
	}
	o.suffix, o.value = slices.Clone(suffix), slices.Clone(value)
	o.held = stored{}
	o.ev.e.fail(o.held.decodeHead(o.value))
	return true
}

// flush gives the last row.
func (o *ownScan) flush(fn func(suffix []byte, s *stored) bool) {
	if o.value != nil {
		fn(o.suffix, &o.held)
	}
}
