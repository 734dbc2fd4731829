package stream

import (
	"context"
	"errors"
	"testing"

	"github.com/linkedin/goavro/v2"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/schema"
)

// Regressions that are not the simulation's to find: it has neither schemas, nor the reader of logs, nor workers.

// TestRegressionSchemaIDChangesNothing: a value that is written anew by another schema, and so has another id before it,
// was another value, and the key that was made of it was found by no join (ksqlDB #8528).
func TestRegressionSchemaIDChangesNothing(t *testing.T) {
	d := newDeployment(t, movingGraph)
	d.run("")
	log, err := OpenSchemaLog(testContext(t), d.cluster, d.ns)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	write := func(fields string) {
		t.Helper()
		text := `{"type":"record","name":"part","fields":[` + fields + `]}`
		writer, err := schema.ParseSchema([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := log.Add(testContext(t), text); err != nil {
			t.Fatal(err)
		}
		codec, err := goavro.NewCodec(text)
		if err != nil {
			t.Fatal(err)
		}
		value, err := codec.BinaryFromNative(writer.Frame().Append(nil), map[string]any{
			"id": 1, "of": 7, "name": "seven", "metaxy_provenance_by_field": map[string]any{"x": "v1"},
		})
		if err != nil {
			t.Fatal(err)
		}
		d.produce(d.ns.Sample(&graph.Feature{Key: "part"}), `{"id":1}`, value)
	}
	const (
		first  = `{"name":"id","type":"int"},{"name":"name","type":"string"},{"name":"of","type":"int"},{"name":"metaxy_provenance_by_field","type":{"type":"map","values":"string"}}`
		second = `{"name":"of","type":"long"},{"name":"metaxy_provenance_by_field","type":{"type":"map","values":"string"}},{"name":"name","type":"string"},{"name":"id","type":"long"}`
	)
	write(first)
	asked := d.expect("at first", map[string]string{`whole {"of":7}`: "NEW"})[`whole {"of":7}`]
	write(second)
	if again := d.expect("written anew before it is answered", map[string]string{`whole {"of":7}`: "NEW"})[`whole {"of":7}`]; again.EventID != asked.EventID {
		t.Errorf("the work is %s, and was %s", again.EventID, asked.EventID)
	}
	err = d.producer.Put(testContext(t), "whole", Sample{Columns: map[string]any{"of": 7}, Provenance: asked.Expected.ByField.Map(), FeatureVersion: &asked.FeatureVersion})
	if err != nil {
		t.Fatal(err)
	}
	d.expect("answered", map[string]string{})
	said := d.records()
	if said != 2 {
		t.Errorf("the staleness topics have %d records, want the work and its tombstone", said)
	}
	for _, fields := range []string{first, second} {
		write(fields)
		d.expect("written anew", map[string]string{})
	}
	if now := d.records(); now != said {
		t.Errorf("the staleness topics have %d records more", now-said)
	}
}

// recoverBehindAMarker starts a process while somebody else's word on a key has been written and has no marker yet: the
// marker comes when the process waits for it, or has not waited.
func recoverBehindAMarker(t *testing.T) {
	d := newDeployment(t, chainGraph)
	stop := d.run("")
	if err := d.producer.Put(testContext(t), "raw", Sample{Columns: map[string]any{"id": 1}, Provenance: map[string]string{"x": "v1"}}); err != nil {
		t.Fatal(err)
	}
	d.expect("at first", map[string]string{`made {"id":1}`: "NEW"})
	stop()

	other, err := Connect(testContext(t), d.cluster, kgo.TransactionalID("other"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := other.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	word := &kgo.Record{Topic: d.ns.Staleness("made"), Partition: graph.Partition(graph.AppendTuple(nil, graph.Int(1)), 3), Key: []byte(`{"id":1}`)}
	if err := produceOne(testContext(t), other, word); err != nil {
		t.Fatal(err)
	}
	waits, began, waited := make(chan struct{}), false, 0
	recovered, said := make(chan struct{}, 1), make(chan struct{}, 1)
	signal := func(c chan struct{}) {
		select {
		case c <- struct{}{}:
		default:
		}
	}
	settled, ctx := make(chan error, 1), testContext(t)
	go func() {
		select {
		case <-waits:
			settled <- other.EndTransaction(context.Background(), kgo.TryCommit)
		case <-recovered:
			settled <- errors.New("it has recovered without what has no marker yet")
		case <-ctx.Done():
			settled <- errors.New("it does not recover")
		}
	}()
	testProcessor(t, ProcessorOptions{Cluster: d.cluster, Namespace: d.ns, InstanceID: "later", Hooks: Hooks{
		OnRecovery: func(topic string, partition int32, position, _ int64) {
			if topic != word.Topic || partition != word.Partition {
				return
			}
			began = true
			if position == word.Offset {
				if waited++; waited == 3 { // it looks at the tail, and stays
					close(waits)
				}
			}
		},
		OnRecovering: func(tasks int) {
			if tasks == 0 && began {
				signal(recovered)
			}
		},
		OnEpoch: func(stats EpochStats) {
			if stats.Events > 0 {
				signal(said)
			}
		},
	}})
	if err := <-settled; err != nil {
		t.Fatal(err)
	}
	// The word was that the key is fresh, which it is not. The group knows of nothing that is left to be done.
	select {
	case <-said:
	case <-ctx.Done():
		t.Fatal("it does not say that the key is not fresh")
	}
	d.expect("afterwards", map[string]string{`made {"id":1}`: "NEW"})
	if n := d.records(); n != 3 {
		t.Errorf("the staleness topics have %d records, want 3", n)
	}
}

// offerWhileWorkRuns: a worker is offered other work for a key while it does that of the key.
func offerWhileWorkRuns(t *testing.T) {
	q, events := newWorkQueue(10), &queueEvents{}
	offer := func(eventID string) {
		e := events.of("A", eventID, graph.Stale)
		q.take(e, &workItem{event: e, lane: "A"})
	}
	offer("1")
	lane, items := q.next()
	if len(items) != 1 || items[0].event.Staleness.EventID != "1" {
		t.Fatalf("handed out is %v", items)
	}
	offer("2")
	if other, _ := q.next(); other != nil {
		t.Error("two pieces of work of one key run at once")
	}
	q.done(lane, true)
	if _, items = q.next(); len(items) != 1 || items[0].event.Staleness.EventID != "2" {
		t.Errorf("afterwards is handed out %v", items)
	}
}
