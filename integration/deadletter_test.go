package integration_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream"
)

const oneFeature = `features: [{key: video/raw, id_columns: [video_id], fields: [frames]}]`

// TestDeadLetters refuses records, finds them by time, and retries them: what is written again is what was there to
// the byte, and what has a newer record of its key is left.
func TestDeadLetters(t *testing.T) {
	ctx := deadline(t, walkLimit)
	ns := stream.Namespace(shortNamespace())
	deleteLater(t, ns)
	cluster := stream.Cluster{Brokers: broker.Brokers()}
	g, err := graph.Parse([]byte(oneFeature), "graph.yaml")
	if err != nil {
		t.Fatal(err)
	}
	client := newClient(t, broker.Brokers())
	if _, err := stream.NewTopics(client).Create(ctx, ns, g, stream.TopicOptions{Partitions: 2, SamplePartitions: 3}); err != nil {
		t.Fatal(err)
	}
	log, err := stream.OpenGraphLog(ctx, cluster, ns)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	if _, err := log.Publish(ctx, g); err != nil {
		t.Fatal(err)
	}
	p := newProcess(t, string(ns))
	if err := p.start(); err != nil {
		t.Fatal(err)
	}
	if err := p.awaitReady(ctx); err != nil {
		t.Fatal(err)
	}

	topic := ns.Sample(g.Features[0])
	headers := []kgo.RecordHeader{{Key: "none"}, {Key: "empty", Value: []byte{}}, {Key: "freshline_column", Value: []byte("not ours")}, {Key: "bytes", Value: []byte{0, 0xff}}}
	written := []*kgo.Record{
		{Topic: topic, Key: []byte("a"), Value: []byte("no Avro\x00\xff"), Headers: headers},
		{Topic: topic, Key: []byte{}, Value: []byte{}},
		{Topic: topic, Key: []byte("b"), Value: []byte("older")},
		{Topic: topic, Key: []byte("b")}, // a deletion
	}
	for _, record := range written {
		if err := client.ProduceSync(ctx, record).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.AwaitDrained(ctx, cluster, ns, g); err != nil {
		t.Fatal(err)
	}
	for since, want := range map[time.Duration]int{time.Hour: 3, -time.Hour: 0} {
		n := 0
		for letter, err := range stream.DeadLetters(ctx, cluster, ns, stream.DeadLetterOptions{Since: time.Now().Add(-since)}) {
			if err != nil || letter.Err != nil {
				t.Fatal(err, letter.Err)
			}
			n++
		}
		if n != want {
			t.Errorf("%d dead letters since %s, want %d", n, since, want)
		}
	}
	retried := 0
	for r, err := range stream.RetryDeadLetters(ctx, cluster, ns, stream.RetryOptions{Select: func(d stream.DeadLetter) bool { return d.Retried == nil }}) {
		switch {
		case err != nil || r.Fault != nil:
			t.Fatal(err, r.Fault)
		case r.Refused != "":
			if string(r.Key) != "b" || !r.Older {
				t.Errorf("%s is refused: %s", r.Origin, r.Refused)
			}
		default:
			retried++
			before, after := readRecord(t, r.Origin), readRecord(t, stream.Origin{Topic: topic, Partition: r.Origin.Partition, Offset: r.Copy})
			if !reflect.DeepEqual(before.Key, after.Key) || !reflect.DeepEqual(before.Value, after.Value) || !reflect.DeepEqual(before.Headers, after.Headers) {
				t.Errorf("%s was %v and is %v", r.Origin, before, after)
			}
		}
	}
	if retried != 2 {
		t.Errorf("%d records were retried, want 2", retried)
	}
	if err := stream.AwaitDrained(ctx, cluster, ns, g); err != nil {
		t.Fatal(err)
	}
	open, marked := 0, 0
	for letter, err := range stream.DeadLetters(ctx, cluster, ns, stream.DeadLetterOptions{}) {
		if err != nil || letter.Err != nil {
			t.Fatal(err, letter.Err)
		}
		if letter.Retried != nil {
			marked++
		} else {
			open++
		}
	}
	if open != 3 || marked != 2 { // what was retried is refused again
		t.Errorf("%d dead letters are open and %d were retried, want 3 and 2", open, marked)
	}
}

// readRecord reads one record as it lies in its topic.
func readRecord(t *testing.T, at stream.Origin) *kgo.Record {
	t.Helper()
	client := newClient(t, broker.Brokers(), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{at.Topic: {at.Partition: kgo.NewOffset().At(at.Offset)}}))
	fetches := client.PollRecords(deadline(t, walkLimit), 1)
	if err := fetches.Err(); err != nil {
		t.Fatal(err)
	}
	return fetches.Records()[0]
}
