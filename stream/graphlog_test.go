package stream

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
)

func testGraphLog(t *testing.T, cluster Cluster) *GraphLog {
	t.Helper()
	log, err := OpenGraphLog(testContext(t), cluster, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(log.Close)
	return log
}

func TestGraphLog(t *testing.T) {
	ctx := testContext(t)
	cluster := testBroker(t, "").Cluster()
	log := testGraphLog(t, cluster)
	if _, err := log.ReadAll(ctx); err == nil || !strings.Contains(err.Error(), "freshline topics create") {
		t.Errorf("without the topic: %v", err)
	}
	testTopics(t, cluster, "", nil)
	if pushes, err := log.ReadAll(ctx); err != nil || len(pushes) != 0 {
		t.Errorf("an empty topic: %v, %v", pushes, err)
	}

	g := testGraph(t, videoGraph)
	for want := range int64(2) {
		if number, err := log.Publish(ctx, g); err != nil || number != want {
			t.Fatalf("publish gave %d, %v", number, err)
		}
	}
	if err := produceOne(ctx, log.client, &kgo.Record{Topic: "freshline.graph", Key: []byte("foreign"), Value: []byte("features: 7")}); err != nil {
		t.Fatal(err)
	}
	if number, err := log.Publish(ctx, g); err != nil || number != 3 {
		t.Fatalf("publish gave %d, %v", number, err)
	}

	pushes, err := log.ReadAll(ctx)
	if err != nil || len(pushes) != 4 {
		t.Fatalf("read %v, %v", pushes, err)
	}
	ids := map[string]bool{}
	for i, p := range pushes {
		ids[p.ID] = true
		switch {
		case p.Number != int64(i) || p.Time.IsZero():
			t.Errorf("push %d: %+v", i, p)
		case i == 2:
			if p.Graph != nil || p.Err == nil || !strings.Contains(p.Err.Error(), "offset 2") || !strings.Contains(p.Err.Error(), "foreign") {
				t.Errorf("a record that is no graph: %+v", p)
			}
		case p.Err != nil || !bytes.Equal(p.Graph.Canonical(), g.Canonical()) || len(p.ID) != 32:
			t.Errorf("push %d: %+v", i, p)
		}
	}
	if len(ids) != 4 {
		t.Errorf("push ids are not unique: %v", ids)
	}
}

func TestGraphLogRefusesALargeGraph(t *testing.T) {
	log := testGraphLog(t, testBroker(t, "").Cluster())
	g := &graph.Graph{}
	for range 1000 {
		g.Features = append(g.Features, &graph.Feature{Key: graph.FeatureKey(strings.Repeat("a", 1000)), IDColumns: []string{"id"}})
	}
	if _, err := log.Publish(testContext(t), g); err == nil || !strings.Contains(err.Error(), "900000 are the limit") {
		t.Errorf("got %v", err)
	}
}

// runTail runs a follower until the test ends.
func runTail(t *testing.T, run func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the follower ended with %v", err)
		}
	})
}

func TestGraphTail(t *testing.T) {
	ctx := testContext(t)
	cluster := testBroker(t, "").Cluster()
	testTopics(t, cluster, "", nil)
	log := testGraphLog(t, cluster)
	tail := NewGraphTail(cluster, "")
	runTail(t, tail.Run)

	if pushes, err := tail.SyncToEnd(ctx); err != nil || len(pushes) != 0 {
		t.Fatalf("an empty topic: %v, %v", pushes, err)
	}
	g := testGraph(t, videoGraph)
	for range 3 {
		if _, err := log.Publish(ctx, g); err != nil {
			t.Fatal(err)
		}
	}
	pushes, err := tail.SyncToEnd(ctx)
	if err != nil || len(pushes) != 3 || pushes[2].Number != 2 {
		t.Fatalf("got %v, %v", pushes, err)
	}
	select {
	case <-tail.Ready():
	default:
		t.Error("three pushes came and nothing was said")
	}
	if pushes, err := tail.SyncToEnd(ctx); err != nil || len(pushes) != 0 {
		t.Fatalf("handed out twice: %v, %v", pushes, err)
	}

	if _, err := log.Publish(ctx, g); err != nil {
		t.Fatal(err)
	}
	select {
	case <-tail.Ready():
	case <-ctx.Done():
		t.Fatal("a push came and nothing was said")
	}
	if pushes := tail.Take(); len(pushes) != 1 || pushes[0].Number != 3 {
		t.Errorf("got %v", pushes)
	}
}

// The end of a log that a transaction has written is a marker; an aborted push is none.
func TestGraphTailPassesMarkers(t *testing.T) {
	ctx := testContext(t)
	cluster := testBroker(t, "").Cluster()
	testTopics(t, cluster, "", nil)
	tail := NewGraphTail(cluster, "")
	runTail(t, tail.Run)
	writer, err := Connect(ctx, cluster, kgo.TransactionalID("w"))
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	for _, end := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort} {
		if err := writer.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		record := &kgo.Record{Topic: "freshline.graph", Key: []byte("k"), Value: testGraph(t, videoGraph).Canonical()}
		if err := produceOne(ctx, writer, record); err != nil {
			t.Fatal(err)
		}
		if err := writer.EndTransaction(ctx, end); err != nil {
			t.Fatal(err)
		}
	}
	if pushes, err := tail.SyncToEnd(ctx); err != nil || len(pushes) != 1 {
		t.Errorf("got %v, %v", pushes, err)
	}
}

func TestGraphTailEnds(t *testing.T) {
	cluster := testBroker(t, "").Cluster()
	tail := NewGraphTail(cluster, "")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- tail.Run(ctx) }()
	if _, err := tail.SyncToEnd(ctx); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("without the topic: %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run gave %v", err)
	}
	if _, err := tail.SyncToEnd(testContext(t)); err == nil {
		t.Error("a follower that has ended read to the end")
	}
}
