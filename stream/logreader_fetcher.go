package stream

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// fetched is what a poll gives for one partition.
type fetched struct {
	Topic     string
	Partition int32
	// Records in the order of their offsets, control records taken out. May
	// be empty: then only the position has moved.
	Records []*kgo.Record
	// Position is the next offset to read: behind the last record, and behind
	// the markers that follow it. To commit it leaves no marker to be read
	// again after a restart.
	Position int64
	// HighWatermark is the end of the log when this was fetched, for lags.
	HighWatermark int64
}

// fetcher reads live partitions: a consumer without a group, read_committed,
// whose partitions are added with explicit offsets and taken out again while it
// runs. Who owns a partition, and from where it is read, is decided elsewhere.
//
// Its methods may be called from any goroutine. Add and Remove wake a Poll that
// waits and run while none does: records that a Poll took before a partition
// was moved would else be counted for its new position.
type fetcher struct {
	client *kgo.Client

	mu        sync.Mutex
	turn      *sync.Cond // on mu: polling or changing has changed
	polling   bool
	changing  int                // calls of Add and Remove that wait or run
	interrupt context.CancelFunc // ends the wait of the Poll under way
	positions map[string]map[int32]int64
}

// newFetcher opens a consumer of no partitions. It starts the background work
// of a Kafka client, which Close ends.
func newFetcher(opts []kgo.Opt) (*fetcher, error) {
	client, err := kgo.NewClient(append(append([]kgo.Opt(nil), opts...), fetchOpts()...)...)
	if err != nil {
		return nil, fmt.Errorf("open a fetcher: %w", err)
	}
	f := &fetcher{client: client, positions: map[string]map[int32]int64{}}
	f.turn = sync.NewCond(&f.mu)
	return f, nil
}

// Close ends the consumer. A Poll that waits returns.
func (f *fetcher) Close() { f.client.Close() }

// Add begins to read partitions, each at the offset given. A partition that is
// being read already is moved.
func (f *fetcher) Add(starts map[string]map[int32]int64) {
	f.change(func() {
		again := map[string][]int32{}
		add := map[string]map[int32]kgo.Offset{}
		for topic, partitions := range starts {
			add[topic] = map[int32]kgo.Offset{}
			if f.positions[topic] == nil {
				f.positions[topic] = map[int32]int64{}
			}
			for partition, offset := range partitions {
				if _, ok := f.positions[topic][partition]; ok {
					again[topic] = append(again[topic], partition)
				}
				add[topic][partition] = kgo.NewOffset().At(offset)
				f.positions[topic][partition] = offset
			}
		}
		f.client.RemoveConsumePartitions(again)
		f.client.AddConsumePartitions(add)
	})
}

// Remove stops reading partitions. A pause of theirs is forgotten.
func (f *fetcher) Remove(partitions map[string][]int32) {
	f.change(func() {
		remove := map[string][]int32{} // the client changes its argument
		for topic, numbers := range partitions {
			remove[topic] = append([]int32(nil), numbers...)
			for _, partition := range numbers {
				delete(f.positions[topic], partition)
			}
		}
		f.client.RemoveConsumePartitions(remove)
		f.client.ResumeFetchPartitions(partitions)
	})
}

// change runs fn, with mu held, while no Poll is under way.
func (f *fetcher) change(fn func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.changing++
	for f.polling {
		f.interrupt()
		f.turn.Wait()
	}
	fn()
	f.changing--
	f.turn.Broadcast()
}

// Pause keeps partitions from being read until Resume. What was fetched of them
// and not yet polled is dropped and fetched again.
func (f *fetcher) Pause(partitions map[string][]int32) {
	if len(partitions) > 0 { // without partitions the client only lists them
		f.client.PauseFetchPartitions(partitions)
	}
}

// Resume goes on reading where it stood.
func (f *fetcher) Resume(partitions map[string][]int32) {
	f.client.ResumeFetchPartitions(partitions)
}

// Position is the next offset to be polled of a partition; false when it is
// not being read.
func (f *fetcher) Position(topic string, partition int32) (int64, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	position, ok := f.positions[topic][partition]
	return position, ok
}

// Poll waits for records, at most maxRecords, markers counted. It returns what
// has come beside the errors of other partitions, joined, each of them a
// *FetchError; a partition with an error is not read on until Add. When ctx
// ends first it returns the error of ctx.
func (f *fetcher) Poll(ctx context.Context, maxRecords int) ([]fetched, error) {
	for {
		out, err := f.poll(ctx, maxRecords)
		if len(out) > 0 || err != nil {
			return out, err
		}
	}
}

// poll returns nothing at all when Add or Remove woke it.
func (f *fetcher) poll(ctx context.Context, maxRecords int) ([]fetched, error) {
	wait, cancel := context.WithCancel(ctx)
	defer cancel()
	f.mu.Lock()
	for f.polling || f.changing > 0 {
		f.turn.Wait()
	}
	f.polling, f.interrupt = true, cancel
	f.mu.Unlock()

	fetches := f.client.PollRecords(wait, maxRecords)

	f.mu.Lock()
	defer f.mu.Unlock()
	f.polling = false
	f.turn.Broadcast()
	var (
		out  []fetched
		errs []error
	)
	fetches.EachPartition(func(ft kgo.FetchTopicPartition) {
		if ft.Topic == "" { // the poll itself
			if wait.Err() == nil {
				errs = append(errs, fmt.Errorf("poll: %w", ft.Err))
			}
			return
		}
		position, ok := f.positions[ft.Topic][ft.Partition]
		if !ok {
			return // an error of a partition that was removed since
		}
		if len(ft.Records) > 0 {
			p := fetched{Topic: ft.Topic, Partition: ft.Partition, HighWatermark: ft.HighWatermark}
			p.Records = make([]*kgo.Record, 0, len(ft.Records))
			for _, r := range ft.Records {
				position = r.Offset + 1
				if !r.Attrs.IsControl() {
					p.Records = append(p.Records, r)
				}
			}
			p.Position = position
			f.positions[ft.Topic][ft.Partition] = position
			out = append(out, p)
		}
		if ft.Err != nil {
			errs = append(errs, newFetchError(ft.Topic, ft.Partition, position, ft.Err))
		}
	})
	if len(out) == 0 && len(errs) == 0 {
		return nil, ctx.Err()
	}
	return out, errors.Join(errs...)
}
