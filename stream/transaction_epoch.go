package stream

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Epoch is what one transaction commits: records, and for every task that
// wrote anything the offset up to which its input is done.
//
// An Epoch is handed over: after Commit neither it nor its records may be used
// again, also when Commit failed, because the client keeps its own state in
// the records.
type Epoch struct {
	// Records to produce. Topic and Partition are set by the caller; the
	// partition is never chosen here, as it follows from the join key.
	Records []*kgo.Record

	// Offsets to commit for Group, by topic and partition: the next offset to
	// read. Also those that have not moved: they are what the broker fences
	// the epoch by. An epoch without offsets is not fenced by the group.
	Offsets map[string]map[int32]int64

	// Unfinished names those of these partitions whose tasks have work left for later epochs. The group
	// keeps it beside the offset, for whoever waits until all is done (AwaitDrained).
	Unfinished map[string]map[int32]bool

	// Group, MemberID, Generation and InstanceID are what membership said when
	// the epoch began (membership.Generation). They are required with Offsets.
	Group      string
	MemberID   string
	Generation int32
	InstanceID string // "" for a member that is not static
}

// Committed says where the records of an epoch lie: by topic and partition the
// offset of the last one. The commit marker lies behind it.
type Committed map[string]map[int32]int64

// check refuses an epoch that cannot be fenced or has nowhere to go.
func (e *Epoch) check() error {
	for _, r := range e.Records {
		if r.Topic == "" || r.Partition < 0 {
			return fmt.Errorf("a record has no place (topic %q, partition %d); nothing was produced", r.Topic, r.Partition)
		}
	}
	if !e.hasOffsets() {
		return nil
	}
	if e.Group == "" || e.MemberID == "" || e.Generation < 0 {
		return fmt.Errorf("offsets without a membership (group %q, member %q, generation %d) could not be fenced; nothing was produced", e.Group, e.MemberID, e.Generation)
	}
	for topic, partitions := range e.Offsets {
		for partition, offset := range partitions {
			if offset < 0 {
				return fmt.Errorf("offset %d of topic %s partition %d cannot be committed for group %s; nothing was produced", offset, topic, partition, e.Group)
			}
		}
	}
	return nil
}

// unfinishedNote stands beside the offset of a task that has work left.
const unfinishedNote = "unfinished"

// note is what stands beside the offset of a partition.
func (e *Epoch) note(topic string, partition int32) *string {
	if !e.Unfinished[topic][partition] {
		return nil
	}
	note := unfinishedNote
	return &note
}

func (e *Epoch) hasOffsets() bool {
	for _, partitions := range e.Offsets {
		if len(partitions) > 0 {
			return true
		}
	}
	return false
}

// lastOffsets reads the offsets that the client set in the records when the
// broker acknowledged them. Records of one partition keep their order.
func (e *Epoch) lastOffsets() Committed {
	committed := Committed{}
	var partitions map[int32]int64
	for i, r := range e.Records {
		if i == 0 || r.Topic != e.Records[i-1].Topic {
			if partitions = committed[r.Topic]; partitions == nil {
				partitions = map[int32]int64{}
				committed[r.Topic] = partitions
			}
		}
		partitions[r.Partition] = r.Offset
	}
	return committed
}

// recordSize is the size of what the caller gave, in bytes: the frame of a
// record and of its batch come on top, compression is not counted.
func recordSize(r *kgo.Record) int {
	size := len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		size += len(h.Key) + len(h.Value)
	}
	return size
}
