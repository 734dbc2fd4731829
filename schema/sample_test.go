package schema

import (
	"context"
	"errors"
	"math"
	"math/big"
	"reflect"
	"strings"
	"testing"

	"github.com/freshline/freshline/graph"
)

func TestSampleRoundTrip(t *testing.T) {
	r := newRand(t)
	for range 500 {
		types, children := randomColumnTypes(r), r.IntN(3) == 0
		s, err := NewSampleSchema("video/face-crop", types, children)
		if err != nil {
			t.Fatal(err)
		}
		for range 4 {
			want := randomRecord(r, types, children)
			payload, err := s.AppendSample(nil, s.Schema().Frame(), want)
			if err != nil {
				t.Fatal(err)
			}
			for name, records := range map[string]RecordDecoder{"goavro": Goavro{}, "direct": Direct{}} {
				got, err := records.DecodeRecord(s.Schema(), payload[singleObjectHeader:])
				if err != nil {
					t.Fatalf("%s: %v\n%s", name, err, s.Schema().Text())
				}
				if !reflect.DeepEqual(got, want) {
					t.Fatalf("%s: decoded\n%+v\nwant\n%+v\n%s", name, got, want, s.Schema().Text())
				}
			}
		}
	}
}

func TestSampleSchema(t *testing.T) {
	s, err := NewSampleSchema("video/face-crop", []ColumnType{{Name: "b", Kind: graph.KindInt}, {Name: "a"}}, true)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := s.Schema().Name(), "freshline.sample.video__face_crop"; got != want {
		t.Errorf("name %s, want %s", got, want)
	}
	for name, types := range map[string][]ColumnType{
		"no Avro name":  {{Name: "video-id", Kind: graph.KindInt}},
		"empty name":    {{Kind: graph.KindInt}},
		"twice":         {{Name: "a"}, {Name: "a"}},
		"system column": {{Name: "metaxy_provenance", Kind: graph.KindString}},
		"our column":    {{Name: "freshline_children", Kind: graph.KindInt}},
		"no kind":       {{Name: "a", Kind: 99}},
		"precision":     {{Name: "a", Kind: graph.KindDecimal}},
		"scale":         {{Name: "a", Kind: graph.KindDecimal, Precision: 3, Scale: 4}},
	} {
		if _, err := NewSampleSchema("f", types, false); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := NewSampleSchema("1", nil, false); err == nil {
		t.Error("a feature key that makes no Avro name was accepted")
	}
}

func TestAppendSampleRefuses(t *testing.T) {
	decimal := func(text string) graph.Value {
		v, err := graph.Decimal(text)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	s, err := NewSampleSchema("f", []ColumnType{
		{Name: "d", Kind: graph.KindDecimal, Precision: 4, Scale: 2}, {Name: "i", Kind: graph.KindInt}, {Name: "s", Kind: graph.KindString},
		{Name: "t", Kind: graph.KindTimestamp}, {Name: "u", Kind: graph.KindTimestamp, Nanos: true},
	}, false)
	if err != nil {
		t.Fatal(err)
	}
	one := func(name string, v graph.Value) *graph.Record {
		return &graph.Record{Columns: []graph.Column{{Name: name, Value: v}}}
	}
	for name, rec := range map[string]*graph.Record{
		"kind":          one("i", graph.String("1")),
		"no column":     one("x", graph.Int(1)),
		"order":         {Columns: []graph.Column{{Name: "s"}, {Name: "i"}}},
		"no text":       one("s", graph.String("\xff")),
		"digits":        one("d", decimal("100.5")),
		"scale":         one("d", decimal("0.125")),
		"nanoseconds":   one("t", graph.Timestamp(1, 1)),
		"out of range":  one("u", graph.Timestamp(math.MaxInt64/1000+1, 0)),
		"map":           {Provenance: graph.MapColumn{State: graph.MapInvalid}},
		"entry":         {Provenance: graph.MapColumn{State: graph.MapPresent, Entries: []graph.Column{{Name: "f", Value: graph.Int(1)}}}},
		"entry's text":  {Provenance: graph.MapColumn{State: graph.MapPresent, Entries: []graph.Column{{Name: "f", Value: graph.String("\xff")}}}},
		"version":       {FeatureVersion: graph.Int(1)},
		"deleted":       {DeletedAt: graph.Bool(true)},
		"no children":   {Children: graph.Int(1), HasChildren: true},
		"data versions": {DataVersion: graph.MapColumn{State: graph.MapInvalid}},
	} {
		if out, err := s.AppendSample([]byte("kept"), Frame{}, rec); err == nil || string(out) != "kept" {
			t.Errorf("%s: %q, %v", name, out, err)
		}
	}
	for _, rec := range []*graph.Record{one("d", decimal("-99.99")), one("d", decimal("0.01")), one("u", graph.Timestamp(math.MaxInt64/1000-1, 999)), {}} {
		if _, err := s.AppendSample(nil, Frame{}, rec); err != nil {
			t.Errorf("%+v: %v", rec, err)
		}
	}
}

func TestTwosComplement(t *testing.T) {
	for i := int64(-70000); i < 70000; i++ {
		b := appendTwosComplement(nil, big.NewInt(i))
		if got := twosComplement(b); got.Int64() != i {
			t.Fatalf("%d is %x is %v", i, b, got)
		}
		if len(b) > 1 && (b[0] == 0 && b[1] < 0x80 || b[0] == 0xff && b[1] >= 0x80) {
			t.Fatalf("%d is %x, which is not the shortest form", i, b)
		}
	}
}

func TestEncoder(t *testing.T) {
	var published []string
	set := &Set{}
	encoder := NewEncoder(func(_ context.Context, feature graph.FeatureKey, s *Schema) (Frame, error) {
		published = append(published, string(feature))
		set.Add(s)
		return s.Frame(), nil
	})
	decimal, _ := graph.Decimal("1.5")
	records := []struct {
		feature graph.FeatureKey
		columns []graph.Column
		schemas int // published after it
	}{
		{"a", []graph.Column{{Name: "d", Value: decimal}, {Name: "i", Value: graph.Int(1)}}, 1},
		{"a", []graph.Column{{Name: "d", Value: graph.Null()}, {Name: "i", Value: graph.Int(2)}}, 1},
		{"b", []graph.Column{{Name: "d", Value: graph.Null()}, {Name: "i", Value: graph.Int(2)}}, 2},
		{"a", []graph.Column{{Name: "i", Value: graph.Int(2)}}, 3},
		{"a", []graph.Column{{Name: "i", Value: graph.String("2")}}, 4},
		{"a", []graph.Column{{Name: "i", Value: graph.Null()}}, 4},
		{"a", []graph.Column{{Name: "i", Value: graph.Timestamp(1, 0)}}, 5},
		{"a", []graph.Column{{Name: "i", Value: graph.Timestamp(1, 7)}}, 6},
		{"a", []graph.Column{{Name: "i", Value: graph.Timestamp(math.MaxInt64, 0)}}, 6},
		{"a", []graph.Column{{Name: "i", Value: graph.Int(2)}}, 6},
	}
	decoder := NewDecoder(set, nil)
	for i, c := range records {
		want := &graph.Record{Columns: c.columns, HasVersion: true}
		payload, err := encoder.Append(t.Context(), nil, c.feature, want)
		if err != nil {
			t.Fatal(err)
		}
		if len(published) != c.schemas {
			t.Errorf("record %d: %d schemas published, want %d", i, len(published), c.schemas)
		}
		got, err := decoder.Decode(t.Context(), payload)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("record %d: decoded %+v, %v", i, got, err)
		}
	}

	broken := errors.New("no broker")
	encoder = NewEncoder(func(context.Context, graph.FeatureKey, *Schema) (Frame, error) { return Frame{}, broken })
	for range 2 {
		if _, err := encoder.Append(t.Context(), nil, "a", &graph.Record{}); !errors.Is(err, broken) {
			t.Errorf("the error of publishing: %v", err)
		}
	}
	if _, err := encoder.Append(t.Context(), nil, "a", &graph.Record{Columns: []graph.Column{{Name: "video-id"}}}); err == nil || !strings.Contains(err.Error(), "video-id") {
		t.Errorf("a column that has no Avro name: %v", err)
	}
}

func TestEncoderConcurrently(t *testing.T) {
	encoder := NewEncoder(nil)
	r := newRand(t)
	types := randomColumnTypes(r)
	recs := make([]*graph.Record, 64)
	for i := range recs {
		recs[i] = randomRecord(r, types, false)
	}
	done := make(chan error)
	for range 4 {
		go func() {
			for _, rec := range recs {
				if _, err := encoder.Append(context.Background(), nil, "f", rec); err != nil && !strings.Contains(err.Error(), "fit") {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
