package integration_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/stream"
	"github.com/freshline/freshline/stream/engine/enginetest"
)

// TestFaultsAreNoticed writes into a staleness topic what a broken processor would have written, and wants the verifier
// of TestFaults to notice each.
func TestFaultsAreNoticed(t *testing.T) {
	ctx := deadline(t, time.Minute)
	ns, cluster := stream.Namespace(namespace(t)), stream.Cluster{Brokers: broker.Brokers()}
	deleteLater(t, ns)
	graphs, err := faultGraphs()
	if err != nil {
		t.Fatal(err)
	}
	o := stream.PublishOptions{Topics: stream.TopicOptions{Partitions: 1, SamplePartitions: 1}}
	if _, err := stream.Publish(ctx, cluster, ns, graphs[0], o); err != nil {
		t.Fatal(err)
	}
	processor, err := stream.NewProcessor(stream.ProcessorOptions{Cluster: cluster, Namespace: ns, InstanceID: "one"})
	if err != nil {
		t.Fatal(err)
	}
	stop := inBackground(t, ctx, processor.Run)
	producer, err := stream.NewProducer(ctx, stream.ProducerOptions{Cluster: cluster, Namespace: ns})
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	for video := range 4 {
		err := producer.Put(ctx, "video", stream.Sample{
			Columns: map[string]any{"video": video, "volume": 0}, Provenance: map[string]string{"audio": "a", "frames": fmt.Sprint(video)},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := producer.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if err := stream.AwaitDrained(ctx, cluster, ns, graphs[0]); err != nil {
		t.Fatal(err)
	}
	stop()
	words := enginetest.NewWords()
	check := func(what string, missing, wrong, duplicate int) {
		t.Helper()
		v := compareAll(ctx, t, broker.Brokers(), ns, words)
		if v.missing != missing || v.wrong != wrong || v.duplicate != duplicate || len(v.faults) != missing+wrong+duplicate || v.keys != 8 {
			t.Fatalf("%s: %d missing, %d wrong, %d duplicate, want %d, %d, %d, of %d keys:\n%v", what, v.missing, v.wrong, v.duplicate, missing, wrong, duplicate, v.keys, v.faults)
		}
	}
	check("a processor that works", 0, 0, 0)

	events := map[string]*kgo.Record{}
	readCommitted(ctx, t, broker.Brokers(), ns.Staleness("chunk"), func(r *kgo.Record) { events[string(r.Key)] = r })
	client := newClient(t, broker.Brokers(), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	write := func(key string, value []byte) {
		t.Helper()
		r := &kgo.Record{Topic: ns.Staleness("chunk"), Key: []byte(key), Value: value}
		if err := client.ProduceSync(ctx, r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	key := func(video int) string { return fmt.Sprintf(`{"video":%d}`, video) }
	write(key(0), events[key(0)].Value)
	check("an event that is said again", 0, 0, 1)
	write(key(1), nil)
	check("work that is taken back", 1, 0, 1)
	write(key(1), nil)
	check("and taken back again", 1, 0, 2)
	write(key(2), events[key(3)].Value) // its key is not that of the record, and it expects something else
	check("the event of another", 1, 2, 2)
}
