package integration_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/freshline/freshline/integration"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestRoundTrip(t *testing.T) {
	t.Logf("on: %s", broker)
	roundTrip(t, broker.Brokers())
}

// TestRoundTripOnJars runs the third way where the first or second was found, and only when asked for: it costs
// another broker.
func TestRoundTripOnJars(t *testing.T) {
	if broker.Kind() == integration.JarsBroker || os.Getenv("FRESHLINE_TEST_JARS") != "1" {
		t.Skipf("set FRESHLINE_TEST_JARS=1 to test a broker from jars beside the %s one", broker.Kind())
	}
	// As on a machine without Docker.
	t.Setenv("FRESHLINE_TEST_KAFKA", "required")
	t.Setenv("FRESHLINE_TEST_BROKERS", "")
	t.Setenv("FRESHLINE_TEST_KAFKA_IMAGE", "")
	ctx := deadline(t, 6*time.Minute)
	jars, err := integration.FindBroker(ctx, integration.OnlyJars())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := jars.Close(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
	})
	if jars.Kind() != integration.JarsBroker {
		t.Fatalf("found %s: %s", jars.Kind(), jars)
	}
	t.Logf("on: %s", jars)
	roundTrip(t, jars.Brokers())
}

// roundTrip writes and reads what everything else here stands on: plain records, an aborted and a committed
// transaction seen by read_committed, and a group's commit.
func roundTrip(t *testing.T, seeds []string) {
	ctx := deadline(t, 2*time.Minute)
	ns := namespace(t)
	plain, tx, group := ns+".plain", ns+".tx", ns+".group"
	client := newClient(t, seeds)
	admin := kadm.NewClient(client)
	if _, err := admin.CreateTopics(ctx, 2, 1, nil, plain, tx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// ctx has ended by now. Only a broker that outlives the tests keeps topics: an error does not matter.
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_, _ = admin.DeleteTopics(ctx, plain, tx)
	})

	const n = 100
	for i := range n {
		client.Produce(ctx, &kgo.Record{Topic: plain, Key: fmt.Append(nil, i), Value: fmt.Append(nil, "v", i)}, func(_ *kgo.Record, err error) {
			if err != nil {
				t.Error(err)
			}
		})
	}
	if err := client.Flush(ctx); err != nil {
		t.Fatal(err)
	}

	producer := newClient(t, seeds, kgo.TransactionalID(ns), kgo.DefaultProduceTopic(tx))
	for _, c := range []struct {
		value string
		end   kgo.TransactionEndTry
	}{{"aborted", kgo.TryAbort}, {"committed", kgo.TryCommit}} {
		if err := producer.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := producer.ProduceSync(ctx, kgo.StringRecord(c.value)).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := producer.EndTransaction(ctx, c.end); err != nil {
			t.Fatal(err)
		}
	}
	committed := newClient(t, seeds, kgo.ConsumeTopics(tx), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if got := values(ctx, t, committed, 1); len(got) != 1 || got[0] != "committed" {
		t.Errorf("read_committed gives %q", got)
	}

	member := newClient(t, seeds, kgo.ConsumerGroup(group), kgo.ConsumeTopics(plain), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if got := values(ctx, t, member, n); len(got) != n {
		t.Errorf("the group reads %d of %d records", len(got), n)
	}
	if err := member.CommitUncommittedOffsets(ctx); err != nil {
		t.Fatal(err)
	}
	lags, err := admin.Lag(ctx, group)
	if err != nil {
		t.Fatal(err)
	}
	if lag := lags[group].Lag.Total(); lag != 0 {
		t.Errorf("the group has a lag of %d", lag)
	}
}

// values polls until there are n.
func values(ctx context.Context, t *testing.T, client *kgo.Client, n int) []string {
	t.Helper()
	var got []string
	for len(got) < n {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			t.Fatalf("%d of %d records: %v", len(got), n, err)
		}
		fetches.EachError(func(topic string, p int32, err error) { t.Errorf("fetch %s/%d: %v", topic, p, err) })
		fetches.EachRecord(func(r *kgo.Record) { got = append(got, string(r.Value)) })
	}
	return got
}

// TestOffsetMetadataLimit shows that a broker that is called real is none of ours: kfake accepts these bytes.
func TestOffsetMetadataLimit(t *testing.T) {
	needReal(t)
	ctx := deadline(t, time.Minute)
	ns := namespace(t)
	admin := kadm.NewClient(newClient(t, broker.Brokers()))
	if _, err := admin.CreateTopic(ctx, 1, 1, nil, ns); err != nil {
		t.Fatal(err)
	}
	offsets := make(kadm.Offsets)
	offsets.Add(kadm.Offset{Topic: ns, At: 0, LeaderEpoch: -1, Metadata: strings.Repeat("x", 5000)})
	var answer error
	if err := integration.Eventually(ctx, "the broker to know the new topic", func(ctx context.Context) error {
		res, err := admin.CommitOffsets(ctx, ns, offsets)
		if err == nil {
			err = res.Error()
		}
		if errors.Is(err, kerr.UnknownTopicOrPartition) {
			return err
		}
		answer = err
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(answer, kerr.OffsetMetadataTooLarge) {
		t.Errorf("5000 bytes of metadata: %v", answer)
	}
}
