package stream

import (
	"context"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
)

// The ports of the processor that Verify runs: it reads the logs of a deployment, takes part in nothing, and writes
// nothing.

// unsaidLogs are logs of a deployment in which nothing was said yet: without staleness topics, from which a processor
// would learn what not to say again.
type unsaidLogs struct{ kafkaLogs }

func (l *unsaidLogs) Partitions(ctx context.Context, topics []string) (map[string]int32, error) {
	counts, err := l.kafkaLogs.Partitions(ctx, topics)
	for topic := range counts {
		if strings.HasPrefix(topic, l.namespace.stalenessPrefix()) {
			delete(counts, topic)
		}
	}
	return counts, err
}

func (l *unsaidLogs) MakeTopics(ctx context.Context, g *graph.Graph, _ int32) error {
	return NewTopics(l.client).Check(ctx, l.namespace, g)
}

// nothingLive has no new records: the deployment is at rest.
type nothingLive struct{}

func (nothingLive) Add(map[string]map[int32]int64)               {}
func (nothingLive) Remove(map[string][]int32)                    {}
func (nothingLive) Pause(map[string][]int32)                     {}
func (nothingLive) Resume(map[string][]int32)                    {}
func (nothingLive) Poll(context.Context, int) ([]fetched, error) { return nil, nil }
func (nothingLive) Close()                                       {}

// soleMember has all partitions, without a group.
type soleMember struct {
	p   *Processor
	has map[string]bool
}

func (m *soleMember) BeginEpoch(context.Context) error { return nil }
func (m *soleMember) EndEpoch()                        {}
func (m *soleMember) Generation() (string, int32)      { return "verify", 0 }
func (m *soleMember) Run(context.Context) error        { return nil }
func (m *soleMember) Close(context.Context) error      { return nil }

func (m *soleMember) SetTopics(topics []string) {
	come := map[string][]int32{}
	for _, topic := range topics {
		for n := int32(0); n < m.p.counts[topic] && !m.has[topic]; n++ {
			come[topic] = append(come[topic], n)
		}
	}
	if m.has == nil {
		m.has = map[string]bool{}
	}
	for topic := range come {
		m.has[topic] = true
	}
	(*ownership)(m.p).Assigned(context.Background(), come)
}

// toldCommitter commits nothing: it tells what would be said.
type toldCommitter struct {
	prefix string // of staleness topics
	say    func(*kgo.Record)
}

func (c *toldCommitter) Reinit(context.Context) error { return nil }
func (c *toldCommitter) Close()                       {}

func (c *toldCommitter) Commit(_ context.Context, epoch Epoch) (Committed, error) {
	for _, r := range epoch.Records {
		if strings.HasPrefix(r.Topic, c.prefix) {
			c.say(r)
		}
	}
	return Committed{}, nil
}

// swiftClock is a clock that goes on to where somebody waits for.
type swiftClock struct {
	wallClock wallClock
	offset    time.Duration
}

func (c *swiftClock) Now() time.Time { return c.wallClock.Now().Add(c.offset) }

func (c *swiftClock) Pause(ctx context.Context, d time.Duration) error {
	return c.wallClock.Pause(ctx, d)
}

func (c *swiftClock) ahead(to time.Time) { c.offset += max(0, to.Sub(c.Now())) }
