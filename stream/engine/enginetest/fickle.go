package enginetest

import (
	"bytes"

	"github.com/freshline/freshline/state"
)

// Fickle is a Memory whose Readers keep no slice longer than the contract says: what a call returned is
// overwritten by the next one, and what Scan gives to fn after fn.
type Fickle struct{ *state.Memory }

// Reader returns a reader of the state as it is.
func (f Fickle) Reader() (state.ReadCloser, error) {
	r, err := f.Memory.Reader()
	return &fickleReader{ReadCloser: r}, err
}

type fickleReader struct {
	state.ReadCloser
	key, value []byte // that the last call returned
}

// lend returns a copy of b that spoil ends.
func lend(b []byte) []byte {
	if b == nil {
		return nil
	}
	return append(make([]byte, 0, len(b)+1), b...)
}

func spoil(b []byte) {
	for i := range b {
		b[i] = 0xEE
	}
}

func (r *fickleReader) spoil() {
	spoil(r.key)
	spoil(r.value)
	r.key, r.value = nil, nil
}

func (r *fickleReader) Get(key []byte) ([]byte, bool, error) {
	key = bytes.Clone(key)
	r.spoil()
	value, ok, err := r.ReadCloser.Get(key)
	r.value = lend(value)
	return r.value, ok, err
}

func (r *fickleReader) Scan(from, to []byte, fn func(key, value []byte) bool) error {
	from, to = bytes.Clone(from), bytes.Clone(to)
	r.spoil()
	return r.ReadCloser.Scan(from, to, func(key, value []byte) bool {
		k, v := lend(key), lend(value)
		more := fn(k, v)
		spoil(k)
		spoil(v)
		return more
	})
}

func (r *fickleReader) Last(from, to []byte) ([]byte, []byte, bool, error) {
	from, to = bytes.Clone(from), bytes.Clone(to)
	r.spoil()
	key, value, ok, err := r.ReadCloser.Last(from, to)
	r.key, r.value = lend(key), lend(value)
	return r.key, r.value, ok, err
}
