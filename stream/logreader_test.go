package stream

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// read reads a partition from start, and returns values and position.
func (b *txBroker) read(t testing.TB, topic string, partition int32, start int64) ([]string, int64, error) {
	t.Helper()
	var values []string
	reader := logReader{Opts: b.opts}
	reached, err := reader.readLogs(txCtx(t), at(topic, partition, start), func(r *kgo.Record) error {
		values = append(values, string(r.Value))
		return nil
	})
	return values, reached[topic][partition], err
}

// open begins a transaction outside of transactions, and leaves it open.
func (b *txBroker) open(t testing.TB, topic string, partition int32, values ...string) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append(b.opts, kgo.TransactionalID(txName("open")), kgo.ProducerLinger(0),
		kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	if err := client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := client.ProduceSync(txCtx(t), txRecords(topic, partition, values...)...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	return client
}

func TestReadLogsToTheirEnds(t *testing.T) {
	b := startTxBroker(t)
	for _, tt := range []struct {
		name     string
		prepare  func(t *testing.T, topic string)
		start    int64
		want     []string
		position int64
	}{
		{"empty", func(*testing.T, string) {}, 0, nil, 0},
		{"plain", func(t *testing.T, topic string) { b.produce(t, topic, 0, "a", "b") }, 0, []string{"a", "b"}, 2},
		{"from the middle", func(t *testing.T, topic string) { b.produce(t, topic, 0, "a", "b", "c") }, 1, []string{"b", "c"}, 3},
		{"at the end", func(t *testing.T, topic string) { b.produce(t, topic, 0, "a") }, 1, nil, 1},
		{"ends in a marker", func(t *testing.T, topic string) {
			if err := b.open(t, topic, 0, "a").EndTransaction(txCtx(t), kgo.TryCommit); err != nil {
				t.Fatal(err)
			}
		}, 0, []string{"a"}, 2},
		{"an aborted tail", func(t *testing.T, topic string) {
			b.produce(t, topic, 0, "a")
			if err := b.open(t, topic, 0, "x", "y").EndTransaction(txCtx(t), kgo.TryAbort); err != nil {
				t.Fatal(err)
			}
		}, 0, []string{"a"}, 4},
		{"nothing but aborts", func(t *testing.T, topic string) {
			for range 3 {
				if err := b.open(t, topic, 0, "x").EndTransaction(txCtx(t), kgo.TryAbort); err != nil {
					t.Fatal(err)
				}
			}
		}, 0, nil, 6},
		{"from within an abort", func(t *testing.T, topic string) {
			if err := b.open(t, topic, 0, "x", "y", "z").EndTransaction(txCtx(t), kgo.TryAbort); err != nil {
				t.Fatal(err)
			}
		}, 2, nil, 4},
		{"below the first offset", func(t *testing.T, topic string) {
			b.produce(t, topic, 0, "a", "b", "c")
			b.deleteRecords(t, topic, 2)
		}, 0, []string{"c"}, 3},
		{"all deleted", func(t *testing.T, topic string) {
			b.produce(t, topic, 0, "a", "b", "c")
			b.deleteRecords(t, topic, 3)
		}, 0, nil, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			topic := b.topic(t, 1)
			tt.prepare(t, topic)
			got, position, err := b.read(t, topic, 0, tt.start)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, tt.want) || position != tt.position {
				t.Errorf("read %v to %d, want %v to %d", got, position, tt.want, tt.position)
			}
		})
	}
}

func (b *txBroker) deleteRecords(t testing.TB, topic string, below int64) {
	t.Helper()
	var offsets kadm.Offsets
	offsets.AddOffset(topic, 0, below, -1)
	if resp, err := b.admin.DeleteRecords(txCtx(t), offsets); err != nil || resp.Error() != nil {
		t.Fatal(err, resp.Error())
	}
}

func TestReadLogsOfSeveralPartitions(t *testing.T) {
	b := startTxBroker(t)
	one, two := b.topic(t, 3), b.topic(t, 2)
	starts := map[string]map[int32]int64{one: {0: 0, 1: 0, 2: 0}, two: {0: 0, 1: 1}}
	for i := range 50 {
		b.produce(t, one, int32(i%2), fmt.Sprint(i))
	}
	b.produce(t, two, 1, "a", "b")
	next := map[string]map[int32]int64{one: {}, two: {1: 1}}
	moves := 0
	reader := logReader{Opts: b.opts, Progress: func(_ string, _ int32, position, end int64) {
		if position > end {
			t.Errorf("position %d behind the end %d", position, end)
		}
		moves++
	}}
	reached, err := reader.readLogs(txCtx(t), starts, func(r *kgo.Record) error {
		if r.Offset != next[r.Topic][r.Partition] {
			t.Errorf("topic %s partition %d: offset %d, want %d", r.Topic, r.Partition, r.Offset, next[r.Topic][r.Partition])
		}
		next[r.Topic][r.Partition] = r.Offset + 1
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]map[int32]int64{one: {0: 25, 1: 25, 2: 0}, two: {0: 0, 1: 2}}
	if fmt.Sprint(reached) != fmt.Sprint(want) {
		t.Errorf("reached %v, want %v", reached, want)
	}
	if moves == 0 {
		t.Error("no progress was told")
	}
}

func TestReadLogsWaitsForAnOpenTransaction(t *testing.T) {
	for _, how := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort} {
		t.Run(fmt.Sprint("commit ", bool(how)), func(t *testing.T) {
			b := startTxBroker(t)
			topic := b.topic(t, 1)
			b.produce(t, topic, 0, "a")
			open := b.open(t, topic, 0, "b")
			b.produce(t, topic, 0, "c") // behind the open transaction: held back

			waits := make(chan struct{}, 1)
			reader := logReader{Opts: b.opts, Progress: func(_ string, _ int32, position, _ int64) {
				if position == 1 {
					select {
					case waits <- struct{}{}:
					default:
					}
				}
			}}
			var got []string
			var reached map[string]map[int32]int64
			done := make(chan error, 1)
			go func() {
				var err error
				reached, err = reader.readLogs(txCtx(t), at(topic, 0, 0), func(r *kgo.Record) error {
					got = append(got, string(r.Value))
					return nil
				})
				done <- err
			}()
			for range 3 { // it looks at the tail and stays
				<-waits
			}
			select {
			case err := <-done:
				t.Fatalf("it did not wait: %v", err)
			default:
			}
			if err := open.EndTransaction(txCtx(t), how); err != nil {
				t.Fatal(err)
			}
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			want := []string{"a", "b", "c"}
			if !how {
				want = []string{"a", "c"}
			}
			if !slices.Equal(got, want) || reached[topic][0] != 3 { // the marker lies behind the end of then
				t.Errorf("read %v to %v, want %v", got, reached, want)
			}
		})
	}
}

func TestReadLogsOfACompactedLog(t *testing.T) {
	b := startTxBroker(t)
	b.fakeOnly(t)
	topic := b.topic(t, 1, "cleanup.policy", "compact")
	for i := range 20 {
		b.produce(t, topic, 0, fmt.Sprint(i)) // one key
	}
	// The last batch of a log is never compacted. It is an aborted one here,
	// so that what is left below it ends in a hole.
	if err := b.open(t, topic, 0, "x").EndTransaction(txCtx(t), kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
	b.fake.Compact()
	got, position, err := b.read(t, topic, 0, 5)
	if err != nil {
		t.Fatal(err)
	}
	if position != 22 || len(got) > 1 {
		t.Errorf("read %v to %d", got, position)
	}
}

// TestReadLogsOfATailThatIsGone has a log whose last record is not there any
// more: nothing that the client hands over reaches the end. Compaction leaves
// it so, either without any batch or with the header of one.
func TestReadLogsOfATailThatIsGone(t *testing.T) {
	for name, tail := range map[string][]byte{"no batch": nil, "an empty batch": emptyBatch(2)} {
		t.Run(name, func(t *testing.T) {
			b := startTxBroker(t)
			b.fakeOnly(t)
			topic := b.topic(t, 1)
			b.produce(t, topic, 0, "a", "b")
			b.fakeTail(3, tail)
			got, position, err := b.read(t, topic, 0, 0)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, []string{"a", "b"}) || position != 3 {
				t.Errorf("read %v to %d", got, position)
			}
		})
	}
}

// fakeTail makes the broker say that logs end at end, and answer fetches from
// offset 2 on with batches until that end.
func (b *txBroker) fakeTail(end int64, batches []byte) {
	b.fake.ControlKey(kmsg.ListOffsets.Int16(), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
		b.fake.KeepControl()
		req := kreq.(*kmsg.ListOffsetsRequest)
		if req.Topics[0].Partitions[0].Timestamp != latestOffset {
			return nil, nil, false
		}
		resp := req.ResponseKind().(*kmsg.ListOffsetsResponse)
		rt, rp := kmsg.NewListOffsetsResponseTopic(), kmsg.NewListOffsetsResponseTopicPartition()
		rt.Topic, rp.Offset = req.Topics[0].Topic, end
		rt.Partitions = append(rt.Partitions, rp)
		resp.Topics = append(resp.Topics, rt)
		return resp, nil, true
	})
	b.fake.ControlKey(kmsg.Fetch.Int16(), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
		b.fake.KeepControl()
		req := kreq.(*kmsg.FetchRequest)
		if len(req.Topics) == 0 || req.Topics[0].Partitions[0].FetchOffset < 2 {
			return nil, nil, false
		}
		resp := req.ResponseKind().(*kmsg.FetchResponse)
		rt, rp := kmsg.NewFetchResponseTopic(), kmsg.NewFetchResponseTopicPartition()
		rt.Topic, rt.TopicID = req.Topics[0].Topic, req.Topics[0].TopicID
		rp.HighWatermark, rp.LastStableOffset = end, end
		if req.Topics[0].Partitions[0].FetchOffset == 2 {
			rp.RecordBatches = batches
		}
		rt.Partitions = append(rt.Partitions, rp)
		resp.Topics = append(resp.Topics, rt)
		return resp, nil, true
	})
}

// emptyBatch is what compaction leaves of a batch of one record: its header.
func emptyBatch(offset int64) []byte {
	batch := kmsg.NewRecordBatch()
	batch.FirstOffset, batch.Magic, batch.Length = offset, 2, 49
	batch.ProducerID, batch.ProducerEpoch, batch.FirstSequence = -1, -1, -1
	raw := batch.AppendTo(nil)
	batch.CRC = int32(crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli)))
	return batch.AppendTo(nil)
}

func TestReadLogsFails(t *testing.T) {
	b := startTxBroker(t)
	topic := b.topic(t, 1)
	b.produce(t, topic, 0, "a")
	if _, _, err := b.read(t, topic, 0, 2); !errors.Is(err, ErrOffsetBeyondEnd) || !strings.Contains(err.Error(), topic) {
		t.Errorf("behind the end: %v", err)
	}
	if _, _, err := b.read(t, topic, 7, 0); err == nil || !strings.Contains(err.Error(), "partition 7") {
		t.Errorf("a partition that is not there: %v", err)
	}
	own := errors.New("own")
	reader := logReader{Opts: b.opts}
	if _, err := reader.readLogs(txCtx(t), at(topic, 0, 0), func(*kgo.Record) error { return own }); !errors.Is(err, own) {
		t.Errorf("an error of the callback: %v", err)
	}
	b.open(t, topic, 0, "b")
	ctx, cancel := context.WithCancel(txCtx(t))
	reader.Progress = func(string, int32, int64, int64) { cancel() }
	if _, err := reader.readLogs(ctx, at(topic, 0, 1), func(*kgo.Record) error { return nil }); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "at offset 1 of 2") {
		t.Errorf("an ended context: %v", err)
	}
}

func TestStableOffsetsWaitForTheTransaction(t *testing.T) {
	b := startTxBroker(t)
	in := b.topic(t, 2)
	if got := b.committed(t, txName("nobody"), in, 1); got != noOffset {
		t.Errorf("a group that never was has committed %d", got)
	}
	_, epoch := joined(t, b, in)
	p := b.producer(t, txName("tx"), 0)
	epoch.Offsets = at(in, 0, 4)
	if _, err := p.Commit(txCtx(t), epoch); err != nil {
		t.Fatal(err)
	}

	// A transaction that holds an offset, and does not end.
	ids, err := fetchTopicIDs(txCtx(t), b.kafka, []string{in})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := p.produce(txCtx(t), txRecords(in, 1, "a")); err != nil {
		t.Fatal(err)
	}
	epoch.Offsets = at(in, 0, 5)
	if err := p.addOffsets(txCtx(t), &epoch, ids); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(txCtx(t), 100*time.Millisecond)
	defer cancel()
	if got, err := stableOffsets(ctx, b.kafka, epoch.Group, map[string][]int32{in: {0}}); err == nil {
		t.Errorf("it did not wait: %v", got)
	}
	if err := p.end(txCtx(t)); err != nil {
		t.Fatal(err)
	}
	got, err := stableOffsets(txCtx(t), b.kafka, epoch.Group, map[string][]int32{in: {0, 1}})
	if err != nil {
		t.Fatal(err)
	}
	if got[in][0] != 5 || got[in][1] != noOffset {
		t.Errorf("committed %v", got)
	}
}
