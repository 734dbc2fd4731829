package stream

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/stream/engine"
)

// latestOf returns the newest record of each key of a topic.
func latestOf(t *testing.T, cluster Cluster, topic string) map[string]*kgo.Record {
	t.Helper()
	client, err := Connect(testContext(t), cluster)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	latest := map[string]*kgo.Record{}
	if err := readTopics(testContext(t), cluster, client, []string{topic}, func(r *kgo.Record) error {
		if latest[string(r.Key)] = r; r.Value == nil {
			delete(latest, string(r.Key))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return latest
}

// forge writes records into topics of a deployment, where they are put.
func forge(t *testing.T, cluster Cluster, records ...*kgo.Record) {
	t.Helper()
	client, err := Connect(testContext(t), cluster, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.ProduceSync(testContext(t), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// TestVerify finds nothing in a deployment that is right, and each thing that is forged.
func TestVerify(t *testing.T) {
	d := newDeployment(t, videoGraph)
	stop := d.run("")
	const videos = 6
	for id := range videos {
		putVideo(t, d.producer, id, "v1")
	}
	if err := AwaitDrained(testContext(t), d.cluster, d.ns, d.graph); err != nil {
		t.Fatal(err)
	}
	compare := func(what string, want map[string]DifferenceKind) {
		t.Helper()
		check := Verify
		if what != "untouched" { // no processor runs that would be waited for
			check = func(ctx context.Context, cluster Cluster, ns Namespace, o VerifyOptions) (*Verification, error) {
				return verify(ctx, cluster, ns, o, false)
			}
		}
		v, err := check(testContext(t), d.cluster, d.ns, VerifyOptions{})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]DifferenceKind{}
		for _, difference := range v.Differences {
			got[difference.Topic+" "+difference.Key] = difference.Kind
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s: found is %v, want %v", what, got, want)
		}
		if v.Samples != videos || v.Events < videos-1 {
			t.Errorf("%s: %d samples and %d events were compared", what, v.Samples, v.Events)
		}
	}
	compare("untouched", map[string]DifferenceKind{})
	stop() // or it would say again what is taken back

	topic := d.ns.Staleness("video/chunk")
	events := latestOf(t, d.cluster, topic)
	at := func(id int) *kgo.Record { return events[fmt.Sprintf(`{"video_id":%d}`, id)] }
	forge(t, d.cluster,
		&kgo.Record{Topic: topic, Partition: at(0).Partition, Key: at(0).Key},
		&kgo.Record{Topic: topic, Partition: at(1).Partition, Key: at(1).Key, Value: at(2).Value, Headers: at(2).Headers},
		&kgo.Record{Topic: topic, Partition: 0, Key: []byte(`{"video_id":99}`), Value: at(3).Value, Headers: at(3).Headers},
	)
	forged := map[string]DifferenceKind{
		topic + ` {"video_id":0}`: Missing, topic + ` {"video_id":1}`: Wrong, topic + ` {"video_id":99}`: Surplus,
	}
	compare("events forged", forged)

	for _, r := range latestOf(t, d.cluster, d.ns.Rows()) {
		row, ok := engine.ReadFiledRow(r.Key, r.Value)
		if ok && strings.Contains(string(row.Record), "5") {
			forge(t, d.cluster, &kgo.Record{Topic: r.Topic, Partition: r.Partition, Key: r.Key})
			forged[fmt.Sprintf("%s %s/%d/%s", d.ns.Rows(), row.Source.Topic, row.Source.Partition, row.Record)] = Missing
			forged[topic+` {"video_id":5}`] = Surplus // of a sample that is not filed nothing follows
		}
	}
	compare("a row taken away", forged)
}
