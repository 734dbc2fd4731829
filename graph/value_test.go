// Values: construction, canonical forms and the typed order of R6. The random values of other tests are made here.
package graph

import (
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// newRand is a random source whose seed is printed if the test fails.
func newRand(t testing.TB) *rand.Rand {
	seed := rand.Uint64()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	})
	return rand.New(rand.NewPCG(seed, 0))
}

// randomValue draws a value of any kind, often one at an edge of its type.
func randomValue(r *rand.Rand) Value {
	integer := func() int64 {
		switch r.IntN(4) {
		case 0:
			return int64(r.IntN(5) - 2)
		case 1:
			return []int64{math.MinInt64, math.MinInt64 + 1, math.MaxInt64, 255, 256, -255, -256, -257, 65535, 65536}[r.IntN(10)]
		}
		return int64(r.Uint64()) >> r.IntN(64)
	}
	text := func(letters ...string) string {
		var b strings.Builder
		for range r.IntN(5) {
			b.WriteString(letters[r.IntN(len(letters))])
		}
		return b.String()
	}
	switch Kind(r.IntN(int(KindOther) + 1)) {
	case KindBool:
		return Bool(r.IntN(2) == 1)
	case KindInt:
		return Int(integer())
	case KindString:
		return String(text("", "\x00", "\x01", "a", "b", "ÿ", "é", "日本", "😀", "\"", "\\", "\n", "\x7f"))
	case KindBytes:
		return Bytes([]byte(text("\x00", "\xff", "\x01", "\xfe", "a")))
	case KindDate:
		return Date(int32(integer()))
	case KindTimestamp:
		return Timestamp(integer(), max(0, r.IntN(1500)-500))
	case KindUUID:
		v, _ := UUID([]string{"00000000", "ffffffff", "0a1b2c3d"}[r.IntN(3)] + "-0000-4000-8000-" + []string{"000000000000", "0000000000aF"}[r.IntN(2)])
		return v
	case KindDecimal:
		if r.IntN(2) == 0 {
			v, _ := DecimalUnscaled(big.NewInt(integer()), r.IntN(40)-10)
			return v
		}
		v, _ := Decimal([]string{"", "-"}[r.IntN(2)] + "0" + text("0", "1", "90", "00") + "." + "0" + text("0", "1", "9", "00000"))
		return v
	case KindDouble:
		return Double([]float64{0, math.Copysign(0, -1), 1, -1, 0.1, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64,
			math.SmallestNonzeroFloat64, math.Float64frombits(r.Uint64())}[r.IntN(11)])
	case KindOther:
		return Other([]string{"[]", "{}", `{"a":1}`, "[1,2.5]"}[r.IntN(4)])
	}
	return Null()
}

func randomTuple(r *rand.Rand) []Value {
	tuple := make([]Value, r.IntN(4))
	for i := range tuple {
		tuple[i] = randomValue(r)
	}
	return tuple
}

func mustDecimal(t testing.TB, text string) Value {
	t.Helper()
	v, err := Decimal(text)
	if err != nil {
		t.Fatalf("Decimal(%q): %v", text, err)
	}
	return v
}

func mustUUID(t testing.TB, text string) Value {
	t.Helper()
	v, err := UUID(text)
	if err != nil {
		t.Fatalf("UUID(%q): %v", text, err)
	}
	return v
}

// R6: the typed order.
func TestCompareOrder(t *testing.T) {
	ascending := []Value{
		Null(), Bool(false), Bool(true),
		Int(math.MinInt64), Int(-1), Int(0), Int(2), Int(10), Int(math.MaxInt64),
		String(""), String("\x00"), String("10"), String("2"), String("Z"), String("a"), String("é"), String("日"), String("😀"),
		Bytes(nil), Bytes([]byte{0}), Bytes([]byte{0, 0}), Bytes([]byte{0, 255}), Bytes([]byte{255}),
		Date(-1), Date(0), Date(20000),
		Timestamp(-1, 0), Timestamp(-1, 999), Timestamp(0, 0), Timestamp(0, 1), Timestamp(0, 10), Timestamp(1, 0),
		mustUUID(t, "00000000-0000-0000-0000-000000000001"), mustUUID(t, "A0000000-0000-0000-0000-000000000000"),
		mustDecimal(t, "-100"), mustDecimal(t, "-99.5"), mustDecimal(t, "-99.49"), mustDecimal(t, "-0.1"), mustDecimal(t, "-0.01"),
		mustDecimal(t, "0"), mustDecimal(t, "0.001"), mustDecimal(t, "0.01"), mustDecimal(t, "0.011"), mustDecimal(t, "1"), mustDecimal(t, "1.5"),
		mustDecimal(t, "9"), mustDecimal(t, "10"), mustDecimal(t, "10.01"), mustDecimal(t, "100"), mustDecimal(t, "1"+strings.Repeat("0", 999)),
		Double(math.Inf(-1)), Double(-1), Double(math.Copysign(0, -1)), Double(0), Double(1), Double(math.Inf(1)), Double(math.NaN()),
		Other("[]"), Other("{}"),
	}
	for i, a := range ascending {
		for j, b := range ascending {
			want := 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			if got := Compare(a, b); got != want {
				t.Errorf("Compare(%v %v, %v %v) = %d, want %d", a.Kind(), a, b.Kind(), b, got, want)
			}
			if (a == b) != (want == 0) {
				t.Errorf("%v == %v is %v", a, b, a == b)
			}
		}
	}
}

// Compare is a total order that agrees with ==.
func TestCompareProperties(t *testing.T) {
	r := newRand(t)
	for range 20000 {
		a, b, c := randomValue(r), randomValue(r), randomValue(r)
		if Compare(a, b) != -Compare(b, a) || (Compare(a, b) == 0) != (a == b) {
			t.Fatalf("Compare(%v, %v) = %d, the other way %d, == %v", a, b, Compare(a, b), Compare(b, a), a == b)
		}
		three := []Value{a, b, c}
		slices.SortFunc(three, Compare)
		if Compare(three[0], three[2]) > 0 {
			t.Fatalf("not transitive: %v", three)
		}
	}
}

func TestDecimalCanonical(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"0", "0"}, {"-0", "0"}, {"-0.00", "0"}, {"+1", "1"}, {"001", "1"}, {"1.50", "1.5"}, {"-0012.3400", "-12.34"}, {"100", "100"}, {"0.10", "0.1"},
	} {
		if got, _ := mustDecimal(t, c.text).AsDecimal(); got != c.want {
			t.Errorf("Decimal(%q) = %q, want %q", c.text, got, c.want)
		}
	}
	for _, text := range []string{"", "-", ".", ".5", "5.", "1e3", "--1", "+-1", "1.2.3", " 1", "0x1", "NaN", "1" + strings.Repeat("0", 1000), "0." + strings.Repeat("1", 1000)} {
		if v, err := Decimal(text); err == nil {
			t.Errorf("Decimal(%q) = %v, want an error", text, v)
		}
	}
	for _, c := range []struct {
		unscaled int64
		scale    int
		want     string
	}{{150, 2, "1.5"}, {-5, 3, "-0.005"}, {5, 0, "5"}, {5, -2, "500"}, {0, 7, "0"}, {-100, 2, "-1"}, {123, 3, "0.123"}} {
		v, err := DecimalUnscaled(big.NewInt(c.unscaled), c.scale)
		if got, _ := v.AsDecimal(); err != nil || got != c.want {
			t.Errorf("DecimalUnscaled(%d, %d) = %q, %v, want %q", c.unscaled, c.scale, got, err, c.want)
		}
	}
	if _, err := DecimalUnscaled(big.NewInt(1), 1001); err == nil {
		t.Error("a scale of 1001 is taken")
	}
	if _, err := DecimalUnscaled(new(big.Int).Lsh(big.NewInt(1), 4000), 0); err == nil {
		t.Error("an unscaled value of 4000 bits is taken")
	}
}

func TestUsable(t *testing.T) {
	for _, v := range []Value{Bool(false), Int(0), String(""), Bytes(nil), Date(0), Timestamp(0, 0), mustUUID(t, "00000000-0000-0000-0000-000000000000"), mustDecimal(t, "0")} {
		if !v.Usable() {
			t.Errorf("%v %v is not usable", v.Kind(), v)
		}
	}
	for _, v := range []Value{Null(), String("\xff"), Double(1), Other("[]")} {
		if v.Usable() {
			t.Errorf("%v %v is usable", v.Kind(), v)
		}
	}
}

func TestAccessors(t *testing.T) {
	if days, ok := Date(-5).AsDate(); !ok || days != -5 {
		t.Error("AsDate", days, ok)
	}
	if micros, nanos, ok := Timestamp(-5, 7).AsTimestamp(); !ok || micros != -5 || nanos != 7 {
		t.Error("AsTimestamp", micros, nanos, ok)
	}
	if f, ok := Double(0.5).AsDouble(); !ok || f != 0.5 {
		t.Error("AsDouble", f, ok)
	}
	if b, ok := Bool(true).AsBool(); !ok || !b {
		t.Error("AsBool", b, ok)
	}
	if i, ok := String("1").AsInt(); ok || i != 0 {
		t.Error("AsInt of a string", i, ok)
	}
	if s, ok := Bytes([]byte("a")).AsString(); ok || s != "" {
		t.Error("AsString of bytes", s, ok)
	}
	if Double(math.Float64frombits(0x7ff8000000000123)) != Double(math.NaN()) {
		t.Error("two NaN differ")
	}
	for _, text := range []string{"", "00000000-0000-0000-0000-00000000000g", "00000000x0000-0000-0000-000000000000", "00000000-0000-0000-0000-0000000000000"} {
		if _, err := UUID(text); err == nil {
			t.Errorf("UUID(%q) is taken", text)
		}
	}
}

func BenchmarkCompare(b *testing.B) {
	x, y := mustDecimal(b, "12.5"), mustDecimal(b, "12.25")
	b.ReportAllocs()
	for b.Loop() {
		Compare(x, y)
	}
}
