package engine_test

import (
	"fmt"
	"testing"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/state"
	"github.com/freshline/freshline/stream/engine"
)

// Waves of one change meet at the summary: by way of the chunks, of each of their faces, and at once.
const waveGraph = `{"features": [
	{"key": "video/raw", "id_columns": ["video_id"], "fields": ["frames"]},
	{"key": "video/chunk", "id_columns": ["video_id", "chunk_id"], "fields": ["frames"],
	 "deps": [{"feature": "video/raw", "lineage": {"expansion": ["video_id"]}}]},
	{"key": "video/faces", "id_columns": ["video_id", "chunk_id"], "fields": ["frames"], "deps": ["video/chunk"]},
	{"key": "video/summary", "id_columns": ["video_id"], "fields": ["frames"],
	 "deps": ["video/raw", {"feature": "video/faces", "lineage": {"aggregation": ["video_id"]}}]}
]}`

// waveWorker answers what is offered, in rounds.
type waveWorker struct {
	r       *bench
	offered map[string]*engine.Event
	order   []string
	answers int
	summary int // offers of summaries
}

func newWaveWorker(r *bench) *waveWorker {
	w := &waveWorker{r: r, offered: map[string]*engine.Event{}}
	r.take = func(e *engine.Event) {
		key := string(e.Feature) + string(e.Key)
		if e.Body == nil || !e.Body.Judgement.Status.Work() {
			delete(w.offered, key)
			return
		}
		if e.Feature == "video/summary" {
			w.summary++
		}
		if w.offered[key] == nil {
			w.order = append(w.order, key)
		}
		kept := *e
		w.offered[key] = &kept
	}
	return w
}

// round writes what every key that is offered expects.
func (w *waveWorker) round() (done bool) {
	order, offered := w.order, w.offered
	w.order, w.offered = nil, map[string]*engine.Event{}
	wrote := 0
	w.r.epoch(func() {
		for _, key := range order {
			e := offered[key]
			if e == nil {
				continue
			}
			names, values, err := graph.ParseKeyJSON(e.Key)
			if err != nil {
				w.r.b.Fatal(err)
			}
			columns := map[string]graph.Value{}
			for i, name := range names {
				columns[name] = values[i]
			}
			chunks := 1
			if e.Scope == graph.ScopeInput && e.Feature == "video/chunk" {
				if e.Body.Children > 0 {
					continue // their own events say the same
				}
				chunks = waveChunks
			}
			for n := range chunks {
				if chunks > 1 {
					columns["chunk_id"] = graph.Int(int64(n))
				}
				w.r.writeFields(string(e.Feature), columns, map[string]string{"frames": e.Body.Expected.Fields[0]})
				wrote++
			}
		}
	})
	w.r.settle()
	w.answers += wrote
	return wrote == 0
}

const (
	waveVideos = 200
	waveChunks = 10
)

// BenchmarkGate changes videos, each with ten chunks, their faces and one summary, and lets workers answer until
// nothing is left, in both gates. An operation is one changed video. The counts of the state and the records of rows are
// for each sample that is written; offers are of the summary, for each change: one is what there is to do.
func BenchmarkGate(b *testing.B) {
	for name, gate := range gates {
		b.Run(name, func(b *testing.B) {
			store, err := state.OpenBadger(b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			r := newGateBench(b, store, waveGraph, gate)
			w := newWaveWorker(r)
			change := func(n int, text string) {
				r.epoch(func() {
					for v := range n {
						r.writeFields("video/raw", video(v), map[string]string{"frames": text})
					}
				})
				r.settle()
				for !w.round() {
				}
			}
			change(waveVideos, "p0")
			w.answers, w.summary = 0, 0
			r.reset()
			for i := 0; i < b.N; i += waveVideos {
				change(min(waveVideos, b.N-i), fmt.Sprintf("p%d", 1+i))
			}
			r.report("sample", b.N+w.answers)
			r.b.ReportMetric(float64(r.filed)/float64(b.N+w.answers), "rows/sample")
			r.b.ReportMetric(float64(b.N+w.answers)/float64(b.N), "samples/change")
			r.b.ReportMetric(float64(r.events)/float64(b.N), "events/change")
			r.b.ReportMetric(float64(w.summary)/float64(b.N), "offers/change")
			if err := store.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}
