// Tuples: the bytes that can never change, and the properties that they are for.
package graph

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// The encoding of a key decides in which partition it lies: these bytes must stay as they are.
func TestTupleBytes(t *testing.T) {
	for _, c := range []struct {
		v    Value
		want string
	}{
		{Null(), "10"},
		{Bool(false), "14"},
		{Bool(true), "15"},
		{Int(0), "28"},
		{Int(1), "2901"},
		{Int(255), "29ff"},
		{Int(256), "2a0100"},
		{Int(math.MaxInt64), "307fffffffffffffff"},
		{Int(-1), "27fe"},
		{Int(-255), "2700"},
		{Int(-256), "26feff"},
		{Int(math.MinInt64), "207fffffffffffffff"},
		{String(""), "4000"},
		{String("a\x00b"), "406100ff6200"},
		{Bytes([]byte{0, 255}), "4800ffff00"},
		{Date(20484), "502a5004"},
		{Timestamp(1, 0), "54290100"},
		{Timestamp(1, 999), "54290104e7"},
		{mustUUID(t, "00112233-4455-6677-8899-AABBCCDDEEFF"), "5800112233445566778899aabbccddeeff"},
		{mustDecimal(t, "0"), "61"},
		{mustDecimal(t, "1.5"), "6280011000"},
		{mustDecimal(t, "-1.5"), "607ffeefff"},
		{mustDecimal(t, "0.001"), "627ffe0b00"},
		{mustDecimal(t, "100"), "6280030b00"},
		{Double(1), "68bff0000000000000"},
		{Double(-1), "68400fffffffffffff"},
		{Other("[]"), "705b5d00"},
	} {
		if got := hex.EncodeToString(AppendValue(nil, c.v)); got != c.want {
			t.Errorf("%v %v: %s, want %s", c.v.Kind(), c.v, got, c.want)
		}
	}
}

// The bytes of two tuples compare as their values do.
func TestTupleOrder(t *testing.T) {
	r := newRand(t)
	for range 50000 {
		a, b := randomTuple(r), randomTuple(r)
		if r.IntN(3) == 0 {
			b = append(slices.Clone(a), b...)
		}
		want := slices.CompareFunc(a, b, Compare)
		x, y := AppendTuple(nil, a...), AppendTuple(nil, b...)
		if got := bytes.Compare(x, y); got != want {
			t.Fatalf("%v and %v compare as %d, their bytes %x and %x as %d", a, b, want, x, y, got)
		}
		// A separator after a tuple keeps the order, and puts the tuple before those that go on from it.
		if got := bytes.Compare(append(x, 0x0f), append(y, 0x00)); want != 0 && got != want {
			t.Fatalf("with separators %v and %v compare as %d, want %d", a, b, got, want)
		}
	}
}

func TestTupleRoundTrip(t *testing.T) {
	r := newRand(t)
	for range 50000 {
		tuple := randomTuple(r)
		encoded := AppendTuple(nil, tuple...)
		rest := append(slices.Clone(encoded), 0x00, 0x01)
		for _, want := range tuple {
			if rest[0] < 0x10 || rest[0] >= 0xf0 {
				t.Fatalf("%v: tag %#x is out of range", want, rest[0])
			}
			v, after, err := DecodeValue(rest)
			skipped, skipErr := SkipValue(rest)
			if err != nil || v != want || skipErr != nil || !bytes.Equal(after, skipped) {
				t.Fatalf("%v of %x: read %v, left %x, error %v; skipped to %x, error %v", want, rest, v, after, err, skipped, skipErr)
			}
			rest = after
		}
		if !bytes.Equal(rest, []byte{0, 1}) {
			t.Fatalf("%v: %x is left", tuple, rest)
		}
	}
}

// What AppendValue does not write is refused.
func TestDecodeValueRefuses(t *testing.T) {
	for _, bad := range []string{
		"", "00", "0f", "11", "1f", "31", "f0", "ff", // no such tag
		"2900", "2a00ff", "27ff", "26ffff", // not the shortest integer
		"30ffffffffffffffff", "307fffffffffffff", "2000000000000000", "207ffffffffffffffe", // beyond int64, or cut off
		"40", "4061", "4000ff", "48ff",
		"50", "51", "502d7fffffffff", "502d0080000000", // a date beyond int32 or not the shortest
		"54", "5428", "542801", "54280100", "542804e8", "5428ffff",
		"5800", "62", "628001", "62800100", "6280010100", "62800165ff00", "6280016500", "62800101", "6280010b0100", "62ffff0b00", "6283ea0b00",
		"68", "687ff0", "68fff8000000000002", "6800000000000000ff", // NaN of another kind
		"70",
	} {
		b, _ := hex.DecodeString(bad)
		if v, rest, err := DecodeValue(b); !errors.Is(err, ErrTuple) && !(err == nil && len(rest) > 0 && rest[0] >= 0xf0) {
			t.Errorf("DecodeValue(%s) = %v, rest %x, error %v", bad, v, rest, err)
		}
	}
}

func FuzzTuple(f *testing.F) {
	for _, v := range []Value{Null(), Bool(true), Int(-256), String("a\x00b"), Bytes([]byte{0, 255}), Date(1), Timestamp(5, 7), Double(-1), Other("[]"),
		mustUUID(f, "00112233-4455-6677-8899-aabbccddeeff"), mustDecimal(f, "-12.34"), mustDecimal(f, "1000")} {
		f.Add(AppendValue(nil, v))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for len(b) > 0 {
			v, rest, err := DecodeValue(b)
			if err != nil {
				if !errors.Is(err, ErrTuple) {
					t.Fatalf("error %v", err)
				}
				return
			}
			if got := AppendValue(nil, v); !bytes.Equal(got, b[:len(b)-len(rest)]) {
				t.Fatalf("%x reads as %v, which is written %x", b[:len(b)-len(rest)], v, got)
			}
			b = rest
		}
	})
}

func TestSkipValueDoesNotAllocate(t *testing.T) {
	b := AppendTuple(nil, Int(5), String("a\x00b"), mustDecimal(t, "1.5"), Timestamp(5, 5))
	if n := testing.AllocsPerRun(100, func() {
		for rest := b; len(rest) > 0; {
			rest, _ = SkipValue(rest)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// The vectors of Kafka's own UtilsTest.
func TestMurmur2(t *testing.T) {
	for text, want := range map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536, "a-little-bit-longer-string": -1486304829,
		"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971, "abc": 479470107,
	} {
		if got := int32(murmur2([]byte(text))); got != want {
			t.Errorf("murmur2(%q) = %d, want %d", text, got, want)
		}
	}
}

func TestPartitionIsKafkas(t *testing.T) {
	r := newRand(t)
	kafka := kgo.StickyKeyPartitioner(nil).ForTopic("t")
	for range 5000 {
		key := AppendTuple(nil, append(randomTuple(r), randomValue(r))...)
		n := 1 + r.Int32N(100)
		if got, want := Partition(key, n), kafka.Partition(&kgo.Record{Key: key}, int(n)); int(got) != want {
			t.Fatalf("Partition(%x, %d) = %d, Kafka's is %d", key, n, got, want)
		}
	}
	if Partition([]byte("a"), 0) != 0 || Partition([]byte("a"), -1) != 0 {
		t.Error("an n below 1 does not count as 1")
	}
}

func BenchmarkAppendTuple(b *testing.B) {
	tuple, buf := []Value{Int(123456), String("1_0"), Timestamp(1769817600000000, 0), mustDecimal(b, "12.5")}, make([]byte, 0, 128)
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendTuple(buf[:0], tuple...)
	}
}

func BenchmarkDecodeValue(b *testing.B) {
	buf := AppendTuple(nil, Int(123456), String("1_0"))
	b.ReportAllocs()
	for b.Loop() {
		for rest := buf; len(rest) > 0; {
			_, rest, _ = DecodeValue(rest)
		}
	}
}
