package state

import (
	"bytes"

	"github.com/tidwall/btree"
)

// entryOverhead is what Badger adds to the bytes of one write when it measures a
// transaction: ten for the version and two of flags.
const entryOverhead = 12

// Overlay is a Reader that shows pending writes over a base Reader: the writes of one epoch,
// which a Store then applies as one. It is for one goroutine.
//
// It copies the keys and values it is given. A slice of a pending value that it returns
// stays as it is until Reset, also when the key is written again.
type Overlay struct {
	base    Reader
	pending *btree.BTreeG[*write]
	hint    btree.PathHint // keys come sorted, mostly
	inserts uint64         // grows when pending gets a key: an iterator of it must seek again
	bytes   int
	copies  arena
	writes  writeArena
	probe   write    // the key sought
	merges  []*merge // one for each level of nested Scans
	depth   int      // merges in use
	from    []byte   // copies of the arguments of Last
	to      []byte
	nReads  Reads
	nWrites Writes
}

// NewOverlay returns an Overlay over base with nothing pending. base may be nil where nothing is read.
func NewOverlay(base Reader) *Overlay {
	return &Overlay{
		base:    base,
		pending: btree.NewBTreeGOptions((*write).less, btree.Options{NoLocks: true}),
	}
}

// Reset forgets what is pending and goes on over base. The memory is kept for the next epoch.
// It must not be called inside a Scan.
func (o *Overlay) Reset(base Reader) {
	o.base = base
	o.pending.Clear()
	o.hint = btree.PathHint{}
	o.inserts++
	o.bytes = 0
	o.copies.reset()
	o.writes.reset()
}

// Len returns the number of keys with a pending write.
func (o *Overlay) Len() int { return o.pending.Len() }

// Bytes returns the size of what is pending as a Limit counts it: keys, values, and 12 bytes for each key.
func (o *Overlay) Bytes() int { return o.bytes }

// Fits tells whether one Apply of a store with that limit can take what is pending.
func (o *Overlay) Fits(l Limit) bool {
	return (l.Keys == 0 || o.Len() <= l.Keys) && (l.Bytes == 0 || o.bytes <= l.Bytes)
}

// Reads returns what the base was asked since the Overlay was made.
func (o *Overlay) Reads() Reads { return o.nReads }

// Writes returns the number of Set and Delete calls since the Overlay was made.
func (o *Overlay) Writes() Writes { return o.nWrites }

// Set makes value the pending value of key.
func (o *Overlay) Set(key, value []byte) {
	o.nWrites.Sets++
	w := o.put(key)
	if !w.deleted && bytes.Equal(w.value, value) {
		return
	}
	o.bytes += len(value) - len(w.value)
	w.value, w.deleted = o.copies.copy(value), false
}

// Delete makes key absent, whether it is there or not.
func (o *Overlay) Delete(key []byte) {
	o.nWrites.Deletes++
	w := o.put(key)
	o.bytes -= len(w.value)
	w.value, w.deleted = nil, true
}

// put returns the pending write of key; a new one has a nil value and is not deleted.
func (o *Overlay) put(key []byte) *write {
	if w := o.find(key); w != nil {
		return w
	}
	w := o.writes.take()
	*w = write{key: o.copies.copy(key)}
	o.pending.SetHint(w, &o.hint)
	o.inserts++
	o.bytes += len(key) + entryOverhead
	return w
}

// find returns the pending write of key, or nil.
func (o *Overlay) find(key []byte) *write {
	if o.pending.Len() == 0 {
		return nil
	}
	o.probe.key = key
	w, _ := o.pending.GetHint(&o.probe, &o.hint)
	return w
}

// Get implements Reader.
func (o *Overlay) Get(key []byte) (value []byte, ok bool, err error) {
	if w := o.find(key); w != nil {
		return w.value, !w.deleted, nil
	}
	o.nReads.Gets++
	return o.base.Get(key)
}

// Scan implements Reader. fn may also call Set and Delete: what it writes to a key that lies
// ahead in the range shows when the Scan comes there, what it writes elsewhere does not.
func (o *Overlay) Scan(from, to []byte, fn func(key, value []byte) bool) error {
	if o.depth == len(o.merges) {
		o.merges = append(o.merges, newMerge(o))
	}
	m := o.merges[o.depth]
	o.depth++
	defer func() { o.depth-- }() // also when fn panics
	return m.run(from, to, fn)
}

// Last implements Reader.
func (o *Overlay) Last(from, to []byte) (key, value []byte, ok bool, err error) {
	o.nReads.Seeks++
	if o.pending.Len() == 0 {
		return o.base.Last(from, to)
	}
	// An argument may be a key that the base returned, in memory that it will use again.
	o.from = append(o.from[:0], from...)
	from = o.from
	if to != nil {
		o.to = append(o.to[:0], to...)
		to = o.to[:len(to):len(to)]
	}
	if key, value, ok, err = o.base.Last(from, to); err != nil {
		return nil, nil, false, err
	}
	// hi falls below every deleted key. The base is asked again only where the key deleted is its own.
	for hi := to; ; {
		w := o.lastPending(from, hi)
		if w == nil {
			return key, value, ok, nil
		}
		c := 1
		if ok {
			c = bytes.Compare(w.key, key)
		}
		switch {
		case c < 0:
			return key, value, true, nil
		case !w.deleted:
			return w.key, w.value, true, nil
		case c == 0:
			o.nReads.Seeks++
			if key, value, ok, err = o.base.Last(from, w.key); err != nil {
				return nil, nil, false, err
			}
		}
		hi = w.key
	}
}

// lastPending returns the pending write, deleted or not, of the greatest key in [from, to), or nil.
func (o *Overlay) lastPending(from, to []byte) (last *write) {
	if to == nil {
		last, _ = o.pending.Max()
	} else {
		o.probe.key = to
		o.pending.Descend(&o.probe, func(w *write) bool {
			if bytes.Equal(w.key, to) {
				return true
			}
			last = w
			return false
		})
	}
	if last != nil && bytes.Compare(last.key, from) < 0 {
		return nil
	}
	return last
}

// Pending calls fn for each pending write in the order of keys until fn returns false.
// The slices are valid until Reset.
func (o *Overlay) Pending(fn func(key, value []byte, deleted bool) bool) {
	o.pending.Scan(func(w *write) bool { return fn(w.key, w.value, w.deleted) })
}
