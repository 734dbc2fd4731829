package state

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"
)

// TestSieve holds a reader behind a sieve against the store itself, over random writes in several steps.
func TestSieve(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	defer func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	}()
	random := rand.New(rand.NewPCG(seed, 0))
	key := func() []byte {
		return binary.BigEndian.AppendUint16([]byte{"abc"[random.IntN(3)]}, uint16(random.IntN(3000)))
	}
	store := NewMemory()
	defer store.Close()
	write := func(sieve *Sieve, n int, prefix byte) {
		o := NewOverlay(nil)
		for range n {
			k := key()
			if prefix != 0 {
				k[0] = prefix
			}
			if random.IntN(5) == 0 {
				o.Delete(k)
			} else {
				o.Set(k, []byte{byte(random.IntN(256))})
			}
		}
		if sieve != nil {
			sieve.Add(o)
		}
		if err := store.Apply(o); err != nil {
			t.Fatal(err)
		}
	}
	write(nil, 500, 'c') // what the sieve knows nothing of
	sieve := NewSieve([][]byte{{'a'}, {'b', 0}, {'b', 1}, {'b', 2}, {'b', 3}, {'b', 4}, {'b', 5}, {'b', 6}, {'b', 7}, {'b', 8}, {'b', 9}, {'b', 10}, {'b', 11}})
	sieved := 0
	for range 10 {
		plain, err := store.Reader()
		if err != nil {
			t.Fatal(err)
		}
		inner, err := store.Reader()
		if err != nil {
			t.Fatal(err)
		}
		reader := sieve.Reader(inner)
		for range 2000 {
			k := key()
			want, wantOK, _ := plain.Get(k)
			got, ok, err := reader.Get(k)
			if err != nil || ok != wantOK || !bytes.Equal(got, want) {
				t.Fatalf("key %x is %x, %t, %v, want %x, %t", k, got, ok, err, want, wantOK)
			}
			if sieve.absent(k) {
				sieved++
			}
		}
		if err := reader.Close(); err != nil {
			t.Fatal(err)
		}
		if err := plain.Close(); err != nil {
			t.Fatal(err)
		}
		write(sieve, 300, 0)
	}
	if sieved < 5000 {
		t.Errorf("of 20,000 keys only %d were not asked for", sieved)
	}
}

// TestSieveGrows: of many keys all are found, and of others few.
func TestSieveGrows(t *testing.T) {
	sieve := NewSieve([][]byte{{'a'}})
	key := func(i int) []byte { return binary.BigEndian.AppendUint64([]byte{'a'}, uint64(i)) }
	const n = 2_000_000
	for i := range n {
		sieve.add(key(i))
	}
	if len(sieve.layers) != 3 {
		t.Errorf("it has %d layers", len(sieve.layers))
	}
	asked := 0
	for i := range n {
		if sieve.absent(key(i)) {
			t.Fatalf("key %d is taken to be absent", i)
		}
		if !sieve.absent(key(n + i)) {
			asked++
		}
	}
	if asked > n/8 {
		t.Errorf("of %d keys that are not there %d would be asked for", n, asked)
	}
	if NewSieve(nil).absent(key(1)) {
		t.Error("a sieve without prefixes takes a key to be absent")
	}
}
