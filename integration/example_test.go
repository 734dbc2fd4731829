package integration_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/integration"
	"github.com/freshline/freshline/stream"
)

const exampleGraph = `
features:
  - key: video/raw
    id_columns: [video_id]
    fields: [audio, frames]
  - key: video/chunk
    id_columns: [video_chunk_id]
    deps: [{feature: video/raw, lineage: {expansion: [video_id]}}]
    fields: [audio, frames]
`

// A suite of one's own in small: Kafka and Freshline in containers, a sample that is written, and the event that
// comes of it.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	event, err := exampleEvent(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(event.Feature, string(event.Key), event.Staleness.Status, event.Staleness.Expected.Text)
	// Prints: video/chunk {"video_id":1} NEW 1705621772020502
}

// exampleEvent starts everything, writes one video, and returns the event that says that its chunks are to be made.
func exampleEvent(ctx context.Context) (event stream.Event, err error) {
	kafka, err := integration.StartKafka(ctx)
	if err != nil {
		return event, err
	}
	defer func() { err = errors.Join(err, kafka.Terminate(context.WithoutCancel(ctx))) }()
	cluster, ns := stream.Cluster{Brokers: kafka.Brokers()}, stream.Namespace("example")
	if err := examplePublish(ctx, cluster, ns); err != nil {
		return event, err
	}

	fresh, err := integration.StartFreshline(ctx, kafka.Brokers(), integration.FreshlineNamespace("example"))
	if err != nil {
		return event, err
	}
	defer func() { err = errors.Join(err, fresh.Terminate(context.WithoutCancel(ctx))) }()

	producer, err := stream.NewProducer(ctx, stream.ProducerOptions{Cluster: cluster, Namespace: ns})
	if err != nil {
		return event, err
	}
	defer producer.Close()
	err = producer.Put(ctx, "video/raw", stream.Sample{
		Columns:    map[string]any{"video_id": 1, "path": "video1.mp4"},
		Provenance: map[string]string{"audio": "v1", "frames": "v1"},
	})
	if err == nil {
		err = producer.Flush(ctx)
	}
	if err != nil {
		return event, err
	}

	events, err := stream.Subscribe(ctx, stream.SubscriberOptions{
		Cluster: cluster, Namespace: ns, Features: []graph.FeatureKey{"video/chunk"},
	})
	if err != nil {
		return event, err
	}
	defer events.Close()
	list, err := events.Poll(ctx)
	if err != nil {
		return event, err
	}
	return list[0], list[0].Err
}

// examplePublish makes the topics and puts the graph in force, as `freshline graph publish` does.
func examplePublish(ctx context.Context, cluster stream.Cluster, ns stream.Namespace) error {
	g, err := graph.Parse([]byte(exampleGraph), "example.yaml")
	if err != nil {
		return err
	}
	_, err = stream.Publish(ctx, cluster, ns, g, stream.PublishOptions{Topics: stream.TopicOptions{Partitions: 3}})
	return err
}

// TestExample runs the example wherever there is Docker, whatever broker the other tests run on.
func TestExample(t *testing.T) {
	if testing.Short() {
		t.Skip("starts containers, which -short leaves out")
	}
	event, err := exampleEvent(deadline(t, 5*time.Minute))
	switch {
	case errors.Is(err, integration.ErrNoDocker):
		t.Skipf("needs containers: %v", err)
	case errors.Is(err, integration.ErrNoImage) && os.Getenv("FRESHLINE_TEST_KAFKA") != "required":
		t.Skipf("needs an image of Kafka, FRESHLINE_TEST_KAFKA_IMAGE can name one: %v", err)
	case err != nil:
		t.Fatal(err)
	}
	if got := string(event.Key); event.Feature != "video/chunk" || got != `{"video_id":1}` || event.Staleness.Status != graph.New {
		t.Errorf("the event is %s of %s %s, want NEW of video/chunk {\"video_id\":1}", event.Staleness.Status, event.Feature, got)
	}
	t.Logf("%s %s %s %s", event.Feature, event.Key, event.Staleness.Status, event.Staleness.Expected.Text)
}
