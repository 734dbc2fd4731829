package stream

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// topicTail follows a topic of one partition from its start: the graph topic, the schema topic. It
// reads committed records only, in order, each once.
//
// In these topics the newest record is never one that compaction removes (their keys are unique,
// or a key has one value), so the position always comes to the end of the log.
type topicTail struct {
	cluster Cluster
	topic   string

	// apply takes one record. It runs in Run's goroutine, before the position passes the record.
	apply func(*kgo.Record)

	testSync func(context.Context) error // of tests: instead of what Run reads

	mu       sync.Mutex
	client   *kgo.Client   // while Run runs
	position int64         // offset after the last one seen
	failed   error         // why Run has ended
	moved    chan struct{} // closed, and replaced, when one of the above changes
}

func newTopicTail(cluster Cluster, topic string, apply func(*kgo.Record)) *topicTail {
	return &topicTail{cluster: cluster, topic: topic, apply: apply, moved: make(chan struct{})}
}

// errTailEnded is what a wait for a tail that has been told to end comes to.
var errTailEnded = errors.New("the follower has ended")

// Run follows the topic until ctx is done (nil) or the topic cannot be read. It runs once.
func (t *topicTail) Run(ctx context.Context) error {
	client, err := t.cluster.newClient(
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{t.topic: {0: kgo.NewOffset().AtStart()}}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxWait(500*time.Millisecond),
		// The end of the log may be the marker of a transaction; without it the position never comes there.
		kgo.KeepControlRecords(),
	)
	if err != nil {
		t.change(func() { t.failed = err })
		return err
	}
	defer client.Close()
	t.change(func() { t.client = client })
	err = t.follow(ctx, client)
	t.change(func() {
		t.client = nil
		if t.failed = err; err == nil {
			t.failed = errTailEnded
		}
	})
	return err
}

func (t *topicTail) follow(ctx context.Context, client *kgo.Client) error {
	for {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil
		}
		for _, e := range fetches.Errors() {
			return fmt.Errorf("read topic %s: %w", t.topic, e.Err)
		}
		var last *kgo.Record
		fetches.EachRecord(func(r *kgo.Record) {
			if !r.Attrs.IsControl() {
				t.apply(r)
			}
			last = r
		})
		if last != nil {
			t.change(func() { t.position = last.Offset + 1 })
		}
	}
}

// change changes the fields that mu guards and wakes those who wait for them.
func (t *topicTail) change(fn func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fn()
	close(t.moved)
	t.moved = make(chan struct{})
}

// wait returns when the condition holds, with an error when Run has ended before.
func (t *topicTail) wait(ctx context.Context, condition func() bool) error {
	for {
		t.mu.Lock()
		ok, failed, moved := condition(), t.failed, t.moved
		t.mu.Unlock()
		switch {
		case ok:
			return nil
		case failed != nil:
			return failed
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// SyncToEnd returns when everything has been applied that the topic held, committed, at the time of the call. Run
// must be running or be started meanwhile.
func (t *topicTail) SyncToEnd(ctx context.Context) error {
	if t.testSync != nil {
		return t.testSync(ctx)
	}
	var client *kgo.Client
	if err := t.wait(ctx, func() bool { client = t.client; return client != nil }); err != nil {
		return fmt.Errorf("read topic %s to its end: %w", t.topic, err)
	}
	end, err := committedEnd(ctx, client, t.topic)
	if err != nil {
		return away(ctx, err)
	}
	if err := t.wait(ctx, func() bool { return t.position >= end }); err != nil {
		return fmt.Errorf("read topic %s to offset %d: %w", t.topic, end, err)
	}
	return nil
}

// committedEnd is the last stable offset of a topic of one partition; 0 where the log is empty, since a position starts there.
func committedEnd(ctx context.Context, client *kgo.Client, topic string) (int64, error) {
	admin := kadm.NewClient(client)
	ends, err := admin.ListCommittedOffsets(ctx, topic)
	if err != nil {
		return 0, fmt.Errorf("find the end of topic %s: %w", topic, err)
	}
	end, ok := ends.Lookup(topic, 0)
	if !ok {
		end.Err = kerr.UnknownTopicOrPartition
	}
	switch {
	case errors.Is(end.Err, kerr.UnknownTopicOrPartition):
		return 0, fmt.Errorf("topic %s does not exist; create it with `freshline topics create`", topic)
	case end.Err != nil:
		return 0, fmt.Errorf("find the end of topic %s: %w", topic, end.Err)
	}
	starts, err := admin.ListStartOffsets(ctx, topic)
	if err != nil {
		return 0, fmt.Errorf("find the start of topic %s: %w", topic, err)
	}
	if start, ok := starts.Lookup(topic, 0); ok && start.Err == nil && start.Offset >= end.Offset {
		return 0, nil // records were deleted by hand; there is nothing to wait for
	}
	return end.Offset, nil
}
