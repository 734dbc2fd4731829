package stream

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream/engine"
)

// AwaitDrained waits until the processors of a namespace have read all that the sample topics of
// a graph and the failure topic held when it was called, have done what had been asked for again of its
// features (Invalidate), have read all of rows that came of it, and have no sweep under way and no work held back.
// What they emit for it is committed then.
func AwaitDrained(ctx context.Context, cluster Cluster, ns Namespace, g *graph.Graph) error {
	client, err := Connect(ctx, cluster)
	if err != nil {
		return err
	}
	defer client.Close()
	inputs := []string{ns.Failures()}
	for _, f := range g.Features {
		inputs = append(inputs, ns.Sample(f))
	}
	if err := awaitRead(ctx, client, ns, inputs); err != nil {
		return err
	}
	if err := awaitRequests(ctx, cluster, client, ns, g); err != nil {
		return err
	}
	return awaitRows(ctx, client, ns, append(inputs, ns.Rows()))
}

// awaitRows waits until rows is read to an end that nothing is going to move: no task of these topics has
// work left.
func awaitRows(ctx context.Context, client *kgo.Client, ns Namespace, topics []string) error {
	rows := []string{ns.Rows()}
	for {
		before, err := topicEnds(ctx, client, rows)
		if err != nil {
			return err
		}
		if err := awaitRead(ctx, client, ns, rows); err != nil {
			return err
		}
		left, err := unfinishedTasks(ctx, client, ns, topics)
		if err != nil {
			return err
		}
		after, err := topicEnds(ctx, client, rows)
		if err != nil {
			return err
		}
		if left == 0 && maps.Equal(before[ns.Rows()], after[ns.Rows()]) {
			return nil
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return errors.Join(fmt.Errorf("wait for the processor: %d of its tasks have work left", left), err)
		}
	}
}

// partitionsOf returns the partitions of topics.
func partitionsOf(ctx context.Context, client *kgo.Client, topics []string) (map[string][]int32, error) {
	counts, err := partitionCounts(ctx, client, topics)
	if err != nil {
		return nil, err
	}
	partitions := map[string][]int32{}
	for topic, n := range counts {
		for partition := range n {
			partitions[topic] = append(partitions[topic], partition)
		}
	}
	return partitions, nil
}

func topicEnds(ctx context.Context, client *kgo.Client, topics []string) (map[string]map[int32]int64, error) {
	partitions, err := partitionsOf(ctx, client, topics)
	if err != nil {
		return nil, err
	}
	return listOffsets(ctx, client, latestOffset, partitions)
}

// unfinishedTasks counts the tasks of some topics that had work left when they committed last.
func unfinishedTasks(ctx context.Context, client *kgo.Client, ns Namespace, topics []string) (int, error) {
	partitions, err := partitionsOf(ctx, client, topics)
	if err != nil {
		return 0, err
	}
	_, left, err := stableCommits(ctx, client, ns.Group(), partitions)
	return left, err
}

// Unfinished counts the tasks of the processors of a namespace that have work left which no record waits for: a graph or
// a request that they go through their samples for, long fan-outs, and work that is held back.
func Unfinished(ctx context.Context, cluster Cluster, ns Namespace, g *graph.Graph) (tasks int, err error) {
	client, err := Connect(ctx, cluster)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	topics := []string{ns.Rows(), ns.Failures()}
	for _, f := range g.Features {
		topics = append(topics, ns.Sample(f))
	}
	return unfinishedTasks(ctx, client, ns, topics)
}

// awaitRequests waits until the requests are done that there are now.
func awaitRequests(ctx context.Context, cluster Cluster, client *kgo.Client, ns Namespace, g *graph.Graph) error {
	newest := int64(-1)
	for {
		open, err := openRequests(ctx, cluster, client, ns, g)
		if err != nil {
			return err
		}
		if newest < 0 && len(open) > 0 {
			newest = open[len(open)-1].Number
		}
		if len(open) == 0 || open[0].Number > newest {
			return nil
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return errors.Join(fmt.Errorf("wait for the processor: request %d of %s is not done", open[0].Number, open[0].Feature), err)
		}
	}
}

// openRequests returns the requests for features of a graph that are not done, in the order of their numbers.
func openRequests(ctx context.Context, cluster Cluster, client *kgo.Client, ns Namespace, g *graph.Graph) (open []*engine.Request, err error) {
	list := newRequestList()
	err = readTopics(ctx, cluster, client, []string{ns.Requests()}, func(r *kgo.Record) error {
		_ = list.add(r) // what is no request the processor passes over too
		return nil
	})
	for _, q := range list.undone() {
		if f := g.Feature(q.Feature); f != nil && ns.Sample(f) == q.Topic {
			open = append(open, q)
		}
	}
	return open, err
}

// OpenRequests counts the requests (Invalidate) for features of a graph that the processors of a namespace have not
// done yet.
func OpenRequests(ctx context.Context, cluster Cluster, ns Namespace, g *graph.Graph) (int, error) {
	client, err := Connect(ctx, cluster)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	open, err := openRequests(ctx, cluster, client, ns, g)
	return len(open), err
}

// awaitRead waits until the group has committed up to the present ends of topics.
func awaitRead(ctx context.Context, client *kgo.Client, ns Namespace, topics []string) error {
	partitions, err := partitionsOf(ctx, client, topics)
	if err != nil {
		return err
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
// of a graph, of failures and of rows. It reads them: a position may lie before transaction markers, which are no records.
func Lag(ctx context.Context, cluster Cluster, ns Namespace, g *graph.Graph) (records int64, err error) {
	client, err := Connect(ctx, cluster)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	topics := []string{ns.Rows(), ns.Failures()}
	for _, f := range g.Features {
		topics = append(topics, ns.Sample(f))
	}
	partitions, err := partitionsOf(ctx, client, topics)
	if err != nil {
		return 0, err
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
