package integration_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream"
)

// TestWorkers: two members of a group expand videos, one of them goes in the middle, and in the end
// every group is complete and nothing is left over.
func TestWorkers(t *testing.T) {
	const videos = 200
	ctx := deadline(t, 2*time.Minute)
	cluster, ns := stream.Cluster{Brokers: broker.Brokers()}, stream.Namespace(namespace(t))
	g, err := graph.Parse([]byte(exampleGraph), "example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Publish(ctx, cluster, ns, g, stream.PublishOptions{Topics: stream.TopicOptions{Partitions: 4, SamplePartitions: 3}}); err != nil {
		t.Fatal(err)
	}
	processor, err := stream.NewProcessor(stream.ProcessorOptions{Cluster: cluster, Namespace: ns, InstanceID: "one"})
	if err != nil {
		t.Fatal(err)
	}
	inBackground(t, ctx, processor.Run)
	schemas := stream.NewSchemaTail(cluster, ns)
	inBackground(t, ctx, schemas.Run)

	var mu sync.Mutex
	children, jobs := 3, [2]int{}
	begin := func(member int) (stop func()) {
		worker, err := stream.NewWorker(stream.WorkerOptions{
			Cluster: cluster, Namespace: ns, Features: []graph.FeatureKey{"video/chunk"}, Group: ns.String() + ".splitters", Concurrency: 4,
			Handle: func(ctx context.Context, job *stream.Job) error {
				mu.Lock()
				n := children
				jobs[member]++
				mu.Unlock()
				video, _ := job.Column("video_id").AsInt()
				for i := range n {
					if err := job.Put(ctx, stream.Sample{Columns: map[string]any{"video_chunk_id": fmt.Sprintf("%d_%d", video, i)}}); err != nil {
						return err
					}
				}
				job.Finish()
				return nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		return inBackground(t, ctx, worker.Run)
	}
	stop := begin(0)
	begin(1)

	producer, err := stream.NewProducer(ctx, stream.ProducerOptions{Cluster: cluster, Namespace: ns})
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	write := func(version string) {
		t.Helper()
		for id := range videos {
			err := producer.Put(ctx, "video/raw", stream.Sample{
				Columns: map[string]any{"video_id": id}, Provenance: map[string]string{"audio": version, "frames": version},
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := producer.Flush(ctx); err != nil {
			t.Fatal(err)
		}
	}
	settle := func(want int) {
		t.Helper()
		for {
			if err := stream.AwaitDrained(ctx, cluster, ns, g); err != nil {
				t.Fatal(err)
			}
			counts, err := stream.Counts(ctx, cluster, ns, schemas, g)
			if err != nil {
				t.Fatal(err)
			}
			open := int64(-1)
			for _, c := range counts {
				if c.Feature == "video/chunk" && c.Samples == int64(want) {
					open = c.New + c.Stale + c.Awaiting + c.Orphaned + c.Failed
				}
			}
			if open == 0 {
				return
			}
		}
	}
	writes := 0
	for both := false; !both; writes++ { // until the group has given both members partitions
		write(fmt.Sprint("a", writes))
		settle(videos * 4)
		mu.Lock()
		both = jobs[0] > 0 && jobs[1] > 0
		mu.Unlock()
	}
	mu.Lock()
	children = 1
	mu.Unlock()
	write("b")
	stop()
	settle(videos * 2)
	t.Logf("%d videos, written %d times: jobs of the two members %v", videos, writes+1, jobs)
}

// inBackground runs what runs until the test ends, or until stop is called.
func inBackground(t *testing.T, ctx context.Context, run func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("it ended with: %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}
