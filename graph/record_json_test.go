// Records of JSON: types, system columns, and what is refused.
package graph

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestParseRecordJSON(t *testing.T) {
	record, err := ParseRecordJSON([]byte(`{"video_id":1,"big":9223372036854775808,"huge":1e400,"f":2.0,"e":1E0,"s":"a","b":true,"n":null,
		"l":[ 1 , 2.50, {"z":1,"a":"\u00e9"} ],"d":{"date":"2026-01-31"},"metaxy_other":5,
		"metaxy_provenance_by_field":{"frames":"v1","audio":null,"x":5},"metaxy_data_version_by_field":null,"metaxy_feature_version":"504507a9","metaxy_deleted_at":"2026-01-01",
		"metaxy_provenance":"p","metaxy_data_version":"d","metaxy_project_version":"x","metaxy_created_at":1,"metaxy_updated_at":{"a":1},"metaxy_materialization_id":null,"metaxy_definition_version":"y",
		"freshline_children":3}`), RecordOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := []Column{
		{"b", Bool(true)}, {"big", Double(9223372036854775808)}, {"d", Other(`{"date":"2026-01-31"}`)}, {"e", Double(1)}, {"f", Double(2)}, {"huge", Double(math.Inf(1))},
		{"l", Other(`[1,2.5,{"a":"é","z":1}]`)}, {"metaxy_other", Int(5)}, {"n", Null()}, {"s", String("a")}, {"video_id", Int(1)},
	}
	if !slices.Equal(record.Columns, want) {
		t.Errorf("columns %v, want %v", record.Columns, want)
	}
	if p := record.Provenance; p.State != MapPresent || !slices.Equal(p.Entries, []Column{{"audio", Null()}, {"frames", String("v1")}, {"x", Int(5)}}) {
		t.Errorf("provenance %v", p)
	}
	if record.DataVersion.State != MapAbsent {
		t.Errorf("data version %v", record.DataVersion)
	}
	if record.FeatureVersion != String("504507a9") || !record.HasVersion || record.DeletedAt != String("2026-01-01") || record.Children != Int(3) || !record.HasChildren {
		t.Errorf("record %+v", record)
	}
	for _, c := range want {
		if got := record.Column(c.Name); got != c.Value {
			t.Errorf("Column(%q) = %v, want %v", c.Name, got, c.Value)
		}
	}
	if !record.Column("a").IsNull() || !record.Column("zz").IsNull() || !record.Column("").IsNull() || !record.Column("metaxy_created_at").IsNull() {
		t.Error("a column that is not there is not null")
	}
	if record.Provenance.Entry("frames") != String("v1") || !record.Provenance.Entry("q").IsNull() {
		t.Error("entries of provenance")
	}
}

func TestParseRecordJSONMaps(t *testing.T) {
	for text, want := range map[string]MapState{
		`{}`: MapAbsent, `{"metaxy_provenance_by_field":null}`: MapAbsent, `{"metaxy_provenance_by_field":{}}`: MapPresent,
		`{"metaxy_provenance_by_field":[]}`: MapInvalid, `{"metaxy_provenance_by_field":"x"}`: MapInvalid, `{"metaxy_provenance_by_field":0}`: MapInvalid,
	} {
		record, err := ParseRecordJSON([]byte(text), RecordOptions{})
		if err != nil || record.Provenance.State != want {
			t.Errorf("%s: %+v, %v, want state %d", text, record, err, want)
		}
	}
	record, err := ParseRecordJSON([]byte(`{"metaxy_feature_version":null}`), RecordOptions{})
	if err != nil || !record.HasVersion || !record.FeatureVersion.IsNull() {
		t.Errorf("a null version: %+v, %v", record, err)
	}
}

func TestParseRecordJSONTypedObjects(t *testing.T) {
	record, err := ParseRecordJSON([]byte(`{"b":{"bytes":"AA=="},"d":{"date":"2026-01-31"},"t":{"timestamp":"1970-01-01T00:00:00.000001Z"},"u":{"uuid":"00112233-4455-6677-8899-AABBCCDDEEFF"},
		"p":{"decimal":"1.50"},"o":{"date":5},"q":{"date":"2026-01-31","x":1},"r":{"other":"x"},"l":[{"date":"2026-01-31"}]}`), RecordOptions{TypedObjects: true})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]Value{
		"b": Bytes([]byte{0}), "d": Date(20484), "t": Timestamp(1, 0), "u": mustUUID(t, "00112233-4455-6677-8899-aabbccddeeff"), "p": mustDecimal(t, "1.5"),
		"o": Other(`{"date":5}`), "q": Other(`{"date":"2026-01-31","x":1}`), "r": Other(`{"other":"x"}`), "l": Other(`[{"date":"2026-01-31"}]`),
	} {
		if got := record.Column(name); got != want {
			t.Errorf("%s: %v %v, want %v", name, got.Kind(), got, want)
		}
	}
	if _, err := ParseRecordJSON([]byte(`{"d":{"date":"31.1.2026"}}`), RecordOptions{TypedObjects: true}); err == nil || !strings.Contains(err.Error(), `column "d": byte 5: a date is written like 2026-01-31`) {
		t.Errorf("a bad date: %v", err)
	}
}

func TestParseRecordJSONRefuses(t *testing.T) {
	for _, text := range []string{"null", "[]", "1", `"a"`, " true ", "[{}]"} {
		if _, err := ParseRecordJSON([]byte(text), RecordOptions{}); !errors.Is(err, ErrNotRecord) {
			t.Errorf("%s: error %v, want ErrNotRecord", text, err)
		}
	}
	for text, want := range map[string]string{
		"":                    "byte 0: expected a JSON value, but the text ends",
		"{":                   "but the text ends",
		"[1":                  "but the text ends",
		"nul":                 "expected a JSON value",
		"{} {}":               "byte 3: unexpected text",
		`{"a":NaN}`:           `column "a": byte 5: expected a JSON value, found 'N'`,
		`{"a":-Infinity}`:     "expected a digit, found 'I'",
		`{"a":1,"a":2}`:       `byte 7: the name "a" stands twice`,
		`{"a":{"b":1,"b":1}}`: `the name "b" stands twice`,
		`{"metaxy_provenance_by_field":{"b":"1","b":"1"}}`: `column "metaxy_provenance_by_field": byte 39: the name "b" stands twice`,
		`{"metaxy_created_at":}`:                           "expected a JSON value, found '}'",
		"{\"a\":\"\xff\"}":                                 "byte 6: the text is not UTF-8",
		`{"a":"\ud800"}`:                                   "half a surrogate pair",
		`{"a":` + strings.Repeat("[", 64):                  "more than 64 arrays and objects",
		strings.Repeat(`{"a":`, 100):                       "more than 64 arrays and objects",
		strings.Repeat("[", 1000000):                       "more than 64 arrays and objects",
	} {
		_, err := ParseRecordJSON([]byte(text), RecordOptions{})
		if err == nil || errors.Is(err, ErrNotRecord) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %s", shorten(text), err, want)
		}
	}
	if _, err := ParseRecordJSON([]byte(`{"a":`+strings.Repeat("[", 63)+strings.Repeat("]", 63)+"}"), RecordOptions{}); err != nil {
		t.Errorf("64 deep: %v", err)
	}
}

func TestSystemColumns(t *testing.T) {
	names := SystemColumns()
	if len(names) != 12 || !slices.IsSorted(names) {
		t.Errorf("%q", names)
	}
	for _, name := range names {
		if !IsSystemColumn(name) {
			t.Errorf("%s is none", name)
		}
	}
	for _, name := range []string{"", "metaxy_", "metaxy_other", "video_id", "metaxy_provenance__a", "freshline_other"} {
		if IsSystemColumn(name) {
			t.Errorf("%s is one", name)
		}
	}
}

func FuzzParseRecordJSON(f *testing.F) {
	for _, text := range []string{`{"a":1,"metaxy_provenance_by_field":{"x":"v"},"l":[1,{"b":-0.0}]}`, `{"d":{"date":"2026-01-31"}}`, `[{}]`, `{"a":1e999,"b":99999999999999999999}`} {
		f.Add([]byte(text), true)
	}
	f.Fuzz(func(t *testing.T, text []byte, typed bool) {
		record, err := ParseRecordJSON(text, RecordOptions{TypedObjects: typed})
		if err != nil {
			return
		}
		if !slices.IsSortedFunc(record.Columns, func(a, b Column) int { return strings.Compare(a.Name, b.Name) }) {
			t.Fatalf("columns are not sorted: %v", record.Columns)
		}
		for _, c := range record.Columns {
			// The text of an array or object is canonical: read again, it stays the same.
			if other, ok := c.Value.AsOther(); ok {
				r := jsonReader{text: []byte(other)}
				if again, err := r.canonical(nil); err != nil || string(again) != other {
					t.Fatalf("%s: canonical %s, again %s, error %v", text, other, again, err)
				}
			}
		}
	})
}

func BenchmarkParseRecordJSON(b *testing.B) {
	raw := []byte(`{"video_id":123456,"video_chunk_id":"1_0","path":"s3://bucket/a/b/c.mp4","duration":12.5,"metaxy_provenance_by_field":{"audio":"1234567890123456","frames":"1234567890123456"},"metaxy_feature_version":"504507a9"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseRecordJSON(raw, RecordOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}
