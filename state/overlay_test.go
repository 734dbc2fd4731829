package state

import (
	"fmt"
	"strings"
	"testing"
)

func TestOverlayCounts(t *testing.T) {
	m := NewMemory()
	applyPairs(t, m, "a=1", "b=2", "c=3")
	r, err := m.Reader()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	o := NewOverlay(r)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	get := func(key string) {
		t.Helper()
		_, _, err := o.Get([]byte(key))
		must(err)
	}
	get("a")
	get("x")
	o.Set([]byte("a"), []byte("one"))
	o.Set([]byte("a"), []byte("one"))
	o.Delete([]byte("c"))
	get("a") // pending: the base is not asked
	get("c")
	must(o.Scan(nil, nil, func(_, _ []byte) bool { return true }))
	_, _, _, err = o.Last(nil, nil) // c is deleted: two questions
	must(err)
	if got, want := o.Reads(), (Reads{Gets: 2, Seeks: 3, Keys: 3}); got != want {
		t.Errorf("Reads %+v, want %+v", got, want)
	}
	if got, want := o.Writes(), (Writes{Sets: 2, Deletes: 1}); got != want {
		t.Errorf("Writes %+v, want %+v", got, want)
	}
	if o.Len() != 2 || o.Bytes() != 1+3+12+1+12 {
		t.Errorf("Len %d, Bytes %d", o.Len(), o.Bytes())
	}
	for _, c := range []struct {
		l    Limit
		want bool
	}{{Limit{}, true}, {Limit{2, 29}, true}, {Limit{1, 0}, false}, {Limit{0, 28}, false}} {
		if got := o.Fits(c.l); got != c.want {
			t.Errorf("Fits(%+v) = %v", c.l, got)
		}
	}
	o.Reset(r)
	if o.Len() != 0 || o.Bytes() != 0 || o.Writes().Sets != 2 {
		t.Errorf("after Reset: Len %d, Bytes %d, %+v", o.Len(), o.Bytes(), o.Writes())
	}
}

// Values of all sizes are the overlay's own, and stay when their key is written again.
func TestOverlayKeepsWhatItReturned(t *testing.T) {
	o := NewOverlay(NewOverlay(nil))
	for epoch := range 3 {
		o.Reset(nil)
		type read struct {
			value []byte
			want  string
		}
		var reads []read
		for i := range 200 {
			key := []byte(fmt.Sprintf("%d", i%20))
			want := strings.Repeat(fmt.Sprint(epoch, i%7), i*i%5*4000)
			buf := []byte(want)
			o.Set(key, buf)
			clear(buf)
			v, _, err := o.Get(key)
			if err != nil {
				t.Fatal(err)
			}
			reads = append(reads, read{v, want})
		}
		for i, r := range reads {
			if string(r.value) != r.want {
				t.Fatalf("epoch %d: value %d of %d bytes changed", epoch, i, len(r.want))
			}
		}
	}
}

// An epoch that repeats allocates nothing in the overlay but the nodes of its tree, and what
// Badger itself does for a Get or a seek.
func TestOverlayAllocations(t *testing.T) {
	for name, open := range stores {
		s, _ := open(t)
		o, keys := NewOverlay(nil), make([][]byte, 1000)
		for i := range keys {
			keys[i] = fmt.Appendf(nil, "key/%06d", i)
			o.Set(keys[i], []byte("value"))
		}
		if err := s.Apply(o); err != nil {
			t.Fatal(err)
		}
		r, err := s.Reader()
		if err != nil {
			t.Fatal(err)
		}
		o.Reset(r)
		for i := 0; i < len(keys); i += 2 {
			o.Set(keys[i], []byte("other"))
		}
		n := 0
		count := func(_, _ []byte) bool { n++; return true }
		for _, c := range []struct {
			what string
			max  float64
			do   func() error
		}{
			{"500 Gets of pending keys", 0, func() error {
				for i := 0; i < len(keys); i += 2 {
					if _, _, err := o.Get(keys[i]); err != nil {
						return err
					}
				}
				return nil
			}},
			{"500 Sets of pending keys", 0, func() error {
				for i := 0; i < len(keys); i += 2 {
					o.Set(keys[i], []byte("other"))
				}
				return nil
			}},
			{"a Scan of 1000 keys", 20, func() error { return o.Scan(nil, nil, count) }},
		} {
			var failed error
			if got := testing.AllocsPerRun(10, func() { failed = c.do() }); failed != nil || got > c.max {
				t.Errorf("%s: %s: %v allocations, at most %v allowed; %v", name, c.what, got, c.max, failed)
			}
		}
		if n == 0 || n%len(keys) != 0 {
			t.Errorf("%s: %d keys scanned", name, n)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		closeStore(t, s)
	}
}
