package stream

import (
	"context"
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/schema"
	"github.com/freshline/freshline/state"
	"github.com/freshline/freshline/stream/engine"
)

// path is the way of an event without a broker: decode, route, resolve, encode, over Badger.
type path struct {
	b       *testing.B
	engine  *engine.Engine
	store   *state.Badger
	overlay *state.Overlay
	decode  *schema.Decoder
	encode  *schema.Encoder
	plan    *graph.Plan
	encoder eventEncoder
	offset  int64
	events  int
	bytes   int // of events
	written int // of keys and values that were applied to Badger
}

func newPath(b *testing.B) *path {
	b.Helper()
	g, err := graph.Parse([]byte(videoGraph), "bench.yaml")
	if err != nil {
		b.Fatal(err)
	}
	var history *graph.History
	if history, err = history.Push(1, g); err != nil {
		b.Fatal(err)
	}
	store, err := state.OpenBadger(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { store.Close() })
	schemas := &schema.Set{}
	p := &path{
		b: b, store: store, plan: history.Plan(), decode: schema.NewDecoder(schemas, nil),
		encode: schema.NewEncoder(func(_ context.Context, _ graph.FeatureKey, s *schema.Schema) (schema.Frame, error) {
			schemas.Add(s)
			return s.Frame(), nil
		}),
		engine: engine.New(engine.Config{Partitions: 1, MaxWrites: writeLimit(store), Topic: func(f *graph.FeaturePlan) string { return string(f.Key) }}),
	}
	p.engine.Push(history)
	for _, f := range p.plan.Features {
		p.engine.AddRouter(engine.Source{Topic: string(f.Key)}, 0, 0, 1)
	}
	p.engine.AddResolver(0)
	p.settle(p.epoch(nil, nil))
	return p
}

// sample encodes one sample, as a producer does.
func (p *path) sample(feature graph.FeatureKey, columns map[string]any, version string) []byte {
	sample := Sample{Columns: columns, Provenance: map[string]string{"audio": version, "frames": version}, FeatureVersion: &p.plan.Feature(feature).Version}
	rec, err := sample.record()
	if err != nil {
		p.b.Fatal(err)
	}
	payload, err := p.encode.Append(p.b.Context(), nil, feature, rec)
	if err != nil {
		p.b.Fatal(err)
	}
	return payload
}

type input struct {
	feature graph.FeatureKey
	key     []byte
	payload []byte
}

// epoch runs one epoch over samples and rows, and returns the rows that it produces.
func (p *path) epoch(samples []input, rows []engine.Row) (out []engine.Row, more bool) {
	reader, err := p.store.Reader()
	if err != nil {
		p.b.Fatal(err)
	}
	if p.overlay == nil {
		p.overlay = state.NewOverlay(reader)
	} else {
		p.overlay.Reset(reader)
	}
	p.engine.Begin(p.overlay)
	for _, in := range samples {
		rec, err := p.decode.Decode(p.b.Context(), in.payload)
		if err != nil {
			p.b.Fatal(err)
		}
		p.offset++
		refusal, err := p.engine.Route(engine.Source{Topic: string(in.feature)}, &engine.Write{Offset: p.offset, Key: in.key, Record: rec})
		if err != nil || refusal != nil {
			p.b.Fatal(err, refusal)
		}
	}
	for _, row := range rows {
		if err := p.engine.Resolve(0, row.Key, row.Value); err != nil {
			p.b.Fatal(err)
		}
	}
	if more, err = p.engine.Work(epochKeys); err != nil {
		p.b.Fatal(err)
	}
	output := p.engine.Output()
	for i := range output.Events {
		var record *kgo.Record
		if record, err = p.encoder.record(&output.Events[i]); err != nil {
			p.b.Fatal(err)
		}
		p.bytes += len(record.Key) + len(record.Value)
	}
	p.events += len(output.Events)
	p.written += p.overlay.Bytes()
	if err := p.store.Apply(p.overlay); err != nil {
		p.b.Fatal(err)
	}
	if err := reader.Close(); err != nil {
		p.b.Fatal(err)
	}
	p.engine.Commit()
	return append(out, output.Rows...), more
}

// settle runs epochs until all is quiet.
func (p *path) settle(rows []engine.Row, more bool) {
	for more || len(rows) > 0 {
		n := min(len(rows), epochRecords)
		next, again := p.epoch(nil, rows[:n])
		rows, more = append(rows[n:], next...), again
	}
}

// feed gives samples to the engine in epochs and settles.
func (p *path) feed(samples []input) {
	var rows []engine.Row
	for len(samples) > 0 {
		n := min(len(samples), epochRecords)
		out, _ := p.epoch(samples[:n], nil)
		rows, samples = append(rows, out...), samples[n:]
	}
	p.settle(rows, true)
}

func (p *path) parents(n int, version string) []input {
	list := make([]input, n)
	for i := range list {
		list[i] = input{"video/raw", fmt.Appendf(nil, "%d", i), p.sample("video/raw", map[string]any{"video_id": i, "path": fmt.Sprintf("videos/%d.mp4", i)}, version)}
	}
	return list
}

func (p *path) children(n, each int) []input {
	var list []input
	for i := range n {
		for j := range each {
			list = append(list, input{"video/chunk", fmt.Appendf(nil, "%d_%d", i, j), p.sample("video/chunk", map[string]any{"video_id": i, "chunk": j}, "old")})
		}
	}
	return list
}

// report gives the figures of one piece of work: Badger's operations and bytes for each.
func (p *path) report(per string, n int, reads state.Reads, writes state.Writes) {
	before, beforeWrites := reads, writes
	reads, writes = p.overlay.Reads(), p.overlay.Writes()
	count := float64(n)
	p.b.ReportMetric(float64(reads.Gets-before.Gets)/count, "gets/"+per)
	p.b.ReportMetric(float64(reads.Seeks-before.Seeks)/count, "seeks/"+per)
	p.b.ReportMetric(float64(writes.Sets+writes.Deletes-beforeWrites.Sets-beforeWrites.Deletes)/count, "writes/"+per)
	p.b.ReportMetric(float64(p.written)/count, "written-B/"+per)
	p.b.ReportMetric(float64(p.b.Elapsed().Nanoseconds())/count, "ns/"+per)
	p.b.ReportMetric(0, "ns/op")
}

// BenchmarkPathLoad loads parents and their children, all of which are stale: decode, route,
// resolve, encode; the unit is a sample.
func BenchmarkPathLoad(b *testing.B) {
	const parents, each = 1000, 10
	b.ReportAllocs()
	n := 0
	var p *path
	for range b.N {
		b.StopTimer()
		p = newPath(b)
		samples := append(p.parents(parents, "v1"), p.children(parents, each)...)
		n += len(samples)
		b.StartTimer()
		p.feed(samples)
	}
	p.report("sample", n/b.N, state.Reads{}, state.Writes{})
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/sample")
}

// BenchmarkPathFanOut rewrites every parent; the unit is an event of a child or a parent.
func BenchmarkPathFanOut(b *testing.B) {
	const parents, each = 1000, 10
	p := newPath(b)
	p.feed(append(p.parents(parents, "v0"), p.children(parents, each)...))
	reads, writes := p.overlay.Reads(), p.overlay.Writes()
	p.events, p.bytes, p.written = 0, 0, 0
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		b.StopTimer()
		samples := p.parents(parents, fmt.Sprintf("v%d", i+1))
		b.StartTimer()
		p.feed(samples)
	}
	if want := b.N * parents * (each + 1); p.events != want {
		b.Fatalf("%d events, want %d", p.events, want)
	}
	p.report("event", p.events, reads, writes)
	b.ReportMetric(float64(p.bytes)/float64(p.events), "bytes/event")
}
