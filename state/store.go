package state

import "io"

// Reader reads a consistent view of a store, keys in byte order. It is for one goroutine.
// A call may be given, as an argument, a key that the call before it returned.
type Reader interface {
	// Get returns the value of key; ok is false where there is none.
	// The slice is valid until the next call of the Reader.
	Get(key []byte) (value []byte, ok bool, err error)
	// Scan calls fn for each key k with from <= k < to, ascending, until fn returns false.
	// A nil to means: to the end. The slices are valid during the call of fn only.
	// fn may call Get, Scan and Last of the same Reader.
	Scan(from, to []byte, fn func(key, value []byte) bool) error
	// Last returns the greatest key k with from <= k < to and its value; ok is false where there is none.
	// A nil to means: to the end. The slices are valid until the next call of the Reader.
	Last(from, to []byte) (key, value []byte, ok bool, err error)
}

// ReadCloser is a Reader of the store as it was when the Reader was made. What is applied
// later does not show in it. It must be closed before the store is.
type ReadCloser interface {
	Reader
	io.Closer
}

// Store is an ordered map from keys to values. All methods may be called from several goroutines.
type Store interface {
	// Reader opens a view of all that has been applied.
	Reader() (ReadCloser, error)
	// Apply writes all that is pending in o, or, with an error, nothing of it. It leaves o as it is.
	// ErrTooLarge: o exceeds Limit, or a value exceeds MaxValue.
	Apply(o *Overlay) error
	// DropPrefix deletes all keys that begin with prefix, in several writes: after an error some
	// keys may be gone, and calling it again goes on. Keys that are written under the prefix
	// during the call may be lost or stay.
	DropPrefix(prefix []byte) error
	// Limit returns what one Apply can take.
	Limit() Limit
	// Close ends the store. It refuses while a Reader is open. Closing twice is fine.
	Close() error
}
