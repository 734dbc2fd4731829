package engine_test

import (
	"fmt"
	"testing"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/state"
	"github.com/freshline/freshline/stream/engine"
	"github.com/freshline/freshline/stream/engine/enginetest"
)

// bench is one process with every task, whose rows come back to it at the next epoch.
type bench struct {
	b       *testing.B
	e       *engine.Engine
	store   state.Store
	overlay *state.Overlay
	history *graph.History
	rows    []engine.Row
	offset  int64
	events  int
	filed   int                 // records of rows
	take    func(*engine.Event) // is given every event; may be nil
	reads   state.Reads
	writes  state.Writes
}

const benchGraph = `{"features": [
	{"key": "video/raw", "id_columns": ["video_id"], "fields": ["audio", "frames"]},
	{"key": "video/chunk", "id_columns": ["video_id", "chunk_id"], "fields": ["audio", "frames"],
	 "deps": [{"feature": "video/raw", "lineage": {"expansion": ["video_id"]}}]}
]}`

func newBench(b *testing.B, store state.Store) *bench {
	return newGateBench(b, store, benchGraph, graph.GateUnset)
}

// newGateBench runs a graph that sets no gate in one.
func newGateBench(b *testing.B, store state.Store, text string, gate graph.Gate) *bench {
	g, err := graph.Parse([]byte(text), "bench")
	if err != nil {
		b.Fatal(err)
	}
	r := &bench{b: b, store: store, e: engine.New(engine.Config{Partitions: 4, Topic: topicOf, Hold: 1})}
	if r.history, err = graph.NewHistory(graph.Defaults{Gate: gate}).Push(1, g); err != nil {
		b.Fatal(err)
	}
	r.e.Push(r.history)
	for _, f := range r.history.Plan().Features {
		r.e.AddRouter(engine.Source{Topic: topicOf(f)}, 0, 0, 1)
	}
	for q := range int32(4) {
		r.e.AddResolver(q)
	}
	r.settle()
	return r
}

// epoch runs one epoch: what it routes, and the rows of the one before.
func (r *bench) epoch(route func()) (more bool) {
	reader, err := r.store.Reader()
	if err != nil {
		r.b.Fatal(err)
	}
	if r.overlay == nil {
		r.overlay = state.NewOverlay(reader)
	} else {
		r.overlay.Reset(reader)
	}
	reads, writes := r.overlay.Reads(), r.overlay.Writes()
	r.e.Begin(r.overlay)
	if route != nil {
		route()
	}
	for _, row := range r.rows {
		if err := r.e.Resolve(row.Partition, row.Key, row.Value); err != nil {
			r.b.Fatal(err)
		}
	}
	if more, err = r.e.Work(1 << 20); err != nil {
		r.b.Fatal(err)
	}
	out := r.e.Output()
	r.rows = append(r.rows[:0], out.Rows...)
	r.events += len(out.Events)
	r.filed += len(out.Rows)
	for i := range out.Events {
		if r.take != nil {
			r.take(&out.Events[i])
		}
	}
	if err := reader.Close(); err != nil {
		r.b.Fatal(err)
	}
	if err := r.store.Apply(r.overlay); err != nil {
		r.b.Fatal(err)
	}
	r.e.Commit()
	after, written := r.overlay.Reads(), r.overlay.Writes()
	r.reads.Gets += after.Gets - reads.Gets
	r.reads.Seeks += after.Seeks - reads.Seeks
	r.reads.Keys += after.Keys - reads.Keys
	r.writes.Sets += written.Sets - writes.Sets
	r.writes.Deletes += written.Deletes - writes.Deletes
	return more || len(r.rows) > 0
}

// passTime lets the clock go on to where something is offered that was held back.
func (r *bench) passTime() bool {
	next := r.e.NextDue()
	r.e.SetTime(next)
	return next > 0
}

func (r *bench) settle() {
	for r.epoch(nil) || r.passTime() {
	}
}

// write routes one sample.
func (r *bench) write(feature string, columns map[string]graph.Value, provenance string) {
	r.writeFields(feature, columns, map[string]string{"audio": provenance, "frames": provenance})
}

func (r *bench) writeFields(feature string, columns map[string]graph.Value, provenance map[string]string) {
	f := r.history.Plan().Feature(graph.FeatureKey(feature))
	rec := enginetest.NewRecord(columns)
	rec.FeatureVersion = graph.String(f.Version)
	enginetest.FillMaps(rec, provenance, nil)
	values := make([]graph.Value, len(f.IDs))
	for i, id := range f.IDs {
		values[i] = columns[id]
	}
	refusal, err := r.e.Route(engine.Source{Topic: feature}, &engine.Write{
		Offset: r.offset, Key: graph.AppendKeyJSON(nil, f.IDs, values), Record: rec,
	})
	if err != nil || refusal != nil {
		r.b.Fatal(refusal, err)
	}
	r.offset++
}

func video(id int) map[string]graph.Value {
	return map[string]graph.Value{
		"video_id": graph.Int(int64(id)), "path": graph.String(fmt.Sprintf("s3://videos/%d.mp4", id)), "frames_per_second": graph.Double(25),
	}
}

func chunk(video, n int) map[string]graph.Value {
	return map[string]graph.Value{
		"video_id": graph.Int(int64(video)), "chunk_id": graph.String(fmt.Sprintf("%d_%d", video, n)), "path": graph.String(fmt.Sprintf("s3://chunks/%d/%d.mp4", video, n)),
	}
}

// report gives the counts of the state per unit of n, since reset.
func (r *bench) report(unit string, n int) {
	r.b.StopTimer()
	per := func(v uint64) float64 { return float64(v) / float64(n) }
	r.b.ReportMetric(per(r.reads.Gets), "gets/"+unit)
	r.b.ReportMetric(per(r.reads.Seeks), "seeks/"+unit)
	r.b.ReportMetric(per(r.reads.Keys), "keys/"+unit)
	r.b.ReportMetric(per(r.writes.Sets), "sets/"+unit)
	r.b.ReportMetric(per(r.writes.Deletes), "deletes/"+unit)
	r.b.ReportMetric(float64(n)/r.b.Elapsed().Seconds(), unit+"s/s")
}

func (r *bench) reset() {
	r.events, r.filed, r.reads, r.writes = 0, 0, state.Reads{}, state.Writes{}
	r.b.ReportAllocs()
	r.b.ResetTimer()
}

// overStores runs a benchmark over Memory and over Badger.
func overStores(b *testing.B, fn func(b *testing.B, store state.Store)) {
	b.Run("Memory", func(b *testing.B) { fn(b, state.NewMemory()) })
	b.Run("Badger", func(b *testing.B) {
		store, err := state.OpenBadger(b.TempDir())
		if err != nil {
			b.Fatal(err)
		}
		fn(b, store)
		if err := store.Close(); err != nil {
			b.Fatal(err)
		}
	})
}

const benchEpoch = 1000 // records of an epoch

// BenchmarkLoad routes and resolves new samples: one in eleven is a parent, ten are children of it
// that are current. An operation is one sample.
func BenchmarkLoad(b *testing.B) {
	overStores(b, func(b *testing.B, store state.Store) {
		r := newBench(b, store)
		r.reset()
		for i := 0; i < b.N; i += benchEpoch {
			r.epoch(func() {
				for n := i; n < min(i+benchEpoch, b.N); n++ {
					if v := n / 11; n%11 == 0 {
						r.write("video/raw", video(v), "p")
					} else {
						r.write("video/chunk", chunk(v, n%11), "old")
					}
				}
			})
		}
		r.settle()
		r.report("sample", b.N)
	})
}

// BenchmarkFanOut changes parents, of 10,000 with ten children each: for each change ten children
// and their parent are told to be stale. An operation is one event.
func BenchmarkFanOut(b *testing.B) {
	const parents, children = 10_000, 10
	overStores(b, func(b *testing.B, store state.Store) {
		r := newBench(b, store)
		for v := 0; v < parents; v += 100 {
			r.epoch(func() {
				for i := range 100 {
					r.write("video/raw", video(v+i), "p0")
					for n := range children {
						r.write("video/chunk", chunk(v+i, n), "old")
					}
				}
			})
		}
		r.settle()
		r.reset()
		changes := (b.N + children) / (children + 1)
		for i := 0; i < changes; i += 100 {
			r.epoch(func() {
				for n := i; n < min(i+100, changes); n++ {
					r.write("video/raw", video(n%parents), fmt.Sprintf("p%d", 1+n/parents))
				}
			})
		}
		r.settle()
		if r.events != changes*(children+1) {
			b.Fatalf("%d events of %d changes", r.events, changes)
		}
		r.report("event", r.events)
	})
}
