package stream

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// stallWindow is how long a new producer is watched for, and then again to compare with.
	stallWindow = 5 * time.Second
	// stallRatio is how many times as long as the longest of the later commits one of the first may take. A client that
	// waits for its metadata to be old enough, or for markers, takes seconds where they take milliseconds.
	stallRatio = 20
)

// TestStartupStall watches a new producer whose first transactions touch many partitions: none of its commits waits for
// anything that those after them do not wait for. The topic has been written to before, as after a restart: what a broker does
// when a partition gets its first record is no matter of the producer.
func TestStartupStall(t *testing.T) {
	b := startTxBroker(t)
	if b.fake != nil {
		t.Skip("needs a real Kafka, named in FRESHLINE_TEST_BROKERS: kfake ends transactions at once")
	}
	if testing.Short() {
		t.Skip("watches for a long time")
	}
	for _, partitions := range []int32{48, 200, 500} {
		t.Run(strconv.Itoa(int(partitions)), func(t *testing.T) {
			topic := b.topic(t, partitions)
			used := b.producer(t, txName("tx"), time.Minute) // the broker makes files for each partition
			begun := time.Now()
			if err := commitEverywhere(t, used, topic, partitions); err != nil {
				t.Fatal(err)
			}
			creation := time.Since(begun)
			// Past what the broker does when 4 KiB are in a log.
			for range 40 {
				if err := commitEverywhere(t, used, topic, partitions); err != nil {
					t.Fatal(err)
				}
			}
			used.Close()

			begun = time.Now()
			p := b.producer(t, txName("tx"), 0)
			open := time.Since(begun)
			first, err := commitsFor(t, p, topic, partitions)
			if err != nil {
				t.Fatal(err)
			}
			later, err := commitsFor(t, p, topic, partitions)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d partitions: first record of each in %s; a new producer: opened in %s, first commit %s, of the first 5 s %s, of the next 5 s %s", partitions,
				creation.Round(time.Millisecond), open.Round(time.Millisecond), first[0].Round(time.Millisecond), spread(first), spread(later))
			if most, usual := slices.Max(first), slices.Max(later); most > stallRatio*usual {
				t.Errorf("one of the first commits took %s, none of the later ones more than %s", most, usual)
			}
		})
	}
}

// commitsFor commits a transaction that touches every partition, again and again, and returns how long each took.
func commitsFor(t *testing.T, p *transactions, topic string, partitions int32) (took []time.Duration, err error) {
	for end := time.Now().Add(stallWindow); time.Now().Before(end); {
		begun := time.Now()
		if err := commitEverywhere(t, p, topic, partitions); err != nil {
			return nil, err
		}
		took = append(took, time.Since(begun))
	}
	return took, nil
}

func commitEverywhere(t *testing.T, p *transactions, topic string, partitions int32) error {
	records := make([]*kgo.Record, partitions)
	for i := range records {
		records[i] = &kgo.Record{Topic: topic, Partition: int32(i), Value: make([]byte, 100)}
	}
	_, err := p.Commit(txCtx(t), Epoch{Records: records})
	return err
}

func spread(took []time.Duration) string {
	sorted := slices.Sorted(slices.Values(took))
	return fmt.Sprintf("%d: median %s, longest %s", len(sorted), sorted[len(sorted)/2].Round(time.Millisecond), sorted[len(sorted)-1].Round(time.Millisecond))
}
