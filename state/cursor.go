package state

import (
	"bytes"

	"github.com/dgraph-io/badger/v4"
)

// cursor is a forward iterator that knows which keys are not there, so that a Scan that begins
// where the last one ended needs no seek, nor a Get there a search of the tables.
//
// Invariant between Scans, if placed: there is no key k with gap <= k < the key that it stands on,
// or with gap <= k at all if it stands on none.
type cursor struct {
	it     *badger.Iterator
	placed bool
	gap    []byte

	to   []byte // copy of the argument, which may be a key that a call inside fn overwrites
	key  []byte
	fn   func(key, value []byte) bool
	more bool
	read func(value []byte) error // c.readValue, bound once: a Scan then allocates nothing
}

func newCursor(txn *badger.Txn) *cursor {
	// Values lie beside their keys: fetching them ahead only costs goroutines.
	c := &cursor{it: txn.NewIterator(badger.IteratorOptions{PrefetchValues: false})}
	c.read = c.readValue
	return c
}

func (c *cursor) readValue(value []byte) error {
	c.more = c.fn(c.key, value)
	return nil
}

func (c *cursor) scan(from, to []byte, fn func(key, value []byte) bool) error {
	if to != nil {
		if bytes.Compare(from, to) >= 0 {
			return nil
		}
		c.to = append(c.to[:0], to...)
		to = c.to
	}
	if !c.covers(from) {
		c.it.Seek(from)
	}
	c.placed = false // until the end: fn may panic
	c.fn = fn
	for ; c.it.Valid(); c.it.Next() {
		item := c.it.Item()
		if c.key = item.Key(); to != nil && bytes.Compare(c.key, to) >= 0 {
			break
		}
		if err := item.Value(c.read); err != nil {
			return err
		}
		if !c.more {
			to = c.key
			break
		}
	}
	c.fn = nil
	if to != nil {
		c.gap, c.placed = append(c.gap[:0], to...), true
	}
	return nil
}

// covers tells that the first key not less than from is the one that the iterator stands on.
func (c *cursor) covers(from []byte) bool {
	return c.placed && bytes.Compare(c.gap, from) <= 0 &&
		(!c.it.Valid() || bytes.Compare(from, c.it.Item().Key()) <= 0)
}

// get returns the value of key if the cursor, which covers it, stands on it.
func (c *cursor) get(key, buf []byte) (value []byte, ok bool, err error) {
	if !c.it.Valid() || !bytes.Equal(c.it.Item().Key(), key) {
		return buf, false, nil
	}
	value, err = c.it.Item().ValueCopy(buf)
	return value, err == nil, err
}
