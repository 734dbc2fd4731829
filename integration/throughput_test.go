package integration_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream"
)

// The sizes of the throughput benchmark: each child of each parent owes one event a change.
const (
	throughputParents  = 10_000
	throughputChildren = 10
)

const throughputGraph = `
features:
  - key: video/raw
    id_columns: [video_id]
    fields: [audio, frames]
  - key: video/chunk
    id_columns: [video_chunk_id]
    deps: [{feature: video/raw, lineage: {expansion: [video_id]}}]
    fields: [audio, frames]
`

// BenchmarkThroughput measures, in one run and on one broker, what a plain exactly-once copy of
// records does, and beside it a processor that loads parents with their children, and then a
// change of every parent that makes every child stale. Run it with -benchtime 1x; only the ratios
// within a run mean anything.
func BenchmarkThroughput(b *testing.B) {
	for range b.N {
		ctx, cancel := context.WithTimeout(b.Context(), 10*time.Minute)
		copied := benchCopy(ctx, b)
		load, fanout := benchProcessor(ctx, b)
		cancel()
		b.ReportMetric(copied, "copied/s")
		b.ReportMetric(load, "samples/s")
		b.ReportMetric(fanout, "events/s")
		b.ReportMetric(load/copied, "samples/copied")
		b.ReportMetric(fanout/copied, "events/copied")
		b.ReportMetric(0, "ns/op")
	}
}

// benchCopy copies records of about the size of a sample from one topic to another, exactly once.
func benchCopy(ctx context.Context, b *testing.B) float64 {
	const records = throughputParents * (throughputChildren + 1)
	name := fmt.Sprintf("copy-%d", time.Now().UnixNano())
	client := benchClient(b, kgo.DefaultProduceTopic(name+".from"))
	if _, err := kadm.NewClient(client).CreateTopics(ctx, 4, 1, nil, name+".from", name+".to"); err != nil {
		b.Fatal(err)
	}
	for i := range records {
		value := make([]byte, 200)
		binary.BigEndian.PutUint64(value, uint64(i)*0x9E3779B97F4A7C15)
		client.Produce(ctx, &kgo.Record{Key: binary.BigEndian.AppendUint64(nil, uint64(i)), Value: value}, nil)
	}
	if err := client.Flush(ctx); err != nil {
		b.Fatal(err)
	}
	session, err := kgo.NewGroupTransactSession(
		kgo.SeedBrokers(broker.Brokers()...), kgo.TransactionalID(name), kgo.ConsumerGroup(name), kgo.ConsumeTopics(name+".from"),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ProducerLinger(0), kgo.ProducerBatchCompression(kgo.Lz4Compression()),
	)
	if err != nil {
		b.Fatal(err)
	}
	defer session.Close()
	var start time.Time
	for done := 0; done < records; {
		fetches := session.PollRecords(ctx, 10_000)
		if err := fetches.Err(); err != nil {
			b.Fatal(err)
		}
		if start.IsZero() {
			start = time.Now()
		}
		if err := session.Begin(); err != nil {
			b.Fatal(err)
		}
		n := 0
		fetches.EachRecord(func(r *kgo.Record) {
			n++
			session.Produce(ctx, &kgo.Record{Topic: name + ".to", Key: r.Key, Value: r.Value}, nil)
		})
		committed, err := session.End(ctx, kgo.TryCommit)
		if err != nil {
			b.Fatal(err)
		}
		if committed {
			done += n
		}
	}
	return records / time.Since(start).Seconds()
}

func benchClient(b *testing.B, opts ...kgo.Opt) *kgo.Client {
	b.Helper()
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(broker.Brokers()...))...)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(client.Close)
	return client
}

// benchProcessor returns samples a second of a load, and events a second of a fan-out.
func benchProcessor(ctx context.Context, b *testing.B) (load, fanout float64) {
	g, err := graph.Parse([]byte(throughputGraph), "throughput.yaml")
	if err != nil {
		b.Fatal(err)
	}
	cluster := stream.Cluster{Brokers: broker.Brokers()}
	ns := stream.Namespace(fmt.Sprintf("throughput-%d", time.Now().UnixNano()))
	client := benchClient(b)
	if _, err := stream.NewTopics(client).Create(ctx, ns, g, stream.TopicOptions{Partitions: 4, SamplePartitions: 4}); err != nil {
		b.Fatal(err)
	}
	log, err := stream.OpenGraphLog(ctx, cluster, ns)
	if err != nil {
		b.Fatal(err)
	}
	defer log.Close()
	if _, err := log.Publish(ctx, g); err != nil {
		b.Fatal(err)
	}
	var events atomic.Int64
	moved := make(chan struct{}, 1)
	p, err := stream.NewProcessor(stream.ProcessorOptions{
		Cluster: cluster, Namespace: ns, StateDir: b.TempDir(), InstanceID: "bench",
		Hooks: stream.Hooks{OnEpoch: func(s stream.EpochStats) {
			events.Add(int64(s.Events))
			select {
			case moved <- struct{}{}:
			default:
			}
		}},
	})
	if err != nil {
		b.Fatal(err)
	}
	processing, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- p.Run(processing) }()
	defer func() {
		stop()
		if err := <-done; err != nil {
			b.Error(err)
		}
	}()
	<-p.Ready()
	producer, err := stream.NewProducer(ctx, stream.ProducerOptions{Cluster: cluster, Namespace: ns})
	if err != nil {
		b.Fatal(err)
	}
	defer producer.Close()

	start := time.Now()
	putParents(ctx, b, producer, "v1")
	for parent := range throughputParents {
		for child := range throughputChildren {
			err := producer.Put(ctx, "video/chunk", stream.Sample{
				Columns:    map[string]any{"video_id": parent, "video_chunk_id": fmt.Sprintf("%d_%d", parent, child)},
				Provenance: map[string]string{"audio": "old", "frames": "old"},
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := producer.Flush(ctx); err != nil {
		b.Fatal(err)
	}
	if err := stream.AwaitDrained(ctx, cluster, ns, g); err != nil {
		b.Fatal(err)
	}
	awaitStale(ctx, b, cluster, ns, throughputParents*(throughputChildren+1))
	load = throughputParents * (throughputChildren + 1) / time.Since(start).Seconds()

	before := events.Load()
	start = time.Now()
	putParents(ctx, b, producer, "v2")
	for events.Load()-before < throughputParents*(throughputChildren+1) {
		select {
		case <-moved:
		case <-ctx.Done():
			b.Fatalf("there are %d events: %v", events.Load()-before, ctx.Err())
		}
	}
	took := time.Since(start)
	if n := events.Load() - before; n != throughputParents*(throughputChildren+1) {
		b.Errorf("the change of %d parents made %d events, want one for each parent and child", throughputParents, n)
	}
	return load, throughputParents * (throughputChildren + 1) / took.Seconds()
}

// awaitStale waits until so many keys are STALE: what was touched and is not evaluated yet does not
// show in the offsets of the group.
func awaitStale(ctx context.Context, b *testing.B, cluster stream.Cluster, ns stream.Namespace, n int) {
	b.Helper()
	for {
		stale := 0
		for e, err := range stream.Worklist(ctx, cluster, ns, nil) {
			if err != nil {
				b.Fatal(err)
			}
			if e.Staleness != nil && e.Staleness.Status == graph.Stale {
				stale++
			}
		}
		if stale == n {
			return
		}
	}
}

func putParents(ctx context.Context, b *testing.B, producer *stream.Producer, version string) {
	b.Helper()
	for parent := range throughputParents {
		err := producer.Put(ctx, "video/raw", stream.Sample{
			Columns:    map[string]any{"video_id": parent, "path": fmt.Sprintf("videos/%d.mp4", parent)},
			Provenance: map[string]string{"audio": fmt.Sprint(version, parent), "frames": fmt.Sprint(version, parent)},
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := producer.Flush(ctx); err != nil {
		b.Fatal(err)
	}
}
