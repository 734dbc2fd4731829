package stream

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/schema"
)

// These tests write the events themselves: there is no processor.

// work is an event of video/raw that has work.
func work(t *testing.T, id int, eventID string, status graph.Status) *kgo.Record {
	t.Helper()
	r := event(t, "video/raw", id, status)
	if status == graph.Fresh {
		return r
	}
	s := schema.Staleness{Feature: "video/raw", Scope: graph.ScopeSample, Status: status, FeatureVersion: testGraph(t, videoGraph).Versions()["video/raw"].Feature}
	work := [eventIDBytes]byte{}
	copy(work[:], eventID)
	s.EventID, s.Key = hex.EncodeToString(work[:]), string(r.Key)
	value, err := s.Append(nil, schema.StalenessSchema().Frame())
	if err != nil {
		t.Fatal(err)
	}
	r.Value = value
	return r
}

// gate is a handler that tells of each job and lets it go on when it is told to.
type gate struct {
	began chan string
	let   chan error
}

func newGate() *gate { return &gate{make(chan string, 100), make(chan error, 100)} }

func (g *gate) handle(ctx context.Context, job *Job) error {
	id, err := hex.DecodeString(job.Staleness.EventID)
	if err != nil {
		return err
	}
	g.began <- fmt.Sprintf("%s %s", job.Key, bytes.TrimRight(id, "\x00"))
	job.Finish() // these jobs have nothing to write
	select {
	case err := <-g.let:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (g *gate) want(t *testing.T, texts ...string) {
	t.Helper()
	open := map[string]bool{}
	for _, text := range texts {
		open[text] = true
	}
	for range texts {
		got := receive(t, g.began)
		if !open[got] {
			t.Fatalf("job %s began, want one of %v", got, texts)
		}
		delete(open, got)
	}
}

func (g *gate) wantNone(t *testing.T) {
	t.Helper()
	select {
	case got := <-g.began:
		t.Fatalf("job %s began", got)
	default:
	}
}

// receive waits for what comes next.
func receive[T any](t *testing.T, from <-chan T) (got T) {
	t.Helper()
	select {
	case got = <-from:
	case <-testContext(t).Done():
		t.Fatal("nothing more comes")
	}
	return got
}

var rawWork = []graph.FeatureKey{"video/raw"}

// TestWorkerReadsBeforeItBegins: what the list has taken back already is not done again.
func TestWorkerReadsBeforeItBegins(t *testing.T) {
	cluster := testDeployment(t, videoGraph)
	w := newEventWriter(t, cluster)
	for n := range 20 {
		w.write(kgo.TryCommit, work(t, 1, fmt.Sprint("old", n), graph.Stale), work(t, 2, fmt.Sprint("old", n), graph.Stale), work(t, 3, "gone", graph.New))
	}
	w.write(kgo.TryCommit, work(t, 3, "", graph.Fresh), work(t, 1, "newest", graph.Stale), work(t, 4, "waits", graph.Awaiting), work(t, 5, "failed", graph.Failed))
	g := newGate()
	stop := runWorker(t, WorkerOptions{Cluster: cluster, Features: rawWork, Concurrency: 10, Handle: g.handle})
	g.want(t, `{"video_id":1} newest`, `{"video_id":2} old19`)
	stop()
	g.wantNone(t)
}

// TestWorkerConcurrency: so many jobs at once, never two of one key, and what comes meanwhile comes after.
func TestWorkerConcurrency(t *testing.T) {
	cluster := testDeployment(t, videoGraph)
	w := newEventWriter(t, cluster)
	w.write(kgo.TryCommit, work(t, 1, "a", graph.Stale), work(t, 2, "a", graph.Stale), work(t, 3, "a", graph.Stale))
	g := newGate()
	stop := runWorker(t, WorkerOptions{Cluster: cluster, Features: rawWork, Concurrency: 3, Handle: g.handle})
	g.want(t, `{"video_id":1} a`, `{"video_id":2} a`, `{"video_id":3} a`)
	w.write(kgo.TryCommit, work(t, 1, "b", graph.Stale), work(t, 2, "b", graph.Stale), work(t, 3, "b", graph.Stale),
		work(t, 2, "", graph.Fresh), work(t, 1, "c", graph.Stale), work(t, 3, "", graph.Fresh))
	w.write(kgo.TryCommit, work(t, 4, "x", graph.Stale)) // is read after the others of its partition
	g.wantNone(t)
	for range 3 {
		g.let <- nil
	}
	seen := map[string]bool{}
	for !seen[`{"video_id":1} c`] || !seen[`{"video_id":4} x`] {
		seen[receive(t, g.began)] = true
		g.let <- nil
	}
	stop()
	if seen[`{"video_id":1} a`] {
		t.Errorf("done twice: %v", seen)
	}
}

// committed returns the sum of the positions that a group has, and waits until it is as wanted.
func awaitCommitted(t *testing.T, cluster Cluster, group string, enough func(map[string]int64) bool) {
	t.Helper()
	client, err := Connect(testContext(t), cluster)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx := testContext(t)
	for {
		offsets, err := kadm.NewClient(client).FetchOffsets(ctx, group)
		if err != nil {
			t.Fatal(err)
		}
		at := map[string]int64{}
		offsets.Each(func(o kadm.OffsetResponse) { at[fmt.Sprintf("%s/%d", o.Topic, o.Partition)] = o.At })
		if enough(at) {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("the group has committed %v", at)
		}
	}
}

// TestWorkerCommitsWhatIsDone: a job that was interrupted is offered again, one that was done is not.
func TestWorkerCommitsWhatIsDone(t *testing.T) {
	cluster := testDeployment(t, videoGraph)
	w := newEventWriter(t, cluster)
	r := work(t, 1, "first", graph.Stale)
	w.write(kgo.TryCommit, r)
	for id := 2; id < 5; id++ {
		next := work(t, id, "next", graph.Stale)
		w.write(kgo.TryCommit, next)
	}
	o := WorkerOptions{Cluster: cluster, Features: rawWork, Group: "workers", Concurrency: 4}
	var mu sync.Mutex
	var hanging bool
	hangs, done := make(chan struct{}), make(chan string, 100)
	o.Handle = func(ctx context.Context, job *Job) error {
		if id, _ := job.Column("video_id").AsInt(); id == 3 {
			mu.Lock()
			first := !hanging
			hanging = true
			mu.Unlock()
			if first {
				close(hangs)
				<-ctx.Done()
				return errors.New("interrupted")
			}
		}
		err := job.Put(ctx, Sample{Provenance: map[string]string{"audio": "a", "frames": "f"}})
		done <- string(job.Key)
		return err
	}
	stop := runWorker(t, o)
	receive(t, hangs)
	for range 3 {
		receive(t, done)
	}
	stop()
	awaitCommitted(t, cluster, "workers", func(at map[string]int64) bool { return len(at) > 0 })
	stop = runWorker(t, o)
	for receive(t, done) != `{"video_id":3}` {
	}
	stop()
	got := 0
	for key := range latest(sampleRecords(t, cluster, "", "video/raw")) {
		got++
		if !strings.Contains(key, "video_id") {
			t.Error(key)
		}
	}
	if got != 4 {
		t.Errorf("%d samples were written, want 4", got)
	}
	failures := 0
	client, err := Connect(testContext(t), cluster)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := readTopics(testContext(t), cluster, client, []string{DefaultNamespace.Failures()}, func(*kgo.Record) error { failures++; return nil }); err != nil || failures > 0 {
		t.Errorf("%d failures (%v): an interrupted job is none", failures, err)
	}
	stop = runWorker(t, o)
	awaitCommitted(t, cluster, "workers", func(at map[string]int64) bool { return len(at) > 0 })
	stop()
	if len(done) > 0 {
		t.Errorf("%s is done again", <-done)
	}
}

func TestWorkerRefusesSamplesOfOthers(t *testing.T) {
	const ns = Namespace("refuses")
	cluster, producer := workDeployment(t, chunkGraph, ns)
	said := make(chan string, 10)
	handle := func(ctx context.Context, job *Job) error {
		for _, columns := range []map[string]any{{"video_id": 2, "video_chunk_id": "x"}, {"video_chunk_id": nil}, {"video_chunk_id": "x"}, {"video_chunk_id": "x"}} {
			said <- fmt.Sprint(job.Put(ctx, Sample{Columns: columns}))
		}
		n := int64(1)
		said <- fmt.Sprint(job.Put(ctx, Sample{Columns: map[string]any{"video_chunk_id": "y"}, Children: &n}))
		return errors.New("that was all")
	}
	stop := runWorker(t, WorkerOptions{Cluster: cluster, Namespace: ns, Features: []graph.FeatureKey{"video/chunk"}, Handle: handle})
	putVideo(t, producer, 1, "v1")
	for _, want := range []string{"the sample is not of this job", "is missing", "<nil>", "is put twice", "the worker writes the group record itself"} {
		if got := receive(t, said); !strings.Contains(got, want) {
			t.Errorf("got %s, want %q", got, want)
		}
	}
	awaitFailures(t, cluster, ns, 1)
	stop()
	for _, r := range sampleRecords(t, cluster, ns, "video/chunk") {
		if !strings.Contains(string(r.Key), "chunk") {
			t.Errorf("a job that failed has the group record %s", r.Key)
		}
	}
}

func TestWorkerOptions(t *testing.T) {
	cluster := testDeployment(t, videoGraph)
	handle := func(context.Context, *Job) error { return nil }
	for _, c := range []struct {
		o    WorkerOptions
		want string
	}{
		{WorkerOptions{Cluster: cluster, Handle: handle}, "no Features"},
		{WorkerOptions{Cluster: cluster, Features: rawWork}, "no Handle"},
		{WorkerOptions{Cluster: cluster, Features: rawWork, Handle: handle, Concurrency: -1}, "Concurrency"},
		{WorkerOptions{Cluster: cluster, Features: rawWork, Handle: handle, MaxQueued: -1}, "MaxQueued"},
		{WorkerOptions{Cluster: cluster, Features: rawWork, Handle: handle, Namespace: ".."}, "namespace"},
		{WorkerOptions{Features: rawWork, Handle: handle}, "--brokers"},
	} {
		if _, err := NewWorker(c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
	w, err := NewWorker(WorkerOptions{Cluster: cluster, Features: []graph.FeatureKey{"video/none"}, Handle: handle})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Run(testContext(t)); err == nil || !strings.Contains(err.Error(), "freshline.staleness.video.none") {
		t.Errorf("a feature that nobody has: %v", err)
	}
	if err := w.Run(testContext(t)); err == nil || !strings.Contains(err.Error(), "has run already") {
		t.Errorf("run twice: %v", err)
	}
}

// TestWorkerEndsWhereAnEventCannotBeRead: nothing is passed over in silence.
func TestWorkerEndsWhereAnEventCannotBeRead(t *testing.T) {
	cluster := testDeployment(t, videoGraph)
	w := newEventWriter(t, cluster)
	broken := work(t, 1, "a", graph.Stale)
	broken.Value = []byte("what is this")
	w.write(kgo.TryCommit, broken)
	worker, err := NewWorker(WorkerOptions{Cluster: cluster, Features: rawWork, Handle: func(context.Context, *Job) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	if err := worker.Run(testContext(t)); err == nil || !strings.Contains(err.Error(), "topic freshline.staleness.video.raw, partition") {
		t.Errorf("the worker ended with: %v", err)
	}
}

// TestWorkerThatWritesNothing: work whose handler has forgotten to write is not lost without a word.
func TestWorkerThatWritesNothing(t *testing.T) {
	cluster := testDeployment(t, videoGraph)
	w := newEventWriter(t, cluster)
	w.write(kgo.TryCommit, work(t, 1, "a", graph.Stale))
	runWorker(t, WorkerOptions{Cluster: cluster, Features: rawWork, Handle: func(context.Context, *Job) error { return nil }})
	records := awaitFailures(t, cluster, "", 1)
	f, err := schema.DecodeFailure(records[0].Value)
	if err != nil || f.Type != "NoAnswer" || !strings.Contains(f.Message, "Job.Put") {
		t.Errorf("the failure is %+v, %v", f, err)
	}
}
