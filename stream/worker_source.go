package stream

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// workSource reads the events of a Worker, and knows how far it is behind in each partition: a
// worker that starts reads much that a later event has taken back, and must not do it again.
type workSource struct {
	sub   *Subscriber
	admin *kadm.Client

	// Of the goroutine that polls.
	ends map[logPartitionName]int64 // where a partition ended when it was first read; gone once it has been read
	seen map[logPartitionName]bool

	// Of the goroutine that commits.
	committed map[string]map[int32]kgo.EpochOffset

	mu     sync.Mutex
	lost   []logPartitionName         // to other members, since takeLost
	forget []logPartitionName         // the same, since the last poll
	losses int64                      // how often some went
	lostAt map[logPartitionName]int64 // at which of these a partition went last
}

// logPartitionName names a partition.
type logPartitionName struct {
	topic     string
	partition int32
}

// workBatch is what one poll brought.
type workBatch struct {
	events []Event
	losses int64                     // of the source, when the poll returned
	behind map[logPartitionName]bool // partitions that have not been read to where they ended when the reading began
	err    error
}

// sourceIdle is how long nothing comes until a partition counts as read to its end, where its tail
// holds nothing but what compaction has cleaned.
const sourceIdle = 2 * time.Second

func openWorkSource(ctx context.Context, o WorkerOptions) (*workSource, error) {
	s := &workSource{ends: map[logPartitionName]int64{}, seen: map[logPartitionName]bool{}}
	opts := SubscriberOptions{Cluster: o.Cluster, Namespace: o.Namespace, Features: o.Features, Group: o.Group}
	if o.Registry != nil {
		opts.Schemas = o.Registry
	}
	extra := []kgo.Opt{kgo.KeepControlRecords()} // a log ends in a marker
	if o.Group != "" {
		lose := func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) { s.lose(partitions) }
		extra = append(extra, kgo.OnPartitionsRevoked(lose), kgo.OnPartitionsLost(lose))
	}
	var err error
	if s.sub, err = subscribe(ctx, opts, extra...); err != nil {
		return nil, err
	}
	s.admin = kadm.NewClient(s.sub.client)
	return s, nil
}

func (s *workSource) close() { s.sub.Close() }

// lose notes partitions that have gone to other members.
func (s *workSource) lose(partitions map[string][]int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.losses++
	if s.lostAt == nil {
		s.lostAt = map[logPartitionName]int64{}
	}
	for topic, list := range partitions {
		for _, p := range list {
			s.lost = append(s.lost, logPartitionName{topic, p})
			s.forget = append(s.forget, logPartitionName{topic, p})
			s.lostAt[logPartitionName{topic, p}] = s.losses
		}
	}
}

// owned reports whether a partition has stayed ours since a batch was polled. What another member is given
// is its to do and to commit.
func (s *workSource) owned(b *workBatch, p logPartitionName) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lostAt[p] <= b.losses
}

// takeLost returns the partitions that went since the last call.
func (s *workSource) takeLost() []logPartitionName {
	s.mu.Lock()
	defer s.mu.Unlock()
	lost := s.lost
	s.lost = nil
	return lost
}

// run polls until ctx is done or the topics cannot be read.
func (s *workSource) run(ctx context.Context, out chan<- workBatch) {
	for {
		b := s.poll(ctx)
		select {
		case out <- b:
		case <-ctx.Done():
			return
		}
		if b.err != nil {
			return
		}
	}
}

func (s *workSource) poll(ctx context.Context) (b workBatch) {
	s.mu.Lock()
	for _, p := range s.forget {
		delete(s.seen, p)
		delete(s.ends, p)
	}
	s.forget = nil
	s.mu.Unlock()
	bounded, cancel := context.WithTimeout(ctx, sourceIdle)
	defer cancel()
	records, err := s.sub.pollRecords(bounded)
	s.mu.Lock()
	b.losses = s.losses
	s.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		b.err = context.Cause(ctx)
		return b
	case err != nil && !errors.Is(err, context.DeadlineExceeded):
		b.err = err
		return b
	case len(records) == 0:
		clear(s.ends)
		return b
	}
	if b.err = s.findEnds(ctx, records); b.err != nil {
		return b
	}
	for _, r := range records {
		p := logPartitionName{r.Topic, r.Partition}
		if end, ok := s.ends[p]; ok && r.Offset+1 >= end {
			delete(s.ends, p)
		}
		if !r.Attrs.IsControl() {
			b.events = append(b.events, readEvent(ctx, s.sub.opts.Namespace, s.sub.opts.Schemas, r))
		}
	}
	b.behind = make(map[logPartitionName]bool, len(s.ends))
	for p := range s.ends {
		b.behind[p] = true
	}
	return b
}

// findEnds asks where partitions end that records come of for the first time.
func (s *workSource) findEnds(ctx context.Context, records []*kgo.Record) error {
	topics := map[string]bool{}
	var names []string
	for _, r := range records {
		if !s.seen[logPartitionName{r.Topic, r.Partition}] && !topics[r.Topic] {
			topics[r.Topic] = true
			names = append(names, r.Topic)
		}
	}
	if len(names) == 0 {
		return nil
	}
	ends, err := s.admin.ListCommittedOffsets(ctx, names...)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return fmt.Errorf("find the ends of the staleness topics: %w", err)
	}
	for _, r := range records {
		p := logPartitionName{r.Topic, r.Partition}
		if s.seen[p] {
			continue
		}
		s.seen[p] = true
		if end, ok := ends.Lookup(p.topic, p.partition); ok {
			s.ends[p] = end.Offset
		}
	}
	return nil
}

// commit stores positions in the group, if they are others than before.
func (s *workSource) commit(ctx context.Context, positions map[string]map[int32]kgo.EpochOffset) error {
	if len(positions) == 0 || reflect.DeepEqual(positions, s.committed) {
		return nil
	}
	if err := s.sub.commit(ctx, positions); err != nil {
		return err
	}
	s.committed = positions
	return nil
}
