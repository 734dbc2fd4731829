package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
)

// What a processor has to do with the outside goes through the interfaces of this file and the three tails of
// its internal topics. On a cluster they are Kafka's; a simulation has logs in memory behind them, and runs the
// very same processor, one turn of its loop at a time, in one goroutine.

// logs answers questions about topics and reads logs to their ends. kafkaLogs says what each of them does.
type logs interface {
	Identity(ctx context.Context) ([]byte, error)
	Check(ctx context.Context) error
	Partitions(ctx context.Context, topics []string) (map[string]int32, error)
	MakeTopics(ctx context.Context, g *graph.Graph, partitions int32) error
	Committed(ctx context.Context, partitions map[string][]int32) (map[string]map[int32]int64, error)
	Offsets(ctx context.Context, which int64, partitions map[string][]int32) (map[string]map[int32]int64, error)
	Read(ctx context.Context, starts map[string]map[int32]int64, progress readProgress, fn func(*kgo.Record) error) (map[string]map[int32]int64, error)
}

// readProgress is told how far a log is read; nil where nobody asks.
type readProgress func(topic string, partition int32, position, end int64)

// liveReader reads the partitions that a process owns: a fetcher.
type liveReader interface {
	Add(starts map[string]map[int32]int64)
	Remove(partitions map[string][]int32)
	Pause(partitions map[string][]int32)
	Resume(partitions map[string][]int32)
	Poll(ctx context.Context, maxRecords int) ([]fetched, error)
	Close()
}

// committer commits epochs: a transactions.
type committer interface {
	Reinit(ctx context.Context) error
	Commit(ctx context.Context, epoch Epoch) (Committed, error)
	Close()
}

// groupMember is the place of a process in its group: a membership.
type groupMember interface {
	BeginEpoch(ctx context.Context) error
	EndEpoch()
	Generation() (memberID string, generation int32)
	SetTopics(topics []string)
	Run(ctx context.Context) error
	Close(ctx context.Context) error
}

// clock is the time, and the one way to let some of it pass between two tries.
type clock interface {
	Now() time.Time
	Pause(ctx context.Context, d time.Duration) error
}

// wallClock is the time of this machine.
type wallClock struct{}

func (wallClock) Now() time.Time { return time.Now() }

func (wallClock) Pause(ctx context.Context, d time.Duration) error { return pause(ctx, d) }

// errAway says that Kafka could not be asked: nothing has come of it, and the same may be asked again.
var errAway = errors.New("kafka cannot be asked at present")

// away tells what may be asked again from what will fail again.
func away(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil || errors.Is(err, errAway) {
		return err
	}
	var network net.Error
	var fetch *FetchError
	switch {
	case kerr.IsRetriable(err), kgo.IsRetryableBrokerErr(err), errors.Is(err, context.DeadlineExceeded), errors.Is(err, io.EOF), errors.As(err, &network),
		errors.As(err, &fetch) && fetch.OutOfRange(): // the log was cleaned while it was read
		return fmt.Errorf("%w: %w", errAway, err)
	}
	return err
}

// kafkaLogs are the logs of a cluster, as one deployment sees them.
type kafkaLogs struct {
	client    *kgo.Client
	cluster   Cluster
	namespace Namespace
}

// Identity names the deployment whose logs these are: another cluster or namespace, or a rows topic that was
// deleted and made anew, has another one.
func (l *kafkaLogs) Identity(ctx context.Context) ([]byte, error) {
	meta, err := kadm.NewClient(l.client).BrokerMetadata(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask for the id of the cluster: %w", err)
	}
	ids, err := fetchTopicIDs(ctx, l.client, []string{l.namespace.Rows()})
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "%s %s %x", meta.Cluster, l.namespace, ids[l.namespace.Rows()]), nil
}

// Check says whether the brokers will do.
func (l *kafkaLogs) Check(ctx context.Context) error { return requireKafka4(ctx, l.client) }

// Partitions returns the numbers of partitions of those of some topics that exist.
func (l *kafkaLogs) Partitions(ctx context.Context, topics []string) (map[string]int32, error) {
	counts, err := partitionCounts(ctx, l.client, topics)
	return counts, away(ctx, err)
}

// MakeTopics makes the topics of a graph that are missing, and checks those that are there.
func (l *kafkaLogs) MakeTopics(ctx context.Context, g *graph.Graph, partitions int32) error {
	topics := NewTopics(l.client)
	if _, err := topics.Create(ctx, l.namespace, g, TopicOptions{Partitions: int(partitions)}); err != nil {
		return away(ctx, fmt.Errorf("make the topics of the graph: %w", err))
	}
	return away(ctx, topics.Check(ctx, l.namespace, g))
}

// Committed returns the stable offsets of the group of the deployment.
func (l *kafkaLogs) Committed(ctx context.Context, partitions map[string][]int32) (map[string]map[int32]int64, error) {
	offsets, err := stableOffsets(ctx, l.client, l.namespace.Group(), partitions)
	return offsets, away(ctx, err)
}

// Offsets returns the first or the next offsets of partitions (earliestOffset, latestOffset), read_uncommitted.
func (l *kafkaLogs) Offsets(ctx context.Context, which int64, partitions map[string][]int32) (map[string]map[int32]int64, error) {
	offsets, err := listOffsets(ctx, l.client, which, partitions)
	return offsets, away(ctx, err)
}

// Read reads logs to their ends (readLogs).
func (l *kafkaLogs) Read(ctx context.Context, starts map[string]map[int32]int64, progress readProgress, fn func(*kgo.Record) error) (map[string]map[int32]int64, error) {
	reader := logReader{Opts: l.cluster.options(), Progress: progress}
	refused := false // by fn: that is no matter of Kafka
	reached, err := reader.readLogs(ctx, starts, func(r *kgo.Record) error {
		err := fn(r)
		refused = err != nil
		return err
	})
	if !refused {
		err = away(ctx, err)
	}
	return reached, err
}

// openPorts opens what a processor works with on a cluster. What it has opened when it fails is closed.
func (p *Processor) openPorts(ctx context.Context) (err error) {
	opts := p.o.Cluster.options()
	txns, err := newTransactions(transactionConfig{Opts: opts, TransactionalID: p.o.Namespace.TransactionalID(p.o.InstanceID)})
	if err != nil {
		return err
	}
	if err := txns.Reinit(ctx); err != nil {
		return err
	}
	fetch, err := newFetcher(opts)
	if err != nil {
		txns.Close()
		return err
	}
	member, err := newMembership(membershipConfig{
		Opts: opts, Group: p.o.Namespace.Group(), InstanceID: p.o.InstanceID, Address: p.o.APIAddress, Handler: (*ownership)(p), Stop: p.o.OnStop,
		OnError: func(err error) { p.o.Log.Warn("the group has an error and is asked again", "error", err) },
	})
	if err != nil {
		txns.Close()
		fetch.Close()
		return err
	}
	p.txns, p.fetch, p.member = txns, fetch, member
	return nil
}
