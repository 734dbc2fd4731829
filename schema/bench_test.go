package schema

import (
	"fmt"
	"testing"

	"github.com/freshline/freshline/graph"
)

// benchmarkSample is a sample of some 250 bytes, 11 columns and two maps of three entries.
func benchmarkSample(tb testing.TB) (*SampleSchema, *graph.Record, []byte) {
	tb.Helper()
	s, err := NewSampleSchema("video/chunk", []ColumnType{
		{Name: "captured_at", Kind: graph.KindTimestamp}, {Name: "duration", Kind: graph.KindDouble},
		{Name: "height", Kind: graph.KindInt}, {Name: "path", Kind: graph.KindString},
		{Name: "video_chunk_id", Kind: graph.KindString}, {Name: "video_id", Kind: graph.KindInt},
		{Name: "width", Kind: graph.KindInt},
	}, false)
	if err != nil {
		tb.Fatal(err)
	}
	texts := func(values ...string) graph.MapColumn {
		m := graph.MapColumn{State: graph.MapPresent}
		for i, name := range []string{"audio", "frames", "subtitles"} {
			m.Entries = append(m.Entries, graph.Column{Name: name, Value: graph.String(values[i])})
		}
		return m
	}
	rec := &graph.Record{
		Columns: []graph.Column{
			{Name: "captured_at", Value: graph.Timestamp(1_769_817_600_000_000, 0)}, {Name: "duration", Value: graph.Double(12.5)},
			{Name: "height", Value: graph.Int(1080)}, {Name: "path", Value: graph.String("s3://bucket/videos/000123/chunks/000123_0017.mp4")},
			{Name: "video_chunk_id", Value: graph.String("000123_0017")}, {Name: "video_id", Value: graph.Int(123)},
			{Name: "width", Value: graph.Int(1920)},
		},
		Provenance:     texts("2312418739612345", "2411692812345678", "9911692812345678"),
		DataVersion:    texts("2312418739612345", "2411692812345678", "9911692812345678"),
		FeatureVersion: graph.String("504507a9"), HasVersion: true,
	}
	payload, err := s.AppendSample(nil, s.Schema().Frame(), rec)
	if err != nil {
		tb.Fatal(err)
	}
	return s, rec, payload
}

func BenchmarkDecodeSample(b *testing.B) {
	s, _, payload := benchmarkSample(b)
	set := &Set{}
	set.Add(s.Schema())
	for name, records := range map[string]RecordDecoder{"goavro": Goavro{}, "direct": Direct{}} {
		b.Run(name, func(b *testing.B) {
			decoder := NewDecoder(set, records)
			b.ReportAllocs()
			b.SetBytes(int64(len(payload)))
			for b.Loop() {
				if _, err := decoder.Decode(b.Context(), payload); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkSkim is what the guard costs of BenchmarkDecodeSample/goavro.
func BenchmarkSkim(b *testing.B) {
	s, _, payload := benchmarkSample(b)
	b.ReportAllocs()
	for b.Loop() {
		if err := skim(s.schema.root, payload[singleObjectHeader:]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeSample(b *testing.B) {
	s, rec, payload := benchmarkSample(b)
	b.Run("schema", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(payload)))
		dst := make([]byte, 0, 1024)
		for b.Loop() {
			var err error
			if dst, err = s.AppendSample(dst[:0], s.Schema().Frame(), rec); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoder", func(b *testing.B) {
		encoder := NewEncoder(nil)
		b.ReportAllocs()
		dst := make([]byte, 0, 1024)
		for b.Loop() {
			var err error
			if dst, err = encoder.Append(b.Context(), dst[:0], "video/chunk", rec); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// benchmarkStaleness is a child's event of a fan-out: code version changed, two fields.
func benchmarkStaleness() *Staleness {
	texts := FieldTexts{{"audio", "2312418739612345"}, {"frames", "2411692812345678"}}
	return &Staleness{
		Feature: "video/chunk", Scope: graph.ScopeSample, Status: graph.Stale,
		Causes: []string{"UPSTREAM_DATA"}, ChangedFields: []string{"audio", "frames"}, FeatureVersion: "504507a9",
		Expected: &Provenance{ByField: texts, Text: "4043384412345678"},
		Origin:   &Origin{Topic: "freshline.sample.video.raw", Partition: 3, Offset: 123456, Timestamp: 1_769_817_600_000},
		EventOwn: EventOwn{
			EventID: "0f3a5c7e91b2d4f60f3a5c7e91b2d4f6", Key: `{"video_id":123,"video_chunk_id":"000123_0017"}`,
			ID: []graph.Column{{Name: "video_chunk_id", Value: graph.String("000123_0017")}},
			Recorded: &Recorded{
				Provenance:     Provenance{ByField: texts, Text: "1143384412345678"},
				FeatureVersion: "504507a9", HasVersion: true,
			},
		},
	}
}

func benchmarkEvent(tb testing.TB) (*SharedEvent, *EventOwn) {
	tb.Helper()
	e := benchmarkStaleness()
	var shared SharedEvent
	if err := shared.Set(StalenessSchema().Frame(), e); err != nil {
		tb.Fatal(err)
	}
	return &shared, &e.EventOwn
}

func BenchmarkEncodeEvent(b *testing.B) {
	e := benchmarkStaleness()
	frame := StalenessSchema().Frame()
	b.Run("goavro", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := e.Encode(frame); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("goavro-codec-only", func(b *testing.B) {
		s := StalenessSchema()
		native := wrapped(s.root, e.native())
		dst := make([]byte, 0, 1024)
		b.ReportAllocs()
		for b.Loop() {
			var err error
			if dst, err = s.codec.BinaryFromNative(frame.Append(dst[:0]), native); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, children := range []int{1, 10, 1000} {
		b.Run(fmt.Sprintf("spliced-per-child-of-%d", children), func(b *testing.B) {
			var shared SharedEvent
			dst := make([]byte, 0, 1024)
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				if n%children == 0 {
					if err := shared.Set(frame, e); err != nil {
						b.Fatal(err)
					}
				}
				dst = shared.Append(dst[:0], &e.EventOwn)
			}
			b.SetBytes(int64(len(dst)))
		})
	}
}

func BenchmarkDecodeStaleness(b *testing.B) {
	payload, err := benchmarkStaleness().Append(nil, StalenessSchema().Frame())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeStaleness(payload); err != nil {
			b.Fatal(err)
		}
	}
}
