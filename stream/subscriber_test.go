package stream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/schema"
)

// eventWriter writes staleness records as the processor does, in transactions.
type eventWriter struct {
	t      *testing.T
	client *kgo.Client
}

func newEventWriter(t *testing.T, cluster Cluster) *eventWriter {
	t.Helper()
	client, err := Connect(testContext(t), cluster, kgo.TransactionalID("events"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &eventWriter{t, client}
}

func (w *eventWriter) write(end kgo.TransactionEndTry, records ...*kgo.Record) {
	w.t.Helper()
	ctx := testContext(w.t)
	if err := w.client.BeginTransaction(); err != nil {
		w.t.Fatal(err)
	}
	if err := w.client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		w.t.Fatal(err)
	}
	if err := w.client.EndTransaction(ctx, end); err != nil {
		w.t.Fatal(err)
	}
}

// event is a record of a staleness topic; status Fresh is a tombstone.
func event(t *testing.T, feature graph.FeatureKey, id int, status graph.Status) *kgo.Record {
	t.Helper()
	key := fmt.Sprintf(`{"video_id":%d}`, id)
	r := &kgo.Record{Topic: DefaultNamespace.Staleness(feature), Key: []byte(key), Headers: []kgo.RecordHeader{{Key: "status", Value: []byte(status.String())}}}
	if status == graph.Fresh {
		return r
	}
	s := schema.Staleness{Feature: feature, Scope: graph.ScopeSample, Status: status}
	s.EventID, s.Key = fmt.Sprint(feature, id, status), key
	value, err := s.Append(nil, schema.StalenessSchema().Frame())
	if err != nil {
		t.Fatal(err)
	}
	r.Value = value
	return r
}

func testSubscriber(t *testing.T, opts SubscriberOptions) *Subscriber {
	t.Helper()
	s, err := Subscribe(testContext(t), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// pollN polls until n events have come, and renders them.
func pollN(t *testing.T, s *Subscriber, n int) map[string]int {
	t.Helper()
	ctx := testContext(t)
	seen := map[string]int{}
	for got := 0; got < n; {
		events, err := s.Poll(ctx)
		if err != nil {
			t.Fatalf("after %d of %d events, %v: %v", got, n, seen, err)
		}
		got += len(events)
		for _, e := range events {
			text := "FRESH"
			switch {
			case e.Err != nil:
				text = "ERROR"
			case !e.Fresh():
				text = e.Staleness.Status.String()
			}
			if e.Err == nil && !strings.EqualFold(e.Header("status"), text) {
				t.Errorf("header status is %q and the event %s", e.Header("status"), text)
			}
			seen[fmt.Sprintf("%s %s %s", e.Feature, e.Key, text)]++
		}
	}
	return seen
}

func wantEvents(t *testing.T, got map[string]int, want ...string) {
	t.Helper()
	for _, w := range want {
		if got[w] != 1 {
			t.Errorf("event %q came %d times", w, got[w])
		}
		delete(got, w)
	}
	for e := range got {
		t.Errorf("event %q was not written, or is not for this subscriber", e)
	}
}

func TestSubscriberWithoutGroup(t *testing.T) {
	cluster := testDeployment(t, videoGraph)
	w := newEventWriter(t, cluster)
	w.write(kgo.TryCommit, event(t, "video/raw", 1, graph.Stale), event(t, "video/chunk", 1, graph.New))
	w.write(kgo.TryAbort, event(t, "video/raw", 2, graph.Stale))

	all := testSubscriber(t, SubscriberOptions{Cluster: cluster})
	one := testSubscriber(t, SubscriberOptions{Cluster: cluster, Features: []graph.FeatureKey{"video/raw"}, MaxEvents: 1})
	end := testSubscriber(t, SubscriberOptions{Cluster: cluster, FromEnd: true})
	broken := event(t, "video/raw", 4, graph.Stale)
	broken.Value = []byte("what is this")
	w.write(kgo.TryCommit, event(t, "video/raw", 1, graph.Fresh), event(t, "video/chunk", 3, graph.Awaiting), broken)

	wantEvents(t, pollN(t, all, 5), `video/raw {"video_id":1} STALE`, `video/chunk {"video_id":1} NEW`,
		`video/raw {"video_id":1} FRESH`, `video/chunk {"video_id":3} AWAITING`, `video/raw {"video_id":4} ERROR`)
	wantEvents(t, pollN(t, one, 3), `video/raw {"video_id":1} STALE`, `video/raw {"video_id":1} FRESH`, `video/raw {"video_id":4} ERROR`)
	wantEvents(t, pollN(t, end, 3), `video/raw {"video_id":1} FRESH`, `video/chunk {"video_id":3} AWAITING`, `video/raw {"video_id":4} ERROR`)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := all.Poll(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := all.Commit(testContext(t)); err == nil || !strings.Contains(err.Error(), "Group") {
		t.Errorf("a commit without a group: %v", err)
	}
}

func TestSubscriberInAGroupGoesOnWhereItCommitted(t *testing.T) {
	cluster := testDeployment(t, videoGraph)
	w := newEventWriter(t, cluster)
	w.write(kgo.TryCommit, event(t, "video/raw", 1, graph.Stale), event(t, "video/raw", 2, graph.Stale))
	opts := SubscriberOptions{Cluster: cluster, Group: "workers"}
	for _, features := range [][]graph.FeatureKey{nil, {"video/raw"}} {
		opts.Features = features
		first := testSubscriber(t, opts)
		pollN(t, first, 2)
		if features == nil {
			first.Close() // without a commit: both come again
		} else {
			if err := first.Commit(testContext(t)); err != nil {
				t.Fatal(err)
			}
			first.Close()
		}
	}
	w.write(kgo.TryCommit, event(t, "video/raw", 3, graph.New))
	wantEvents(t, pollN(t, testSubscriber(t, opts), 1), `video/raw {"video_id":3} NEW`)
}

// A group that throws its member out, as one does whose coordinator is lost, is joined again; one that will not have it is
// an error.
func TestSubscriberJoinsItsGroupAgain(t *testing.T) {
	b := testBroker(t, "")
	cluster := b.Cluster()
	g := testGraph(t, videoGraph)
	testTopics(t, cluster, "", g)
	if _, err := testGraphLog(t, cluster).Publish(testContext(t), g); err != nil {
		t.Fatal(err)
	}
	w := newEventWriter(t, cluster)
	w.write(kgo.TryCommit, event(t, "video/raw", 1, graph.Stale))
	refuse := func(why *kerr.Error) {
		b.cluster.ControlKey(kmsg.JoinGroup.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
			answer := kmsg.NewPtrJoinGroupResponse()
			answer.Version, answer.ErrorCode = req.GetVersion(), why.Code
			return answer, nil, true
		})
	}
	refuse(kerr.UnknownServerError)
	s := testSubscriber(t, SubscriberOptions{Cluster: cluster, Group: "workers"})
	wantEvents(t, pollN(t, s, 1), `video/raw {"video_id":1} STALE`)

	refuse(kerr.GroupAuthorizationFailed)
	s = testSubscriber(t, SubscriberOptions{Cluster: cluster, Group: "others"})
	if _, err := s.Poll(testContext(t)); !errors.Is(err, kerr.GroupAuthorizationFailed) || !strings.Contains(err.Error(), "join group others") {
		t.Errorf("a group that refuses: %v", err)
	}
}

// A feature that comes later is read from its beginning, whatever the start of the others.
func TestSubscriberFindsNewFeatures(t *testing.T) {
	cluster := testDeployment(t, videoGraph)
	w := newEventWriter(t, cluster)
	end := testSubscriber(t, SubscriberOptions{Cluster: cluster, FromEnd: true, DiscoverEvery: 250 * time.Millisecond})
	group := testSubscriber(t, SubscriberOptions{Cluster: cluster, Group: "workers", DiscoverEvery: 250 * time.Millisecond})
	testTopics(t, cluster, "", testGraph(t, videoGraph+`
  - key: video/late
    id_columns: [video_id]
    deps: [video/raw]
`))
	w.write(kgo.TryCommit, event(t, "video/late", 1, graph.New))
	for _, s := range []*Subscriber{end, group} {
		wantEvents(t, pollN(t, s, 1), `video/late {"video_id":1} NEW`)
	}
}

func TestSubscriberOptions(t *testing.T) {
	cluster := testDeployment(t, videoGraph)
	for _, c := range []struct {
		opts SubscriberOptions
		want string
	}{
		{SubscriberOptions{Cluster: cluster, Group: "g", FromEnd: true}, `FromEnd and Group "g"`},
		{SubscriberOptions{Cluster: cluster, MaxEvents: -1}, "MaxEvents -1"},
		{SubscriberOptions{Cluster: cluster, DiscoverEvery: 1}, "DiscoverEvery 1ns"},
		{SubscriberOptions{Cluster: cluster, DiscoverEvery: time.Second, Features: []graph.FeatureKey{"video/raw"}}, "DiscoverEvery and Features"},
		{SubscriberOptions{Cluster: cluster, Namespace: ".."}, "namespace"},
		{SubscriberOptions{}, "--brokers"},
		{SubscriberOptions{Cluster: cluster, Features: []graph.FeatureKey{"video/none"}}, "feature video/none has no topic freshline.staleness.video.none"},
	} {
		if _, err := Subscribe(testContext(t), c.opts); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
}
