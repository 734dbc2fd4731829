package stream

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
)

func collect(t *testing.T, cluster Cluster, features ...graph.FeatureKey) []Event {
	t.Helper()
	var events []Event
	for e, err := range Worklist(testContext(t), cluster, "", nil, features...) {
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	return events
}

// The work list equals the newest event of each key, whatever was committed, aborted and compacted.
func TestWorklist(t *testing.T) {
	b := testBroker(t, "")
	cluster := b.Cluster()
	testTopics(t, cluster, "", testGraph(t, videoGraph))
	if events := collect(t, cluster); len(events) != 0 {
		t.Errorf("nothing was written: %v", events)
	}
	w := newEventWriter(t, cluster)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	want := map[string]string{}
	for round := range 12 {
		var records []*kgo.Record
		end := kgo.TransactionEndTry(random.IntN(4) > 0)
		for range 20 {
			feature := []graph.FeatureKey{"video/raw", "video/chunk"}[random.IntN(2)]
			status := graph.Status(random.IntN(int(graph.Failed) + 1))
			r := event(t, feature, random.IntN(15), status)
			records = append(records, r)
			if end == kgo.TryCommit {
				name := string(feature) + " " + string(r.Key)
				if want[name] = status.String(); status == graph.Fresh {
					delete(want, name)
				}
			}
		}
		w.write(end, records...)
		if round%4 == 3 {
			b.Compact()
		}
		events := collect(t, cluster)
		got := map[string]string{}
		for _, e := range events {
			got[string(e.Feature)+" "+string(e.Key)] = e.Staleness.Status.String()
		}
		if len(events) != len(got) || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("round %d: got\n%v\nwant\n%v", round, got, want)
		}
		if !slices.IsSortedFunc(events, func(a, b Event) int {
			return strings.Compare(fmt.Sprint(a.Feature, " ", a.Partition, " ", string(a.Key)), fmt.Sprint(b.Feature, " ", b.Partition, " ", string(b.Key)))
		}) {
			t.Errorf("not in order: %v", events)
		}
	}

	chosen := collect(t, cluster, "video/raw", "video/chunk")
	if len(chosen) != len(want) || len(chosen) > 0 && chosen[0].Feature != "video/raw" {
		t.Errorf("chosen features: %d events, the first of %s", len(chosen), chosen[0].Feature)
	}
	for range Worklist(testContext(t), cluster, "", nil) {
		break // to stop early leaves nothing behind
	}
	for _, err := range Worklist(testContext(t), cluster, "", nil, "video/none") {
		if err == nil || !strings.Contains(err.Error(), "video/none") {
			t.Errorf("a feature that nobody has: %v", err)
		}
	}
}

func TestCounts(t *testing.T) {
	ctx := testContext(t)
	cluster := testDeployment(t, videoGraph)
	p := testProducer(t, cluster)
	provenance := map[string]string{"audio": "a", "frames": "f"}
	for id := range 5 {
		if err := p.Put(ctx, "video/raw", Sample{Columns: map[string]any{"video_id": id}, Provenance: provenance}); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Delete(ctx, "video/raw", map[string]any{"video_id": 0}); err != nil {
		t.Fatal(err)
	}
	deleted := &graph.Record{Columns: []graph.Column{{Name: "video_id", Value: graph.Int(1)}}, DeletedAt: graph.Timestamp(1, 0)}
	if err := p.PutRecord(ctx, "video/raw", deleted); err != nil {
		t.Fatal(err)
	}
	if err := p.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	// A record that cannot be decoded changes nothing (R7).
	if err := produceOne(ctx, p.client, &kgo.Record{Topic: "freshline.sample.video.raw", Key: []byte(`{"video_id":2}`), Value: []byte("?")}); err != nil {
		t.Fatal(err)
	}
	w := newEventWriter(t, cluster)
	w.write(kgo.TryCommit,
		event(t, "video/raw", 1, graph.Stale), event(t, "video/raw", 2, graph.Orphaned), event(t, "video/raw", 1, graph.Fresh),
		event(t, "video/chunk", 1, graph.New), event(t, "video/chunk", 2, graph.New), event(t, "video/chunk", 3, graph.Awaiting),
		event(t, "video/chunk", 4, graph.Failed), event(t, "video/chunk", 4, graph.Stale))

	counts, err := Counts(ctx, cluster, "", p.schemas, testGraph(t, videoGraph))
	want := []FeatureCounts{
		{Feature: "video/raw", Samples: 3, Unreadable: 1, Orphaned: 1},
		{Feature: "video/chunk", New: 2, Awaiting: 1, Stale: 1},
	}
	if err != nil || !slices.Equal(counts, want) {
		t.Errorf("got %+v, %v", counts, err)
	}
}
