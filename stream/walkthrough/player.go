package walkthrough

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream"
)

// player plays the producer, runs the worker, and counts what the staleness topics get.
type player struct {
	o        Options
	step     int
	graph    *graph.Graph // in force
	producer *stream.Producer
	worker   *worker
	events   *stream.Subscriber

	stop   context.CancelCauseFunc
	ctx    context.Context // of the goroutines
	ending sync.WaitGroup

	mu      sync.Mutex
	changed chan struct{}
	counts  map[Kind]int         // since the beginning
	before  map[Kind]int         // the same, at the end of the step before
	open    map[string]Kind      // by feature and key: what is outstanding
	seen    map[int64]Provenance // by video
}

// begin connects the clients and starts the worker and the counting.
func begin(ctx context.Context, o Options) (p *player, err error) {
	p = &player{o: o, changed: make(chan struct{}), counts: map[Kind]int{}, before: map[Kind]int{}, open: map[string]Kind{}, seen: map[int64]Provenance{}}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	if p.graph, _, err = Graphs(); err != nil {
		return nil, err
	}
	if p.producer, err = stream.NewProducer(ctx, stream.ProducerOptions{Cluster: o.Cluster, Namespace: o.Namespace}); err != nil {
		return nil, err
	}
	if p.worker, err = newWorker(ctx, o); err != nil {
		return nil, err
	}
	if p.events, err = stream.Subscribe(ctx, stream.SubscriberOptions{Cluster: o.Cluster, Namespace: o.Namespace}); err != nil {
		return nil, err
	}
	p.ctx, p.stop = context.WithCancelCause(ctx)
	p.ending.Go(func() { p.run(p.worker.run) })
	p.ending.Go(func() { p.run(p.count) })
	return p, nil
}

func (p *player) run(task func(context.Context) error) {
	if err := task(p.ctx); err != nil && p.ctx.Err() == nil {
		p.stop(err)
	}
}

var errEnd = errors.New("the walk-through has ended")

// end stops what begin started.
func (p *player) end() error {
	p.stop(errEnd)
	p.ending.Wait()
	p.close()
	if cause := context.Cause(p.ctx); !errors.Is(cause, errEnd) {
		return cause
	}
	return nil
}

func (p *player) close() {
	if p.producer != nil {
		p.producer.Close()
	}
	if p.worker != nil {
		p.worker.close()
	}
	if p.events != nil {
		p.events.Close()
	}
}

// putVideos writes the three videos.
func (p *player) putVideos(ctx context.Context) error {
	for video := int64(1); video <= 3; video++ {
		version := fmt.Sprintf("v%d", video)
		err := p.producer.Put(ctx, "video/raw", stream.Sample{
			Columns:    map[string]any{"video_id": video, "path": fmt.Sprintf("video%d.mp4", video)},
			Provenance: map[string]string{"audio": version, "frames": version},
		})
		if err != nil {
			return err
		}
	}
	p.tell(false, "the producer writes 3 samples of video/raw")
	return p.producer.Flush(ctx)
}

// count counts events as they come.
func (p *player) count(ctx context.Context) error {
	for {
		events, err := p.events.Poll(ctx)
		if err != nil {
			return err
		}
		p.mu.Lock()
		for _, e := range events {
			if e.Err != nil {
				p.mu.Unlock()
				return e.Err
			}
			p.take(e)
		}
		close(p.changed)
		p.changed = make(chan struct{})
		p.mu.Unlock()
	}
}

func (p *player) take(e stream.Event) {
	key := string(e.Feature) + string(e.Key)
	kind := Kind{Feature: e.Feature}
	if e.Fresh() {
		delete(p.open, key)
	} else {
		kind.Scope, kind.Status = e.Staleness.Scope, e.Staleness.Status
		p.open[key] = kind
		if video, ok := videoOf(e); ok && e.Staleness.Expected != nil {
			audio, _ := e.Staleness.Expected.ByField.Get("audio")
			frames, _ := e.Staleness.Expected.ByField.Get("frames")
			p.seen[video] = Provenance{audio, frames, e.Staleness.Expected.Text}
		}
	}
	p.counts[kind]++
}

// provenance returns what the chunks of a video are expected to be made of.
func (p *player) provenance(video int64) Provenance {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen[video]
}

// videoOf returns the video of an INPUT event of video/chunk.
func videoOf(e stream.Event) (int64, bool) {
	if e.Feature != "video/chunk" || e.Staleness == nil || e.Staleness.Scope != graph.ScopeInput {
		return 0, false
	}
	return e.Staleness.ID[0].Value.AsInt()
}

// await waits until a step has had so many events of a kind, and says so.
func (p *player) await(ctx context.Context, kind Kind, n int) error {
	if err := p.awaitCount(ctx, kind, n); err != nil {
		return err
	}
	p.tell(false, "%d × %s", n, kind)
	return nil
}

// awaitFresh waits until a step has had so many tombstones of a feature, and nothing of it is outstanding.
func (p *player) awaitFresh(ctx context.Context, feature graph.FeatureKey, n int) error {
	if err := p.awaitCount(ctx, Kind{Feature: feature}, n); err != nil {
		return err
	}
	p.tell(false, "the worker has done its work: %s is fresh", feature)
	return nil
}

func (p *player) awaitCount(ctx context.Context, kind Kind, n int) error {
	for {
		p.mu.Lock()
		have, changed := p.counts[kind]-p.before[kind], p.changed
		p.mu.Unlock()
		if have >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("wait for %d × %s, there are %d: %w", n, kind, have, context.Cause(ctx))
		case <-p.ctx.Done():
			return context.Cause(p.ctx)
		}
	}
}

// result waits until the processor has read everything and counts what the step came to.
func (p *player) result(ctx context.Context) (Result, error) {
	if err := p.worker.flush(ctx); err != nil {
		return Result{}, err
	}
	if err := stream.AwaitDrained(ctx, p.o.Cluster, p.o.Namespace, p.graph); err != nil {
		return Result{}, err
	}
	records := 0
	for e, err := range stream.Worklist(ctx, p.o.Cluster, p.o.Namespace, nil) {
		if err = errors.Join(err, e.Err); err != nil {
			return Result{}, err
		}
		records++
	}
	r := Result{Step: p.step, Events: map[Kind]int{}, Outstanding: map[Kind]int{}, Seen: map[string]Provenance{}}
	if err := p.awaitOpen(ctx, records); err != nil {
		return r, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for kind, n := range p.counts {
		if n -= p.before[kind]; n > 0 {
			r.Events[kind] = n
		}
	}
	for _, kind := range p.open {
		r.Outstanding[kind]++
	}
	for video, seen := range p.seen {
		r.Seen[fmt.Sprint(video)] = seen
	}
	p.before = maps.Clone(p.counts)
	total := 0
	for _, n := range r.Events {
		total += n
	}
	p.tell(false, "%d staleness records in this step, %d keys outstanding", total, len(p.open))
	return r, nil
}

// awaitOpen waits until the counting has seen what the work list has.
func (p *player) awaitOpen(ctx context.Context, n int) error {
	for {
		p.mu.Lock()
		have, changed := len(p.open), p.changed
		p.mu.Unlock()
		if have == n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("wait for %d outstanding keys, there are %d: %w", n, have, context.Cause(ctx))
		case <-p.ctx.Done():
			return context.Cause(p.ctx)
		}
	}
}
