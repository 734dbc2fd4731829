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
	last    struct{ key, value []byte } // what Last returned
}

// Get implements Reader.
func (r *badgerReader) Get(key []byte) (value []byte, ok bool, err error) {
	if r.txn == nil {
		return nil, false, fmt.Errorf("get: %w", ErrClosed)
	}
	if len(key) == 0 {
		return nil, false, nil
	}
	if len(r.cursors) > 0 && r.cursors[0].covers(key) {
		r.value, ok, err = r.cursors[0].get(key, r.value[:0])
	} else {
		ok, err = r.search(key)
	}
	if err != nil {
		return nil, false, fmt.Errorf("get key %.64q: %w", key, err)
	}
	if !ok {
		return nil, false, nil
	}
	return r.value, true, nil
}

// search reads the value of key into r.value.
func (r *badgerReader) search(key []byte) (ok bool, err error) {
	item, err := r.txn.Get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	r.value, err = item.ValueCopy(r.value[:0])
	return err == nil, err
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
	l := &r.last // from or to may lie in it: they are not needed any more
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
