package walkthrough

import (
	"context"
	"fmt"
	"sync"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/schema"
	"github.com/freshline/freshline/stream"
)

// worker splits videos into chunks and finds faces in them. All it knows it knows from events.
type worker struct {
	work     *stream.Subscriber
	producer *stream.Producer

	mu     sync.Mutex
	chunks map[int64]*schema.Staleness  // by video: what its chunks were made for
	faces  map[string]*schema.Staleness // by chunk
}

func newWorker(ctx context.Context, o Options) (*worker, error) {
	work, err := stream.Subscribe(ctx, stream.SubscriberOptions{
		Cluster: o.Cluster, Namespace: o.Namespace, Features: []graph.FeatureKey{"video/chunk", "video/faces"},
	})
	if err != nil {
		return nil, err
	}
	producer, err := stream.NewProducer(ctx, stream.ProducerOptions{Cluster: o.Cluster, Namespace: o.Namespace})
	if err != nil {
		work.Close()
		return nil, err
	}
	return &worker{work: work, producer: producer, chunks: map[int64]*schema.Staleness{}, faces: map[string]*schema.Staleness{}}, nil
}

func (w *worker) close() {
	w.work.Close()
	w.producer.Close()
}

// run does the work that is offered until ctx is done.
func (w *worker) run(ctx context.Context) error {
	for {
		events, err := w.work.Poll(ctx)
		if err != nil {
			return err
		}
		for _, e := range events {
			if e.Err != nil {
				return e.Err
			}
			if e.Fresh() || !e.Staleness.Status.Work() {
				continue
			}
			if err := w.do(ctx, e); err != nil {
				return fmt.Errorf("work on %s %s: %w", e.Feature, e.Key, err)
			}
		}
		if err := w.producer.Flush(ctx); err != nil {
			return err
		}
	}
}

// do does one piece of work. The chunks of a video are made together, so the events of single
// chunks are left to that of the video.
func (w *worker) do(ctx context.Context, e stream.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if video, ok := videoOf(e); ok {
		w.chunks[video] = e.Staleness
		return w.split(ctx, video, e.Staleness)
	}
	if e.Feature == "video/faces" {
		chunk, _ := e.Staleness.ID[0].Value.AsString()
		w.faces[chunk] = e.Staleness
		return w.findFaces(ctx, chunk, e.Staleness)
	}
	return nil
}

// split writes the chunks of a video.
func (w *worker) split(ctx context.Context, video int64, work *schema.Staleness) error {
	for n := range chunksOf[video] {
		err := w.producer.Put(ctx, "video/chunk", stream.Sample{
			Columns:        map[string]any{"video_id": video, "video_chunk_id": chunkID(video, n)},
			Provenance:     work.Expected.ByField.Map(),
			FeatureVersion: &work.FeatureVersion,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// findFaces writes the faces of a chunk.
func (w *worker) findFaces(ctx context.Context, chunk string, work *schema.Staleness) error {
	return w.producer.Put(ctx, "video/faces", stream.Sample{
		Columns:        map[string]any{"video_chunk_id": chunk, "count": len(chunk)},
		Provenance:     work.Expected.ByField.Map(),
		FeatureVersion: &work.FeatureVersion,
	})
}

// writeAgain writes everything again that was written.
func (w *worker) writeAgain(ctx context.Context) (chunks, faces int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for video, work := range w.chunks {
		if err := w.split(ctx, video, work); err != nil {
			return 0, 0, err
		}
		chunks += chunksOf[video]
	}
	for chunk, work := range w.faces {
		if err := w.findFaces(ctx, chunk, work); err != nil {
			return 0, 0, err
		}
	}
	return chunks, len(w.faces), w.producer.Flush(ctx)
}

// flush waits until all that was written is in the topics.
func (w *worker) flush(ctx context.Context) error { return w.producer.Flush(ctx) }
