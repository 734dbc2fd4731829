package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/schema"
)

// testDeployment is a broker with the topics of a graph, and the graph published.
func testDeployment(t *testing.T, text string) Cluster {
	t.Helper()
	cluster := testBroker(t, "").Cluster()
	g := testGraph(t, text)
	testTopics(t, cluster, "", g)
	if _, err := testGraphLog(t, cluster).Publish(testContext(t), g); err != nil {
		t.Fatal(err)
	}
	return cluster
}

func testProducer(t *testing.T, cluster Cluster) *Producer {
	t.Helper()
	p, err := NewProducer(testContext(t), ProducerOptions{Cluster: cluster})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// readSamples returns what a sample topic holds, decoded by the schema topic.
func readSamples(t *testing.T, cluster Cluster, topic string) (keys []string, records []*graph.Record) {
	t.Helper()
	client, err := Connect(testContext(t), cluster)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	schemas := NewSchemaTail(cluster, "")
	ctx, cancel := context.WithCancel(testContext(t))
	ended := make(chan error, 1)
	go func() { ended <- schemas.Run(ctx) }()
	decoder := schema.NewDecoder(schemas, nil)
	err = readTopics(ctx, cluster, client, []string{topic}, func(r *kgo.Record) error {
		keys = append(keys, string(r.Key))
		if r.Value == nil {
			records = append(records, nil)
			return nil
		}
		rec, err := decoder.Decode(ctx, bytes.Clone(r.Value))
		records = append(records, rec)
		return err
	})
	cancel()
	if failed := <-ended; err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	return keys, records
}

func TestProducerPut(t *testing.T) {
	ctx := testContext(t)
	cluster := testDeployment(t, videoGraph)
	p := testProducer(t, cluster)
	at := time.Date(2026, 1, 2, 3, 4, 5, 6_000, time.UTC)
	type name string
	err := p.Put(ctx, "video/chunk", Sample{
		Columns: map[string]any{
			"chunk": "1_0", "video_id": uint8(7), "path": name("s3://a"), "ok": true, "size": 1.5, "at": at, "blob": []byte{0, 1}, "none": nil,
			"day": graph.Date(3),
		},
		Provenance:  map[string]string{"audio": "a1", "frames": "f1"},
		DataVersion: map[string]string{"frames": "f0"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Delete(ctx, "video/chunk", map[string]any{"video_id": 7, "chunk": "1_0"}); err != nil {
		t.Fatal(err)
	}
	if err := p.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	keys, records := readSamples(t, cluster, "freshline.sample.video.chunk")
	const key = `{"video_id":7,"chunk":"1_0"}`
	if len(keys) != 2 || keys[0] != key || keys[1] != key || records[1] != nil {
		t.Fatalf("read %q, %v", keys, records)
	}
	rec := records[0]
	for column, want := range map[string]graph.Value{
		"chunk": graph.String("1_0"), "video_id": graph.Int(7), "path": graph.String("s3://a"), "ok": graph.Bool(true), "size": graph.Double(1.5),
		"at": graph.Timestamp(at.UnixMicro(), 0), "blob": graph.Bytes([]byte{0, 1}), "none": graph.Null(), "day": graph.Date(3),
	} {
		if got := rec.Column(column); got != want {
			t.Errorf("column %s is %v, want %v", column, got, want)
		}
	}
	version := testGraph(t, videoGraph).Versions()["video/chunk"].Feature
	if rec.FeatureVersion != graph.String(version) {
		t.Errorf("feature version %v, in force is %s", rec.FeatureVersion, version)
	}
	if fmt.Sprint(rec.Provenance.Entries) != fmt.Sprint([]graph.Column{{Name: "audio", Value: graph.String("a1")}, {Name: "frames", Value: graph.String("f1")}}) ||
		fmt.Sprint(rec.DataVersion.Entries) != fmt.Sprint([]graph.Column{{Name: "frames", Value: graph.String("f0")}}) {
		t.Errorf("provenance %v, data version %v", rec.Provenance, rec.DataVersion)
	}
}

// The partition is that of Kafka's own partitioner, so that a client of another language agrees.
func TestProducerPartitions(t *testing.T) {
	ctx := testContext(t)
	cluster := testDeployment(t, videoGraph)
	p := testProducer(t, cluster)
	for id := range 20 {
		err := p.Put(ctx, "video/raw", Sample{Columns: map[string]any{"video_id": id}, Provenance: map[string]string{"audio": "a", "frames": "f"}})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	client, err := Connect(ctx, cluster)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	expected := kgo.StickyKeyPartitioner(nil).ForTopic("")
	seen := map[int32]int{}
	err = readTopics(ctx, cluster, client, []string{"freshline.sample.video.raw"}, func(r *kgo.Record) error {
		seen[r.Partition]++
		if want := expected.Partition(&kgo.Record{Key: r.Key}, 2); int(r.Partition) != want {
			t.Errorf("%s lies in partition %d, murmur2 says %d", r.Key, r.Partition, want)
		}
		return nil
	})
	if err != nil || seen[0] == 0 || seen[1] == 0 || seen[0]+seen[1] != 20 {
		t.Errorf("read %v, %v", seen, err)
	}
}

func TestProducerRefuses(t *testing.T) {
	p := testProducer(t, testDeployment(t, videoGraph))
	good := map[string]string{"audio": "a", "frames": "f"}
	unknown := "12345678"
	for _, c := range []struct {
		name    string
		feature string
		sample  Sample
		want    string
	}{
		{"a key that is none", "Video", Sample{}, "capital"},
		{"a feature that nobody has", "video/none", Sample{}, "no feature video/none"},
		{"no id", "video/raw", Sample{Provenance: good}, `id column "video_id" of video/raw is missing or null`},
		{"a null id", "video/raw", Sample{Columns: map[string]any{"video_id": nil}, Provenance: good}, "is missing or null"},
		{"a floating-point id", "video/raw", Sample{Columns: map[string]any{"video_id": 1.0}, Provenance: good}, "holds double, which is no id"},
		{"no provenance", "video/raw", Sample{Columns: map[string]any{"video_id": 1}}, "metaxy_provenance_by_field is missing"},
		{"a field without", "video/raw", Sample{Columns: map[string]any{"video_id": 1}, Provenance: map[string]string{"audio": "a"}}, `no text for field "frames"`},
		{"a version that nobody had", "video/raw", Sample{Columns: map[string]any{"video_id": 1}, Provenance: good, FeatureVersion: &unknown}, "12345678"},
		{"a field twice", "video/raw", Sample{Provenance: map[string]string{"a/b": "", "a_b": ""}}, "twice"},
		{"a system column", "video/raw", Sample{Columns: map[string]any{"metaxy_deleted_at": 1}}, "system column"},
		{"no scalar", "video/raw", Sample{Columns: map[string]any{"x": []int{1}}}, "cannot hold a []int"},
		{"a large integer", "video/raw", Sample{Columns: map[string]any{"x": uint64(math.MaxUint64)}}, "beyond the range"},
	} {
		err := p.Put(testContext(t), c.feature, c.sample)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
	err := p.Delete(testContext(t), "video/raw", map[string]any{"video_id": 1, "path": "a"})
	var refusal *graph.Refusal
	if !errors.As(err, &refusal) || refusal.Reason != graph.BadID {
		t.Errorf("a deletion with another column: %v", err)
	}
	if err := p.Flush(testContext(t)); err != nil {
		t.Errorf("nothing was taken, and Flush says %v", err)
	}
}

// What a graph has that was pushed a moment ago is not refused.
func TestProducerReadsTheGraphBeforeItRefuses(t *testing.T) {
	ctx := testContext(t)
	cluster := testBroker(t, "").Cluster()
	testTopics(t, cluster, "", nil)
	p := testProducer(t, cluster)
	sample := Sample{Columns: map[string]any{"video_id": 1}, Provenance: map[string]string{"audio": "a", "frames": "f"}}
	if err := p.Put(ctx, "video/raw", sample); err == nil || !strings.Contains(err.Error(), "holds no graph") {
		t.Errorf("without a graph: %v", err)
	}
	g := testGraph(t, videoGraph)
	testTopics(t, cluster, "", g)
	log := testGraphLog(t, cluster)
	if _, err := log.Publish(ctx, g); err != nil {
		t.Fatal(err)
	}
	if err := p.Put(ctx, "video/raw", sample); err != nil {
		t.Fatal(err)
	}
	if err := produceOne(ctx, log.client, &kgo.Record{Topic: "freshline.graph", Key: []byte("k"), Value: []byte("no graph")}); err != nil {
		t.Fatal(err)
	}
	other := testGraph(t, strings.Replace(videoGraph, "[audio, frames]", "[{key: audio, code_version: '2'}, frames]", 1))
	if _, err := log.Publish(ctx, other); err != nil {
		t.Fatal(err)
	}
	version := other.Versions()["video/raw"].Feature
	sample.FeatureVersion = &version
	if err := p.Put(ctx, "video/raw", sample); err != nil {
		t.Fatalf("a version of the graph that was just pushed: %v", err)
	}
	if err := p.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	_, records := readSamples(t, cluster, "freshline.sample.video.raw")
	if len(records) != 2 || records[1].FeatureVersion != graph.String(version) || records[0].FeatureVersion == records[1].FeatureVersion {
		t.Errorf("read %v", records)
	}
}

func TestProducerSaysWhatWasLost(t *testing.T) {
	ctx := testContext(t)
	cluster := testDeployment(t, videoGraph)
	p := testProducer(t, cluster)
	client, err := Connect(ctx, cluster)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	sample := Sample{Columns: map[string]any{"video_id": 1}, Provenance: map[string]string{"audio": "a", "frames": "f"}}
	sample.Columns["big"] = strings.Repeat("x", 3<<20)
	if err := p.Put(ctx, "video/raw", sample); err != nil {
		t.Fatal(err)
	}
	err = p.Flush(ctx)
	if err == nil || !strings.Contains(err.Error(), "1 samples were not written") || !strings.Contains(err.Error(), `{\"video_id\":1}`) || !strings.Contains(err.Error(), "max.message.bytes") {
		t.Errorf("got %.500v", err)
	}
	if err := p.Flush(ctx); err != nil {
		t.Errorf("said twice: %v", err)
	}

	if _, err := kadm.NewClient(client).DeleteTopics(ctx, "freshline.sample.video.raw"); err != nil {
		t.Fatal(err)
	}
	delete(sample.Columns, "big")
	if err := p.Put(ctx, "video/raw", sample); err != nil {
		t.Fatal(err)
	}
	if err := p.Flush(ctx); err == nil || !strings.Contains(err.Error(), "freshline.sample.video.raw") {
		t.Errorf("the topic is gone: %v", err)
	}
}

func TestProducerPutWithAContextThatHasEnded(t *testing.T) {
	p := testProducer(t, testDeployment(t, videoGraph))
	ctx, cancel := context.WithCancel(t.Context())
	sample := Sample{Columns: map[string]any{"video_id": 1}, Provenance: map[string]string{"audio": "a", "frames": "f"}}
	if err := p.Put(ctx, "video/raw", sample); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := p.Flush(testContext(t)); err != nil {
		t.Errorf("a sample was lost with the context of its Put: %v", err)
	}
	if err := p.Put(ctx, "video/raw", sample); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestProducerOptions(t *testing.T) {
	for _, o := range []ProducerOptions{
		{Cluster: Cluster{Brokers: []string{"a:1"}}, DeliveryTimeout: 1},
		{Cluster: Cluster{Brokers: []string{"a:1"}}, Namespace: "a b"},
		{},
	} {
		if _, err := NewProducer(testContext(t), o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
	cluster := testBroker(t, "").Cluster()
	if _, err := NewProducer(testContext(t), ProducerOptions{Cluster: cluster}); err == nil || !strings.Contains(err.Error(), "freshline topics create") {
		t.Errorf("without topics: %v", err)
	}
}
