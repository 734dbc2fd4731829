package state

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
)

var seedFlag = flag.Uint64("state.seed", 0, "run the random histories with this seed only")

// stores are the implementations under contract. Each returns a store and how to close and
// reopen it; where it cannot come back it is nil.
var stores = map[string]func(t *testing.T) (Store, func(Store) Store){
	"Memory": func(*testing.T) (Store, func(Store) Store) { return NewMemory(), nil },
	"Badger": func(t *testing.T) (Store, func(Store) Store) {
		dir := t.TempDir()
		open := func() Store {
			b, err := OpenBadger(dir, Memtable(8<<20), Log(t.Logf))
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		return open(), func(s Store) Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			return open()
		}
	},
}

func eachStore(t *testing.T, fn func(t *testing.T, open func(t *testing.T) (Store, func(Store) Store))) {
	for name, open := range stores {
		t.Run(name, func(t *testing.T) { fn(t, open) })
	}
}

// history is one random run of a store beside the oracle.
type history struct {
	t      *testing.T
	seed   uint64
	rnd    *rand.Rand
	store  Store
	reopen func(Store) Store
	stored oracle // what has been applied
}

func (h *history) fatalf(format string, args ...any) {
	h.t.Helper()
	h.t.Fatalf("seed %d: %s", h.seed, fmt.Sprintf(format, args...))
}

func (h *history) must(err error) {
	h.t.Helper()
	if err != nil {
		h.fatalf("%v", err)
	}
}

// key is short and of few letters, so that keys meet, and are prefixes of one another.
func (h *history) key() []byte {
	const letters = "\x00ab\xff"
	k := make([]byte, 1+h.rnd.IntN(4))
	for i := range k {
		k[i] = letters[h.rnd.IntN(len(letters))]
	}
	return k
}

func (h *history) bounds() (from, to []byte) {
	if h.rnd.IntN(8) > 0 {
		from = h.key()
	}
	if h.rnd.IntN(8) > 0 {
		to = h.key()
	}
	if h.rnd.IntN(2) == 0 && from != nil {
		from = from[:1]
		to = PrefixEnd(from)
	}
	return from, to
}

func (h *history) value() []byte {
	v := make([]byte, h.rnd.IntN(40))
	for i := range v {
		v[i] = byte(h.rnd.Uint32())
	}
	return v
}

// read makes one random read of r and of want. With o, r's Scans also write.
func (h *history) read(r Reader, want *oracle, o *Overlay, depth int) {
	h.t.Helper()
	switch n := h.rnd.IntN(8); {
	case n < 3:
		h.get(r, *want, h.key())
	case n < 5:
		from, to := h.bounds()
		h.last(r, *want, from, to)
	default:
		h.scan(r, want, o, depth)
	}
}

func (h *history) get(r Reader, want oracle, key []byte) {
	h.t.Helper()
	v, ok, err := r.Get(key)
	h.must(err)
	w, wok := want.get(key)
	if ok != wok || !bytes.Equal(v, w) {
		h.fatalf("Get(%q) = %q, %v, want %q, %v", key, v, ok, w, wok)
	}
}

// last walks down from to by giving back the key that Last returned.
func (h *history) last(r Reader, want oracle, from, to []byte) {
	h.t.Helper()
	argFrom, argTo := from, to
	for range 1 + h.rnd.IntN(4) {
		var wk, wv []byte
		in := want.scan(from, to)
		if len(in) > 0 {
			wk, wv = in[len(in)-1].key, in[len(in)-1].value
		}
		at := fmt.Sprintf("Last(%q, %q)", from, to)
		k, v, ok, err := r.Last(argFrom, argTo)
		h.must(err)
		if ok != (len(in) > 0) || !bytes.Equal(k, wk) || !bytes.Equal(v, wv) {
			h.fatalf("%s = %q, %q, %v, want %q, %q, %v", at, k, v, ok, wk, wv, len(in) > 0)
		}
		if !ok {
			return
		}
		argFrom, argTo = from, to
		if h.rnd.IntN(8) == 0 {
			argFrom, from = k, bytes.Clone(k)
		} else {
			argTo, to = k, bytes.Clone(k)
		}
	}
}

// scan checks at each key that it is the next one of want as want is now. Inside it reads, and
// writes if there is an overlay.
func (h *history) scan(r Reader, want *oracle, o *Overlay, depth int) {
	h.t.Helper()
	from, to := h.bounds()
	argFrom, argTo := from, to
	if h.rnd.IntN(3) == 0 { // what Last returned is an argument
		k, _, ok, err := r.Last(from, to)
		h.must(err)
		switch {
		case !ok:
		case h.rnd.IntN(4) == 0:
			argFrom, from = k, bytes.Clone(k)
		default:
			argTo, to = k, bytes.Clone(k)
		}
	}
	next := bytes.Clone(from) // the least key that may come
	stop := -1
	if h.rnd.IntN(3) == 0 {
		stop = h.rnd.IntN(6)
	}
	n := 0
	err := r.Scan(argFrom, argTo, func(k, v []byte) bool {
		in := want.scan(next, to)
		if len(in) == 0 {
			h.fatalf("Scan(%q, %q): %q after the end", from, to, k)
		}
		if !bytes.Equal(in[0].key, k) || !bytes.Equal(in[0].value, v) {
			h.fatalf("Scan(%q, %q): %q %q, want %q %q", from, to, k, v, in[0].key, in[0].value)
		}
		kk, vv := bytes.Clone(k), bytes.Clone(v)
		if depth < 3 && h.rnd.IntN(4) == 0 {
			h.read(r, want, o, depth+1)
		}
		if o != nil && h.rnd.IntN(3) == 0 {
			h.write(o, want)
		}
		if o != nil && h.rnd.IntN(6) == 0 { // the very key
			o.Delete(k)
			want.delete(k)
		}
		if !bytes.Equal(k, kk) || !bytes.Equal(v, vv) {
			h.fatalf("Scan(%q, %q): %q %q became %q %q during the call", from, to, kk, vv, k, v)
		}
		next = append(kk, 0)
		n++
		return n != stop
	})
	h.must(err)
	if n != stop {
		if in := want.scan(next, to); len(in) > 0 {
			h.fatalf("Scan(%q, %q): ended before %q", from, to, in[0].key)
		}
	}
}

func (h *history) write(o *Overlay, want *oracle) {
	k := h.key()
	if h.rnd.IntN(3) == 0 {
		o.Delete(k)
		want.delete(k)
		return
	}
	v := h.value()
	o.Set(k, v)
	want.set(k, v)
	for i := range k { // the overlay has its own copy
		k[i] = 'x'
	}
	for i := range v {
		v[i] = 'x'
	}
}

// epoch opens a reader, writes and reads over it, and applies or forgets.
func (h *history) epoch(o *Overlay) {
	h.t.Helper()
	r, err := h.store.Reader()
	h.must(err)
	o.Reset(r)
	base, want := h.stored.copy(), h.stored.copy()
	top, topWant := NewOverlay(o), oracle(nil)
	for range h.rnd.IntN(60) {
		switch h.rnd.IntN(5) {
		case 0:
			h.read(r, &base, nil, 0)
		case 1:
			h.read(o, &want, o, 0)
		case 2: // an overlay over an overlay
			top.Reset(o)
			topWant = want.copy()
			for range h.rnd.IntN(5) {
				h.write(top, &topWant)
				h.read(top, &topWant, top, 0)
			}
		default:
			h.write(o, &want)
		}
	}
	h.pendingAdds(o, base, want)
	if h.rnd.IntN(5) > 0 {
		h.must(h.store.Apply(o))
		h.stored = want
	}
	for range 3 { // the view is still the old one
		h.read(r, &base, nil, 0)
	}
	h.must(r.Close())
	h.must(r.Close())
	if _, _, err := r.Get([]byte("a")); !errors.Is(err, ErrClosed) {
		h.fatalf("Get of a closed reader: %v", err)
	}
}

// pendingAdds checks that what is pending in o makes want of base, and its size.
func (h *history) pendingAdds(o *Overlay, base, want oracle) {
	h.t.Helper()
	got, n, size := base.copy(), 0, 0
	o.Pending(func(k, v []byte, deleted bool) bool {
		n++
		size += len(k) + len(v) + entryOverhead
		if deleted {
			got.delete(k)
		} else {
			got.set(k, v)
		}
		return true
	})
	if n != o.Len() || size != o.Bytes() {
		h.fatalf("Len %d, Bytes %d, want %d, %d", o.Len(), o.Bytes(), n, size)
	}
	h.same(got, want)
}

func (h *history) same(got, want oracle) {
	h.t.Helper()
	if len(got) != len(want) {
		h.fatalf("%d keys, want %d", len(got), len(want))
	}
	for i := range got {
		if !bytes.Equal(got[i].key, want[i].key) || !bytes.Equal(got[i].value, want[i].value) {
			h.fatalf("%q %q, want %q %q", got[i].key, got[i].value, want[i].key, want[i].value)
		}
	}
}

// all reads the whole store.
func (h *history) all() (all oracle) {
	h.t.Helper()
	r, err := h.store.Reader()
	h.must(err)
	h.must(r.Scan(nil, nil, func(k, v []byte) bool { all.set(k, v); return true }))
	h.must(r.Close())
	return all
}

func TestContractRandomHistories(t *testing.T) {
	eachStore(t, func(t *testing.T, open func(t *testing.T) (Store, func(Store) Store)) {
		runs := 40
		if testing.Short() {
			runs = 10
		}
		if t.Name() == "TestContractRandomHistories/Memory" {
			runs *= 20
		}
		for range runs {
			seed := rand.Uint64()
			if *seedFlag != 0 {
				seed = *seedFlag
			}
			h := &history{t: t, seed: seed, rnd: rand.New(rand.NewPCG(seed, 0))}
			h.store, h.reopen = open(t)
			o := NewOverlay(nil)
			for range 1 + h.rnd.IntN(12) {
				switch h.rnd.IntN(8) {
				case 0:
					prefix := h.key()[:1]
					h.must(h.store.DropPrefix(prefix))
					h.stored.dropPrefix(prefix)
				case 1:
					if h.reopen != nil {
						h.store = h.reopen(h.store)
					}
				default:
					h.epoch(o)
				}
				h.same(h.all(), h.stored)
			}
			h.must(h.store.Close())
		}
	})
}
