package stream

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// letterLog is the dead-letter topic, and what is known of each dead letter in it.
type letterLog struct {
	cluster Cluster
	topic   string
	since   time.Time
	starts  map[int32]int64
	known   map[Origin]letterState
	copies  map[Origin]int64  // of each copy that a retry has written, the offset of what it is a copy of
	topics  map[string]string // one copy of each topic name
	lap     int               // how often each was called
}

// letterState is what is known of a dead letter.
type letterState struct {
	retried int64 // offset of the copy, -1: not retried
	at      int64 // when it was retried, ms since 1970
	lap     int   // in which each yielded it last
}

// openLetters reads which records have dead letters and which of these were retried.
func openLetters(ctx context.Context, cluster Cluster, client *kgo.Client, ns Namespace, o DeadLetterOptions) (*letterLog, error) {
	if err := ns.Validate(); err != nil {
		return nil, err
	}
	l := &letterLog{cluster: cluster, topic: ns.DeadLetter(), since: o.Since, starts: map[int32]int64{}, known: map[Origin]letterState{}, copies: map[Origin]int64{}, topics: map[string]string{}}
	if err := l.findStarts(ctx, client, o); err != nil {
		return nil, fmt.Errorf("read topic %s: %w", l.topic, err)
	}
	return l, l.read(ctx, func(r *kgo.Record) error {
		origin, retried, isMark := l.mark(r)
		if !isMark {
			letter := readLetter(r)
			if letter.Err != nil {
				return nil
			}
			origin, retried = l.kept(letter.Origin), -1
		}
		state, ok := l.known[origin]
		if !ok {
			state.retried = -1
		}
		if isMark {
			state.retried, state.at = retried, r.Timestamp.UnixMilli()
			l.copies[Origin{origin.Topic, origin.Partition, retried}] = origin.Offset
		}
		l.known[origin] = state
		return nil
	})
}

func (l *letterLog) findStarts(ctx context.Context, client *kgo.Client, o DeadLetterOptions) error {
	meta, err := fetchTopics(ctx, client, []string{l.topic})
	if err != nil {
		return err
	}
	partitions := map[string][]int32{}
	for _, p := range meta[l.topic].Partitions {
		partitions[l.topic] = append(partitions[l.topic], p.Partition)
	}
	which := int64(earliestOffset)
	if !o.Since.IsZero() {
		which = o.Since.UnixMilli() // a mark is younger than its dead letter
	}
	starts, err := listOffsets(ctx, client, which, partitions)
	if err != nil {
		return err
	}
	ends, err := listOffsets(ctx, client, latestOffset, partitions)
	if err != nil {
		return err
	}
	for partition, start := range starts[l.topic] {
		if start >= 0 && max(start, o.From) < ends[l.topic][partition] { // below 0: nothing is so young
			l.starts[partition] = max(start, o.From)
		}
	}
	return nil
}

// read hands the records of the topic to fn, partition by partition.
func (l *letterLog) read(ctx context.Context, fn func(*kgo.Record) error) error {
	for _, partition := range slices.Sorted(maps.Keys(l.starts)) {
		reader := logReader{Opts: l.cluster.options()}
		if _, err := reader.readLogs(ctx, map[string]map[int32]int64{l.topic: {partition: l.starts[partition]}}, fn); err != nil {
			return err
		}
	}
	return nil
}

// kept is the same origin without the memory of the record that it was read from.
func (l *letterLog) kept(o Origin) Origin {
	topic, ok := l.topics[o.Topic]
	if !ok {
		topic = strings.Clone(o.Topic)
		l.topics[topic] = topic
	}
	o.Topic = topic
	return o
}

// age is the offset that a record had when it was written first.
func (l *letterLog) age(o Origin) int64 {
	for {
		first, ok := l.copies[o]
		if !ok || first >= o.Offset {
			return o.Offset
		}
		o.Offset = first
	}
}

// mark reads a record that says that a dead letter was retried.
func (l *letterLog) mark(r *kgo.Record) (origin Origin, offset int64, ok bool) {
	if len(r.Headers) == 0 || r.Headers[0].Key != headerRetried {
		return Origin{}, 0, false
	}
	origin, err := ParseOrigin(string(r.Key))
	offset, offsetErr := strconv.ParseInt(string(r.Headers[0].Value), 10, 64)
	return l.kept(origin), offset, err == nil && offsetErr == nil && offset >= 0
}

// each yields every dead letter once. It may be called again.
func (l *letterLog) each(ctx context.Context, fn func(DeadLetter) error) error {
	l.lap++
	return l.read(ctx, func(r *kgo.Record) error {
		if !l.since.IsZero() && r.Timestamp.UnixMilli() < l.since.UnixMilli() {
			return nil
		}
		if _, _, isMark := l.mark(r); isMark {
			return nil
		}
		letter := readLetter(detached(r))
		if letter.Err != nil {
			return fn(letter)
		}
		origin := l.kept(letter.Origin)
		state, ok := l.known[origin]
		if !ok || state.lap == l.lap { // it is younger than the call, or was yielded
			return nil
		}
		state.lap = l.lap
		l.known[origin] = state
		if state.retried >= 0 {
			letter.Retried = &Retried{Offset: state.retried, Time: time.UnixMilli(state.at)}
		}
		return fn(letter)
	})
}
