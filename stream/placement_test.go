package stream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
)

// chunkGraph is that of the README: the ids of a chunk do not name its video.
const chunkGraph = `
features:
  - key: video/raw
    id_columns: [video_id]
    fields: [audio, frames]
  - key: video/chunk
    id_columns: [video_chunk_id]
    deps: [{feature: video/raw, lineage: {expansion: [video_id]}}]
    fields: [audio, frames]
`

// sampleRecords returns the records of a sample topic, those of a partition in order.
func sampleRecords(t *testing.T, cluster Cluster, ns Namespace, feature graph.FeatureKey) (records []*kgo.Record) {
	t.Helper()
	client, err := Connect(testContext(t), cluster)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	topic := ns.Sample(&graph.Feature{Key: feature})
	err = readTopics(testContext(t), cluster, client, []string{topic}, func(r *kgo.Record) error {
		records = append(records, r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// TestExpansionPlacement: the children of a parent lie where Kafka's own partitioner puts the group record.
func TestExpansionPlacement(t *testing.T) {
	ctx := testContext(t)
	cluster := testDeployment(t, chunkGraph)
	p := testProducer(t, cluster)
	good := map[string]string{"audio": "a", "frames": "f"}
	children := int64(3)
	for video := range 10 {
		for n := range 3 {
			err := p.Put(ctx, "video/chunk", Sample{Columns: map[string]any{"video_id": video, "video_chunk_id": fmt.Sprintf("%d_%d", video, n)}, Provenance: good})
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := p.Put(ctx, "video/chunk", Sample{Columns: map[string]any{"video_id": video}, Provenance: good, Children: &children}); err != nil {
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
	murmur := kgo.StickyKeyPartitioner(nil).ForTopic("")
	at := map[string][]string{}
	seen := map[int32]bool{}
	for _, r := range sampleRecords(t, cluster, "", "video/chunk") {
		var video int
		key := string(r.Key)
		if _, err := fmt.Sscanf(strings.TrimPrefix(strings.TrimPrefix(key, `{"video_chunk_id":"`), `{"video_id":`), "%d", &video); err != nil {
			t.Fatal(key, err)
		}
		group := fmt.Sprintf(`{"video_id":%d}`, video)
		at[group] = append(at[group], key)
		seen[r.Partition] = true
		if want := murmur.Partition(&kgo.Record{Key: []byte(group)}, 2); int(r.Partition) != want {
			t.Errorf("%s lies in partition %d, want %d", key, r.Partition, want)
		}
	}
	for group, keys := range at {
		if len(keys) != 4 || keys[3] != group {
			t.Errorf("the records of %s are %v: want three chunks and the group record, last", group, keys)
		}
	}
	if len(at) != 10 || len(seen) != 2 {
		t.Errorf("%d videos in partitions %v", len(at), seen)
	}
}

// TestDeleteOfAnExpansion: a tombstone goes where the sample may lie.
func TestDeleteOfAnExpansion(t *testing.T) {
	ctx := testContext(t)
	cluster := testDeployment(t, chunkGraph)
	p := testProducer(t, cluster)
	murmur := func(key string) int32 { return graph.Partition([]byte(key), 2) }
	chunk := func(other bool) string { // one whose record key lies with its video, or elsewhere
		for n := 0; ; n++ {
			if id := fmt.Sprintf("1_%d", n); (murmur(fmt.Sprintf(`{"video_chunk_id":%q}`, id)) != murmur(`{"video_id":1}`)) == other {
				return id
			}
		}
	}
	for _, c := range []struct {
		ids  map[string]any
		want int
	}{
		{map[string]any{"video_id": 1, "video_chunk_id": chunk(false)}, 1},
		{map[string]any{"video_id": 1, "video_chunk_id": chunk(true)}, 2},
		{map[string]any{"video_chunk_id": chunk(false)}, 2},
		{map[string]any{"video_id": 1}, 1}, // the group record
	} {
		before := len(sampleRecords(t, cluster, "", "video/chunk"))
		if err := p.Delete(ctx, "video/chunk", c.ids); err != nil {
			t.Fatal(err)
		}
		if err := p.Flush(ctx); err != nil {
			t.Fatal(err)
		}
		if got := len(sampleRecords(t, cluster, "", "video/chunk")) - before; got != c.want {
			t.Errorf("%v: %d tombstones, want %d", c.ids, got, c.want)
		}
	}
	err := p.Delete(ctx, "video/chunk", map[string]any{"video_chunk_id": "1_0", "path": "a"})
	var refusal *graph.Refusal
	if !errors.As(err, &refusal) || refusal.Column != "path" {
		t.Errorf("a deletion with another column: %v", err)
	}
}

func TestGroupRecordsAreChecked(t *testing.T) {
	p := testProducer(t, testDeployment(t, chunkGraph))
	good := map[string]string{"audio": "a", "frames": "f"}
	none, negative := int64(0), int64(-1)
	for _, c := range []struct {
		name, feature string
		sample        Sample
		want          string
	}{
		{"with own ids", "video/chunk", Sample{Columns: map[string]any{"video_id": 1, "video_chunk_id": "1_0"}, Provenance: good, Children: &none}, "without id columns of its own"},
		{"of no expansion", "video/raw", Sample{Columns: map[string]any{"video_id": 1}, Provenance: good, Children: &none}, "without id columns of its own"},
		{"negative", "video/chunk", Sample{Columns: map[string]any{"video_id": 1}, Provenance: good, Children: &negative}, "Children -1"},
		{"without a count", "video/chunk", Sample{Columns: map[string]any{"video_id": 1}, Provenance: good}, "freshline_children is null"},
	} {
		if err := p.Put(context.Background(), c.feature, c.sample); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}
