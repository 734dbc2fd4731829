package state

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// countingReader counts what it is asked for.
type countingReader struct {
	ReadCloser
	gets int
}

func (r *countingReader) Get(key []byte) ([]byte, bool, error) {
	r.gets++
	return r.ReadCloser.Get(key)
}

// TestWritten loads keys in batches: each is found once it is applied, one under no prefix always, and the store is
// hardly asked for those that are not there.
func TestWritten(t *testing.T) {
	eachStore(t, func(t *testing.T, open func(*testing.T) (Store, func(Store) Store)) {
		store, _ := open(t)
		defer store.Close()
		before := NewOverlay(nil)
		before.Set([]byte("other"), []byte("was there"))
		if err := store.Apply(before); err != nil {
			t.Fatal(err)
		}
		const batches, batch = 40, 3000 // beyond the first level
		written := NewWritten([][]byte{[]byte("a"), []byte("bc")})
		keyOf := func(n int) []byte {
			return binary.BigEndian.AppendUint32(bytes.Clone([][]byte{[]byte("a"), []byte("bc")}[n%2]), uint32(n))
		}
		o := NewOverlay(nil)
		missing := 0
		for b := range batches {
			base, err := store.Reader()
			if err != nil {
				t.Fatal(err)
			}
			counting := &countingReader{ReadCloser: base}
			r := written.Over(counting)
			o.Reset(r)
			if value, ok, err := o.Get([]byte("other")); err != nil || !ok || string(value) != "was there" {
				t.Fatalf("the key under no prefix is %q %t %v", value, ok, err)
			}
			for n := 0; n < b*batch; n += 7 {
				value, ok, err := r.Get(keyOf(n))
				if err != nil || ok != (n%5 > 0) || ok && string(value) != string(keyOf(n)) {
					t.Fatalf("after %d batches key %d is %q %t %v", b, n, value, ok, err)
				}
			}
			counting.gets = 0
			for n := b * batch; n < (b+1)*batch; n++ {
				if _, ok, err := o.Get(keyOf(n)); ok || err != nil {
					t.Fatalf("key %d is there before it is written: %v", n, err)
				}
				if o.Set(keyOf(n), keyOf(n)); n%5 == 0 {
					o.Delete(keyOf(n))
				}
			}
			missing += counting.gets
			written.Note(o)
			if err := store.Apply(o); err != nil {
				t.Fatal(err)
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if most := batches * batch / 20; missing > most {
			t.Errorf("the store was asked for %d of %d keys that were not there, want at most %d", missing, batches*batch, most)
		}
		if len(written.levels) < 2 {
			t.Error("the keys have not filled the first level")
		}
	})
}

// TestWrittenFull takes note of more than the last level is made for: it says of nothing that was written that it was not.
func TestWrittenFull(t *testing.T) {
	w := NewWritten(nil)
	w.levels, w.room = make([][][blockWords]uint64, levels-1), 0
	for i := range w.levels {
		w.levels[i] = make([][blockWords]uint64, 2)
	}
	hash := func(n uint64) uint64 { return (n + 1) * 0x9FB21C651E98DF25 }
	w.levels = append(w.levels, make([][blockWords]uint64, 2))
	for n := range uint64(5000) {
		w.add(hash(n))
	}
	for n := range uint64(5000) {
		if !w.holds(hash(n)) {
			t.Fatalf("hash %d was added and is not held", n)
		}
	}
}
