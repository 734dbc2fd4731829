package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
)

// AwaitDrained waits until the processors of a namespace have read all that the sample topics of
// a graph held when it was called, and all of rows that came of it. What they emit for it is
// committed then, but for sweeps that are still under way.
func AwaitDrained(ctx context.Context, cluster Cluster, ns Namespace, g *graph.Graph) error {
	client, err := Connect(ctx, cluster)
	if err != nil {
		return err
	}
	defer client.Close()
	var samples []string
	for _, f := range g.Features {
		samples = append(samples, ns.Sample(f))
	}
	for _, topics := range [][]string{samples, {ns.Rows()}} {
		if err := awaitRead(ctx, client, ns, topics); err != nil {
			return err
		}
	}
	return nil
}

// awaitRead waits until the group has committed up to the present ends of topics.
func awaitRead(ctx context.Context, client *kgo.Client, ns Namespace, topics []string) error {
	counts, err := partitionCounts(ctx, client, topics)
	if err != nil {
		return err
	}
	partitions := map[string][]int32{}
	for topic, n := range counts {
		for partition := range n {
			partitions[topic] = append(partitions[topic], partition)
		}
	}
	ends, err := listOffsets(ctx, client, latestOffset, partitions)
	if err != nil {
		return err
	}
	for {
		committed, err := stableOffsets(ctx, client, ns.Group(), partitions)
		if err != nil {
			return err
		}
		behind := ""
		for topic, byPartition := range ends {
			for partition, end := range byPartition {
				if at := max(0, committed[topic][partition]); at < end {
					behind = fmt.Sprintf("topic %s, partition %d: read up to %d of %d", topic, partition, at, end)
				}
			}
		}
		if behind == "" {
			return nil
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return errors.Join(fmt.Errorf("wait for the processor: %s", behind), err)
		}
	}
}

// Lag counts the records that the processors of a namespace have not read yet, of the sample topics
// of a graph and of rows. It reads them: a position may lie before transaction markers, which are no records.
func Lag(ctx context.Context, cluster Cluster, ns Namespace, g *graph.Graph) (records int64, err error) {
	client, err := Connect(ctx, cluster)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	topics := []string{ns.Rows()}
	for _, f := range g.Features {
		topics = append(topics, ns.Sample(f))
	}
	counts, err := partitionCounts(ctx, client, topics)
	if err != nil {
		return 0, err
	}
	partitions := map[string][]int32{}
	for topic, n := range counts {
		for partition := range n {
			partitions[topic] = append(partitions[topic], partition)
		}
	}
	starts, err := stableOffsets(ctx, client, ns.Group(), partitions)
	if err != nil {
		return 0, err
	}
	for _, byPartition := range starts {
		for partition, offset := range byPartition {
			byPartition[partition] = max(offset, 0)
		}
	}
	reader := logReader{Opts: cluster.options()}
	_, err = reader.readLogs(ctx, starts, func(*kgo.Record) error { records++; return nil })
	return records, err
}
