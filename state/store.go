package state

// Reader reads a consistent view of a store, keys in byte order.
type Reader interface {
	// Get returns the value of key; ok is false where there is none.
	// The slice is valid until the next call of the Reader.
	Get(key []byte) (value []byte, ok bool, err error)
	// Scan calls fn for each key k with from <= k < to, ascending, until fn returns false.
	// A nil to means: to the end. The slices are valid during the call of fn only.
	// fn may call Get, Scan and Last of the same Reader.
	Scan(from, to []byte, fn func(key, value []byte) bool) error
	// Last returns the greatest key k with from <= k < to and its value; ok is false where there is none.
	// The slices are valid until the next call of the Reader.
	Last(from, to []byte) (key, value []byte, ok bool, err error)
}
