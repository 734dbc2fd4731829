// The canonical JSON of values and keys (E2), there and back.
package graph

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestAppendJSON(t *testing.T) {
	for _, c := range []struct {
		v    Value
		want string
	}{
		{Null(), "null"}, {Bool(true), "true"}, {Bool(false), "false"}, {Int(math.MinInt64), "-9223372036854775808"},
		{String("a\"b\\c/<é😀\x7f\u2028"), "\"a\\\"b\\\\c/<é😀\x7f\u2028\""},
		{String("\b\t\n\f\r\x00\x1f"), `"\b\t\n\f\r\u0000\u001f"`},
		{String("a\xffb\xc3"), "\"a\uFFFDb\uFFFD\""},
		{Bytes([]byte{0, 255, 16}), `{"bytes":"AP8Q"}`}, {Bytes(nil), `{"bytes":""}`}, {Bytes([]byte("a")), `{"bytes":"YQ=="}`},
		{Date(20484), `{"date":"2026-01-31"}`}, {Date(-719528), `{"date":"0000-01-01"}`}, {Date(-719529), `{"date":"-0001-12-31"}`}, {Date(2932897), `{"date":"+10000-01-01"}`},
		{Date(math.MaxInt32), `{"date":"+5881580-07-11"}`}, {Date(math.MinInt32), `{"date":"-5877641-06-23"}`},
		{Timestamp(1769817600500000, 0), `{"timestamp":"2026-01-31T00:00:00.5Z"}`}, {Timestamp(0, 0), `{"timestamp":"1970-01-01T00:00:00Z"}`},
		{Timestamp(-1, 0), `{"timestamp":"1969-12-31T23:59:59.999999Z"}`}, {Timestamp(1, 20), `{"timestamp":"1970-01-01T00:00:00.00000102Z"}`},
		{Timestamp(math.MaxInt64, 999), `{"timestamp":"+294247-01-10T04:00:54.775807999Z"}`}, {Timestamp(math.MinInt64, 0), `{"timestamp":"-290308-12-21T19:59:05.224192Z"}`},
		{mustUUID(t, "00112233-4455-6677-8899-AABBCCDDEEFF"), `{"uuid":"00112233-4455-6677-8899-aabbccddeeff"}`},
		{mustDecimal(t, "-1.50"), `{"decimal":"-1.5"}`},
		{Double(2), "2.0"}, {Double(-0.1), "-0.1"}, {Double(1e21), "1e+21"}, {Double(1e20), "100000000000000000000.0"}, {Double(1e-7), "1e-07"}, {Double(math.Copysign(0, -1)), "-0.0"},
		{Double(math.NaN()), "null"}, {Double(math.Inf(-1)), "null"},
		{Other(`{"a":[1]}`), `{"a":[1]}`},
	} {
		got := string(AppendJSON(nil, c.v))
		if got != c.want {
			t.Errorf("%v: %s, want %s", c.v.Kind(), got, c.want)
		}
		if !json.Valid([]byte(got)) {
			t.Errorf("%s is no JSON", got)
		}
	}
}

func TestAppendKeyJSON(t *testing.T) {
	for _, c := range []struct {
		names  []string
		values []Value
		want   string
	}{
		{[]string{"video_id", "video_chunk_id"}, []Value{Int(1), String("1_0")}, `{"video_id":1,"video_chunk_id":"1_0"}`},
		{nil, nil, "{}"},
		{[]string{"b", "a\n", "c"}, []Value{Double(1), Other("[]")}, `{"b":null,"a\n":null,"c":null}`},
	} {
		if got := string(AppendKeyJSON([]byte("x"), c.names, c.values)); got != "x"+c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}

// What a key writes is read back as the same names and values.
func TestKeyJSONRoundTrip(t *testing.T) {
	r := newRand(t)
	for range 20000 {
		names, values := randomKey(r)
		text := AppendKeyJSON(nil, names, values)
		gotNames, gotValues, err := ParseKeyJSON(text)
		if err != nil || !slices.Equal(gotNames, names) || !slices.Equal(gotValues, values) {
			t.Fatalf("%s: read %q %v, error %v", text, gotNames, gotValues, err)
		}
		if !json.Valid(text) {
			t.Fatalf("%s is no JSON", text)
		}
	}
}

func randomKey(r *rand.Rand) (names []string, values []Value) {
	for _, name := range []string{"a", "a.b", "é\n", ""}[:r.IntN(5)] {
		v := randomValue(r)
		if !v.Usable() {
			v = Null()
		}
		names, values = append(names, name), append(values, v)
	}
	return names, values
}

func TestParseKeyJSONSpellings(t *testing.T) {
	names, values, err := ParseKeyJSON([]byte(" {\"\\u0061\" : \"\\ud83d\\ude00\\/\" ,\n\"b\":-0,\"u\":{\"uuid\":\"00112233-4455-6677-8899-AABBCCDDEEFF\"},\"t\":{ \"timestamp\" : \"2026-01-31T01:00:00.500+01:00\"}} "))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(AppendKeyJSON(nil, names, values)),
		`{"a":"😀/","b":0,"u":{"uuid":"00112233-4455-6677-8899-aabbccddeeff"},"t":{"timestamp":"2026-01-31T00:00:00.5Z"}}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestParseKeyJSONRefuses(t *testing.T) {
	for _, text := range []string{
		"", "null", "[]", "1", `"a"`, "{", `{"a"}`, `{"a":}`, `{"a":1`, `{"a":1,}`, `{"a":1 "b":2}`, `{,}`, `{a:1}`, `{'a':1}`, `{"a":1}x`, `{"a":1}{}`, "{\"a\":1}\x00",
		`{"a":1,"a":1}`, `{"a":1,"\u0061":1}`,
		`{"a":1.0}`, `{"a":1e3}`, `{"a":9223372036854775808}`, `{"a":01}`, `{"a":+1}`, `{"a":-}`, `{"a":.5}`, `{"a":NaN}`, `{"a":Infinity}`, `{"a":nul}`, `{"a":True}`,
		`{"a":[]}`, `{"a":{}}`, `{"a":{"x":"y"}}`, `{"a":{"date":"2026-01-31","x":1}}`, `{"a":{"date":20484}}`,
		`{"a":{"date":"2026-02-30"}}`, `{"a":{"date":"2026-1-31"}}`, `{"a":{"date":"+2026-01-31"}}`, `{"a":{"date":"-0000-01-31"}}`, `{"a":{"date":"+9999999-01-01"}}`, `{"a":{"date":""}}`,
		`{"a":{"timestamp":"2026-01-31"}}`, `{"a":{"timestamp":"2026-01-31T00:00:00"}}`, `{"a":{"timestamp":"2026-01-31T24:00:00Z"}}`, `{"a":{"timestamp":"2026-01-31T00:00:60Z"}}`,
		`{"a":{"timestamp":"2026-01-31T00:00:00.Z"}}`, `{"a":{"timestamp":"2026-01-31T00:00:00.0000000001Z"}}`, `{"a":{"timestamp":"+294247-01-10T04:00:55Z"}}`, `{"a":{"timestamp":"+999999-01-10T04:00:55Z"}}`,
		`{"a":{"bytes":"AP8"}}`, `{"a":{"bytes":"AB=="}}`, `{"a":{"bytes":"AP\n8Q"}}`, `{"a":{"bytes":"-_8="}}`, `{"a":{"uuid":"x"}}`, `{"a":{"decimal":"1e3"}}`, `{"a":{"decimal":""}}`,
		"{\"a\":\"\xff\"}", "{\"a\":\"\n\"}", `{"a":"\x"}`, `{"a":"\u12"}`, `{"a":"\ud800"}`, `{"a":"\ud800\u0041"}`, `{"a":"\udc00"}`, `{"a":"b`, "{\"\xff\":1}",
		`{"a":"` + strings.Repeat("b", MaxKeyJSON) + `"}`, `{"a":` + strings.Repeat("[", 60000),
	} {
		if names, values, err := ParseKeyJSON([]byte(text)); err == nil {
			t.Errorf("%s is taken, as %q %v", shorten(text), names, values)
		}
	}
}

func FuzzKeyJSON(f *testing.F) {
	for _, text := range []string{`{"video_id":1,"video_chunk_id":"1_0"}`, `{"a":{"bytes":"AP8Q"},"b":null}`, `{"a":{"date":"-0001-12-31"}}`, `{"a":{"timestamp":"2026-01-31T00:00:00.5+01:00"}}`,
		`{"a":{"uuid":"00112233-4455-6677-8899-aabbccddeeff"}}`, `{"a":{"decimal":"-1.50"}}`, `{"\ud83d\ude00":"\n"}`, `{"a":{"timestamp":"+294247-01-10T04:00:54.775807999Z"}}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		names, values, err := ParseKeyJSON(text)
		if err != nil {
			return
		}
		if !json.Valid(text) {
			t.Fatalf("%s is taken and is no JSON", text)
		}
		again := AppendKeyJSON(nil, names, values)
		names2, values2, err := ParseKeyJSON(again)
		if len(again) <= MaxKeyJSON && (err != nil || !slices.Equal(names, names2) || !slices.Equal(values, values2)) {
			t.Fatalf("%s is read as %q %v, written as %s, and that is read as %q %v, error %v", text, names, values, again, names2, values2, err)
		}
	})
}

func BenchmarkAppendKeyJSON(b *testing.B) {
	names, values, buf := []string{"video_id", "video_chunk_id"}, []Value{Int(123456), String("1_0")}, make([]byte, 0, 128)
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendKeyJSON(buf[:0], names, values)
	}
}
