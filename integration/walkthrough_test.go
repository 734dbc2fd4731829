package integration_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/integration"
	"github.com/freshline/freshline/stream"
	"github.com/freshline/freshline/stream/walkthrough"
)

var (
	runsFlag = flag.Int("walkthrough.runs", 0, "how `often` the walk-through is played with each kind of kill; 0: a few times")
	seedFlag = flag.Uint64("walkthrough.seed", 0, "play the walk-through with this `seed` of kills only, as a failed run has printed it")
)

const (
	// walkLimit bounds one run of the walk-through; it takes some seconds with kills on an idle machine.
	walkLimit = time.Minute
	// walkRuns is how often it is played unless the flag says otherwise.
	walkRuns = 3
)

// TestWalkThrough plays the walk-through with the processor as a separate process.
func TestWalkThrough(t *testing.T) {
	walked := walk(t, nil)
	t.Logf("ready after %s; %s", walked.restart.Round(time.Millisecond), walked)
}

// TestWalkThroughKilled plays it with a processor that is killed at a random moment of each step and starts
// again at once. The outcome must be the same whatever Badger it starts with.
func TestWalkThroughKilled(t *testing.T) {
	plain := walk(t, nil)
	runs := walkRuns
	if *runsFlag > 0 {
		runs = *runsFlag
	}
	for kind := stateKept; kind <= stateOlder; kind++ {
		t.Run(kind.String(), func(t *testing.T) {
			kills, records := 0, 0
			for i := range runs {
				seed := *seedFlag
				if seed == 0 {
					seed = uint64(time.Now().UnixNano()) + uint64(i)
				}
				t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
					k := newKiller(kind, seed, plain)
					t.Cleanup(func() {
						if t.Failed() {
							t.Logf("play it again with -run '%s/%s' -walkthrough.seed %d", "TestWalkThroughKilled", kind, seed)
						}
					})
					walked := walk(t, k)
					t.Logf("%s\n%s", k, walked)
					kills, records = kills+k.kills, records+walked.records
				})
			}
			t.Logf("%d runs, %d kills, %d events checked", runs, kills, records)
		})
	}
}

// walked is how one run went.
type walked struct {
	took    [5]time.Duration // by step
	restart time.Duration    // from the start of the processor to its readiness
	records int              // that the verifier has read
}

func (w *walked) String() string {
	return fmt.Sprintf("%d events; the steps took %v", w.records, w.took[1:])
}

// walk plays the walk-through in a namespace of its own, with a killer or without, and checks what came of it.
func walk(t *testing.T, k *killer) *walked {
	t.Helper()
	ctx, cancel := context.WithCancelCause(deadline(t, walkLimit))
	defer cancel(nil)
	ns := stream.Namespace(shortNamespace())
	deleteLater(t, ns)
	o := walkthrough.Options{
		Cluster: stream.Cluster{Brokers: broker.Brokers()}, Namespace: ns,
		Topics: stream.TopicOptions{Partitions: 4, SamplePartitions: 2},
	}
	if k != nil {
		o.Topics.Partitions, o.Topics.SamplePartitions = 1+k.rng.IntN(6), 1+k.rng.IntN(3)
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
	w := &walked{restart: time.Since(p.life.began)}
	k.attach(ctx, p, cancel)
	begin := time.Now()
	step := 0
	next := func(ctx context.Context, n int) error {
		p.note("step %d begins", n)
		w.took[step], begin, step = time.Since(begin), time.Now(), n
		return k.next(n)
	}
	o.Before = next
	o.Tell = func(l walkthrough.Line) {
		p.note("step %d: %s", l.Step, l.Text)
		k.tell()
	}
	results, err := walkthrough.Play(ctx, o)
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(err, cause) {
		err = errors.Join(err, cause)
	}
	err = errors.Join(err, next(ctx, 5))
	if err == nil {
		err = walkthrough.Check(results)
	}
	if err == nil {
		err = p.awaitReady(ctx)
	}
	if err == nil {
		err = oneMore(ctx, o)
	}
	if err == nil {
		err = p.stop(ctx)
	}
	if err != nil {
		t.Error(err)
		_ = p.kill() // what is told next should not move any more
	}
	want := map[walkthrough.Kind]int{{Feature: "video/chunk", Status: graph.New}: 1} // of oneMore
	for _, r := range walkthrough.Want() {
		for kind, n := range r.Events {
			want[kind] += n
		}
	}
	v := verify(context.WithoutCancel(ctx), t, ns)
	if err := v.check(want, 1); err != nil {
		t.Error(err)
	}
	if t.Failed() {
		t.Logf("the staleness topics hold:\n%s", strings.Join(v.story, "\n"))
	}
	w.records = v.records()
	return w
}

// oneMore writes one more video and waits for its event: the processor still does its work after all that has
// happened to it, and what it should not have emitted is in the topics by then.
func oneMore(ctx context.Context, o walkthrough.Options) error {
	producer, err := stream.NewProducer(ctx, stream.ProducerOptions{Cluster: o.Cluster, Namespace: o.Namespace})
	if err != nil {
		return err
	}
	defer producer.Close()
	err = producer.Put(ctx, "video/raw", stream.Sample{
		Columns:    map[string]any{"video_id": 4, "path": "video4.mp4"},
		Provenance: map[string]string{"audio": "v4", "frames": "v4"},
	})
	if err == nil {
		err = producer.Flush(ctx)
	}
	if err != nil {
		return err
	}
	events, err := stream.Subscribe(ctx, stream.SubscriberOptions{
		Cluster: o.Cluster, Namespace: o.Namespace, Features: []graph.FeatureKey{"video/chunk"},
	})
	if err != nil {
		return err
	}
	defer events.Close()
	return awaitKey(ctx, events, map[string]int{}, `{"video_id":4}`)
}

// shortNamespace is one of its own for each run.
func shortNamespace() string { return fmt.Sprintf("walk-%d", time.Now().UnixNano()) }

// deleteLater removes what a test leaves on a broker that outlives it.
func deleteLater(t *testing.T, ns stream.Namespace) {
	if broker.Kind() != integration.NamedBroker {
		return
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		admin := kadm.NewClient(newClient(t, broker.Brokers()))
		topics, err := admin.ListTopics(ctx)
		if err != nil {
			return
		}
		var names []string
		for _, name := range topics.Names() {
			if strings.HasPrefix(name, string(ns)+".") {
				names = append(names, name)
			}
		}
		_, _ = admin.DeleteTopics(ctx, names...)
		_, _ = admin.DeleteGroups(ctx, ns.Group())
	})
}
