package stream

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The timestamps with which ListOffsets asks for the ends of a log.
const (
	latestOffset   = -1
	earliestOffset = -2
)

// noOffset is what stableOffsets gives where the group has committed none.
const noOffset = int64(-1)

// listOffsets returns the first or the next offset of each partition, under
// read_uncommitted: the end of the log and not its last stable offset.
func listOffsets(ctx context.Context, client *kgo.Client, which int64, partitions map[string][]int32) (map[string]map[int32]int64, error) {
	offsets := map[string]map[int32]int64{}
	err := retryWhile(ctx, func() error {
		req := kmsg.NewPtrListOffsetsRequest()
		req.ReplicaID, req.IsolationLevel = -1, 0
		for topic, numbers := range partitions {
			rt := kmsg.NewListOffsetsRequestTopic()
			rt.Topic = topic
			for _, partition := range numbers {
				if _, ok := offsets[topic][partition]; ok {
					continue // known from the try before
				}
				rp := kmsg.NewListOffsetsRequestTopicPartition()
				rp.Partition, rp.CurrentLeaderEpoch, rp.Timestamp = partition, -1, which
				rt.Partitions = append(rt.Partitions, rp)
			}
			if len(rt.Partitions) > 0 {
				req.Topics = append(req.Topics, rt)
			}
		}
		if len(req.Topics) == 0 {
			return nil
		}
		var worst error
		// By shard and not merged: a merged error does not say of what.
		for _, shard := range client.RequestSharded(ctx, req) {
			if shard.Err != nil {
				worst = worse(worst, fmt.Errorf("list the offsets of %s: %w", namesOf(shard.Req), shard.Err))
				continue
			}
			for _, rt := range shard.Resp.(*kmsg.ListOffsetsResponse).Topics {
				if offsets[rt.Topic] == nil {
					offsets[rt.Topic] = map[int32]int64{}
				}
				for _, rp := range rt.Partitions {
					if err := kerr.ErrorForCode(rp.ErrorCode); err != nil {
						worst = worse(worst, fmt.Errorf("list the offsets of topic %s partition %d: %w", rt.Topic, rp.Partition, err))
						continue
					}
					offsets[rt.Topic][rp.Partition] = rp.Offset
				}
			}
		}
		return worst
	})
	if err != nil {
		return nil, err
	}
	for topic, numbers := range partitions {
		for _, partition := range numbers {
			if _, ok := offsets[topic][partition]; !ok {
				return nil, fmt.Errorf("list the offsets of topic %s partition %d: the broker did not answer for it", topic, partition)
			}
		}
	}
	return offsets, nil
}

// namesOf says what a part of a ListOffsets request asked for.
func namesOf(req kmsg.Request) string {
	var names []string
	if req, ok := req.(*kmsg.ListOffsetsRequest); ok {
		for _, rt := range req.Topics {
			for _, rp := range rt.Partitions {
				names = append(names, fmt.Sprintf("topic %s partition %d", rt.Topic, rp.Partition))
			}
		}
	}
	return strings.Join(names, ", ")
}

// stableOffsets returns the offsets that the group has committed, noOffset
// where there is none. It waits, as long as ctx allows, for every transaction
// that holds offsets of these partitions: the markers of a commit arrive after
// its answer, and the offset before them is one that is about to change.
func stableOffsets(ctx context.Context, client *kgo.Client, group string, partitions map[string][]int32) (map[string]map[int32]int64, error) {
	offsets, _, err := stableCommits(ctx, client, group, partitions)
	return offsets, err
}

// stableCommits is stableOffsets, and counts the partitions whose tasks had work left when they committed
// (Epoch.Unfinished).
func stableCommits(ctx context.Context, client *kgo.Client, group string, partitions map[string][]int32) (offsets map[string]map[int32]int64, unfinished int, err error) {
	topics := make([]string, 0, len(partitions))
	offsets = map[string]map[int32]int64{}
	for topic, numbers := range partitions {
		topics = append(topics, topic)
		offsets[topic] = map[int32]int64{}
		for _, partition := range numbers {
			offsets[topic][partition] = noOffset
		}
	}
	if len(topics) == 0 {
		return offsets, unfinished, nil
	}
	ids, err := fetchTopicIDs(ctx, client, topics)
	if err != nil {
		return nil, 0, fmt.Errorf("read the offsets of group %s: %w", group, err)
	}
	names := map[[16]byte]string{}
	for topic, id := range ids {
		names[id] = topic
	}
	err = retryWhile(ctx, func() error {
		req := kmsg.NewPtrOffsetFetchRequest()
		req.RequireStable = true
		rg := kmsg.NewOffsetFetchRequestGroup()
		rg.Group = group
		for topic, numbers := range partitions {
			rt := kmsg.NewOffsetFetchRequestGroupTopic()
			rt.Topic, rt.TopicID, rt.Partitions = topic, ids[topic], numbers
			rg.Topics = append(rg.Topics, rt)
		}
		req.Groups = append(req.Groups, rg)
		resp, err := req.RequestWith(ctx, client)
		if err != nil {
			return fmt.Errorf("read the offsets of group %s: %w", group, err)
		}
		var worst error
		unfinished = 0
		for _, rg := range resp.Groups {
			if err := kerr.ErrorForCode(rg.ErrorCode); err != nil {
				return fmt.Errorf("read the offsets of group %s: %w", group, err)
			}
			for _, rt := range rg.Topics {
				topic := rt.Topic
				if topic == "" {
					topic = names[rt.TopicID]
				}
				for _, rp := range rt.Partitions {
					if err := kerr.ErrorForCode(rp.ErrorCode); err != nil {
						worst = worse(worst, fmt.Errorf("read the offset of group %s for topic %s partition %d: %w", group, topic, rp.Partition, err))
						continue
					}
					if _, asked := offsets[topic][rp.Partition]; asked && rp.Offset >= 0 {
						offsets[topic][rp.Partition] = rp.Offset
						if rp.Metadata != nil && *rp.Metadata == unfinishedNote {
							unfinished++
						}
					}
				}
			}
		}
		return worst
	})
	if errors.Is(err, kerr.GroupIDNotFound) {
		return offsets, unfinished, nil // a group that never was has committed nothing
	}
	if err != nil {
		return nil, 0, err
	}
	return offsets, unfinished, nil
}

// fetchTopicIDs asks for the ids of topics. A topic that does not exist is an
// error.
func fetchTopicIDs(ctx context.Context, client *kgo.Client, topics []string) (map[string][16]byte, error) {
	meta, err := fetchTopics(ctx, client, topics)
	if err != nil {
		return nil, err
	}
	ids := map[string][16]byte{}
	for topic, t := range meta {
		ids[topic] = t.TopicID
	}
	return ids, nil
}

// fetchTopics asks for the metadata of topics, past the caches of the client, which may be one broker.
func fetchTopics(ctx context.Context, client kmsg.Requestor, topics []string) (map[string]kmsg.MetadataResponseTopic, error) {
	req := kmsg.NewPtrMetadataRequest()
	for _, topic := range topics {
		rt := kmsg.NewMetadataRequestTopic()
		rt.Topic = kmsg.StringPtr(topic)
		req.Topics = append(req.Topics, rt)
	}
	resp, err := req.RequestWith(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("ask for the metadata of %d topics: %w", len(topics), err)
	}
	meta := map[string]kmsg.MetadataResponseTopic{}
	for _, t := range resp.Topics {
		if t.Topic == nil {
			continue
		}
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			return nil, fmt.Errorf("ask for the metadata of topic %s: %w", *t.Topic, err)
		}
		meta[*t.Topic] = t
	}
	for _, topic := range topics {
		if _, ok := meta[topic]; !ok {
			return nil, fmt.Errorf("ask for the metadata of topic %s: %w", topic, kerr.UnknownTopicOrPartition)
		}
	}
	return meta, nil
}
