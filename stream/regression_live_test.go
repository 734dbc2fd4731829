package stream

import (
	"testing"

	"github.com/linkedin/goavro/v2"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/schema"
)

// TestRegressionSchemaIDChangesNothing: a value that is written anew by another schema, and so has another id before it,
// was another value (ksqlDB #8528).
func TestRegressionSchemaIDChangesNothing(t *testing.T) {
	d := newDeployment(t, chainGraph)
	d.run("")
	log, err := OpenSchemaLog(testContext(t), d.cluster, d.ns)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	write := func(text string) {
		t.Helper()
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
			"id": 1, "metaxy_provenance_by_field": map[string]any{"x": "v1"},
		})
		if err != nil {
			t.Fatal(err)
		}
		d.produce(d.ns.Sample(&graph.Feature{Key: "raw"}), `{"id":1}`, value)
	}
	write(`{"type":"record","name":"a","fields":[{"name":"id","type":"int"},{"name":"metaxy_provenance_by_field","type":{"type":"map","values":"string"}}]}`)
	s := d.expect("at first", map[string]string{`made {"id":1}`: "NEW"})[`made {"id":1}`]
	err = d.producer.Put(testContext(t), "made", Sample{Columns: map[string]any{"id": 1}, Provenance: s.Expected.ByField.Map(), FeatureVersion: &s.FeatureVersion})
	if err == nil {
		err = d.producer.Flush(testContext(t))
	}
	if err != nil {
		t.Fatal(err)
	}
	d.expect("answered", map[string]string{})
	said := d.records()
	write(`{"type":"record","name":"b","fields":[{"name":"metaxy_provenance_by_field","type":{"type":"map","values":"string"}},{"name":"id","type":"long"}]}`)
	d.expect("written anew", map[string]string{})
	if now := d.records(); now != said {
		t.Errorf("the staleness topics have %d records more", now-said)
	}
}

// TestRegressionTriggerWhileWorkRuns: what comes for a key while its work runs is done afterwards (Dagster #24650).
func TestRegressionTriggerWhileWorkRuns(t *testing.T) {
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
