package stream

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/zeebo/xxh3"
)

// newerSearch looks whether old records, candidates to be written again, have later ones of their key, by one
// reading of the partitions that they lie in.
type newerSearch struct {
	cluster   Cluster
	client    *kgo.Client
	letters   *letterLog
	keys      map[searchKey][]*candidate
	positions map[string]map[int32]int64 // up to where the partitions were read
	counts    map[string]int32           // of partitions, by topic
}

// searchKey is a record key in a partition. The key is a hash: it may be large, and there may be many.
type searchKey struct {
	topic     string
	partition int32
	key       xxh3.Uint128
}

// candidate is one old record.
type candidate struct {
	offset  int64
	age     int64        // the offset that it had when it was written first
	sum     xxh3.Uint128 // of its key and value
	ask     bool         // whether a later record speaks against it
	refused string       // why it cannot be written again, whatever else there is
	older   bool         // where refused: Force would write it

	found   bool  // it lies at its place
	newer   int64 // offset of a later record of its key that is no dead letter; 0: none, as no record is before the first
	taken   bool  // it is written again
	written bool  // and was, to the offset copy
	copy    int64
	covered int64 // offset of a record that came after the look and before the copy; 0: none
}

func sumOf(key, value []byte) xxh3.Uint128 {
	var h xxh3.Hasher
	_, _ = h.Write(fmt.Appendf(nil, "%d %t ", len(key), value == nil)) // a hash never fails
	_, _ = h.Write(key)
	_, _ = h.Write(value)
	return h.Sum128()
}

// add takes a candidate into the search.
func (s *newerSearch) add(o Origin, key, value []byte, c *candidate) {
	if s.keys == nil {
		s.keys, s.positions = map[searchKey][]*candidate{}, map[string]map[int32]int64{}
	}
	at := searchKey{o.Topic, o.Partition, xxh3.Hash128(key)}
	c.offset, c.age, c.sum = o.Offset, s.letters.age(o), sumOf(key, value)
	s.keys[at] = append(s.keys[at], c)
}

// open finds where to begin, and looks for the first time.
func (s *newerSearch) open(ctx context.Context) error {
	var topics []string
	first := map[string]map[int32]int64{} // the oldest candidate that asks
	for at, candidates := range s.keys {
		if first[at.topic] == nil {
			first[at.topic] = map[int32]int64{}
			topics = append(topics, at.topic)
		}
		for _, c := range candidates {
			if offset, ok := first[at.topic][at.partition]; c.ask && (!ok || c.offset < offset) {
				first[at.topic][at.partition] = c.offset
			}
		}
	}
	var err error
	if s.counts, err = partitionCounts(ctx, s.client, topics); err != nil {
		return err
	}
	partitions := map[string][]int32{}
	for topic, offsets := range first {
		for partition := range offsets {
			if partition < s.counts[topic] {
				partitions[topic] = append(partitions[topic], partition)
			}
		}
	}
	ends, err := listOffsets(ctx, s.client, latestOffset, partitions)
	if err != nil {
		return err
	}
	for topic, numbers := range partitions {
		s.positions[topic] = map[int32]int64{}
		for _, partition := range numbers {
			// The topic may have been made anew since, and be shorter.
			s.positions[topic][partition] = min(first[topic][partition], ends[topic][partition])
		}
	}
	return s.look(ctx)
}

// look reads on, to the ends that the partitions have now.
func (s *newerSearch) look(ctx context.Context) error {
	reader := logReader{Opts: s.cluster.options()}
	reached, err := reader.readLogs(ctx, s.positions, func(r *kgo.Record) error {
		s.take(r)
		return nil
	})
	if err == nil {
		s.positions = reached
	}
	return err
}

// take compares a record with the candidates that have its key.
func (s *newerSearch) take(r *kgo.Record) {
	candidates := s.keys[searchKey{r.Topic, r.Partition, xxh3.Hash128(r.Key)}]
	if len(candidates) == 0 {
		return
	}
	for _, c := range candidates {
		if c.written && c.copy == r.Offset {
			return // it is of our own making
		}
	}
	at := Origin{r.Topic, r.Partition, r.Offset}
	_, dead := s.letters.known[at]
	for _, c := range candidates {
		switch {
		case r.Offset == c.offset:
			c.found = sumOf(r.Key, r.Value) == c.sum
		case r.Offset < c.offset || dead || s.letters.age(at) < c.age:
		case !c.written:
			c.newer = r.Offset
		case r.Offset < c.copy:
			c.covered = r.Offset
		}
	}
}

// refusal says why a candidate is not to be written again, and whether only since it is older than what is there.
// If it says nothing, the candidate counts as written before all that it is asked of later.
func (s *newerSearch) refusal(o Origin, key []byte, c *candidate) (why string, older bool) {
	n, ok := s.counts[o.Topic]
	switch {
	case !ok:
		return fmt.Sprintf("topic %s is not there any more", o.Topic), false
	case o.Partition >= n:
		return fmt.Sprintf("topic %s has no partition %d any more", o.Topic, o.Partition), false
	case !c.ask:
	case c.newer > 0:
		return fmt.Sprintf("a newer record of its key is at offset %d", c.newer), true
	case !c.found:
		return "it is not in the log any more: a newer record of its key has come since, or the topic was cleaned or made anew", true
	default:
		for _, other := range s.keys[searchKey{o.Topic, o.Partition, xxh3.Hash128(key)}] {
			if other.taken && other.age > c.age {
				return fmt.Sprintf("the newer record of its key at offset %d has been retried before it", other.offset), true
			}
		}
	}
	c.taken = true
	return "", false
}
