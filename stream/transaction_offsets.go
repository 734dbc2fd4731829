package stream

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// retryPause is how long a request waits before it is sent again when a
// coordinator has said "later".
const retryPause = 20 * time.Millisecond

// offsetTopicIDs returns the ids of the topics whose offsets an epoch commits.
// They are asked for once and then kept: newer versions of both commit
// requests name a topic by its id alone, so the commit for a topic that was
// deleted and created anew is refused by the broker (UNKNOWN_TOPIC_ID) instead
// of giving the new log an offset of the old one.
func (t *transactions) offsetTopicIDs(ctx context.Context, epoch *Epoch) (map[string][16]byte, error) {
	var missing []string
	for topic := range epoch.Offsets {
		if _, ok := t.topicIDs[topic]; !ok {
			missing = append(missing, topic)
		}
	}
	if len(missing) > 0 {
		ids, err := fetchTopicIDs(ctx, t.client, missing)
		if err != nil {
			return nil, fmt.Errorf("commit offsets of group %s: %w", epoch.Group, err)
		}
		for topic, id := range ids {
			t.topicIDs[topic] = id
		}
	}
	return t.topicIDs, nil
}

// addOffsets makes the offsets part of the open transaction. Member and
// generation go with them: that is what fences an owner of yesterday, also
// when no offset has moved.
func (t *transactions) addOffsets(ctx context.Context, epoch *Epoch, ids map[string][16]byte) error {
	// After produce, never before: with KIP-890 the id and its epoch change at
	// the end of each transaction, and produce has just used the present ones.
	id, producerEpoch, err := t.client.ProducerID(ctx)
	if err != nil {
		return fmt.Errorf("add offsets of group %s: %w", epoch.Group, err)
	}
	if !t.implicit {
		err := retryWhile(ctx, func() error {
			req := kmsg.NewPtrAddOffsetsToTxnRequest()
			req.TransactionalID = t.cfg.TransactionalID
			req.ProducerID, req.ProducerEpoch = id, producerEpoch
			req.Group = epoch.Group
			resp, err := req.RequestWith(ctx, t.client)
			if err != nil {
				return err
			}
			return kerr.ErrorForCode(resp.ErrorCode)
		})
		if err != nil {
			return fmt.Errorf("add group %s to the transaction: %w", epoch.Group, err)
		}
	}

	req := kmsg.NewPtrTxnOffsetCommitRequest()
	req.TransactionalID = t.cfg.TransactionalID
	req.Group = epoch.Group
	req.ProducerID, req.ProducerEpoch = id, producerEpoch
	req.MemberID, req.Generation = epoch.MemberID, epoch.Generation
	req.InstanceID = instancePtr(epoch.InstanceID)
	for topic, partitions := range epoch.Offsets {
		rt := kmsg.NewTxnOffsetCommitRequestTopic()
		rt.Topic, rt.TopicID = topic, ids[topic]
		for partition, offset := range partitions {
			rp := kmsg.NewTxnOffsetCommitRequestTopicPartition()
			rp.Partition, rp.Offset, rp.LeaderEpoch = partition, offset, -1
			rp.Metadata = epoch.note(topic, partition)
			rt.Partitions = append(rt.Partitions, rp)
		}
		req.Topics = append(req.Topics, rt)
	}
	return retryWhile(ctx, func() error {
		resp, err := req.RequestWith(ctx, t.client)
		if err != nil {
			return fmt.Errorf("add offsets of group %s: %w", epoch.Group, err)
		}
		answered, worst := 0, error(nil)
		for _, rt := range resp.Topics {
			for _, rp := range rt.Partitions {
				answered++
				worst = worse(worst, offsetError(epoch, ids, rt.Topic, rt.TopicID, rp.Partition, rp.ErrorCode))
			}
		}
		return allAnswered(epoch, answered, worst)
	})
}

// commitOffsets commits an epoch that has offsets and no records. No
// transaction is needed, there is nothing to be atomic with, and the client's
// EndTransaction would not even be sent: it looks at the partitions that it
// produced to itself.
//
// The offsets of our transaction before, whose marker may not have arrived yet,
// cannot overwrite these: they lie below them in the log of the coordinator,
// and when the marker comes, the coordinator keeps whichever commit lies
// further on.
func (t *transactions) commitOffsets(ctx context.Context, epoch *Epoch, ids map[string][16]byte) error {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group = epoch.Group
	req.MemberID, req.Generation = epoch.MemberID, epoch.Generation
	req.InstanceID = instancePtr(epoch.InstanceID)
	for topic, partitions := range epoch.Offsets {
		rt := kmsg.NewOffsetCommitRequestTopic()
		rt.Topic, rt.TopicID = topic, ids[topic]
		for partition, offset := range partitions {
			rp := kmsg.NewOffsetCommitRequestTopicPartition()
			rp.Partition, rp.Offset, rp.LeaderEpoch = partition, offset, -1
			rp.Metadata = epoch.note(topic, partition)
			rt.Partitions = append(rt.Partitions, rp)
		}
		req.Topics = append(req.Topics, rt)
	}
	lost := false // whether a request was sent whose answer never came
	err := retryWhile(ctx, func() error {
		resp, err := req.RequestWith(ctx, t.client)
		if err != nil {
			lost = true
			return fmt.Errorf("commit offsets of group %s: %w", epoch.Group, err)
		}
		lost = false
		answered, worst := 0, error(nil)
		for _, rt := range resp.Topics {
			for _, rp := range rt.Partitions {
				answered++
				worst = worse(worst, offsetError(epoch, ids, rt.Topic, rt.TopicID, rp.Partition, rp.ErrorCode))
			}
		}
		return allAnswered(epoch, answered, worst)
	})
	switch {
	case err == nil:
		return nil
	case lost:
		return t.spoilAs(ErrUnknown, err)
	case judge(err) == verdictFenced:
		return t.spoilAs(ErrFenced, err)
	}
	return refused(err)
}

// offsetError names the partition and what to do about a refused offset.
// Version 6 of TxnOffsetCommit and 10 of OffsetCommit answer with ids only.
func offsetError(epoch *Epoch, ids map[string][16]byte, topic string, id [16]byte, partition int32, code int16) error {
	err := kerr.ErrorForCode(code)
	if err == nil {
		return nil
	}
	if topic == "" {
		for name := range epoch.Offsets {
			if ids[name] == id {
				topic = name
			}
		}
	}
	switch err {
	case kerr.FencedInstanceID:
		return fmt.Errorf("commit offsets of group %s: %s is no longer its member of --instance-id %s: %w", epoch.Group, epoch.MemberID, epoch.InstanceID, err)
	case kerr.UnknownTopicID:
		return fmt.Errorf("commit the offset of topic %s partition %d for group %s: the topic was deleted or created anew since this process started, restart it: %w", topic, partition, epoch.Group, err)
	}
	return fmt.Errorf("commit the offset of topic %s partition %d for group %s (member %s, generation %d): %w", topic, partition, epoch.Group, epoch.MemberID, epoch.Generation, err)
}

// allAnswered guards against a broker that leaves partitions out.
func allAnswered(epoch *Epoch, answered int, worst error) error {
	asked := 0
	for _, partitions := range epoch.Offsets {
		asked += len(partitions)
	}
	if worst == nil && answered != asked {
		return fmt.Errorf("commit offsets of group %s: the broker answered for %d of %d partitions", epoch.Group, answered, asked)
	}
	return worst
}

// retryWhile calls fn until its error is not verdictRetry or ctx ends; then it
// returns the last error of fn, which says more than that of ctx.
func retryWhile(ctx context.Context, fn func() error) error {
	for {
		err := fn()
		if err == nil || judge(err) != verdictRetry {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (gave up: %w)", err, context.Cause(ctx))
		case <-time.After(retryPause):
		}
	}
}

// instancePtr is nil for a member that is not static.
func instancePtr(id string) *string {
	if id == "" {
		return nil
	}
	return &id
}
