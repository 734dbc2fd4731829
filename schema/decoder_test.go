package schema

import (
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/freshline/freshline/graph"
	"github.com/linkedin/goavro/v2"
)

// everythingSchema has every type and logical type that a column can be of.
const everythingSchema = `{"type":"record","name":"Everything","namespace":"t","fields":[
	{"name":"z_int","type":"int"},{"name":"a_long","type":["null","long"]},{"name":"f_float","type":"float"},{"name":"f_double","type":["double","null"]},
	{"name":"bool","type":"boolean"},{"name":"text","type":"string"},{"name":"raw","type":"bytes"},{"name":"fix","type":{"type":"fixed","name":"Fix","size":2}},
	{"name":"date","type":{"type":"int","logicalType":"date"}},
	{"name":"ms","type":{"type":"long","logicalType":"timestamp-millis"}},{"name":"us","type":{"type":"long","logicalType":"local-timestamp-micros"}},
	{"name":"ns","type":["null",{"type":"long","logicalType":"timestamp-nanos"}]},{"name":"tod","type":{"type":"int","logicalType":"time-millis"}},
	{"name":"uuid_text","type":{"type":"string","logicalType":"uuid"}},{"name":"uuid_fix","type":{"type":"fixed","name":"U","size":16,"logicalType":"uuid"}},
	{"name":"dec","type":{"type":"bytes","logicalType":"decimal","precision":6,"scale":2}},
	{"name":"dec_fix","type":{"type":"fixed","name":"D","size":4,"logicalType":"decimal","precision":6}},
	{"name":"kind","type":{"type":"enum","name":"E","symbols":["A","B"]}},
	{"name":"list","type":{"type":"array","items":["null","int"]}},{"name":"dict","type":{"type":"map","values":{"type":"array","items":"double"}}},
	{"name":"rec","type":{"type":"record","name":"Inner","fields":[{"name":"y","type":["null","Inner"]},{"name":"x","type":"Fix"}]}},
	{"name":"metaxy_provenance","type":"string"},{"name":"metaxy_created_at","type":["null","long"]},
	{"name":"metaxy_provenance_by_field","type":["null",{"type":"map","values":["null","string","int"]}]},
	{"name":"metaxy_data_version_by_field","type":["null",{"type":"array","items":{"type":"record","name":"Pair","fields":[{"name":"key","type":"string"},{"name":"value","type":["null","string"]}]}}]},
	{"name":"metaxy_feature_version","type":"string"},{"name":"metaxy_deleted_at","type":["null","string"]},{"name":"freshline_children","type":["null","int"]}]}`

func everythingNative() map[string]any {
	return map[string]any{
		"z_int": -5, "a_long": goavro.Union("long", 1<<40), "f_float": float32(0.5), "f_double": goavro.Union("double", 2.25),
		"bool": true, "text": "ä", "raw": []byte{0xff}, "fix": []byte{1, 2}, "date": 20000, "ms": 1500, "us": -1,
		"ns": goavro.Union("long", int64(-1)), "tod": 1, "uuid_text": "00112233-4455-6677-8899-AABBCCDDEEFF",
		"uuid_fix": []byte("\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff"),
		"dec":      []byte{0xff, 0x38}, "dec_fix": []byte{0, 0, 1, 0}, "kind": "B",
		"list": []any{nil, goavro.Union("int", 3)}, "dict": map[string]any{"b": []any{1.5}, "a": []any{}},
		"rec":               map[string]any{"y": goavro.Union("T5", map[string]any{"y": nil, "x": []byte{3, 4}}), "x": []byte{5, 6}},
		"metaxy_provenance": "ignored", "metaxy_created_at": nil,
		"metaxy_provenance_by_field":   goavro.Union("map", map[string]any{"b": goavro.Union("int", 1), "a": goavro.Union("string", "p"), "c": nil}),
		"metaxy_data_version_by_field": goavro.Union("array", []any{map[string]any{"key": "b", "value": nil}, map[string]any{"key": "a", "value": goavro.Union("string", "d")}}),
		"metaxy_feature_version":       "v1", "metaxy_deleted_at": nil, "freshline_children": goavro.Union("int", 2),
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestDecodeEverything(t *testing.T) {
	s := must(ParseSchema([]byte(everythingSchema)))
	body, err := s.codec.BinaryFromNative(nil, everythingNative())
	if err != nil {
		t.Fatal(err)
	}
	uuid := must(graph.UUID("00112233-4455-6677-8899-aabbccddeeff"))
	want := &graph.Record{
		Columns: []graph.Column{
			{Name: "a_long", Value: graph.Int(1 << 40)}, {Name: "bool", Value: graph.Bool(true)}, {Name: "date", Value: graph.Date(20000)},
			{Name: "dec", Value: must(graph.Decimal("-2"))}, {Name: "dec_fix", Value: must(graph.Decimal("256"))},
			{Name: "dict", Value: graph.Other(`{"a":[],"b":[1.5]}`)}, {Name: "f_double", Value: graph.Double(2.25)}, {Name: "f_float", Value: graph.Double(0.5)},
			{Name: "fix", Value: graph.Bytes([]byte{1, 2})}, {Name: "kind", Value: graph.String("B")}, {Name: "list", Value: graph.Other(`[null,3]`)},
			{Name: "ms", Value: graph.Timestamp(1_500_000, 0)}, {Name: "ns", Value: graph.Timestamp(-1, 999)}, {Name: "raw", Value: graph.Bytes([]byte{0xff})},
			{Name: "rec", Value: graph.Other(`{"x":{"bytes":"BQY="},"y":{"x":{"bytes":"AwQ="},"y":null}}`)}, {Name: "text", Value: graph.String("ä")},
			{Name: "tod", Value: graph.Other(`{"time-millis":1}`)}, {Name: "us", Value: graph.Timestamp(-1, 0)},
			{Name: "uuid_fix", Value: uuid}, {Name: "uuid_text", Value: uuid}, {Name: "z_int", Value: graph.Int(-5)},
		},
		Provenance:     graph.MapColumn{State: graph.MapPresent, Entries: []graph.Column{{Name: "a", Value: graph.String("p")}, {Name: "b", Value: graph.Int(1)}, {Name: "c"}}},
		DataVersion:    graph.MapColumn{State: graph.MapPresent, Entries: []graph.Column{{Name: "a", Value: graph.String("d")}, {Name: "b"}}},
		FeatureVersion: graph.String("v1"), HasVersion: true, Children: graph.Int(2), HasChildren: true,
	}
	for _, records := range []RecordDecoder{Goavro{}, Direct{}} {
		got, err := records.DecodeRecord(s, body)
		if err != nil {
			t.Fatalf("%T: %v", records, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%T: decoded\n%+v\nwant\n%+v", records, got, want)
		}
		for n := range len(body) {
			if _, err := records.DecodeRecord(s, body[:n]); !errors.Is(err, ErrBadBytes) {
				t.Errorf("%T: cut to %d of %d bytes: %v", records, n, len(body), err)
			}
		}
		if _, err := records.DecodeRecord(s, append(body[:len(body):len(body)], 0)); !errors.Is(err, ErrBadBytes) {
			t.Errorf("%T: a byte too many: %v", records, err)
		}
	}
}

// The forms that a *_by_field column comes in. Bodies are hexadecimal.
func TestDecodeMapColumn(t *testing.T) {
	const pair = `{"type":"record","name":"P","fields":[{"name":"value","type":"string"},{"name":"key","type":["null","string"]}]}`
	present := func(entries ...graph.Column) graph.MapColumn {
		return graph.MapColumn{State: graph.MapPresent, Entries: append([]graph.Column{}, entries...)}
	}
	entry := graph.Column{Name: "f", Value: graph.String("p")}
	for _, c := range []struct {
		avro, body string
		want       graph.MapColumn
	}{
		{`{"type":"map","values":"string"}`, "020266027000", present(entry)},
		{`{"type":"map","values":"string"}`, "0108026602700" + "0", present(entry)}, // a block with its size
		{`{"type":"map","values":"string"}`, "00", present()},
		{`["null",{"type":"map","values":"string"}]`, "00", graph.MapColumn{}},
		{`{"type":"record","name":"F","fields":[{"name":"f","type":["null","string"]}]}`, "020270", present(entry)},
		{`{"type":"record","name":"F","fields":[{"name":"f","type":["null","string"]}]}`, "00", present(graph.Column{Name: "f"})},
		{`{"type":"array","items":` + pair + `}`, "02027002026600", present(entry)},
		{`{"type":"array","items":["null",` + pair + `]}`, "0202027002026600", present(entry)},
		{`{"type":"array","items":` + pair + `}`, "0402700202660270020266" + "00", graph.MapColumn{State: graph.MapInvalid}}, // a key twice
		{`{"type":"array","items":` + pair + `}`, "0202700000", graph.MapColumn{State: graph.MapInvalid}},                    // a null key
		{`{"type":"array","items":["null",` + pair + `]}`, "020000", graph.MapColumn{State: graph.MapInvalid}},               // a null pair
		{`{"type":"array","items":"string"}`, "02026600", graph.MapColumn{State: graph.MapInvalid}},
		{`["null","string"]`, "020266", graph.MapColumn{State: graph.MapInvalid}},
		{`"null"`, "", graph.MapColumn{}},
	} {
		s, err := ParseSchema([]byte(`{"type":"record","name":"R","fields":[{"name":"metaxy_provenance_by_field","type":` + c.avro + `}]}`))
		if err != nil {
			t.Fatal(err)
		}
		for _, records := range []RecordDecoder{Goavro{}, Direct{}} {
			rec, err := records.DecodeRecord(s, must(hex.DecodeString(c.body)))
			if err != nil || !reflect.DeepEqual(rec.Provenance, c.want) {
				t.Errorf("%T: %s of %s: %+v, %v, want %+v", records, c.body, c.avro, rec, err, c.want)
			}
		}
	}
}

// What R7 refuses, and as what.
func TestDecodeRefuses(t *testing.T) {
	for _, c := range []struct {
		name, avro, body string
		want             error
	}{
		{"text that is not UTF-8", `{"type":"record","name":"R","fields":[{"name":"a","type":"string"}]}`, "02ff", ErrBadBytes},
		{"a map key that is not UTF-8", `{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"map","values":"null"}}]}`, "0202ff00", ErrBadBytes},
		{"a map key twice", `{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"map","values":"null"}}]}`, "040266026600", ErrBadBytes},
		{"a branch beyond the union", `{"type":"record","name":"R","fields":[{"name":"a","type":["null","int"]}]}`, "04", ErrBadBytes},
		{"a negative branch", `{"type":"record","name":"R","fields":[{"name":"a","type":["null","int"]}]}`, "01", ErrBadBytes},
		{"a symbol beyond the enum", `{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"enum","name":"E","symbols":["A"]}}]}`, "02", ErrBadBytes},
		{"a length beyond the body", `{"type":"record","name":"R","fields":[{"name":"a","type":"bytes"}]}`, "feffffffffffffffff01", ErrBadBytes},
		{"a negative length", `{"type":"record","name":"R","fields":[{"name":"a","type":"bytes"}]}`, "01", ErrBadBytes},
		{"an int of 33 bits", `{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}`, "8080808010", ErrBadBytes},
		{"a long of 65 bits", `{"type":"record","name":"R","fields":[{"name":"a","type":"long"}]}`, "ffffffffffffffffff02", ErrBadBytes},
		{"a boolean of 2", `{"type":"record","name":"R","fields":[{"name":"a","type":"boolean"}]}`, "02", ErrBadBytes},
		{"a timestamp beyond 64 bits", `{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"long","logicalType":"timestamp-millis"}}]}`, "feffffffffffffffff01", ErrBadBytes},
		{"a list of 2^31 nulls", `{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"array","items":"null"}}]}`, "feffffff0f00", ErrBadBytes},
		{"a block of -2^63", `{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"array","items":"null"}}]}`, "ffffffffffffffffff01", ErrBadBytes},
		{"a record in itself", `{"type":"record","name":"R","fields":[{"name":"a","type":"R"}]}`, "", ErrBadBytes},
		{"lists 65 deep", `{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"array","items":"R"}}]}`, strings.Repeat("02", 65) + strings.Repeat("00", 66), ErrBadBytes},
		{"no record", `"string"`, "0266", ErrNotRecord},
		{"no record either", `["null",{"type":"record","name":"R","fields":[]}]`, "00", ErrNotRecord},
		{"no record, and does not decode", `"string"`, "04ff", ErrBadBytes},
		{"no branch", `["null",{"type":"record","name":"R","fields":[]}]`, "06", ErrBadBytes},
		{"a record in a union", `["null",{"type":"record","name":"R","fields":[]}]`, "02", nil},
	} {
		s, err := ParseSchema([]byte(c.avro))
		if err != nil {
			t.Fatal(err)
		}
		for _, records := range []RecordDecoder{Goavro{}, Direct{}} {
			if _, err := records.DecodeRecord(s, must(hex.DecodeString(c.body))); !errors.Is(err, c.want) {
				t.Errorf("%T: %s: error %v, want class %v", records, c.name, err, c.want)
			}
		}
	}
}

// A schema of a few hundred bytes may unfold to 2^60 values without one byte of input.
func TestDecodeBillionNulls(t *testing.T) {
	last, text := `"null"`, ""
	for i := range 60 {
		text = fmt.Sprintf(`{"type":"record","name":"R%d","fields":[{"name":"a","type":%s},{"name":"b","type":%s}]}`, i, last, strings.Trim(fmt.Sprintf("%q", fmt.Sprintf("R%d", i-1)), " "))
		if i == 0 {
			text = `{"type":"record","name":"R0","fields":[{"name":"a","type":"null"},{"name":"b","type":"null"}]}`
		}
		last = text
	}
	s, err := ParseSchema([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, records := range []RecordDecoder{Goavro{}, Direct{}} {
		if _, err := records.DecodeRecord(s, nil); !errors.Is(err, ErrBadBytes) {
			t.Errorf("%T: %v", records, err)
		}
	}
}

func TestDecoderNamesTheSchema(t *testing.T) {
	s := must(ParseSchema([]byte(videoSchema)))
	set := &Set{}
	set.Put(42, s)
	decoder := NewDecoder(set, nil)
	if _, err := decoder.Decode(t.Context(), SingleObjectFrame(42).Append(nil)); !errors.Is(err, ErrBadBytes) || !strings.Contains(err.Error(), "video_id") || !strings.Contains(err.Error(), "fingerprint 000000000000002a") {
		t.Errorf("the error does not say where: %v", err)
	}
	if _, err := decoder.Decode(t.Context(), SingleObjectFrame(43).Append(nil)); !errors.Is(err, ErrUnknownSchema) {
		t.Errorf("unknown fingerprint: %v", err)
	}
	if _, err := decoder.Decode(t.Context(), ConfluentFrame(43).Append(nil)); !errors.Is(err, ErrUnknownSchema) {
		t.Errorf("a Set and an id: %v", err)
	}
	rec, err := decoder.Decode(t.Context(), append(SingleObjectFrame(42).Append(nil), 2))
	if err != nil || rec.Column("video_id") != graph.Int(1) {
		t.Errorf("decoded %+v, %v", rec, err)
	}
}

// FuzzDecode: no decoder panics or makes much of little, every error has its class, and the two agree.
func FuzzDecode(f *testing.F) {
	schemas := []*Schema{
		must(ParseSchema([]byte(everythingSchema))), StalenessSchema(),
		must(ParseSchema([]byte(`["null","string",{"type":"record","name":"L","fields":[{"name":"next","type":["null","L"]},{"name":"all","type":{"type":"array","items":"L"}},{"name":"nulls","type":{"type":"array","items":"null"}}]}]`))),
		must(ParseSchema([]byte(`{"type":"record","name":"R","fields":[{"name":"metaxy_provenance_by_field","type":["null","bytes",{"type":"array","items":["null","int",{"type":"record","name":"P","fields":[{"name":"key","type":["string","int"]},{"name":"value","type":["null","string"]}]}]}]},{"name":"m","type":{"type":"map","values":{"type":"map","values":"boolean"}}}]}`))),
	}
	f.Add(uint8(0), must(schemas[0].codec.BinaryFromNative(nil, everythingNative())))
	f.Add(uint8(1), must(benchmarkStaleness().Append(nil, ConfluentFrame(0)))[confluentHeader:])
	f.Add(uint8(2), []byte{4, 0, 0, 6, 0})
	f.Add(uint8(3), []byte{4, 4, 4, 0, 2, 'f', 2, 2, 'p', 0, 0, 2, 2, 'a', 2, 2, 'b', 1, 0, 0})
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		s := schemas[int(which)%len(schemas)]
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		fast, fastErr := Direct{}.DecodeRecord(s, body)
		slow, slowErr := Goavro{}.DecodeRecord(s, body)
		runtime.ReadMemStats(&after)
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 512<<20 {
			t.Errorf("%d bytes allocated for a body of %d", grown, len(body))
		}
		if !reflect.DeepEqual(fast, slow) || !sameClass(fastErr, slowErr) {
			t.Errorf("direct: %+v, %v\ngoavro: %+v, %v", fast, fastErr, slow, slowErr)
		}
	})
}

func sameClass(a, b error) bool {
	for _, class := range []error{ErrBadBytes, ErrNotRecord} {
		if errors.Is(a, class) && errors.Is(b, class) {
			return true
		}
	}
	return a == nil && b == nil
}
