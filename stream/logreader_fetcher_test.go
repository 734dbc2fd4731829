package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

func startFetcher(t *testing.T, b *txBroker) *fetcher {
	t.Helper()
	f, err := newFetcher(b.opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

// pollUntil polls until the position of a partition is reached, and returns the
// values seen of it.
func pollUntil(t *testing.T, f *fetcher, topic string, partition int32, position int64) []string {
	t.Helper()
	var values []string
	for {
		if at, ok := f.Position(topic, partition); !ok || at >= position {
			return values
		}
		got, err := f.Poll(txCtx(t), 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range got {
			for _, r := range p.Records {
				if p.Topic == topic && p.Partition == partition {
					values = append(values, string(r.Value))
				}
			}
		}
	}
}

func TestFetcherPartitionsComeAndGo(t *testing.T) {
	b := startTxBroker(t)
	topic := b.topic(t, 2)
	f := startFetcher(t, b)
	b.produce(t, topic, 0, "a", "b")
	b.produce(t, topic, 1, "c")
	f.Add(at(topic, 0, 1))
	if got := pollUntil(t, f, topic, 0, 2); !slices.Equal(got, []string{"b"}) {
		t.Errorf("polled %v", got)
	}
	f.Add(at(topic, 1, 0)) // while it runs
	if got := pollUntil(t, f, topic, 1, 1); !slices.Equal(got, []string{"c"}) {
		t.Errorf("polled %v", got)
	}
	f.Remove(map[string][]int32{topic: {0}})
	if _, ok := f.Position(topic, 0); ok {
		t.Error("it is still read")
	}
	b.produce(t, topic, 0, "d")
	b.produce(t, topic, 1, "e")
	if got := pollUntil(t, f, topic, 1, 2); !slices.Equal(got, []string{"e"}) {
		t.Errorf("polled %v", got)
	}
	f.Add(map[string]map[int32]int64{topic: {0: 0, 1: 0}}) // again, and moved back
	if got := pollUntil(t, f, topic, 0, 3); !slices.Equal(got, []string{"a", "b", "d"}) {
		t.Errorf("polled %v", got)
	}
	if at, _ := f.Position(topic, 1); at != 2 {
		pollUntil(t, f, topic, 1, 2)
	}
}

func TestFetcherCountsMarkers(t *testing.T) {
	b := startTxBroker(t)
	topic := b.topic(t, 1)
	f := startFetcher(t, b)
	f.Add(at(topic, 0, 0))
	if err := b.open(t, topic, 0, "a").EndTransaction(txCtx(t), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	if err := b.open(t, topic, 0, "x").EndTransaction(txCtx(t), kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
	if got := pollUntil(t, f, topic, 0, 4); !slices.Equal(got, []string{"a"}) {
		t.Errorf("polled %v", got)
	}
}

func TestFetcherPauses(t *testing.T) {
	b := startTxBroker(t)
	topic := b.topic(t, 2)
	f := startFetcher(t, b)
	paused := map[string][]int32{topic: {0}}
	f.Pause(paused)
	f.Add(map[string]map[int32]int64{topic: {0: 0, 1: 0}})
	b.produce(t, topic, 0, "a")
	b.produce(t, topic, 1, "b")
	if got := pollUntil(t, f, topic, 1, 1); !slices.Equal(got, []string{"b"}) {
		t.Errorf("polled %v", got)
	}
	if at, _ := f.Position(topic, 0); at != 0 {
		t.Errorf("the paused partition moved to %d", at)
	}
	f.Resume(paused)
	if got := pollUntil(t, f, topic, 0, 1); !slices.Equal(got, []string{"a"}) {
		t.Errorf("polled %v", got)
	}
}

func TestFetcherNamesWhatIsOutOfRange(t *testing.T) {
	b := startTxBroker(t)
	topic := b.topic(t, 2)
	b.produce(t, topic, 0, "a")
	b.produce(t, topic, 1, "b")
	for _, start := range []int64{7, 0} {
		f := startFetcher(t, b)
		if start == 0 {
			b.produce(t, topic, 0, "c")
			b.deleteRecords(t, topic, 1)
		}
		f.Add(map[string]map[int32]int64{topic: {0: start}})
		_, err := f.Poll(txCtx(t), 10)
		fe, ok := errors.AsType[*FetchError](err)
		if !ok || !fe.OutOfRange() || fe.Topic != topic || fe.Partition != 0 || fe.Offset != start {
			t.Fatalf("from %d: %v", start, err)
		}
		if want := fmt.Sprintf("topic %s partition 0 at offset %d", topic, start); !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
		f.Add(at(topic, 0, 1)) // where the owner decided to go on
		if start == 0 {
			if got := pollUntil(t, f, topic, 0, 2); !slices.Equal(got, []string{"c"}) {
				t.Errorf("polled %v", got)
			}
		}
	}
}

func TestFetcherEndsWithItsContext(t *testing.T) {
	b := startTxBroker(t)
	topic := b.topic(t, 1)
	f := startFetcher(t, b)
	f.Add(at(topic, 0, 0))
	ctx, cancel := context.WithCancel(context.Background())
	polled := make(chan error, 1)
	go func() {
		_, err := f.Poll(ctx, 10)
		polled <- err
	}()
	f.Add(at(topic, 0, 0)) // wakes it and lets it wait on
	cancel()
	if err := <-polled; !errors.Is(err, context.Canceled) {
		t.Errorf("Poll returned %v", err)
	}
}

// TestFetcherMovesWhilePolling moves a partition back again and again under a
// Poll: every record above the last move is seen, in order.
func TestFetcherMovesWhilePolling(t *testing.T) {
	b := startTxBroker(t)
	topic := b.topic(t, 1)
	f := startFetcher(t, b)
	var values []string
	for i := range 200 {
		values = append(values, fmt.Sprint(i))
	}
	b.produce(t, topic, 0, values...)
	f.Add(at(topic, 0, 0))

	ctx, cancel := context.WithCancel(txCtx(t))
	var wg sync.WaitGroup
	var mu sync.Mutex
	var seen []int64
	wg.Go(func() {
		for {
			got, err := f.Poll(ctx, 7)
			if err != nil {
				return
			}
			mu.Lock()
			for _, p := range got {
				for _, r := range p.Records {
					seen = append(seen, r.Offset)
				}
			}
			mu.Unlock()
		}
	})
	for i := range int64(20) {
		f.Add(at(topic, 0, i))
	}
	eventually(t, "the end", func() bool { at, _ := f.Position(topic, 0); return at == 200 })
	cancel()
	wg.Wait()
	last := slices.Index(seen, 19)
	for i := len(seen) - 1; i >= 0; i-- { // the last time it began at 19
		if seen[i] == 19 {
			last = i
			break
		}
	}
	for i, offset := range seen[last:] {
		if offset != int64(19+i) {
			t.Fatalf("after the last move it saw %v", seen[last:])
		}
	}
}
