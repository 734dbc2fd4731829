package stream

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// probe looks at the tails of the logs that did not move, with a fetch of our
// own. The client hands over records and markers; a tail that compaction has
// emptied (no batch at all, or a batch that keeps its header only) has neither,
// and the position would stand below the end for ever.
func (l *logReader) probe(ctx context.Context, client *kgo.Client, todo map[string]map[int32]*logPartition, reached map[string]map[int32]int64) error {
	topics := make([]string, 0, len(todo))
	for topic := range todo {
		topics = append(topics, topic)
	}
	meta, err := fetchTopics(ctx, client, topics)
	if err != nil {
		// The topics were there when the reading began.
		if judge(err) == verdictReject || errors.Is(err, kerr.UnknownTopicOrPartition) {
			return fmt.Errorf("look at the tails: %w", err)
		}
		return nil // next time
	}
	for topic, t := range meta {
		for _, mp := range t.Partitions {
			p := todo[topic][mp.Partition]
			if p == nil || mp.Leader < 0 {
				continue
			}
			atEnd, err := l.tailIsEmpty(ctx, client.Broker(int(mp.Leader)), topic, t.TopicID, mp.Partition, *p)
			if err != nil {
				return err
			}
			if atEnd {
				l.finish(client, todo, reached, topic, mp.Partition)
				l.progress(topic, mp.Partition, p.end, p.end)
			}
		}
	}
	return nil
}

// tailIsEmpty says whether nothing lies between the position and the end that
// a read_committed reader would be given, now or later.
func (l *logReader) tailIsEmpty(ctx context.Context, broker *kgo.Broker, topic string, id [16]byte, partition int32, p logPartition) (bool, error) {
	for p.position < p.end {
		rp, ok, err := fetchTail(ctx, broker, topic, id, partition, p.position)
		if err != nil || !ok {
			return false, err
		}
		if len(rp.RecordBatches) == 0 {
			// Nothing up to the last stable offset. If that lies at the
			// end, there is nothing up to the end.
			return rp.LastStableOffset >= p.end, nil
		}
		fetched, next := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{
			KeepControlRecords: true,
			Offset:             p.position,
			IsolationLevel:     kgo.ReadCommitted(),
			Topic:              topic,
			Partition:          partition,
		}, &rp, kgo.DefaultDecompressor(), nil)
		if fetched.Err != nil {
			return false, newFetchError(topic, partition, p.position, fetched.Err)
		}
		if len(fetched.Records) > 0 && fetched.Records[0].Offset < p.end {
			return false, nil // the client will hand these over
		}
		if len(fetched.Records) > 0 {
			return true, nil
		}
		if next <= p.position {
			return false, nil
		}
		p.position = next
	}
	return true, nil
}

// tailBytes bounds a look at a tail. A broker gives the first batch whole, also
// when it is larger; most looks meet a log that is only slow to come.
const tailBytes = 16 << 10

// fetchTail asks one broker for one partition, outside of the sessions of the
// client. One partition a request: in a larger one the broker leaves out what
// exceeds its bounds, which cannot be told from "there is nothing". Not ok
// means that this broker cannot say now.
func fetchTail(ctx context.Context, broker *kgo.Broker, topic string, id [16]byte, partition int32, offset int64) (kmsg.FetchResponseTopicPartition, bool, error) {
	req := kmsg.NewPtrFetchRequest()
	req.ReplicaID, req.MaxWaitMillis, req.MinBytes, req.MaxBytes = -1, 0, 0, tailBytes
	req.IsolationLevel = 1
	req.SessionID, req.SessionEpoch = 0, -1
	rt := kmsg.NewFetchRequestTopic()
	rt.Topic, rt.TopicID = topic, id
	fp := kmsg.NewFetchRequestTopicPartition()
	fp.Partition, fp.FetchOffset, fp.PartitionMaxBytes = partition, offset, tailBytes
	rt.Partitions = append(rt.Partitions, fp)
	req.Topics = append(req.Topics, rt)

	none := kmsg.FetchResponseTopicPartition{}
	answer, err := broker.Request(ctx, req)
	if err != nil {
		if ctx.Err() != nil {
			return none, false, fmt.Errorf("look at the tail of topic %s partition %d at offset %d: %w", topic, partition, offset, err)
		}
		return none, false, nil
	}
	resp, ok := answer.(*kmsg.FetchResponse)
	if !ok || resp.ErrorCode != 0 || resp.ThrottleMillis > 0 {
		return none, false, nil
	}
	for _, rt := range resp.Topics {
		for _, rp := range rt.Partitions {
			if rp.Partition != partition {
				continue
			}
			if err := kerr.ErrorForCode(rp.ErrorCode); err != nil {
				if kerr.IsRetriable(err) {
					return none, false, nil
				}
				return none, false, newFetchError(topic, partition, offset, err)
			}
			return rp, true, nil
		}
	}
	return none, false, nil
}
