package state

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/tidwall/btree"
)

// pair is a key of a Memory and its value. Both are never changed, so copies of the tree share them.
type pair struct {
	key, value []byte
}

func pairLess(a, b pair) bool { return bytes.Compare(a.key, b.key) < 0 }

// Memory is a Store in memory, for replay, simulation and tests.
type Memory struct {
	// Max is the Limit; it is set before the first use. The zero value is no limit.
	Max Limit

	mu      sync.Mutex // guards what follows
	pairs   *btree.BTreeG[pair]
	readers int
	closed  bool
}

// NewMemory returns an empty Memory.
func NewMemory() *Memory {
	return &Memory{pairs: btree.NewBTreeGOptions(pairLess, btree.Options{NoLocks: true})}
}

// Copy returns a second, independent store with the same content. It costs little: what neither
// changes is shared. A simulation keeps one to be what a crash leaves.
func (m *Memory) Copy() *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &Memory{Max: m.Max, pairs: m.pairs.Copy()}
}

// Len returns the number of keys.
func (m *Memory) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.pairs.Len()
}

// Limit implements Store.
func (m *Memory) Limit() Limit { return m.Max }

// Reader implements Store.
func (m *Memory) Reader() (ReadCloser, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, fmt.Errorf("open a reader: %w", ErrClosed)
	}
	m.readers++
	return &memoryReader{store: m, pairs: m.pairs.Copy()}, nil
}

// Apply implements Store.
func (m *Memory) Apply(o *Overlay) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return fmt.Errorf("apply: %w", ErrClosed)
	}
	if err := checkApply(o, m.Max); err != nil {
		return err
	}
	var hint btree.PathHint
	o.Pending(func(key, value []byte, deleted bool) bool {
		if deleted {
			m.pairs.DeleteHint(pair{key: key}, &hint)
			return true
		}
		b := append(append(make([]byte, 0, len(key)+len(value)), key...), value...)
		m.pairs.SetHint(pair{b[:len(key):len(key)], b[len(key):]}, &hint)
		return true
	})
	return nil
}

// DropPrefix implements Store.
func (m *Memory) DropPrefix(prefix []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return fmt.Errorf("drop a prefix: %w", ErrClosed)
	}
	var drop []pair
	m.pairs.Ascend(pair{key: prefix}, func(p pair) bool {
		if !bytes.HasPrefix(p.key, prefix) {
			return false
		}
		drop = append(drop, p)
		return true
	})
	for _, p := range drop {
		m.pairs.Delete(p)
	}
	return nil
}

// Close implements Store.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.readers > 0 {
		return fmt.Errorf("close the state: %d readers are open", m.readers)
	}
	m.closed = true
	return nil
}

// checkApply refuses an overlay that a store with that limit cannot take.
func checkApply(o *Overlay, l Limit) (err error) {
	if !o.Fits(l) {
		return fmt.Errorf("%w: %d keys and %d bytes are pending, one write takes %d keys and %d bytes: end the epoch earlier",
			ErrTooLarge, o.Len(), o.Bytes(), l.Keys, l.Bytes)
	}
	o.Pending(func(key, value []byte, _ bool) bool {
		err = checkWrite(key, value)
		return err == nil
	})
	return err
}
