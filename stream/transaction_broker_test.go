package stream

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// txBroker is the broker of a test: kfake in this process, or the one that
// FRESHLINE_TEST_BROKERS names. Names are made unique, since the latter is
// shared between tests and runs.
type txBroker struct {
	opts  []kgo.Opt
	fake  *kfake.Cluster // nil for a real broker
	admin *kadm.Client
	kafka *kgo.Client
}

var txNames atomic.Int64

func txName(what string) string {
	return fmt.Sprintf("t%d-%d-%s", time.Now().UnixNano(), txNames.Add(1), what)
}

func startTxBroker(t testing.TB, fakeOpts ...kfake.Opt) *txBroker {
	t.Helper()
	b := &txBroker{}
	if seeds := os.Getenv("FRESHLINE_TEST_BROKERS"); seeds != "" {
		b.opts = []kgo.Opt{kgo.SeedBrokers(strings.Split(seeds, ",")...)}
	} else {
		fake, err := kfake.NewCluster(append([]kfake.Opt{
			kfake.NumBrokers(1),
			kfake.GroupMinSessionTimeout(100 * time.Millisecond),
		}, fakeOpts...)...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(fake.Close)
		b.fake = fake
		b.opts = []kgo.Opt{kgo.SeedBrokers(fake.ListenAddrs()...)}
	}
	client, err := kgo.NewClient(append(b.opts, kgo.MetadataMinAge(10*time.Millisecond))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	b.admin, b.kafka = kadm.NewClient(client), client
	return b
}

// fakeOnly skips a test whose faults only kfake can make.
func (b *txBroker) fakeOnly(t testing.TB) {
	t.Helper()
	if b.fake == nil {
		t.Skip("needs kfake")
	}
}

func (b *txBroker) topic(t testing.TB, partitions int32, config ...string) string {
	t.Helper()
	name := txName("topic")
	configs := map[string]*string{}
	for i := 0; i+1 < len(config); i += 2 {
		configs[config[i]] = &config[i+1]
	}
	if _, err := b.admin.CreateTopic(txCtx(t), partitions, 1, configs, name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = b.admin.DeleteTopic(context.Background(), name) })
	eventually(t, "topic "+name, func() bool {
		meta, err := fetchTopics(txCtx(t), b.kafka, []string{name})
		return err == nil && len(meta[name].Partitions) == int(partitions)
	})
	return name
}

// producer opens a transactions and initialises it.
func (b *txBroker) producer(t testing.TB, id string, timeout time.Duration) *transactions {
	t.Helper()
	p, err := newTransactions(transactionConfig{Opts: b.opts, TransactionalID: id, Timeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Reinit(txCtx(t)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// answer makes the broker answer requests of a kind, as long as n is above 0,
// with what fn makes of them; fn may return nil, then the connection breaks.
func (b *txBroker) answer(key kmsg.Key, n int, fn func(kmsg.Request) kmsg.Response) *atomic.Int64 {
	var left atomic.Int64
	left.Store(int64(n))
	b.fake.ControlKey(key.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
		b.fake.KeepControl()
		if left.Load() <= 0 {
			return nil, nil, false
		}
		left.Add(-1)
		resp := fn(req)
		if resp == nil {
			return nil, fmt.Errorf("the test broke the connection"), true
		}
		return resp, nil, true
	})
	return &left
}

// values reads a partition to its end and returns what a read_committed reader
// sees.
func (b *txBroker) values(t testing.TB, topic string, partition int32) []string {
	t.Helper()
	var values []string
	reader := logReader{Opts: b.opts}
	if _, err := reader.readLogs(txCtx(t), map[string]map[int32]int64{topic: {partition: 0}}, func(r *kgo.Record) error {
		values = append(values, string(r.Value))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return values
}

func (b *txBroker) committed(t testing.TB, group, topic string, partition int32) int64 {
	t.Helper()
	offsets, err := stableOffsets(txCtx(t), b.kafka, group, map[string][]int32{topic: {partition}})
	if err != nil {
		t.Fatal(err)
	}
	return offsets[topic][partition]
}

func (b *txBroker) produce(t testing.TB, topic string, partition int32, values ...string) {
	t.Helper()
	client, err := kgo.NewClient(append(b.opts, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0))...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.ProduceSync(txCtx(t), txRecords(topic, partition, values...)...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

func txRecords(topic string, partition int32, values ...string) []*kgo.Record {
	records := make([]*kgo.Record, 0, len(values))
	for _, v := range values {
		records = append(records, &kgo.Record{Topic: topic, Partition: partition, Key: []byte("k"), Value: []byte(v)})
	}
	return records
}

// txCtx bounds what would else hang a test.
func txCtx(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("still waiting for: %s", what)
		}
	}
}
