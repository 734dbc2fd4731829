package stream

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/schema"
)

// Subscriber reads staleness events, committed ones only. Those of one key come in order.
// One goroutine uses it at a time; Close may be called by any.
type Subscriber struct {
	opts   SubscriberOptions
	client *kgo.Client

	// Without a group, the partitions that are read; with one, Kafka assigns them.
	reading  map[string]map[int32]bool
	discover time.Time // when to look for new features next
}

// Subscribe connects a Subscriber. The caller closes it.
func Subscribe(ctx context.Context, opts SubscriberOptions) (*Subscriber, error) {
	return subscribe(ctx, opts)
}

func subscribe(ctx context.Context, opts SubscriberOptions, extra ...kgo.Opt) (*Subscriber, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	admin, err := Connect(ctx, opts.Cluster)
	if err != nil {
		return nil, err
	}
	defer admin.Close()
	topics, err := stalenessTopics(ctx, admin, opts.Namespace, opts.Features)
	if err != nil {
		return nil, err
	}
	s := &Subscriber{opts: opts, reading: map[string]map[int32]bool{}}
	settings := []kgo.Opt{kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(time.Second)}
	var start map[string]map[int32]kgo.Offset
	switch {
	case opts.Group == "":
		if start, err = s.newPartitions(ctx, admin, topics, opts.FromEnd); err != nil {
			return nil, err
		}
		settings = append(settings, kgo.ConsumePartitions(start))
	case len(opts.Features) > 0:
		settings = append(settings, kgo.ConsumeTopics(topics...))
	default:
		settings = append(settings, kgo.ConsumeRegex(), kgo.ConsumeTopics("^"+regexp.QuoteMeta(opts.Namespace.stalenessPrefix())),
			// A topic that matches is seen when the list of topics is asked for.
			kgo.MetadataMaxAge(opts.discoverEvery()))
	}
	if opts.Group != "" {
		settings = append(settings, kgo.ConsumerGroup(opts.Group), kgo.DisableAutoCommit())
	}
	if s.client, err = opts.Cluster.newClient(append(settings, extra...)...); err != nil {
		return nil, err
	}
	s.discover = time.Now().Add(opts.discoverEvery())
	return s, nil
}

// newPartitions returns where to start in those partitions of the topics that are not read yet, and counts them as
// read from now on.
func (s *Subscriber) newPartitions(ctx context.Context, client *kgo.Client, topics []string, atEnd bool) (map[string]map[int32]kgo.Offset, error) {
	start := map[string]map[int32]kgo.Offset{}
	if len(topics) == 0 {
		return start, nil
	}
	// The offsets of the end and not "the end": what is written between this call and the first
	// fetch is for the subscriber.
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, topics...)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("find the ends of the staleness topics: %w", err)
	}
	for topic, partitions := range ends {
		for partition, end := range partitions {
			if s.reading[topic][partition] {
				continue
			}
			if s.reading[topic] == nil {
				s.reading[topic] = map[int32]bool{}
			}
			s.reading[topic][partition] = true
			if start[topic] == nil {
				start[topic] = map[int32]kgo.Offset{}
			}
			start[topic][partition] = kgo.NewOffset().AtStart()
			if atEnd {
				start[topic][partition] = kgo.NewOffset().At(end.Offset)
			}
		}
	}
	return start, nil
}

// Poll waits for events and returns at least one, at most MaxEvents. An event that cannot be
// decoded is returned with its Err. When ctx ends first, its error is returned; any other error
// says which topic and partition cannot be read, or that the group does not have us. While brokers are away it waits.
func (s *Subscriber) Poll(ctx context.Context) ([]Event, error) {
	records, err := s.pollRecords(ctx)
	if err != nil {
		return nil, err
	}
	events := make([]Event, len(records))
	for i, r := range records {
		events[i] = readEvent(ctx, s.opts.Namespace, s.opts.Schemas, r)
	}
	return events, nil
}

// pollRecords is Poll of records that are not decoded.
func (s *Subscriber) pollRecords(ctx context.Context) ([]*kgo.Record, error) {
	for {
		if err := s.findFeatures(ctx); err != nil {
			return nil, err
		}
		bounded, cancel := context.WithTimeout(ctx, s.opts.discoverEvery())
		fetches := s.client.PollRecords(bounded, s.opts.maxEvents())
		cancel()
		if records := fetches.Records(); len(records) > 0 {
			return records, nil // an error comes again with the next poll
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		for _, e := range fetches.Errors() {
			if errors.Is(e.Err, context.DeadlineExceeded) {
				continue
			}
			if group, ok := errors.AsType[*kgo.ErrGroupSession](e.Err); ok {
				if refusedByGroup(group) {
					return nil, fmt.Errorf("join group %s: %w", s.opts.Group, e.Err)
				}
				continue // a broker is away, or the group has thrown us out
			}
			return nil, fmt.Errorf("read topic %s, partition %d: %w", e.Topic, e.Partition, e.Err)
		}
	}
}

// findFeatures adds the topics of features that are new, from their starts. In a group the client does so.
func (s *Subscriber) findFeatures(ctx context.Context) error {
	if s.opts.Group != "" || len(s.opts.Features) > 0 || time.Now().Before(s.discover) {
		return nil
	}
	s.discover = time.Now().Add(s.opts.discoverEvery())
	topics, err := stalenessTopics(ctx, s.client, s.opts.Namespace, nil)
	if err != nil {
		return err
	}
	var unread []string
	for _, topic := range topics {
		if s.reading[topic] == nil {
			unread = append(unread, topic)
		}
	}
	start, err := s.newPartitions(ctx, s.client, unread, false)
	if err != nil {
		return err
	}
	s.client.AddConsumePartitions(maps.Clone(start))
	return nil
}

// Commit stores in the group that everything that Poll has returned is done: a restart goes on
// behind it. After an error, and after Kafka has moved a partition to another member, events come
// again. Without a group it is refused.
func (s *Subscriber) Commit(ctx context.Context) error {
	if s.opts.Group == "" {
		return errors.New("commit: the subscriber has no group to store its position in; set Group")
	}
	if err := s.client.CommitUncommittedOffsets(ctx); err != nil {
		return fmt.Errorf("commit the position of group %s: %w", s.opts.Group, err)
	}
	return nil
}

// commit stores positions in the group.
func (s *Subscriber) commit(ctx context.Context, positions map[string]map[int32]kgo.EpochOffset) error {
	var failed error
	s.client.CommitOffsetsSync(ctx, positions, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, response *kmsg.OffsetCommitResponse, err error) {
		if failed = err; err != nil || response == nil {
			return
		}
		for _, t := range response.Topics {
			for _, p := range t.Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
					failed = fmt.Errorf("topic %s, partition %d: %w", t.Topic, p.Partition, err)
				}
			}
		}
	})
	if failed != nil {
		return fmt.Errorf("commit the position of group %s: %w", s.opts.Group, failed)
	}
	return nil
}

// Close ends the subscription and leaves the group. What was not committed is read again.
func (s *Subscriber) Close() { s.client.Close() }

// SubscriberOptions are the settings of a Subscriber.
type SubscriberOptions struct {
	Cluster   Cluster
	Namespace Namespace

	// Features to read. Default: all that have a staleness topic, and those that come to have one.
	Features []graph.FeatureKey

	// DiscoverEvery is how often to look for new features, 250 ms at least. Default 5 s. Not with Features, which
	// name what to read.
	DiscoverEvery time.Duration

	// Group is a consumer group: its members share the partitions, and Commit stores how far they
	// have come. Where the group has no position, reading starts at the beginning, which is the
	// work list of now and all after it. Default: no group; all partitions are read.
	Group string

	// FromEnd leaves out what is in the topics already. Default: from the beginning.
	// Not with a Group, which has its own position.
	FromEnd bool

	// Schemas is the schema registry where the processor uses one. Default: none, events are in
	// single-object encoding. While it does not answer, events have an Err that is schema.ErrUnavailable: do
	// not commit them.
	Schemas schema.Schemas

	// MaxEvents bounds what one Poll returns. Default 500.
	MaxEvents int
}

func (o SubscriberOptions) maxEvents() int {
	if o.MaxEvents == 0 {
		return 500
	}
	return o.MaxEvents
}

func (o SubscriberOptions) discoverEvery() time.Duration {
	if o.DiscoverEvery == 0 {
		return 5 * time.Second
	}
	return o.DiscoverEvery
}

// Validate says what is wrong with the options.
func (o SubscriberOptions) Validate() error {
	switch {
	case o.MaxEvents < 0:
		return fmt.Errorf("MaxEvents %d is negative", o.MaxEvents)
	case o.DiscoverEvery != 0 && o.DiscoverEvery < 250*time.Millisecond:
		return fmt.Errorf("DiscoverEvery %s is below 250 ms", o.DiscoverEvery)
	case o.DiscoverEvery != 0 && len(o.Features) > 0:
		return errors.New("DiscoverEvery and Features: only a subscriber of all features looks for new ones; leave one of the two out")
	case o.FromEnd && o.Group != "":
		return fmt.Errorf("FromEnd and Group %q: a group starts where it has committed; leave one of the two out", o.Group)
	}
	if err := o.Namespace.Validate(); err != nil {
		return err
	}
	return o.Cluster.Validate()
}
