package state

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestContractRefusedApplyWritesNothing(t *testing.T) {
	eachStore(t, func(t *testing.T, open func(t *testing.T) (Store, func(Store) Store)) {
		s, _ := open(t)
		if m, ok := s.(*Memory); ok {
			m.Max = Limit{Keys: 1000, Bytes: 1 << 20}
		}
		applyPairs(t, s, "a=1")
		limit := s.Limit()
		for name, c := range map[string]struct {
			want error
			do   func(o *Overlay)
		}{
			"too many keys": {ErrTooLarge, func(o *Overlay) {
				for i := range limit.Keys {
					o.Set(fmt.Appendf(nil, "k%d", i), nil)
				}
			}},
			"too many bytes": {ErrTooLarge, func(o *Overlay) {
				for i := 0; o.Bytes() <= limit.Bytes; i++ {
					o.Set(fmt.Appendf(nil, "k%d", i), make([]byte, 1<<19))
				}
			}},
			"too large a value": {ErrTooLarge, func(o *Overlay) { o.Set([]byte("k"), make([]byte, MaxValue+1)) }},
			"too long a key":    {ErrTooLarge, func(o *Overlay) { o.Set(bytes.Repeat([]byte("k"), MaxKey+1), nil) }},
			"an empty key":      {nil, func(o *Overlay) { o.Set(nil, nil) }},
			"a key of Badger's": {nil, func(o *Overlay) { o.Delete([]byte("!badger!x")) }},
		} {
			o := NewOverlay(nil)
			o.Delete([]byte("a"))
			o.Set([]byte("b"), []byte("2"))
			c.do(o)
			if err := s.Apply(o); err == nil || !errors.Is(err, c.want) && c.want != nil {
				t.Fatalf("%s: %v", name, err)
			}
			wantPairs(t, s, "a=1")
		}
		closeStore(t, s)
	})
}

func TestContractClose(t *testing.T) {
	eachStore(t, func(t *testing.T, open func(t *testing.T) (Store, func(Store) Store)) {
		s, _ := open(t)
		r, err := s.Reader()
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err == nil || !strings.Contains(err.Error(), "1 readers") {
			t.Fatalf("Close with a reader open: %v", err)
		}
		applyPairs(t, s, "a=1") // it goes on
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		wantPairs(t, s, "a=1")
		closeStore(t, s)
		closeStore(t, s)
		_, err = s.Reader()
		for what, err := range map[string]error{
			"Reader":     err,
			"Apply":      s.Apply(NewOverlay(nil)),
			"DropPrefix": s.DropPrefix([]byte("a")),
		} {
			if !errors.Is(err, ErrClosed) {
				t.Fatalf("%s after Close: %v", what, err)
			}
		}
	})
}

// Tables on several levels, more keys than one write takes, deletions over them.
func TestContractLarge(t *testing.T) {
	eachStore(t, func(t *testing.T, open func(t *testing.T) (Store, func(Store) Store)) {
		s, reopen := open(t)
		limit := Limit{Keys: 5000, Bytes: 1 << 20}
		o := NewOverlay(nil)
		const n = 60000
		last := map[string]string{}
		for round := range 3 {
			for i := range n / (round + 1) {
				i := i * 7919 % n
				k, v := fmt.Sprintf("%c%07d", "pqr"[i%3], i), fmt.Sprintf("%d %d %0100d", round, i, 0)
				last[k] = v
				o.Set([]byte(k), []byte(v))
				if !o.Fits(limit) {
					if err := s.Apply(o); err != nil {
						t.Fatal(err)
					}
					o.Reset(nil)
				}
			}
		}
		if err := s.Apply(o); err != nil {
			t.Fatal(err)
		}
		var want oracle
		for _, k := range slices.Sorted(maps.Keys(last)) {
			want = append(want, pair{[]byte(k), []byte(last[k])})
		}
		h := &history{t: t, store: s}
		h.same(h.all(), want)
		if err := s.DropPrefix([]byte("q")); err != nil {
			t.Fatal(err)
		}
		want.dropPrefix([]byte("q"))
		h.same(h.all(), want)
		if reopen != nil {
			s = reopen(s)
			h.store = s
			h.same(h.all(), want)
		}
		if err := s.DropPrefix(nil); err != nil {
			t.Fatal(err)
		}
		wantPairs(t, s)
		closeStore(t, s)
	})
}

// Readers and writers of several goroutines: a view never shows half of an Apply.
func TestContractConcurrent(t *testing.T) {
	eachStore(t, func(t *testing.T, open func(t *testing.T) (Store, func(Store) Store)) {
		s, _ := open(t)
		applyPairs(t, s, "a=0", "z=0")
		var writers, readers sync.WaitGroup
		stop := make(chan struct{})
		for w := range 2 {
			writers.Go(func() {
				o := NewOverlay(nil)
				for i := range 200 {
					v := fmt.Appendf(nil, "%d-%d", w, i)
					for _, k := range []string{"a", "m", "z"} {
						o.Set([]byte(k), v)
					}
					if err := s.Apply(o); err != nil {
						t.Error(err)
					}
					o.Reset(nil)
				}
			})
			readers.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					r, err := s.Reader()
					if err != nil {
						t.Error(err)
						return
					}
					v, _, _ := r.Get([]byte("a"))
					a := string(v)
					_, v, _, _ = r.Last(nil, nil)
					if a != string(v) {
						t.Errorf("a is %q, z is %q", a, v)
					}
					if err := r.Close(); err != nil {
						t.Error(err)
					}
				}
			})
		}
		writers.Wait()
		close(stop)
		readers.Wait()
		closeStore(t, s)
	})
}

func TestPrefixEnd(t *testing.T) {
	for _, c := range []struct{ prefix, want string }{{"a", "b"}, {"a\xff", "b"}, {"a\x00", "a\x01"}, {"\xfe\xff\xff", "\xff"}} {
		if got := PrefixEnd([]byte(c.prefix)); string(got) != c.want {
			t.Errorf("PrefixEnd(%q) = %q, want %q", c.prefix, got, c.want)
		}
	}
	for _, none := range []string{"", "\xff", "\xff\xff"} {
		if got := PrefixEnd([]byte(none)); got != nil {
			t.Errorf("PrefixEnd(%q) = %q, want nil", none, got)
		}
	}
}

func TestMemoryCopy(t *testing.T) {
	m := NewMemory()
	applyPairs(t, m, "a=1")
	c := m.Copy()
	applyPairs(t, m, "a=2", "b=2")
	applyPairs(t, c, "c=3")
	wantPairs(t, m, "a=2", "b=2")
	wantPairs(t, c, "a=1", "c=3")
	if m.Len() != 2 || c.Len() != 2 {
		t.Fatal(m.Len(), c.Len())
	}
}
