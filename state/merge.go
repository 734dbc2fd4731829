package state

import (
	"bytes"

	"github.com/tidwall/btree"
)

// merge is one Scan of an Overlay: the base pushes its keys, and between them the iterator
// of the pending writes is pulled.
//
// Invariant, outside of fn: pending stands on the first write whose key is greater than all
// keys passed on or skipped, and moored is o.inserts of the time it was put there.
type merge struct {
	o       *Overlay
	pending btree.IterG[*write]
	more    bool // pending stands on a write
	moored  uint64
	probe   write
	bound   []byte // copy of to, which may be a key that a call inside fn overwrites
	fn      func(key, value []byte) bool
	stopped bool
	visit   func(key, value []byte) bool // m.baseKey, bound once: a Scan then allocates nothing
}

func newMerge(o *Overlay) *merge {
	m := &merge{o: o}
	m.visit = m.baseKey
	return m
}

func (m *merge) run(from, to []byte, fn func(key, value []byte) bool) error {
	m.o.nReads.Seeks++
	m.fn, m.stopped = fn, false
	m.pending.Init(m.o.pending, false)
	defer m.end()
	if to != nil {
		m.bound = append(m.bound[:0], to...)
		to = m.bound[:len(to):len(to)]
	}
	m.seek(from)
	if err := m.o.base.Scan(from, to, m.visit); err != nil || m.stopped {
		return err
	}
	for m.more {
		w := m.pending.Item()
		if to != nil && bytes.Compare(w.key, to) >= 0 || !m.pass(w) {
			break
		}
	}
	return nil
}

func (m *merge) end() {
	m.pending.Release()
	m.fn, m.probe.key = nil, nil
}

// baseKey passes on the pending writes before key, then key or what is pending for it.
func (m *merge) baseKey(key, value []byte) bool {
	m.o.nReads.Keys++
	for m.more {
		w := m.pending.Item()
		c := bytes.Compare(w.key, key)
		if c > 0 {
			break
		}
		if !m.pass(w) {
			return false
		}
		if c == 0 {
			return true
		}
	}
	if !m.fn(key, value) {
		m.stopped = true
		return false
	}
	if m.moored != m.o.inserts {
		m.seekAfter(key)
	}
	return true
}

// pass gives w, on which pending stands, to fn if it is not deleted, and goes behind it.
func (m *merge) pass(w *write) bool {
	if !w.deleted && !m.fn(w.key, w.value) {
		m.stopped = true
		return false
	}
	if m.moored != m.o.inserts {
		m.seekAfter(w.key)
	} else {
		m.more = m.pending.Next()
	}
	return true
}

func (m *merge) seek(key []byte) {
	m.moored = m.o.inserts
	m.probe.key = key
	m.more = m.o.pending.Len() > 0 && m.pending.Seek(&m.probe)
}

func (m *merge) seekAfter(key []byte) {
	m.seek(key)
	if m.more && bytes.Equal(m.pending.Item().key, key) {
		m.more = m.pending.Next()
	}
}
