package engine

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/state"
)

// pageBook is one match key's pages, with a map as the oracle.
type pageBook struct {
	e      *Engine
	o      *state.Overlay
	prefix []byte
	want   map[string]uint64
}

func newPageBook(t *testing.T) *pageBook {
	t.Helper()
	reader, err := state.NewMemory().Reader()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = reader.Close() })
	b := &pageBook{e: New(Config{Partitions: 1}), o: state.NewOverlay(reader), want: map[string]uint64{}}
	b.e.Begin(b.o)
	name := nameOf(77)
	b.prefix = append(joinedKey(nil, 0, graph.AppendTuple(nil, graph.Int(1)), sectionPages, name[:]), tupleEnd)
	return b
}

func (b *pageBook) set(suffix string, digest uint64) error {
	var seen uint64
	b.e.setEntry(b.prefix, []byte(suffix), func(old uint64) uint64 { seen = old; return digest })
	if seen != b.want[suffix] {
		return fmt.Errorf("%q was %d, not %d", suffix, seen, b.want[suffix])
	}
	if digest == 0 {
		delete(b.want, suffix)
	} else {
		b.want[suffix] = digest
	}
	return b.e.err
}

// check reads all pages and holds them against the map and against what page.go says of them.
func (b *pageBook) check() error {
	got := map[string]uint64{}
	var last []byte
	var fault error
	pages := 0
	err := b.o.Scan(b.prefix, prefixAbove(b.prefix), func(key, value []byte) bool {
		lower := key[len(b.prefix):]
		if pages == 0 && len(lower) > 0 {
			fault = fmt.Errorf("the first page begins at %q", lower)
		}
		pages++
		if len(value) == 0 || value[0] > 1 {
			fault = fmt.Errorf("page %q begins with %x", lower, value)
			return false
		}
		if len(value) > pageSize+2<<10 {
			fault = fmt.Errorf("page %q has %d bytes", lower, len(value))
		}
		for rest := value[1:]; len(rest) > 0; {
			en, after, ok := readEntry(rest)
			if !ok {
				fault = fmt.Errorf("page %q cannot be read", lower)
				return false
			}
			if bytes.Compare(en.suffix, lower) < 0 || len(got) > 0 && bytes.Compare(en.suffix, last) <= 0 {
				fault = fmt.Errorf("page %q: entry %q after %q", lower, en.suffix, last)
			}
			last = slices.Clone(en.suffix)
			got[string(en.suffix)] = en.digest
			rest = after
		}
		return fault == nil
	})
	if err == nil {
		err = fault
	}
	if err == nil && !maps.Equal(got, b.want) {
		err = fmt.Errorf("the pages have %d entries, not %d", len(got), len(b.want))
	}
	return err
}

// TestPages puts, replaces and removes entries, with suffixes of all lengths.
func TestPages(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 6))
		b := newPageBook(t)
		width := 1 + r.IntN(900)
		suffix := func() string {
			if r.IntN(20) == 0 {
				return ""
			}
			text := fmt.Sprintf("%03d", r.IntN(60)) + strings.Repeat("x", r.IntN(width))
			return string(graph.AppendTuple(nil, graph.String(text[:3]+strings.Repeat("y", len(text)%7*width/7))))
		}
		for i := range 1500 {
			digest := r.Uint64() | 1
			if r.IntN(100) < 30+50*(i/500%2) {
				digest = 0
			}
			err := b.set(suffix(), digest)
			if err == nil && i%25 == 0 {
				err = b.check()
			}
			if err != nil {
				t.Fatalf("seed %d, step %d: %v", seed, i, err)
			}
		}
		for suffix := range maps.Clone(b.want) {
			if err := b.set(suffix, 0); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
		if err := b.check(); err != nil {
			t.Fatalf("seed %d, at the end: %v", seed, err)
		}
	}
}

// TestPagesDamaged reads damaged pages: an error at most, never a panic.
func TestPagesDamaged(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 6))
	for range 500 {
		b := newPageBook(t)
		var page []byte
		page = append(page, byte(r.IntN(2)))
		for i := range r.IntN(5) {
			page = appendEntry(page, fmt.Appendf(nil, "%d", i), r.Uint64())
		}
		damage(r, page, func(page []byte) { b.o.Set(b.prefix, page) })
		b.e.setEntry(b.prefix, []byte("3"), func(uint64) uint64 { return 5 })
		_ = b.e.page(b.prefix, nil)
	}
}
