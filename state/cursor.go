package state

import (
	"bytes"

	"github.com/dgraph-io/badger/v4"
)

// cursor is a forward iterator that knows which keys are not there, so that a Scan that begins
// where the last one ended needs no seek.
//
// Invariant between Scans, if placed: there is no key k with gap <= k < the key that it stands on,
// or with gap <= k at all if it stands on none.
type cursor struct {
	it     *badger.Iterator
	placed bool
	gap    []byte
	to     []byte // copy of the argument, which may be a key that a call inside fn overwrites
}

func newCursor(txn *badger.Txn) *cursor {
	// Values lie beside their keys: fetching them ahead only costs goroutines.
	return &cursor{it: txn.NewIterator(badger.IteratorOptions{PrefetchValues: false})}
}

func (c *cursor) scan(from, to []byte, fn func(key, value []byte) bool) error {
	if to != nil {
		if bytes.Compare(from, to) >= 0 {
			return nil
		}
		c.to = append(c.to[:0], to...)
		to = c.to
	}
	c.place(from)
	c.placed = false // fn may panic
	// The value is read by a callback: one closure for all keys.
	var key []byte
	var more bool
	read := func(value []byte) error {
		more = fn(key, value)
		return nil
	}
	for ; c.it.Valid(); c.it.Next() {
		item := c.it.Item()
		if key = item.Key(); to != nil && bytes.Compare(key, to) >= 0 {
			c.gap, c.placed = append(c.gap[:0], to...), true
			return nil
		}
		if err := item.Value(read); err != nil {
			return err
		}
		if !more {
			c.gap, c.placed = append(c.gap[:0], key...), true
			return nil
		}
	}
	if to != nil {
		c.gap, c.placed = append(c.gap[:0], to...), true
	}
	return nil
}

// place puts the iterator on the first key that is not less than from.
func (c *cursor) place(from []byte) {
	if c.placed && bytes.Compare(c.gap, from) <= 0 && (!c.it.Valid() || bytes.Compare(from, c.it.Item().Key()) <= 0) {
		return
	}
	c.it.Seek(from)
}
