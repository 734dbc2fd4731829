package state

import (
	"bytes"
	"fmt"

	"github.com/tidwall/btree"
)

// memoryReader reads a copy of the tree, which nobody writes.
type memoryReader struct {
	store *Memory
	pairs *btree.BTreeG[pair] // nil when closed
	hint  btree.PathHint
}

// Get implements Reader.
func (r *memoryReader) Get(key []byte) (value []byte, ok bool, err error) {
	if r.pairs == nil {
		return nil, false, fmt.Errorf("get: %w", ErrClosed)
	}
	p, ok := r.pairs.GetHint(pair{key: key}, &r.hint)
	return p.value, ok, nil
}

// Scan implements Reader.
func (r *memoryReader) Scan(from, to []byte, fn func(key, value []byte) bool) error {
	if r.pairs == nil {
		return fmt.Errorf("scan: %w", ErrClosed)
	}
	r.pairs.Ascend(pair{key: from}, func(p pair) bool {
		return (to == nil || bytes.Compare(p.key, to) < 0) && fn(p.key, p.value)
	})
	return nil
}

// Last implements Reader.
func (r *memoryReader) Last(from, to []byte) (key, value []byte, ok bool, err error) {
	if r.pairs == nil {
		return nil, nil, false, fmt.Errorf("last: %w", ErrClosed)
	}
	var last pair
	if to == nil {
		last, ok = r.pairs.Max()
	} else {
		r.pairs.Descend(pair{key: to}, func(p pair) bool {
			if bytes.Equal(p.key, to) {
				return true
			}
			last, ok = p, true
			return false
		})
	}
	if !ok || bytes.Compare(last.key, from) < 0 {
		return nil, nil, false, nil
	}
	return last.key, last.value, true, nil
}

// Close implements io.Closer.
func (r *memoryReader) Close() error {
	if r.pairs == nil {
		return nil
	}
	r.pairs = nil
	r.store.mu.Lock()
	defer r.store.mu.Unlock()
	r.store.readers--
	return nil
}
