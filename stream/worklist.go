package stream

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/schema"
)

// worklistBatch is how many offsets of log a reading of several partitions may span. A partition
// that is longer is read by itself.
const worklistBatch = 200_000

// Worklist yields what is out of date now: for each key of the staleness topics its newest event,
// unless that says fresh. Features come in the order given (none: all, sorted), within one
// partitions ascending, within one keys in byte order. It reads each topic to its end as of the
// call; events that come later are not in it. An error ends it; an event that cannot be decoded has
// its Err set and does not. Schemas is the schema registry where the processor uses one, else nil.
//
// Memory: the outstanding events of one partition, or of several that together span at most
// 200,000 offsets.
func Worklist(ctx context.Context, cluster Cluster, ns Namespace, schemas schema.Schemas, features ...graph.FeatureKey) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		client, err := Connect(ctx, cluster)
		if err != nil {
			yield(Event{}, err)
			return
		}
		defer client.Close()
		topics, err := stalenessTopics(ctx, client, ns, features)
		if err != nil {
			yield(Event{}, err)
			return
		}
		batches, err := logBatches(ctx, client, topics)
		if err != nil {
			yield(Event{}, err)
			return
		}
		place := make(map[string]int, len(topics))
		for i, topic := range topics {
			place[topic] = i
		}
		for _, batch := range batches {
			events, err := outstanding(ctx, cluster, ns, schemas, batch)
			if err != nil {
				yield(Event{}, err)
				return
			}
			slices.SortFunc(events, func(a, b Event) int {
				return cmp.Or(cmp.Compare(place[a.Topic], place[b.Topic]), cmp.Compare(a.Partition, b.Partition), bytes.Compare(a.Key, b.Key))
			})
			for _, e := range events {
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}

// logKey is a record key in one partition. Keys of different partitions are different keys.
type logKey struct {
	topic     string
	partition int32
	key       string
}

func outstanding(ctx context.Context, cluster Cluster, ns Namespace, schemas schema.Schemas, batch map[string]map[int32]int64) ([]Event, error) {
	newest := map[logKey]*kgo.Record{}
	reader := logReader{Opts: cluster.options()}
	_, err := reader.readLogs(ctx, batch, func(r *kgo.Record) error {
		at := logKey{r.Topic, r.Partition, string(r.Key)}
		if r.Value == nil {
			delete(newest, at)
			return nil
		}
		newest[at] = detached(r)
		return nil
	})
	if err != nil {
		return nil, err
	}
	events := make([]Event, 0, len(newest))
	for _, r := range newest {
		events = append(events, readEvent(ctx, ns, schemas, r))
	}
	return events, nil
}

// detached is a copy of a record: the record holds the memory of the whole batch that it came in.
func detached(r *kgo.Record) *kgo.Record {
	kept := &kgo.Record{
		Key: bytes.Clone(r.Key), Value: bytes.Clone(r.Value), Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Timestamp: r.Timestamp,
	}
	for _, h := range r.Headers {
		kept.Headers = append(kept.Headers, kgo.RecordHeader{Key: h.Key, Value: bytes.Clone(h.Value)})
	}
	return kept
}

// logBatches divides the partitions of topics into readings that keep memory bounded, in order.
// The values are the offsets to start from.
func logBatches(ctx context.Context, client *kgo.Client, topics []string) ([]map[string]map[int32]int64, error) {
	if len(topics) == 0 {
		return nil, nil
	}
	meta, err := fetchTopics(ctx, client, topics)
	if err != nil {
		return nil, fmt.Errorf("read %d topics: %w", len(topics), err)
	}
	partitions := map[string][]int32{}
	for topic, t := range meta {
		for _, p := range t.Partitions {
			partitions[topic] = append(partitions[topic], p.Partition)
		}
		slices.Sort(partitions[topic])
	}
	starts, err := listOffsets(ctx, client, earliestOffset, partitions)
	if err != nil {
		return nil, err
	}
	ends, err := listOffsets(ctx, client, latestOffset, partitions)
	if err != nil {
		return nil, err
	}
	var batches []map[string]map[int32]int64
	var span int64
	for _, topic := range topics {
		for _, p := range partitions[topic] {
			length := ends[topic][p] - starts[topic][p]
			if len(batches) == 0 || span+length > worklistBatch {
				batches = append(batches, map[string]map[int32]int64{})
				span = 0
			}
			span += length
			batch := batches[len(batches)-1]
			if batch[topic] == nil {
				batch[topic] = map[int32]int64{}
			}
			batch[topic][p] = starts[topic][p]
		}
	}
	return batches, nil
}
