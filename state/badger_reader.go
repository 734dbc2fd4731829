package state

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"
)

// badgerReader is a read transaction and its iterators, which are made when first needed and
// kept: making one costs a look at every table of the database.
type badgerReader struct {
	store   *Badger
	txn     *badger.Txn // nil when closed
	value   []byte      // what Get returned
	cursors []*cursor   // one for each level of nested Scans
	depth   int         // cursors in use
	reverse *badger.Iterator
	// What Last returned: two, in turn, since the one may be an argument of the call that fills the other.
	last [2]struct{ key, value []byte }
}

// Get implements Reader.
func (r *badgerReader) Get(key []byte) (value []byte, ok bool, err error) {
	if r.txn == nil {
		return nil, false, fmt.Errorf("get: %w", ErrClosed)
	}
	if len(key) == 0 {
		return nil, false, nil
	}
	item, err := r.txn.Get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, false, nil
	}
	if err == nil {
		r.value, err = item.ValueCopy(r.value[:0])
	}
	if err != nil {
		return nil, false, fmt.Errorf("get key %.64q: %w", key, err)
	}
	return r.value, true, nil
}

// Scan implements Reader.
func (r *badgerReader) Scan(from, to []byte, fn func(key, value []byte) bool) error {
	if r.txn == nil {
		return fmt.Errorf("scan: %w", ErrClosed)
	}
	if r.depth == len(r.cursors) {
		r.cursors = append(r.cursors, newCursor(r.txn))
	}
	c := r.cursors[r.depth]
	r.depth++
	defer func() { r.depth-- }() // also when fn panics
	if err := c.scan(from, to, fn); err != nil {
		return fmt.Errorf("scan from key %.64q: %w", from, err)
	}
	return nil
}

// Last implements Reader.
func (r *badgerReader) Last(from, to []byte) (key, value []byte, ok bool, err error) {
	if r.txn == nil {
		return nil, nil, false, fmt.Errorf("last: %w", ErrClosed)
	}
	if to != nil && bytes.Compare(from, to) >= 0 {
		return nil, nil, false, nil // a seek to the empty key would be one to the end
	}
	if r.reverse == nil {
		r.reverse = r.txn.NewIterator(badger.IteratorOptions{Reverse: true})
	}
	it := r.reverse
	it.Seek(to)
	if it.Valid() && to != nil && bytes.Equal(it.Item().Key(), to) {
		it.Next()
	}
	if !it.Valid() || bytes.Compare(it.Item().Key(), from) < 0 {
		return nil, nil, false, nil
	}
	r.last[0], r.last[1] = r.last[1], r.last[0]
	l := &r.last[0]
	l.key = append(l.key[:0], it.Item().Key()...)
	if l.value, err = it.Item().ValueCopy(l.value[:0]); err != nil {
		return nil, nil, false, fmt.Errorf("last before key %.64q: %w", to, err)
	}
	return l.key, l.value, true, nil
}

// Close implements io.Closer.
func (r *badgerReader) Close() error {
	if r.txn == nil {
		return nil
	}
	for _, c := range r.cursors {
		c.it.Close()
	}
	if r.reverse != nil {
		r.reverse.Close()
	}
	r.txn.Discard()
	r.txn = nil
	r.store.readerClosed()
	return nil
}
