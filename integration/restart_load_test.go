package integration_test

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream"
)

const (
	loadChunks     = 50 // of a video; each has its faces
	loadPartitions = 4
	loadWriters    = 2
)

const loadGraph = `
features:
  - key: video/raw
    id_columns: [video_id]
    fields: [audio, frames]
  - key: video/chunk
    id_columns: [video_chunk_id]
    deps: [{feature: video/raw, lineage: {expansion: [video_id]}}]
    fields: [audio, frames]
  - key: video/faces
    id_columns: [video_chunk_id]
    deps: [video/chunk]
    fields: [faces]
`

// load is many samples of a deployment, all of them fresh: videos, their chunks, and the faces in each chunk.
type load struct {
	cluster stream.Cluster
	ns      stream.Namespace
	videos  int
	graph   *graph.Graph
	plan    *graph.Plan
}

// size makes a load of about so many samples.
func (l *load) size(samples int) { l.videos = max(timedRestarts, samples/(1+2*loadChunks)) }

func (l *load) samples() int { return l.videos * (1 + 2*loadChunks) }

// write makes the topics and writes the samples. Where no processor runs, the first one says nothing of them: they are
// fresh once all has been read.
func (l *load) write(ctx context.Context) error {
	g, err := graph.Parse([]byte(loadGraph), "load.yaml")
	if err != nil {
		return err
	}
	history, err := graph.NewHistory(graph.Defaults{}).Push(0, g)
	if err != nil {
		return err
	}
	l.graph, l.plan = g, history.Plan()
	client, err := stream.Connect(ctx, l.cluster)
	if err != nil {
		return err
	}
	defer client.Close()
	if _, err := stream.NewTopics(client).Create(ctx, l.ns, g, stream.TopicOptions{Partitions: loadPartitions, SamplePartitions: loadPartitions}); err != nil {
		return err
	}
	log, err := stream.OpenGraphLog(ctx, l.cluster, l.ns)
	if err != nil {
		return err
	}
	_, err = log.Publish(ctx, g)
	log.Close()
	if err != nil {
		return err
	}
	producer, err := stream.NewProducer(ctx, stream.ProducerOptions{Cluster: l.cluster, Namespace: l.ns})
	if err != nil {
		return err
	}
	defer producer.Close()
	var group sync.WaitGroup
	errs := make([]error, loadWriters)
	for w := range loadWriters {
		group.Go(func() {
			var h graph.Hasher
			for video := w; video < l.videos && errs[w] == nil; video += loadWriters {
				errs[w] = l.put(ctx, producer, &h, video)
			}
		})
	}
	group.Wait()
	return errors.Join(append(errs, producer.Flush(ctx))...)
}

// put writes a video and what is made of it.
func (l *load) put(ctx context.Context, producer *stream.Producer, h *graph.Hasher, video int) error {
	if err := l.putVideo(ctx, producer, video, "v1"); err != nil {
		return err
	}
	chunk, faces := l.plan.Feature("video/chunk"), l.plan.Feature("video/faces")
	made := h.Expect(chunk, []graph.Input{{Present: true, Ready: true, Values: []string{"v1", "v1"}}})
	found := h.Expect(faces, []graph.Input{{Present: true, Ready: true, Values: made.Fields}})
	for n := range loadChunks {
		id := fmt.Sprintf("%d_%d", video, n)
		err := producer.Put(ctx, "video/chunk", stream.Sample{
			Columns:    map[string]any{"video_id": video, "video_chunk_id": id},
			Provenance: provenanceOf(chunk, made),
		})
		if err == nil {
			err = producer.Put(ctx, "video/faces", stream.Sample{
				Columns:    map[string]any{"video_chunk_id": id, "faces": n},
				Provenance: provenanceOf(faces, found),
			})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *load) putVideo(ctx context.Context, producer *stream.Producer, video int, version string) error {
	return producer.Put(ctx, "video/raw", stream.Sample{
		Columns:    map[string]any{"video_id": video, "path": fmt.Sprintf("videos/%d.mp4", video)},
		Provenance: map[string]string{"audio": version, "frames": version},
	})
}

func provenanceOf(f *graph.FeaturePlan, e *graph.Expectation) map[string]string {
	fields := map[string]string{}
	for i, field := range f.Fields {
		fields[string(field.Key)] = e.Fields[i]
	}
	return fields
}

func (l *load) awaitDrained(ctx context.Context) error {
	g, err := graph.Parse([]byte(loadGraph), "load.yaml")
	if err != nil {
		return err
	}
	return stream.AwaitDrained(ctx, l.cluster, l.ns, g)
}

// said counts the records that have ever been produced to the staleness topics, tombstones among them.
func (l *load) said(ctx context.Context) (int, error) {
	var topics []string
	for _, feature := range []graph.FeatureKey{"video/raw", "video/chunk", "video/faces"} {
		topics = append(topics, l.ns.Staleness(feature))
	}
	return l.read(ctx, topics...)
}

// read reads topics from their starts to their ends, and counts the committed records.
func (l *load) read(ctx context.Context, topics ...string) (n int, err error) {
	client, err := stream.Connect(ctx, l.cluster)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, topics...)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return 0, err
	}
	left := 0
	consume := map[string]map[int32]kgo.Offset{}
	ends.Each(func(o kadm.ListedOffset) {
		if consume[o.Topic] == nil {
			consume[o.Topic] = map[int32]kgo.Offset{}
		}
		if o.Offset > 0 {
			consume[o.Topic][o.Partition] = kgo.NewOffset().AtStart()
			left++
		}
	})
	reader, err := stream.Connect(ctx, l.cluster, kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(), kgo.ConsumePartitions(consume))
	if err != nil {
		return 0, err
	}
	defer reader.Close()
	for left > 0 {
		fetches := reader.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return 0, err
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if !r.Attrs.IsControl() {
				n++
			}
			if end, _ := ends.Lookup(r.Topic, r.Partition); r.Offset+1 == end.Offset {
				left--
			}
		})
	}
	return n, nil
}
