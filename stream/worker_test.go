package stream

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/schema"
)

// runWorker runs a worker until the test ends, or until stop is called.
func runWorker(t *testing.T, o WorkerOptions) (stop func()) {
	t.Helper()
	w, err := NewWorker(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("the worker ended with: %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

// workDeployment is a deployment with a processor and a producer.
func workDeployment(t *testing.T, text string, ns Namespace) (Cluster, *Producer) {
	t.Helper()
	cluster := testBroker(t, "").Cluster()
	testTopics(t, cluster, ns, testGraph(t, text))
	publishGraph(t, cluster, ns, text)
	testProcessor(t, ProcessorOptions{Cluster: cluster, Namespace: ns, InstanceID: "one"})
	return cluster, openProducer(t, cluster, ns)
}

// splitter puts as many chunks of each video as counts says.
type splitter struct {
	mu     sync.Mutex
	counts map[int64]int
	done   map[int64]int // jobs by video
}

func (s *splitter) set(video int64, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[video] = n
}

func (s *splitter) handle(ctx context.Context, job *Job) error {
	video, _ := job.Column("video_id").AsInt()
	s.mu.Lock()
	n := s.counts[video]
	s.done[video]++
	s.mu.Unlock()
	for i := range n {
		if err := job.Put(ctx, Sample{Columns: map[string]any{"video_chunk_id": fmt.Sprintf("%d_%d", video, i)}}); err != nil {
			return err
		}
	}
	job.Finish()
	return nil
}

// settled waits until the processor has read all, and nothing is outstanding.
func settled(t *testing.T, cluster Cluster, ns Namespace, text string) {
	t.Helper()
	if err := AwaitDrained(testContext(t), cluster, ns, testGraph(t, text)); err != nil {
		t.Fatal(err)
	}
	awaitWork(t, cluster, ns, 0)
}

// latest returns the newest record of each key and partition, tombstones left out.
func latest(records []*kgo.Record) map[string]*kgo.Record {
	newest := map[string]*kgo.Record{}
	for _, r := range records {
		at := fmt.Sprintf("%d %s", r.Partition, r.Key)
		if newest[at] = r; r.Value == nil {
			delete(newest, at)
		}
	}
	return newest
}

func keysOf(newest map[string]*kgo.Record) []string {
	return slices.Sorted(maps.Keys(newest))
}

// TestWorkerExpands: children and group record in one partition, the record last; fewer children,
// then none, and what is left over is deleted.
func TestWorkerExpands(t *testing.T) {
	const ns = Namespace("expands")
	cluster, producer := workDeployment(t, chunkGraph, ns)
	s := &splitter{counts: map[int64]int{1: 3, 2: 5, 3: 0, 4: 0}, done: map[int64]int{}}
	runWorker(t, WorkerOptions{Cluster: cluster, Namespace: ns, Features: []graph.FeatureKey{"video/chunk"}, Concurrency: 2, Handle: s.handle})
	write := func(version string, videos ...int) {
		t.Helper()
		for _, id := range videos {
			putVideo(t, producer, id, version)
		}
		if err := producer.Flush(testContext(t)); err != nil {
			t.Fatal(err)
		}
	}
	write("v1", 1, 2, 3)
	awaitLatest(t, cluster, ns, 11)
	settled(t, cluster, ns, chunkGraph)
	last := map[int32]map[string]bool{}
	for _, r := range sampleRecords(t, cluster, ns, "video/chunk") {
		key := string(r.Key)
		if last[r.Partition] == nil {
			last[r.Partition] = map[string]bool{}
		}
		if strings.Contains(key, "chunk") {
			group := fmt.Sprintf(`{"video_id":%s}`, strings.TrimPrefix(key, `{"video_chunk_id":"`)[:1])
			if last[r.Partition][group] {
				t.Errorf("%s stands behind its group record", key)
			}
			if want := graph.Partition([]byte(group), 2); r.Partition != want {
				t.Errorf("%s lies in partition %d, want %d", key, r.Partition, want)
			}
			continue
		}
		last[r.Partition][key] = true
	}

	s.set(1, 1)
	s.set(2, 0)
	write("v2", 1, 2)
	awaitLatest(t, cluster, ns, 4)
	settled(t, cluster, ns, chunkGraph)
	got := keysOf(latest(sampleRecords(t, cluster, ns, "video/chunk")))
	var want []string
	for _, key := range []string{`{"video_chunk_id":"1_0"}`, `{"video_id":1}`, `{"video_id":2}`, `{"video_id":3}`} {
		group := key
		if strings.Contains(key, "chunk") {
			group = `{"video_id":1}`
		}
		want = append(want, fmt.Sprintf("%d %s", graph.Partition([]byte(group), 2), key))
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the samples are %v, want %v", got, want)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if fmt.Sprint(s.done) != "map[1:2 2:2 3:1]" {
		t.Errorf("jobs by video: %v, want one for each write", s.done)
	}
}

// awaitLatest waits until the topic of video/chunk holds so many samples.
func awaitLatest(t *testing.T, cluster Cluster, ns Namespace, n int) {
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
		if len(latest(all)) == n {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("the topic holds %v, want %d samples", keysOf(latest(all)), n)
		}
	}
}

// TestWorkerDeletesWhatOthersPlaced: a leftover that another client wrote where its record key puts it.
func TestWorkerDeletesWhatOthersPlaced(t *testing.T) {
	const ns = Namespace("placed")
	cluster, producer := workDeployment(t, chunkGraph, ns)
	id := "" // of a chunk whose record key lies elsewhere than its video
	for n := 0; id == ""; n++ {
		if graph.Partition(fmt.Appendf(nil, `{"video_chunk_id":"old_%d"}`, n), 2) != graph.Partition([]byte(`{"video_id":1}`), 2) {
			id = fmt.Sprintf("old_%d", n)
		}
	}
	err := producer.Put(testContext(t), "video/chunk", Sample{
		Columns: map[string]any{"video_id": 1, "video_chunk_id": id}, Provenance: map[string]string{"audio": "x", "frames": "x"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := producer.Flush(testContext(t)); err != nil {
		t.Fatal(err)
	}
	client, err := Connect(testContext(t), cluster, kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ours := sampleRecords(t, cluster, ns, "video/chunk")[0]
	err = client.ProduceSync(testContext(t), &kgo.Record{Topic: ours.Topic, Key: ours.Key, Value: ours.Value}).FirstErr()
	if err != nil {
		t.Fatal(err)
	}
	s := &splitter{counts: map[int64]int{1: 2}, done: map[int64]int{}}
	runWorker(t, WorkerOptions{Cluster: cluster, Namespace: ns, Features: []graph.FeatureKey{"video/chunk"}, Handle: s.handle})
	putVideo(t, producer, 1, "v1")
	awaitLatest(t, cluster, ns, 3)
	settled(t, cluster, ns, chunkGraph)
}

// TestWorkerDeletesOrphans where it is asked to.
func TestWorkerDeletesOrphans(t *testing.T) {
	const ns = Namespace("orphans")
	cluster, producer := workDeployment(t, chunkGraph, ns)
	s := &splitter{counts: map[int64]int{1: 2}, done: map[int64]int{}}
	o := WorkerOptions{Cluster: cluster, Namespace: ns, Features: []graph.FeatureKey{"video/chunk"}, Handle: s.handle}
	stop := runWorker(t, o)
	putVideo(t, producer, 1, "v1")
	awaitLatest(t, cluster, ns, 3)
	settled(t, cluster, ns, chunkGraph)
	if err := producer.Delete(testContext(t), "video/raw", map[string]any{"video_id": 1}); err != nil {
		t.Fatal(err)
	}
	awaitWork(t, cluster, ns, 3)
	stop()
	o.DeleteOrphans = true
	runWorker(t, o)
	awaitLatest(t, cluster, ns, 0)
	settled(t, cluster, ns, chunkGraph)
}

// TestWorkerFails: the failure is written under the key of the work, beside its event.
func TestWorkerFails(t *testing.T) {
	const ns = Namespace("fails")
	cluster, producer := workDeployment(t, videoGraph, ns)
	handle := func(_ context.Context, job *Job) error {
		switch video, _ := job.Column("video_id").AsInt(); video {
		case 1:
			return fmt.Errorf("read the file: %w", &WorkError{Type: "DecodeError", Err: errors.New("no video")})
		case 2:
			job.Fail(errors.New("no sound"))
			return nil
		}
		return nil
	}
	runWorker(t, WorkerOptions{Cluster: cluster, Namespace: ns, Features: []graph.FeatureKey{"video/chunk"}, Concurrency: 3, Handle: handle})
	for id := range 3 {
		putVideo(t, producer, id+1, "v1")
	}
	records := awaitFailures(t, cluster, ns, 3)
	events := map[string]Event{}
	for e, err := range Worklist(testContext(t), cluster, ns, nil) {
		if err != nil {
			t.Fatal(err)
		}
		events[string(FailureKey(e.Feature, e.Key))] = e
	}
	want := map[string][2]string{
		`video/chunk {"video_id":1}`: {"DecodeError", "read the file: no video"},
		`video/chunk {"video_id":2}`: {"error", "no sound"},
		`video/chunk {"video_id":3}`: {"NoAnswer", "the handler put no child"},
	}
	for _, r := range records {
		e := events[string(r.Key)]
		f, err := schema.DecodeFailure(r.Value)
		if err != nil || e.Staleness == nil {
			t.Fatalf("failure %s: %v, %v", r.Key, err, e)
		}
		if r.Partition != e.Partition || f.EventID != e.Staleness.EventID || f.Key != string(e.Key) || f.Feature != e.Feature || f.Attempt != 1 {
			t.Errorf("failure %+v in partition %d of event %s in partition %d", f, r.Partition, e.Staleness.EventID, e.Partition)
		}
		if w := want[string(r.Key)]; f.Type != w[0] || !strings.HasPrefix(f.Message, w[1]) {
			t.Errorf("failure %s: %s: %s, want %v", r.Key, f.Type, f.Message, w)
		}
	}
	log, err := OpenFailureLog(testContext(t), cluster, ns)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	plan := openPlan(t, producer)
	for _, e := range events {
		names, values, err := graph.ParseKeyJSON(e.Key)
		if err != nil {
			t.Fatal(err)
		}
		p, err := log.Partition(testContext(t), plan.Feature("video/chunk"), names, values)
		if err != nil || p != e.Partition {
			t.Errorf("key %s is said to be in partition %d (%v), and is in %d", e.Key, p, err, e.Partition)
		}
	}
	if err := log.Retry(testContext(t), slices.Collect(maps.Values(events))...); err != nil {
		t.Fatal(err)
	}
	records = awaitFailures(t, cluster, ns, 6)
	taken := 0
	for _, r := range records {
		if r.Value == nil && r.Partition == events[string(r.Key)].Partition {
			taken++
		}
	}
	if taken != 3 {
		t.Errorf("%d failures are taken back, want 3", taken)
	}
}

func openPlan(t *testing.T, p *Producer) *graph.Plan {
	t.Helper()
	history, err := p.takeGraphs()
	if err != nil {
		t.Fatal(err)
	}
	return history.Plan()
}

// awaitFailures waits for n records of the failure topic.
func awaitFailures(t *testing.T, cluster Cluster, ns Namespace, n int) (records []*kgo.Record) {
	t.Helper()
	ctx := testContext(t)
	client, err := Connect(ctx, cluster, kgo.ConsumeTopics(ns.Failures()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for len(records) < n {
		records = append(records, client.PollFetches(ctx).Records()...)
		if ctx.Err() != nil {
			t.Fatalf("%d failures, want %d", len(records), n)
		}
	}
	return records
}
