package stream

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
)

// testProcessor runs a processor until the test ends, or until stop is called.
func testProcessor(t *testing.T, o ProcessorOptions) (stop func()) {
	t.Helper()
	if os.Getenv("FRESHLINE_TEST_LOG") != "" {
		o.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
		o.Cluster.Log = o.Log
	}
	p, err := NewProcessor(o)
	if err != nil {
		t.Fatal(err)
	}
	return runProcessor(t, p)
}

// runProcessor runs a processor until the test ends, or until stop is called.
func runProcessor(t *testing.T, p *Processor) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the processor ended with: %v", err)
		}
	}
	t.Cleanup(stop)
	select {
	case <-p.Ready():
	case err := <-done:
		t.Fatalf("the processor ended: %v", err)
	case <-testContext(t).Done():
		t.Fatal("the processor is not ready")
	}
	return stop
}

func publishGraph(t *testing.T, cluster Cluster, ns Namespace, text string) {
	t.Helper()
	log, err := OpenGraphLog(testContext(t), cluster, ns)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	if _, err := log.Publish(testContext(t), testGraph(t, text)); err != nil {
		t.Fatal(err)
	}
}

func openProducer(t *testing.T, cluster Cluster, ns Namespace) *Producer {
	t.Helper()
	p, err := NewProducer(testContext(t), ProducerOptions{Cluster: cluster, Namespace: ns})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// outstandingNow reads the work list of all features: record key → status.
func outstandingNow(t *testing.T, cluster Cluster, ns Namespace) map[string]string {
	t.Helper()
	list := map[string]string{}
	for e, err := range Worklist(testContext(t), cluster, ns, nil) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Err != nil {
			t.Fatal(e.Err)
		}
		list[fmt.Sprintf("%s %s", e.Feature, e.Key)] = e.Staleness.Status.String()
	}
	return list
}

// awaitWork waits until the work list has so many entries.
func awaitWork(t *testing.T, cluster Cluster, ns Namespace, n int) map[string]string {
	t.Helper()
	ctx := testContext(t)
	sub, err := Subscribe(ctx, SubscriberOptions{Cluster: cluster, Namespace: ns})
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	open := map[string]bool{}
	for {
		events, err := sub.Poll(ctx)
		if err != nil {
			t.Fatalf("waiting for %d entries of the work list, there are %d: %v", n, len(open), err)
		}
		for _, e := range events {
			key := string(e.Feature) + string(e.Key)
			if open[key] = true; e.Fresh() {
				delete(open, key)
			}
		}
		if len(open) == n {
			return outstandingNow(t, cluster, ns)
		}
	}
}

func putVideo(t *testing.T, p *Producer, id int, version string) {
	t.Helper()
	err := p.Put(testContext(t), "video/raw", Sample{
		Columns:    map[string]any{"video_id": id, "path": fmt.Sprintf("video%d.mp4", id)},
		Provenance: map[string]string{"audio": version, "frames": version},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestProcessorEmitsAndRecovers(t *testing.T) {
	broker := testBroker(t, "")
	cluster, ns := broker.Cluster(), Namespace("test")
	testTopics(t, cluster, ns, testGraph(t, videoGraph))
	publishGraph(t, cluster, ns, videoGraph)
	dir := t.TempDir()
	options := ProcessorOptions{Cluster: cluster, Namespace: ns, StateDir: dir, InstanceID: "one"}
	stop := testProcessor(t, options)
	producer := openProducer(t, cluster, ns)
	for id := range 3 {
		putVideo(t, producer, id, "v1")
	}
	if err := producer.Flush(testContext(t)); err != nil {
		t.Fatal(err)
	}
	got := awaitWork(t, cluster, ns, 3)
	for id := range 3 {
		if key := fmt.Sprintf(`video/chunk {"video_id":%d}`, id); got[key] != graph.New.String() {
			t.Errorf("%s is %q, want NEW: %v", key, got[key], got)
		}
	}
	stop()

	for _, how := range []string{"with its state", "without its state"} {
		if how == "without its state" {
			options.StateDir = t.TempDir()
		}
		before := stalenessEnds(t, cluster, ns)
		stop = testProcessor(t, options)
		id := 100 + len(how)
		putVideo(t, producer, id, "v1")
		if err := producer.Flush(testContext(t)); err != nil {
			t.Fatal(err)
		}
		awaitKey(t, cluster, ns, fmt.Sprintf(`{"video_id":%d}`, id))
		if after := stalenessEnds(t, cluster, ns); after != before+1 {
			t.Errorf("%s: the topics had %d records and have %d, want one more", how, before, after)
		}
		stop()
	}
}

// TestLag: samples that no processor has read are counted, and transaction markers are not.
func TestLag(t *testing.T) {
	broker := testBroker(t, "")
	cluster, ns := broker.Cluster(), Namespace("lag")
	g := testGraph(t, videoGraph)
	testTopics(t, cluster, ns, g)
	publishGraph(t, cluster, ns, videoGraph)
	producer := openProducer(t, cluster, ns)
	lag := func() int64 {
		t.Helper()
		n, err := Lag(testContext(t), cluster, ns, g)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for id := range 3 {
		putVideo(t, producer, id, "v1")
	}
	if err := producer.Flush(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if n := lag(); n != 3 {
		t.Errorf("before a processor runs %d records are still to be read, want 3", n)
	}
	stop := testProcessor(t, ProcessorOptions{Cluster: cluster, Namespace: ns, InstanceID: "one"})
	awaitWork(t, cluster, ns, 3)
	if err := AwaitDrained(testContext(t), cluster, ns, g); err != nil {
		t.Fatal(err)
	}
	stop()
	if n := lag(); n != 0 {
		t.Errorf("when all is done %d records are still to be read", n)
	}
	putVideo(t, producer, 3, "v1")
	if err := producer.Flush(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if n := lag(); n != 1 {
		t.Errorf("with the processor gone %d records are still to be read, want 1", n)
	}
}

// TestPartitionsOfASampleTopicStay: a sample topic that has grown since its feature was published is
// refused, since the same sample may lie in two partitions (R2).
func TestPartitionsOfASampleTopicStay(t *testing.T) {
	broker := testBroker(t, "")
	cluster, ns := broker.Cluster(), Namespace("grown")
	testTopics(t, cluster, ns, testGraph(t, videoGraph))
	publishGraph(t, cluster, ns, videoGraph)
	client, err := Connect(testContext(t), cluster)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := kadm.NewClient(client).CreatePartitions(testContext(t), 2, ns.Sample(&graph.Feature{Key: "video/raw"})); err != nil {
		t.Fatal(err)
	}
	p, err := NewProcessor(ProcessorOptions{Cluster: cluster, Namespace: ns, InstanceID: "one"})
	if err != nil {
		t.Fatal(err)
	}
	err = p.Run(testContext(t))
	if err == nil || !strings.Contains(err.Error(), "had 2 partitions when its feature was published and has 4") {
		t.Errorf("the processor ended with: %v", err)
	}
}

// stalenessEnds counts the records that the staleness topics hold.
func stalenessEnds(t *testing.T, cluster Cluster, ns Namespace) (n int) {
	t.Helper()
	client, err := Connect(testContext(t), cluster)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	topics, err := stalenessTopics(testContext(t), client, ns, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := readTopics(testContext(t), cluster, client, topics, func(*kgo.Record) error { n++; return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

// awaitKey waits for an event of a key.
func awaitKey(t *testing.T, cluster Cluster, ns Namespace, key string) {
	t.Helper()
	ctx := testContext(t)
	sub, err := Subscribe(ctx, SubscriberOptions{Cluster: cluster, Namespace: ns})
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	for {
		events, err := sub.Poll(ctx)
		if err != nil {
			t.Fatalf("waiting for key %s: %v", key, err)
		}
		for _, e := range events {
			if string(e.Key) == key {
				return
			}
		}
	}
}
