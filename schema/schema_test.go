package schema

import (
	"errors"
	"strings"
	"testing"

	"github.com/freshline/freshline/graph"
	"github.com/linkedin/goavro/v2"
)

func TestCanonicalForm(t *testing.T) {
	for text, want := range map[string]string{
		`"int"`:                                     `"int"`,
		`{"type":"int"}`:                            `"int"`,
		`{"type":"int","logicalType":"date"}`:       `"int"`,
		`{"type":{"type":"string","doc":"x"}}`:      `"string"`,
		`["null", {"type":"string"}]`:               `["null","string"]`,
		`{"items":{"type":"int"},"type":"array"}`:   `{"type":"array","items":"int"}`,
		`{"doc":"d","values":"bytes","type":"map"}`: `{"type":"map","values":"bytes"}`,
		`{"type":"fixed","size":16,"name":"F","namespace":"a.b","logicalType":"uuid","aliases":["G"]}`: `{"name":"a.b.F","type":"fixed","size":16}`,
		`{"type":"enum","symbols":["A","B"],"name":"a.E","namespace":"ignored","default":"A"}`:         `{"name":"a.E","type":"enum","symbols":["A","B"]}`,
		// Namespaces: inherited, of one's own, none, and references short and full.
		`{"type":"record","name":"R","namespace":"x","doc":"d","fields":[
			{"name":"a","type":["null",{"type":"fixed","name":"F","size":2}],"default":null,"order":"ignore"},
			{"name":"b","type":{"type":"record","name":"y.S","fields":[{"name":"f","type":{"type":"fixed","name":"F","size":3}}]}},
			{"name":"c","type":"F"},{"name":"d","type":"y.F"},
			{"name":"e","type":{"type":"record","name":"T","namespace":"","fields":[{"name":"n","type":["null","T"]}]}},
			{"name":"f","type":{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}}]}`: `{"name":"x.R","type":"record","fields":[` +
			`{"name":"a","type":["null",{"name":"x.F","type":"fixed","size":2}]},` +
			`{"name":"b","type":{"name":"y.S","type":"record","fields":[{"name":"f","type":{"name":"y.F","type":"fixed","size":3}}]}},` +
			`{"name":"c","type":"x.F"},{"name":"d","type":"y.F"},` +
			`{"name":"e","type":{"name":"T","type":"record","fields":[{"name":"n","type":["null","T"]}]}},` +
			`{"name":"f","type":"bytes"}]}`,
	} {
		s, err := ParseSchema([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if s.Canonical() != want {
			t.Errorf("%s:\n%s, want\n%s", text, s.Canonical(), want)
		}
	}
}

// Computed by fastavro 1.13.1 (to_parsing_canonical_form, CRC-64-AVRO).
func TestFingerprintEqualsFastavro(t *testing.T) {
	s := must(ParseSchema([]byte(everythingSchema)))
	if got, want := s.Fingerprint(), uint64(0xf3b6cb009d171c25); got != want {
		t.Errorf("fingerprint %#x, want %#x", got, want)
	}
}

// Without logical types and namespaces goavro's canonical form is that of the specification too.
func TestFingerprintEqualsGoavro(t *testing.T) {
	for _, text := range []string{videoSchema, `"int"`, FailureSchema().Text()} {
		s, err := ParseSchema([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		codec, err := goavro.NewCodec(text)
		if err != nil {
			t.Fatal(err)
		}
		if s.Fingerprint() != codec.Rabin {
			t.Errorf("%s: fingerprint %#x, of goavro %#x", text, s.Fingerprint(), codec.Rabin)
		}
	}
}

func TestParseSchemaRefuses(t *testing.T) {
	deep := strings.Repeat(`{"type":"array","items":`, 100) + `"int"` + strings.Repeat("}", 100)
	long := `{"type":"enum","name":"a.` + strings.Repeat("n", 2000) + `","symbols":["A"]}`
	for _, text := range []string{
		``, `{`, `1`, `null`, `"rekord"`, `[]`, `["int","int"]`, `["null",["int"]]`, `{}`, `{"type":"array"}`, `{"type":"map","values":7}`,
		`{"type":"record","fields":[]}`, `{"type":"record","name":"R"}`, `{"type":"record","name":"a b","fields":[]}`,
		`{"type":"record","name":"R","fields":[{"name":"a"}]}`, `{"type":"record","name":"R","fields":[{"name":"a-b","type":"int"}]}`,
		`{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"a","type":"int"}]}`,
		`{"type":"record","name":"int","fields":[]}`, `{"type":"fixed","name":"F"}`, `{"type":"fixed","name":"F","size":-1}`,
		`{"type":"enum","name":"E"}`, `{"type":"enum","name":"E","symbols":[""]}`,
		`[{"type":"fixed","name":"F","size":1},{"type":"fixed","name":"F","size":1}]`,
		`{"type":"string","logicalType":"x"} x`, deep, long, `"` + strings.Repeat(" ", MaxSchemaText) + `"`,
	} {
		if s, err := ParseSchema([]byte(text)); !errors.Is(err, ErrBadBytes) {
			t.Errorf("%.100s: %v, %v", text, s, err)
		}
	}
}

// A schema may hold what goavro would trip over by itself: it sees none of it.
func TestParseSchemaLogicalTypesThatBreakGoavro(t *testing.T) {
	for _, text := range []string{
		`{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"bytes","logicalType":"decimal","precision":4}},{"name":"b","type":{"type":"bytes","logicalType":"decimal","precision":4}}]}`,
		`{"type":"string","logicalType":"validated-string","pattern":7}`,
		`{"type":"bytes","logicalType":"decimal","precision":2000000000,"scale":2000000000}`,
		`{"type":"bytes","logicalType":"decimal","precision":"4","scale":{}}`,
		`{"type":"record","name":"R","fields":[{"name":"s","type":"string","default":7}]}`,
	} {
		if _, err := ParseSchema([]byte(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func FuzzParseSchema(f *testing.F) {
	for _, text := range []string{videoSchema, StalenessSchema().Text(), everythingSchema, `"int"`, `["null",{"type":"map","values":"bytes"}]`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := ParseSchema(text)
		if err != nil {
			if !errors.Is(err, ErrBadBytes) {
				t.Fatalf("error of no class: %v", err)
			}
			return
		}
		// Not a fixed point: the specification's form loses that a name has no namespace.
		if _, err := ParseSchema([]byte(s.Canonical())); err != nil && !errors.Is(err, ErrBadBytes) {
			t.Fatalf("error of no class: %v", err)
		}
	})
}

func TestSetTellsOfLogicalTypes(t *testing.T) {
	parse := func(avro string) *Schema {
		return must(ParseSchema([]byte(`{"type":"record","name":"R","fields":[{"name":"a","type":` + avro + `}]}`)))
	}
	plain, instant := parse(`"long"`), parse(`{"type":"long","logicalType":"timestamp-micros"}`)
	if plain.Fingerprint() != instant.Fingerprint() {
		t.Fatal("the fingerprints differ; then there is nothing to tell")
	}
	set := &Set{}
	for i, c := range []struct{ schema, replaced *Schema }{{plain, nil}, {plain, nil}, {parse(` "long"`), nil}, {instant, plain}, {instant, nil}} {
		if got := set.Add(c.schema); (got == nil) != (c.replaced == nil) {
			t.Errorf("%d: replaced %v, want %v", i, got, c.replaced)
		}
	}
	if set.Len() != 1 {
		t.Errorf("%d schemas", set.Len())
	}
	a := must(NewSampleSchema("f", []ColumnType{{Name: "t", Kind: graph.KindTimestamp}}, false))
	b := must(NewSampleSchema("f", []ColumnType{{Name: "t", Kind: graph.KindTimestamp, Nanos: true}}, false))
	if a.Schema().Fingerprint() == b.Schema().Fingerprint() {
		t.Error("samples in microseconds and in nanoseconds have one fingerprint")
	}
}
