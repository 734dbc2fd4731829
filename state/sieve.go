package state

import (
	"io"

	"github.com/cespare/xxhash/v2"
)

// Sieve knows which keys cannot be in a store, so that it need not be asked: while much is written where nothing was, most
// keys that are asked for are new, and a Badger takes as long to say so as to find one. It is a Bloom filter of the keys
// written since that grows, up to 63 MiB. It is for one goroutine.
type Sieve struct {
	prefixes map[string]struct{}
	lengths  []int
	layers   []sieveLayer
}

// sieveLayer has blocks of 64 bits, a power of two of them. A key sets four bits of one block.
type sieveLayer struct {
	blocks []uint64
	room   int // for so many keys more
}

const (
	sieveFirst      = 1 << 17 // blocks: 1 MiB
	sieveLast       = 1 << 22 // blocks: 32 MiB; each layer has twice as many as the one before
	sieveKeysABlock = 4       // 16 bits a key: about one in fifty keys that are not there is asked for all the same
)

// NewSieve returns a Sieve for a store that has no keys with these prefixes now.
func NewSieve(prefixes [][]byte) *Sieve {
	s := &Sieve{prefixes: map[string]struct{}{}}
	lengths := map[int]bool{}
	for _, prefix := range prefixes {
		s.prefixes[string(prefix)] = struct{}{}
		if !lengths[len(prefix)] {
			lengths[len(prefix)] = true
			s.lengths = append(s.lengths, len(prefix))
		}
	}
	return s
}

// Add takes note of what is pending in o. It is to be called before o is applied.
func (s *Sieve) Add(o *Overlay) {
	if len(s.prefixes) == 0 {
		return
	}
	o.Pending(func(key, _ []byte, deleted bool) bool {
		if !deleted && s.covers(key) {
			s.add(key)
		}
		return true
	})
}

func (s *Sieve) covers(key []byte) bool {
	for _, n := range s.lengths {
		if len(key) >= n {
			if _, ok := s.prefixes[string(key[:n])]; ok {
				return true
			}
		}
	}
	return false
}

func (s *Sieve) add(key []byte) {
	n := len(s.layers)
	if n == 0 || s.layers[n-1].room == 0 && len(s.layers[n-1].blocks) < sieveLast {
		size := sieveFirst << n
		s.layers = append(s.layers, sieveLayer{make([]uint64, size), size * sieveKeysABlock})
		n++
	}
	layer := &s.layers[n-1]
	block, bits := layer.place(key)
	layer.blocks[block] |= bits
	layer.room = max(0, layer.room-1)
}

func (l *sieveLayer) place(key []byte) (block, bits uint64) {
	h := xxhash.Sum64(key)
	bits = 1<<(h>>58) | 1<<(h>>52&63) | 1<<(h>>46&63) | 1<<(h>>40&63)
	return h & uint64(len(l.blocks)-1), bits
}

// absent reports whether a key is certainly not in the store.
func (s *Sieve) absent(key []byte) bool {
	if !s.covers(key) {
		return false
	}
	for i := range s.layers {
		block, bits := s.layers[i].place(key)
		if s.layers[i].blocks[block]&bits == bits {
			return false
		}
	}
	return true
}

// Reader returns a reader of the same as r, which was opened after the last overlay that was added was applied. Closing it
// closes r.
func (s *Sieve) Reader(r ReadCloser) ReadCloser {
	if len(s.prefixes) == 0 {
		return r
	}
	return &sieveReader{r, r, s}
}

// sieveReader asks only for keys that may be there.
type sieveReader struct {
	Reader
	io.Closer
	sieve *Sieve
}

// Get implements Reader.
func (r *sieveReader) Get(key []byte) (value []byte, ok bool, err error) {
	if r.sieve.absent(key) {
		return nil, false, nil
	}
	return r.Reader.Get(key)
}
