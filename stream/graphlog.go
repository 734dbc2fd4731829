package stream

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
)

// MaxGraphBytes is the greatest size in bytes of a published graph in canonical form. It lies below
// the record size that brokers accept unless told otherwise.
const MaxGraphBytes = 900_000

// GraphLog is the topic of graphs: every graph ever pushed, whole, the newest in force (G4). A
// push's number is its offset. Keys are random, so that compaction removes nothing.
type GraphLog struct {
	cluster   Cluster
	namespace Namespace
	client    *kgo.Client
}

// OpenGraphLog connects to the graph topic of a namespace. The caller closes it.
func OpenGraphLog(ctx context.Context, cluster Cluster, ns Namespace) (*GraphLog, error) {
	if err := ns.Validate(); err != nil {
		return nil, err
	}
	client, err := Connect(ctx, cluster, kgo.ProducerLinger(0), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return nil, err
	}
	return &GraphLog{cluster: cluster, namespace: ns, client: client}, nil
}

// Close ends the connection.
func (l *GraphLog) Close() { l.client.Close() }

// Publish appends a graph, which is in force from then on, and returns its number. It does not
// check the graph beyond its size: that is for who made it. A graph larger than MaxGraphBytes is refused.
func (l *GraphLog) Publish(ctx context.Context, g *graph.Graph) (number int64, err error) {
	return l.publish(ctx, g)
}

// publish is Publish with further headers.
func (l *GraphLog) publish(ctx context.Context, g *graph.Graph, headers ...kgo.RecordHeader) (number int64, err error) {
	value := g.Canonical()
	if len(value) > MaxGraphBytes {
		return 0, fmt.Errorf("the graph has %d bytes in canonical form and %d are the limit: shorten descriptions and metadata, or divide the features among namespaces", len(value), MaxGraphBytes)
	}
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	record := &kgo.Record{Topic: l.namespace.Graph(), Key: []byte(hex.EncodeToString(id[:])), Value: value}
	if record.Headers, err = l.partitions(ctx, g); err != nil {
		return 0, err
	}
	record.Headers = append(record.Headers, headers...)
	if err := produceOne(ctx, l.client, record); err != nil {
		return 0, err
	}
	return record.Offset, nil
}

// partitions says how many partitions the sample topics have that exist.
func (l *GraphLog) partitions(ctx context.Context, g *graph.Graph) (headers []kgo.RecordHeader, err error) {
	var topics []string
	for _, f := range g.Features {
		topics = append(topics, l.namespace.Sample(f))
	}
	if len(topics) == 0 {
		return nil, nil
	}
	counts, err := partitionCounts(ctx, l.client, topics)
	if err != nil {
		return nil, err
	}
	for _, topic := range topics {
		if n := counts[topic]; n > 0 {
			headers = append(headers, kgo.RecordHeader{Key: headerPartitions + topic, Value: strconv.AppendInt(nil, int64(n), 10)})
		}
	}
	return headers, nil
}

// ReadAll returns every push that the topic holds, oldest first. Those that cannot be read have Err set.
func (l *GraphLog) ReadAll(ctx context.Context) ([]Push, error) {
	var pushes []Push
	err := readTopics(ctx, l.cluster, l.client, []string{l.namespace.Graph()}, func(r *kgo.Record) error {
		pushes = append(pushes, readPush(r))
		return nil
	})
	return pushes, err
}

// produceOne writes one record and waits for the answer.
func produceOne(ctx context.Context, client *kgo.Client, record *kgo.Record) error {
	if err := client.ProduceSync(ctx, record).FirstErr(); err != nil {
		return produceFault(record, err)
	}
	return nil
}
