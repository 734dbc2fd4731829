package stream

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/freshline/freshline/graph"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testBroker starts an embedded broker that ends with the test.
func testBroker(t *testing.T, dir string) *Embedded {
	t.Helper()
	b, err := StartEmbedded(EmbeddedOptions{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// testContext ends with the test, and long before the test run does.
func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// testGraph reads a graph from the text of a file.
func testGraph(t *testing.T, text string) *graph.Graph {
	t.Helper()
	g, err := graph.Parse([]byte(text), "test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// testTopics makes the topics of a deployment.
func testTopics(t *testing.T, cluster Cluster, ns Namespace, g *graph.Graph) {
	t.Helper()
	client, err := Connect(testContext(t), cluster)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := NewTopics(client).Create(testContext(t), ns, g, TopicOptions{Partitions: 3, SamplePartitions: 2}); err != nil {
		t.Fatal(err)
	}
}

const videoGraph = `
features:
  - key: video/raw
    id_columns: [video_id]
    fields: [audio, frames]
  - key: video/chunk
    id_columns: [video_id, chunk]
    deps: [{feature: video/raw, lineage: {expansion: [video_id]}}]
    fields: [audio, frames]
`
