package state

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// The benchmarks' state: parents of ten children, keys of about 40 bytes, values of 120.
const (
	benchParents  = 20_000
	benchChildren = 10
	benchEpoch    = 1_000 // parents that one epoch touches
)

func benchKey(b []byte, parent, child int) []byte {
	return fmt.Appendf(b[:0], "row/examples/chunk/%08d/child/%06d", parent, child)
}

func benchPrefix(b []byte, parent int) []byte {
	return fmt.Appendf(b[:0], "row/examples/chunk/%08d/", parent)
}

// benchKeys are the children of every twentieth parent, sorted.
func benchKeys() (keys [][]byte) {
	for i := range benchEpoch {
		for c := range benchChildren {
			keys = append(keys, benchKey(nil, i*(benchParents/benchEpoch), c))
		}
	}
	return keys
}

func benchValue() []byte {
	rnd := rand.New(rand.NewPCG(1, 1))
	v := make([]byte, 120)
	for i := range v {
		v[i] = byte(rnd.Uint32())
	}
	return v
}

// eachBench runs fn over each store, loaded. One operation is one key, or as the name says.
func eachBench(b *testing.B, fn func(b *testing.B, s Store)) {
	for _, name := range []string{"Memory", "Badger"} {
		b.Run(name, func(b *testing.B) {
			var s Store = NewMemory()
			if name == "Badger" {
				var err error
				if s, err = OpenBadger(b.TempDir()); err != nil {
					b.Fatal(err)
				}
			}
			o, v := NewOverlay(nil), benchValue()
			for p := range benchParents {
				for c := range benchChildren {
					o.Set(benchKey(nil, p, c), v)
				}
				if p%1000 == 999 {
					if err := s.Apply(o); err != nil {
						b.Fatal(err)
					}
					o.Reset(nil)
				}
			}
			fn(b, s)
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

func benchReader(b *testing.B, s Store) ReadCloser {
	r, err := s.Reader()
	if err != nil {
		b.Fatal(err)
	}
	return r
}

// benchOverlay returns an overlay over r with a write for every other key.
func benchOverlay(r Reader, keys [][]byte) *Overlay {
	o, v := NewOverlay(r), benchValue()
	for i, k := range keys {
		if i%2 == 1 {
			o.Set(k, v)
		}
	}
	return o
}

func BenchmarkOverlayGet(b *testing.B) {
	keys := benchKeys()
	eachBench(b, func(b *testing.B, s Store) {
		r := benchReader(b, s)
		defer r.Close()
		o := benchOverlay(r, keys)
		get := func(k func(i int) []byte, want bool) func(b *testing.B) {
			return func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					if _, ok, err := o.Get(k(i)); err != nil || ok != want {
						b.Fatal(ok, err)
					}
				}
			}
		}
		missing := make([][]byte, len(keys))
		for i, k := range keys {
			missing[i] = append(append([]byte(nil), k...), 'x')
		}
		b.Run("pending", get(func(i int) []byte { return keys[i*2%len(keys)+1] }, true))
		b.Run("base", get(func(i int) []byte { return keys[i*2%len(keys)] }, true))
		b.Run("missing", get(func(i int) []byte { return missing[i%len(keys)] }, false))
	})
}

func BenchmarkOverlaySet(b *testing.B) {
	keys, v := benchKeys(), benchValue()
	for _, order := range []string{"sorted", "shuffled"} {
		b.Run(order, func(b *testing.B) {
			keys := append([][]byte(nil), keys...)
			if order == "shuffled" {
				rand.New(rand.NewPCG(1, 1)).Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
			}
			o := NewOverlay(nil)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i%len(keys) == 0 {
					o.Reset(nil)
				}
				o.Set(keys[i%len(keys)], v)
			}
		})
	}
}

// One operation is a Scan of the ten children of a parent, the parents ascending.
func BenchmarkOverlayScan(b *testing.B) {
	keys := benchKeys()
	eachBench(b, func(b *testing.B, s Store) {
		for _, c := range []struct {
			name string
			step int // parents from one Scan to the next
		}{{"neighbours", 1}, {"apart", benchParents / benchEpoch}} {
			b.Run(c.name, func(b *testing.B) {
				r := benchReader(b, s)
				defer r.Close()
				o := benchOverlay(r, keys)
				b.ReportAllocs()
				var from, to []byte
				n := 0
				count := func(_, _ []byte) bool { n++; return true }
				for i := 0; b.Loop(); i++ {
					p := i * c.step % benchParents
					from = benchPrefix(from, p)
					to = append(to[:0], from...)
					to[len(to)-1]++
					if err := o.Scan(from, to, count); err != nil || n != (i+1)*benchChildren {
						b.Fatal(n, err)
					}
				}
			})
		}
	})
}

func BenchmarkOverlayLast(b *testing.B) {
	keys := benchKeys()
	eachBench(b, func(b *testing.B, s Store) {
		r := benchReader(b, s)
		defer r.Close()
		o := benchOverlay(r, keys)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, _, ok, err := o.Last(nil, keys[i%(len(keys)-1)+1]); err != nil || !ok {
				b.Fatal(ok, err)
			}
		}
	})
}

// One operation is an Apply of 10,000 keys that are there.
func BenchmarkApply(b *testing.B) {
	keys, v := benchKeys(), benchValue()
	eachBench(b, func(b *testing.B, s Store) {
		o := NewOverlay(nil)
		for _, k := range keys {
			o.Set(k, v)
		}
		b.ReportAllocs()
		for b.Loop() {
			if err := s.Apply(o); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// One operation is an epoch: 10,000 sorted keys are read, changed and applied.
func BenchmarkReadModifyWrite(b *testing.B) {
	keys := benchKeys()
	eachBench(b, func(b *testing.B, s Store) {
		o := NewOverlay(nil)
		var buf []byte
		b.ReportAllocs()
		for b.Loop() {
			r, err := s.Reader()
			if err != nil {
				b.Fatal(err)
			}
			o.Reset(r)
			for _, k := range keys {
				v, ok, err := o.Get(k)
				if err != nil || !ok {
					b.Fatal(ok, err)
				}
				buf = append(buf[:0], v...)
				buf[0]++
				o.Set(k, buf)
			}
			if err := s.Apply(o); err != nil {
				b.Fatal(err)
			}
			if err := r.Close(); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(keys)), "ns/key")
	})
}
