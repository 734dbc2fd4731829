package integration_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream"
	"github.com/freshline/freshline/stream/walkthrough"
)

const (
	restarts = 10
	// burst is how many videos are written just before a kill: it then falls into epochs.
	burst = 200
	// restartLimit lies below the timeouts of transactions (10 s) and of the group's sessions (20 s): a restart that
	// waits for either is seen.
	restartLimit = 8 * time.Second
)

// TestWriteWhileDown kills the processor, idle and at work, writes a video while it is down, and measures how long
// after the start its event is there.
func TestWriteWhileDown(t *testing.T) {
	ctx := deadline(t, walkLimit)
	ns := stream.Namespace(shortNamespace())
	deleteLater(t, ns)
	o := walkthrough.Options{
		Cluster: stream.Cluster{Brokers: broker.Brokers()}, Namespace: ns,
		Topics: stream.TopicOptions{Partitions: 4, SamplePartitions: 2},
	}
	if err := walkthrough.Prepare(ctx, o); err != nil {
		t.Fatal(err)
	}
	p := newProcess(t, string(ns))
	if err := p.start(); err != nil {
		t.Fatal(err)
	}
	if err := p.awaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	producer, err := stream.NewProducer(ctx, stream.ProducerOptions{Cluster: o.Cluster, Namespace: ns})
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	events, err := stream.Subscribe(ctx, stream.SubscriberOptions{
		Cluster: o.Cluster, Namespace: ns, Features: []graph.FeatureKey{"video/chunk"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer events.Close()

	seen := map[string]int{}
	written := 0
	write := func(n int) error {
		for range n {
			written++
			err := producer.Put(ctx, "video/raw", stream.Sample{
				Columns:    map[string]any{"video_id": written, "path": fmt.Sprintf("video%d.mp4", written)},
				Provenance: map[string]string{"audio": "v1", "frames": "v1"},
			})
			if err != nil {
				return err
			}
		}
		return producer.Flush(ctx)
	}
	for _, busy := range []bool{false, true} {
		var took []time.Duration
		for range restarts {
			err := error(nil)
			if busy {
				err = write(burst)
			}
			down := time.Now()
			err = errors.Join(err, p.kill(), write(1), p.start())
			if err == nil {
				err = awaitKey(ctx, events, seen, fmt.Sprintf(`{"video_id":%d}`, written))
			}
			took = append(took, time.Since(down))
			if err == nil && busy {
				err = awaitAll(ctx, events, seen, written)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		slices.Sort(took)
		if most := took[restarts-1]; most > restartLimit {
			t.Errorf("a restart took %s: it has waited for something to time out", most)
		}
		t.Logf("busy %t: from the kill to the event of a write made while down %s, %s at least, %s at most",
			busy, took[restarts/2].Round(time.Millisecond), took[0].Round(time.Millisecond), took[restarts-1].Round(time.Millisecond))
	}
	if err := p.stop(ctx); err != nil {
		t.Error(err)
	}
	v := verify(ctx, t, ns)
	want := map[walkthrough.Kind]int{{Feature: "video/chunk", Scope: graph.ScopeInput, Status: graph.New}: written}
	if err := v.check(want, written); err != nil {
		t.Error(err)
	}
}

// awaitKey waits until a key has an event, and counts what comes meanwhile.
func awaitKey(ctx context.Context, events *stream.Subscriber, seen map[string]int, key string) error {
	return awaitSeen(ctx, events, seen, "an event of "+key, func() bool { return seen[key] > 0 })
}

// awaitAll waits until so many keys have had an event.
func awaitAll(ctx context.Context, events *stream.Subscriber, seen map[string]int, n int) error {
	return awaitSeen(ctx, events, seen, fmt.Sprintf("events of %d keys", n), func() bool { return len(seen) >= n })
}

func awaitSeen(ctx context.Context, events *stream.Subscriber, seen map[string]int, what string, done func() bool) error {
	for !done() {
		list, err := events.Poll(ctx)
		if err != nil {
			return fmt.Errorf("wait for %s, %d keys were seen: %w", what, len(seen), err)
		}
		for _, e := range list {
			if e.Err != nil {
				return e.Err
			}
			seen[string(e.Key)]++
		}
	}
	return nil
}
