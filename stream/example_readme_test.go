package stream_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream"
)

// The README shows writeVideo and splitVideos as they stand here; a test of the command compares them.

// writeVideo writes one sample of video/raw.
func writeVideo(ctx context.Context, cluster stream.Cluster, id int, path, checksum string) error {
	producer, err := stream.NewProducer(ctx, stream.ProducerOptions{Cluster: cluster})
	if err != nil {
		return err
	}
	defer producer.Close()
	err = producer.Put(ctx, "video/raw", stream.Sample{
		Columns: map[string]any{"video_id": id, "path": path},
		// Of a root feature the provenance is yours: any text that changes when the data does.
		Provenance: map[string]string{"audio": checksum, "frames": checksum},
	})
	if err != nil {
		return err
	}
	return producer.Flush(ctx) // reports what was not written
}

// splitVideos does the work that video/chunk has, until ctx is done.
func splitVideos(ctx context.Context, cluster stream.Cluster) error {
	worker, err := stream.NewWorker(stream.WorkerOptions{
		Cluster: cluster, Features: []graph.FeatureKey{"video/chunk"}, Group: "splitter", Concurrency: 4,
		Handle: func(ctx context.Context, job *stream.Job) error {
			path, _ := job.Input("video/raw", "path").AsString()
			chunks, err := split(path)
			if err != nil {
				return err // the video is FAILED, with the error, until `freshline retry`
			}
			for n, length := range chunks {
				// The video_id, the provenance that is expected and the version of the event are filled in.
				err := job.Put(ctx, stream.Sample{Columns: map[string]any{
					"video_chunk_id": fmt.Sprintf("%s_%d", path, n), "length": length,
				}})
				if err != nil {
					return err
				}
			}
			job.Finish() // these are all, also where there are none
			return nil
		},
	})
	if err != nil {
		return err
	}
	return worker.Run(ctx)
}

// split finds the lengths of the chunks of a video, in seconds.
func split(path string) ([]int, error) {
	if path == "" {
		return nil, errors.New("the video has no path")
	}
	return []int{30, 30, 12}, nil
}

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

// A producer, a processor and a worker that meet only through topics.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	broker, err := stream.StartEmbedded(stream.EmbeddedOptions{})
	check(err)
	defer broker.Close()
	cluster := broker.Cluster()
	check(publishExample(ctx, cluster))

	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 2)
	processor, err := stream.NewProcessor(stream.ProcessorOptions{Cluster: cluster, InstanceID: "example"})
	check(err)
	go func() { ended <- processor.Run(running) }()
	go func() { ended <- splitVideos(running, cluster) }()

	check(writeVideo(ctx, cluster, 1, "a.mp4", "c0ffee"))
	check(printUntilFresh(ctx, cluster, `{"video_id":1}`))
	stop()
	for range 2 {
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			log.Fatal(err)
		}
	}
	// Output:
	// video/chunk {"video_id":1} NEW, to be made of a.mp4
	// video/chunk {"video_id":1} FRESH
}

// publishExample makes the topics and puts the graph in force, as `freshline graph publish` does.
func publishExample(ctx context.Context, cluster stream.Cluster) error {
	g, err := graph.Parse([]byte(exampleGraph), "example.yaml")
	if err != nil {
		return err
	}
	_, err = stream.Publish(ctx, cluster, stream.DefaultNamespace, g, stream.PublishOptions{
		Topics: stream.TopicOptions{Partitions: 2, SamplePartitions: 2},
	})
	return err
}

// printUntilFresh prints the events of one key until it is fresh.
func printUntilFresh(ctx context.Context, cluster stream.Cluster, key string) error {
	events, err := stream.Subscribe(ctx, stream.SubscriberOptions{Cluster: cluster, Features: []graph.FeatureKey{"video/chunk"}})
	if err != nil {
		return err
	}
	defer events.Close()
	for {
		list, err := events.Poll(ctx)
		if err != nil {
			return err
		}
		for _, e := range list {
			switch {
			case e.Err != nil:
				return e.Err
			case string(e.Key) != key:
			case e.Fresh():
				fmt.Println(e.Feature, string(e.Key), graph.Fresh)
				return nil
			default:
				fmt.Printf("%s %s %s, to be made of %s\n", e.Feature, e.Key, e.Staleness.Status, pathOf(e))
			}
		}
	}
}

// pathOf is the column path of the input of an event.
func pathOf(e stream.Event) string {
	for _, column := range e.Staleness.Inputs[0].Columns {
		if column.Name == "path" {
			path, _ := column.Value.AsString()
			return path
		}
	}
	return ""
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
