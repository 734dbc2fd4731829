package state

import (
	"math/bits"

	"github.com/cespare/xxhash/v2"
)

// Sizes of the levels of Written, and how many keys a level takes: 13 bits for a key, so that a level that is full takes
// about one key in a hundred for another.
const (
	firstLevel   = 128 << 10 // bytes
	levelGrowth  = 8
	levels       = 4 // 73 MiB together, for 47 million keys
	levelProbes  = 5
	bitsForAKey  = 13
	blockWords   = 8 // a block is what one key sets its bits in: a line of the processor's cache
	bitsOfABlock = blockWords * 64
)

// Written knows which keys have been written since a bulk load began under prefixes that nothing was under. What was not
// written is not there, and a store need not be asked, which is most of what a bulk load reads. It is a Bloom filter: a key
// that was not written may be taken for one that was, more often the more there are, and then the store is asked.
// It is for one goroutine.
type Written struct {
	prefixes map[string]struct{}
	lengths  []int // of the prefixes, each once
	levels   [][][blockWords]uint64
	room     int // keys that the last level takes before there is another
}

// NewWritten returns a Written for a store that holds no key that begins with one of prefixes.
func NewWritten(prefixes [][]byte) *Written {
	w := &Written{prefixes: map[string]struct{}{}}
	seen := map[int]bool{}
	for _, prefix := range prefixes {
		w.prefixes[string(prefix)] = struct{}{}
		if !seen[len(prefix)] {
			seen[len(prefix)] = true
			w.lengths = append(w.lengths, len(prefix))
		}
	}
	return w
}

// Note takes note of what is pending in o. It must be called before each Apply.
func (w *Written) Note(o *Overlay) {
	o.Pending(func(key, _ []byte, deleted bool) bool {
		if !deleted && w.under(key) {
			w.add(xxhash.Sum64(key))
		}
		return true
	})
}

// Over returns a Reader that asks r only for keys that may be there.
func (w *Written) Over(r ReadCloser) ReadCloser { return &writtenReader{ReadCloser: r, written: w} }

// under tells whether a key begins with one of the prefixes.
func (w *Written) under(key []byte) bool {
	for _, n := range w.lengths {
		if n <= len(key) {
			if _, ok := w.prefixes[string(key[:n])]; ok {
				return true
			}
		}
	}
	return false
}

func (w *Written) add(hash uint64) {
	if w.holds(hash) {
		return
	}
	if w.room == 0 && len(w.levels) < levels {
		size := firstLevel
		for range w.levels {
			size *= levelGrowth
		}
		w.levels = append(w.levels, make([][blockWords]uint64, size/(8*blockWords)))
		w.room = size * 8 / bitsForAKey
	}
	w.room = max(0, w.room-1)
	block, probes := blockOf(w.levels[len(w.levels)-1], hash)
	for _, bit := range probes {
		block[bit/64] |= 1 << (bit % 64)
	}
}

// holds is false only for what was not added.
func (w *Written) holds(hash uint64) bool {
	for i := len(w.levels) - 1; i >= 0; i-- { // the last is the largest
		if within(w.levels[i], hash) {
			return true
		}
	}
	return false
}

func within(level [][blockWords]uint64, hash uint64) bool {
	block, probes := blockOf(level, hash)
	for _, bit := range probes {
		if block[bit/64]&(1<<(bit%64)) == 0 {
			return false
		}
	}
	return true
}

// blockOf returns the block of a hash and the bits of it that are the hash's.
func blockOf(level [][blockWords]uint64, hash uint64) (block *[blockWords]uint64, probes [levelProbes]uint) {
	n, _ := bits.Mul64(hash, uint64(len(level)))
	mixed := hash * 0x9E3779B97F4A7C15 // the upper bits have chosen the block
	for i := range probes {
		probes[i] = uint(mixed>>(64-9*(i+1))) % bitsOfABlock
	}
	return &level[n], probes
}

// writtenReader is a Reader that is not asked for what is not there.
type writtenReader struct {
	ReadCloser
	written *Written
}

// Get implements Reader.
func (r *writtenReader) Get(key []byte) (value []byte, ok bool, err error) {
	if r.written.under(key) && !r.written.holds(xxhash.Sum64(key)) {
		return nil, false, nil
	}
	return r.ReadCloser.Get(key)
}
