package integration_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream"
)

// faultGraph has a video's way to its summary and back to the root, which workers go; and beside it what nobody
// answers: a filter, an expansion whose samples move to other parents, and one whose parents have many children.
const faultGraph = `
features:
  - key: video
    id_columns: [video]
    fields: [audio, {key: frames, code_version: "%s"}]
  - key: chunk
    id_columns: [chunk]
    fields: [audio, frames]
    deps: [{feature: video, lineage: {expansion: [video]}, receipts: required}]
  - key: face
    id_columns: [chunk]
    fields: [{key: default, code_version: "%s", deps: {chunk: [frames]}}]
    deps: [chunk]
  - key: summary
    id_columns: [video]
    deps: [{feature: face, lineage: {aggregation: [video]}}, video]
  - key: thumb
    id_columns: [video]
    deps: [{feature: video, filters: ["volume > 5"]}]
  - key: track
    id_columns: [track]
    deps: [{feature: video, lineage: {expansion: [video]}}]
  - key: album
    id_columns: [album]
  - key: page
    id_columns: [page]
    deps: [{feature: album, lineage: {expansion: [album]}}]
`

// faultVersions are the code versions of the graphs that are pushed, one after another and from the start again: each
// comes back.
var faultVersions = [][2]string{{"1", "1"}, {"1", "2"}, {"1", "1"}, {"2", "1"}}

const (
	trafficVideos = 60
	trafficTracks = 100
	trafficAlbums = 2
	trafficBeat   = 25 * time.Millisecond // between two writes at the steady rate
	trafficBurst  = 150                   // writes at once
)

// traffic writes at a steady rate, and now and then a burst, a push, or the parent of many children. One goroutine
// uses it.
type traffic struct {
	cluster  stream.Cluster
	ns       stream.Namespace
	producer *stream.Producer
	rng      *rand.Rand
	graphs   []*graph.Graph
	pushed   int // of graphs, how often
	version  int // of what is written
	pages    int // of each album
	pageID   string
	albums   chan int // that are to be written at once
	log      func(format string, args ...any)

	writes atomic.Int64
	lost   atomic.Int64 // writes that were refused or not acknowledged: they may be in the log or not
}

func faultGraphs() (graphs []*graph.Graph, err error) {
	for _, v := range faultVersions {
		g, err := graph.Parse(fmt.Appendf(nil, faultGraph, v[0], v[1]), "faults.yaml")
		if err != nil {
			return nil, err
		}
		graphs = append(graphs, g)
	}
	return graphs, nil
}

// push puts the next graph in force.
func (w *traffic) push(ctx context.Context) error {
	_, err := stream.Publish(ctx, w.cluster, w.ns, w.graphs[w.pushed%len(w.graphs)], stream.PublishOptions{
		Topics: stream.TopicOptions{Partitions: 4, SamplePartitions: 2},
	})
	if err == nil {
		w.pushed++
	}
	return err
}

// fill writes everything once.
func (w *traffic) fill(ctx context.Context) error {
	for video := range trafficVideos {
		w.video(ctx, video)
	}
	for track := range trafficTracks {
		w.track(ctx, track)
	}
	for album := range trafficAlbums {
		for page := range w.pages {
			w.page(ctx, album, page)
		}
		w.album(ctx, album)
	}
	return w.producer.Flush(ctx)
}

// run writes until the context ends.
func (w *traffic) run(ctx context.Context) {
	beat := time.NewTicker(trafficBeat)
	defer beat.Stop()
	for n := 1; ; n++ {
		select {
		case <-beat.C:
		case album := <-w.albums:
			w.album(ctx, album)
			continue
		case <-ctx.Done():
			return
		}
		switch {
		case n%100 == 0:
			if err := w.push(ctx); err != nil && ctx.Err() == nil {
				w.log("a graph was not pushed: %v", err)
			}
		case n%120 == 60:
			for range trafficBurst {
				w.step(ctx)
			}
		case n%80 == 40:
			w.album(ctx, w.rng.IntN(trafficAlbums))
		default:
			w.step(ctx)
		}
	}
}

// step makes one write at random.
func (w *traffic) step(ctx context.Context) {
	switch n := w.rng.IntN(100); {
	case n < 45:
		w.video(ctx, w.rng.IntN(trafficVideos))
	case n < 50:
		w.delete(ctx, "video", map[string]any{"video": w.rng.IntN(trafficVideos)})
	case n < 80:
		w.track(ctx, w.rng.IntN(trafficTracks))
	case n < 84:
		// Its topic has one partition, so a track is found without its parent.
		w.delete(ctx, "track", map[string]any{"track": w.rng.IntN(trafficTracks)})
	case n < 94:
		w.page(ctx, w.rng.IntN(trafficAlbums), w.rng.IntN(w.pages))
	case n < 98:
		w.thumb(ctx, w.rng.IntN(trafficVideos))
	default:
		album := w.rng.IntN(trafficAlbums)
		w.delete(ctx, "page", map[string]any{"album": album, "page": w.pageName(album, w.rng.IntN(w.pages))})
	}
}

func (w *traffic) put(ctx context.Context, feature string, s stream.Sample) {
	w.writes.Add(1)
	if err := w.producer.Put(ctx, feature, s); err != nil {
		w.fault(ctx, err)
	}
}

func (w *traffic) delete(ctx context.Context, feature string, ids map[string]any) {
	w.writes.Add(1)
	if err := w.producer.Delete(ctx, feature, ids); err != nil {
		w.fault(ctx, err)
	}
}

func (w *traffic) fault(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	if w.lost.Add(1) <= 10 {
		w.log("a write: %v", err)
	}
}

// next is a provenance that is mostly new.
func (w *traffic) next() string {
	if w.rng.IntN(5) > 0 {
		w.version++
	}
	return fmt.Sprint("v", w.version)
}

func (w *traffic) video(ctx context.Context, video int) {
	s := stream.Sample{
		Columns:    map[string]any{"video": video, "volume": w.rng.IntN(10)},
		Provenance: map[string]string{"audio": w.next(), "frames": w.next()},
	}
	if w.rng.IntN(4) == 0 { // a field that was written again and is the same
		s.DataVersion = map[string]string{"audio": "same"}
	}
	w.put(ctx, "video", s)
}

// track writes a sample under some parent, mostly another one than before.
func (w *traffic) track(ctx context.Context, track int) {
	w.put(ctx, "track", stream.Sample{
		Columns:    map[string]any{"track": track, "video": w.rng.IntN(trafficVideos)},
		Provenance: map[string]string{"default": w.next()},
	})
}

func (w *traffic) thumb(ctx context.Context, video int) {
	w.put(ctx, "thumb", stream.Sample{Columns: map[string]any{"video": video}, Provenance: map[string]string{"default": w.next()}})
}

func (w *traffic) album(ctx context.Context, album int) {
	w.put(ctx, "album", stream.Sample{Columns: map[string]any{"album": album}, Provenance: map[string]string{"default": w.next()}})
}

func (w *traffic) page(ctx context.Context, album, page int) {
	w.put(ctx, "page", stream.Sample{
		Columns:    map[string]any{"album": album, "page": w.pageName(album, page)},
		Provenance: map[string]string{"default": w.next()},
	})
}

func (w *traffic) pageName(album, page int) string {
	return fmt.Sprintf("%d_%d%s", album, page, w.pageID)
}

// answer does the work of the features that workers answer. How it goes follows from the work alone.
func answer(ctx context.Context, job *stream.Job) error {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(job.Staleness.EventID))
	chance := int(sum.Sum32() % 100)
	switch job.Feature {
	case "chunk":
		video, _ := job.Column("video").AsInt()
		for i := range chance % 5 {
			if err := job.Put(ctx, stream.Sample{Columns: map[string]any{"chunk": fmt.Sprintf("%d_%d", video, i)}}); err != nil {
				return err
			}
		}
		job.Finish()
		return nil
	case "face":
		if chance < 8 {
			return &stream.WorkError{Type: "NoFace", Err: errors.New("there is no face in it")}
		}
		return job.Put(ctx, stream.Sample{Columns: map[string]any{"video": job.Input("chunk", "video")}})
	}
	return job.Put(ctx, stream.Sample{})
}

// answered are the features that workers answer.
var answered = []graph.FeatureKey{"chunk", "face", "summary"}
