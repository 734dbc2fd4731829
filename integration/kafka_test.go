package integration_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/freshline/freshline/integration"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestKafkaFaults goes through all that a container can do: each fault is seen by a client, and ends.
func TestKafkaFaults(t *testing.T) {
	needContainers(t)
	t.Parallel()
	ctx := deadline(t, 5*time.Minute)
	kafka, err := integration.StartKafka(ctx,
		integration.KafkaSetting("broker.session.timeout.ms", "3000"),
		integration.KafkaSetting("broker.heartbeat.interval.ms", "500"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := kafka.Terminate(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
	})

	client := newClient(t, kafka.Brokers(), kgo.DialTimeout(time.Second), kgo.RequestTimeoutOverhead(time.Second),
		kgo.RecordDeliveryTimeout(time.Second), kgo.DisableIdempotentWrite(), kgo.DefaultProduceTopic("f"))
	if _, err := kadm.NewClient(client).CreateTopic(ctx, 1, 1, nil, "f"); err != nil {
		t.Fatal(err)
	}
	produce := func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		return client.ProduceSync(ctx, kgo.StringRecord("v")).FirstErr()
	}
	begin := time.Now()
	works := func(when string) {
		t.Helper()
		if err := integration.Eventually(ctx, "a produce "+when, produce); err != nil {
			t.Fatal(err)
		}
		t.Logf("%6d ms: it works %s", time.Since(begin).Milliseconds(), when)
	}
	fails := func(when string) {
		t.Helper()
		// Not a produce: the client gives up on a record only seconds after its deadline.
		ctx, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
		defer cancel()
		if _, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, client.SeedBrokers()[0]); err == nil {
			t.Errorf("a request is answered %s", when)
		}
		t.Logf("%6d ms: it fails %s", time.Since(begin).Milliseconds(), when)
	}
	do := func(f func(context.Context) error) {
		t.Helper()
		if err := f(ctx); err != nil {
			t.Fatal(err)
		}
	}

	works("at first")
	do(kafka.Pause)
	fails("while paused")
	do(kafka.Unpause)
	works("after the pause")
	do(kafka.Kill)
	fails("while killed")
	do(kafka.Start)
	works("after the kill")
	do(kafka.Stop)
	fails("while stopped")
	do(kafka.Start)
	works("after the stop")
	do(kafka.Terminate)
	do(kafka.Terminate) // again, for a test that ended it and cleans up as well
	fails("after the end")
}

func TestStartKafkaSaysWhyItCannot(t *testing.T) {
	needContainers(t)
	t.Parallel()
	ctx := deadline(t, 2*time.Minute)

	kafka, err := integration.StartKafka(ctx, integration.KafkaSetting("log.retention.ms", "soon"))
	if err == nil {
		err = errors.Join(errors.New("a broker with a wrong setting starts"), kafka.Terminate(ctx))
		t.Fatal(err)
	}
	t.Logf("wrong setting: %v", err)
	wantIn(t, err.Error(), "it exited with code 1", "log.retention.ms")
}
