package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// ErrOffsetBeyondEnd says that a position lies behind the end of its log: the
// topic was deleted and created anew, or the local state is of another cluster.
// What was saved with that position must be thrown away.
var ErrOffsetBeyondEnd = errors.New("the position lies behind the end of the log")

const (
	// pollRecords bounds what one poll hands over.
	pollRecords = 10_000
	// stallAfter is how long a reader waits for records before it looks at
	// the tails, and stallMax how rarely it looks when nothing changes.
	stallAfter = 20 * time.Millisecond
	stallMax   = 250 * time.Millisecond
)

// fetchOpts bound the memory of a consumer: one fetch of each broker is under
// way or buffered at a time.
func fetchOpts() []kgo.Opt {
	return []kgo.Opt{
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		// A log ends in a marker; without it the position never gets there.
		kgo.KeepControlRecords(),
		// The default rewinds by a minute when an offset is out of range.
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchMaxBytes(32 << 20),
		kgo.FetchMaxPartitionBytes(1 << 20),
		// A fetch under way knows nothing of a partition that is added or
		// resumed meanwhile, so this is also how long that may take.
		kgo.FetchMaxWait(stallMax),
		kgo.MetadataMinAge(50 * time.Millisecond),
	}
}

// logReader reads logs to their ends: the one way by which state is recovered,
// on a first start, after a crash, by a new owner.
type logReader struct {
	// Opts reach the brokers. Required.
	Opts []kgo.Opt
	// Progress, if set, is called for each partition with its start, after
	// every poll for each that moved, and for each that waits when nothing moves: a position that
	// stands still below end waits for an open transaction, at most for its
	// timeout.
	Progress func(topic string, partition int32, position, end int64)
}

// logPartition is one log that is being read.
type logPartition struct {
	position int64 // the next offset to read
	end      int64 // where to stop: the end of the log when readLogs was called
}

// readLogs reads each partition from its start to the end that it has now,
// and hands every committed record to fn, those of one partition in order; the
// slices of a record may be kept, they hold the memory of its batch. It returns
// the positions reached, which are the ends.
//
// The end is the read_uncommitted one, since after a commit the markers arrive
// late and the last stable offset is not the end; the reading is
// read_committed, so it gets there when every transaction below is settled.
// A start below the first offset of a log is moved up to it; one behind the end
// is ErrOffsetBeyondEnd. An error of fn ends the reading and is returned.
//
// Strategy not taken: to compare the position with the last stable offset.
// It needs no control records, but cannot tell a log that is read to its end
// from one whose last commit has no marker yet.
func (l *logReader) readLogs(ctx context.Context, starts map[string]map[int32]int64, fn func(*kgo.Record) error) (map[string]map[int32]int64, error) {
	reached := map[string]map[int32]int64{}
	if len(starts) == 0 {
		return reached, nil
	}
	client, err := kgo.NewClient(append(append([]kgo.Opt(nil), l.Opts...), fetchOpts()...)...)
	if err != nil {
		return nil, fmt.Errorf("open a reader: %w", err)
	}
	defer client.Close()

	todo, err := l.bounds(ctx, client, starts, reached)
	if err != nil {
		return nil, err
	}
	consume := map[string]map[int32]kgo.Offset{}
	for topic, partitions := range todo {
		consume[topic] = map[int32]kgo.Offset{}
		for partition, p := range partitions {
			consume[topic][partition] = kgo.NewOffset().At(p.position)
		}
	}
	client.AddConsumePartitions(consume)
	l.progressAll(todo)

	wait := 5 * stallAfter // the client has yet to connect
	for len(todo) > 0 {
		poll, cancel := context.WithTimeout(ctx, wait)
		fetches := client.PollRecords(poll, pollRecords)
		cancel()
		if err := ctx.Err(); err != nil {
			return nil, l.stuck(todo, err)
		}
		moved, err := l.take(client, fetches, todo, reached, fn)
		if err != nil {
			return nil, err
		}
		if moved {
			wait = stallAfter
			continue
		}
		// Nothing came. Either a transaction is open, or a tail holds nothing
		// that a consumer would hand over.
		if err := l.probe(ctx, client, todo, reached); err != nil {
			return nil, err
		}
		l.progressAll(todo)
		wait = min(2*wait, stallMax)
	}
	return reached, nil
}

// bounds finds where each log begins and ends. Logs that are at their end
// already go to reached.
func (l *logReader) bounds(ctx context.Context, client *kgo.Client, starts, reached map[string]map[int32]int64) (map[string]map[int32]*logPartition, error) {
	partitions := map[string][]int32{}
	for topic, numbers := range starts {
		for partition := range numbers {
			partitions[topic] = append(partitions[topic], partition)
		}
	}
	ends, err := listOffsets(ctx, client, latestOffset, partitions)
	if err != nil {
		return nil, err
	}
	firsts, err := listOffsets(ctx, client, earliestOffset, partitions)
	if err != nil {
		return nil, err
	}
	todo := map[string]map[int32]*logPartition{}
	for topic, numbers := range starts {
		for partition, start := range numbers {
			end := ends[topic][partition]
			if start > end {
				return nil, fmt.Errorf("read topic %s partition %d from offset %d, its end is %d: %w", topic, partition, start, end, ErrOffsetBeyondEnd)
			}
			start = max(start, firsts[topic][partition])
			if start >= end {
				l.reach(reached, topic, partition, end)
				continue
			}
			if todo[topic] == nil {
				todo[topic] = map[int32]*logPartition{}
			}
			todo[topic][partition] = &logPartition{position: start, end: end}
		}
	}
	return todo, nil
}

// take applies what a poll gave, and says whether any partition moved.
func (l *logReader) take(client *kgo.Client, fetches kgo.Fetches, todo map[string]map[int32]*logPartition, reached map[string]map[int32]int64, fn func(*kgo.Record) error) (bool, error) {
	moved := false
	var failed error
	fetches.EachPartition(func(ft kgo.FetchTopicPartition) {
		p := todo[ft.Topic][ft.Partition]
		if failed != nil || p == nil {
			return
		}
		if ft.Err != nil {
			failed = newFetchError(ft.Topic, ft.Partition, p.position, ft.Err)
			return
		}
		for _, r := range ft.Records {
			if r.Offset >= p.end {
				// A record from behind the end shows that nothing else
				// lies below it. It belongs to the live reading.
				p.position = p.end
				moved = true
				break
			}
			if !r.Attrs.IsControl() {
				if failed = fn(r); failed != nil {
					return
				}
			}
			p.position = r.Offset + 1
			moved = true
		}
		if len(ft.Records) == 0 {
			return
		}
		l.progress(ft.Topic, ft.Partition, p.position, p.end)
		if p.position >= p.end {
			l.finish(client, todo, reached, ft.Topic, ft.Partition)
		}
	})
	return moved, failed
}

// finish takes a partition out of the reading.
func (l *logReader) finish(client *kgo.Client, todo map[string]map[int32]*logPartition, reached map[string]map[int32]int64, topic string, partition int32) {
	l.reach(reached, topic, partition, todo[topic][partition].end)
	delete(todo[topic], partition)
	if len(todo[topic]) == 0 {
		delete(todo, topic)
	}
	client.RemoveConsumePartitions(map[string][]int32{topic: {partition}})
}

func (l *logReader) reach(reached map[string]map[int32]int64, topic string, partition int32, end int64) {
	if reached[topic] == nil {
		reached[topic] = map[int32]int64{}
	}
	reached[topic][partition] = end
}

func (l *logReader) progress(topic string, partition int32, position, end int64) {
	if l.Progress != nil {
		l.Progress(topic, partition, position, end)
	}
}

func (l *logReader) progressAll(todo map[string]map[int32]*logPartition) {
	for topic, partitions := range todo {
		for partition, p := range partitions {
			l.progress(topic, partition, p.position, p.end)
		}
	}
}

// stuck says where the reading stood when ctx ended.
func (l *logReader) stuck(todo map[string]map[int32]*logPartition, cause error) error {
	for topic, partitions := range todo {
		for partition, p := range partitions {
			return fmt.Errorf("read topic %s partition %d: at offset %d of %d: %w", topic, partition, p.position, p.end, cause)
		}
	}
	return cause
}
