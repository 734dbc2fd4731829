package stream

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
)

// elsewhere is the id of a chunk whose record key lies in another partition than its video.
func elsewhere(video int, prefix string) string {
	for n := 0; ; n++ {
		id := fmt.Sprintf("%s%d", prefix, n)
		if graph.Partition(fmt.Appendf(nil, `{"video_chunk_id":%q}`, id), 2) != graph.Partition(fmt.Appendf(nil, `{"video_id":%d}`, video), 2) {
			return id
		}
	}
}

// TestWorkerReplacesCopies: a sample that another client has written as well, where its record key
// puts it, does not keep its group incomplete for ever, be it current or not.
func TestWorkerReplacesCopies(t *testing.T) {
	const ns = Namespace("copies")
	cluster, producer := workDeployment(t, chunkGraph, ns)
	id := elsewhere(1, "c")
	client, err := Connect(testContext(t), cluster, kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	copied := func(times int) { // many times, so that its offset is the greater one
		t.Helper()
		ours := sampleRecords(t, cluster, ns, "video/chunk")[0]
		for range times {
			err := client.ProduceSync(testContext(t), &kgo.Record{Topic: ours.Topic, Key: ours.Key, Value: ours.Value}).FirstErr()
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	jobs := make(chan int64, 100)
	handle := func(ctx context.Context, job *Job) error {
		jobs <- job.Offset
		return job.Put(ctx, Sample{Columns: map[string]any{"video_chunk_id": id}})
	}
	runWorker(t, WorkerOptions{Cluster: cluster, Namespace: ns, Features: []graph.FeatureKey{"video/chunk"}, Handle: handle})
	putVideo(t, producer, 1, "v1")
	awaitLatest(t, cluster, ns, 2)
	settled(t, cluster, ns, chunkGraph)
	copied(1)
	receive(t, jobs)
	receive(t, jobs) // INCOMPLETE: two samples are current, and the record says one
	settled(t, cluster, ns, chunkGraph)
	putVideo(t, producer, 1, "v2")
	receive(t, jobs)
	settled(t, cluster, ns, chunkGraph)
	copied(20) // of the first answer, which is not current any more
	awaitLatest(t, cluster, ns, 2)
	settled(t, cluster, ns, chunkGraph)
	if len(jobs) > 3 {
		t.Errorf("%d jobs more until the group was complete", len(jobs))
	}
}

// TestWorkerMovesChildren: a child that has gone to another parent is deleted at its old place.
func TestWorkerMovesChildren(t *testing.T) {
	const ns = Namespace("moves")
	cluster, producer := workDeployment(t, chunkGraph, ns)
	from, to := 1, 2 // in partitions of their own
	for graph.Partition(fmt.Appendf(nil, `{"video_id":%d}`, from), 2) == graph.Partition(fmt.Appendf(nil, `{"video_id":%d}`, to), 2) {
		to++
	}
	var mu sync.Mutex
	children := map[int64][]string{int64(from): {"a", "b", "c"}, int64(to): {"d"}}
	handle := func(ctx context.Context, job *Job) error {
		video, _ := job.Column("video_id").AsInt()
		mu.Lock()
		ids := children[video]
		mu.Unlock()
		for _, id := range ids {
			if err := job.Put(ctx, Sample{Columns: map[string]any{"video_chunk_id": id}}); err != nil {
				return err
			}
		}
		return nil
	}
	runWorker(t, WorkerOptions{Cluster: cluster, Namespace: ns, Features: []graph.FeatureKey{"video/chunk"}, Concurrency: 2, Handle: handle})
	write := func(version string) {
		t.Helper()
		putVideo(t, producer, from, version)
		putVideo(t, producer, to, version)
		if err := producer.Flush(testContext(t)); err != nil {
			t.Fatal(err)
		}
	}
	write("v1")
	awaitLatest(t, cluster, ns, 6)
	settled(t, cluster, ns, chunkGraph)
	mu.Lock()
	children = map[int64][]string{int64(from): {"a"}, int64(to): {"b", "c", "d"}}
	mu.Unlock()
	write("v2")
	place := func(key string, video int) string {
		return fmt.Sprintf("%d %s", graph.Partition(fmt.Appendf(nil, `{"video_id":%d}`, video), 2), key)
	}
	want := []string{
		place(`{"video_chunk_id":"a"}`, from), place(fmt.Sprintf(`{"video_id":%d}`, from), from), place(fmt.Sprintf(`{"video_id":%d}`, to), to),
		place(`{"video_chunk_id":"b"}`, to), place(`{"video_chunk_id":"c"}`, to), place(`{"video_chunk_id":"d"}`, to),
	}
	slices.Sort(want)
	awaitSamples(t, cluster, ns, want)
	settled(t, cluster, ns, chunkGraph)
}

// awaitSamples waits until the topic of video/chunk holds these: partition and record key.
func awaitSamples(t *testing.T, cluster Cluster, ns Namespace, want []string) {
	t.Helper()
	ctx := testContext(t)
	client, err := Connect(ctx, cluster, kgo.ConsumeTopics(ns.Sample(&graph.Feature{Key: "video/chunk"})))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var all []*kgo.Record
	for {
		all = append(all, client.PollFetches(ctx).Records()...)
		got := keysOf(latest(all))
		if slices.Equal(got, want) {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("the topic holds %v, want %v", got, want)
		}
	}
}
