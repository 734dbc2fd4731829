// Package walkthrough plays the pipeline of the README on a running deployment: a producer of
// videos, and a worker that splits them into chunks and finds faces in them, meet the processor
// only through topics. The demo shows it, and tests assert every number of it, on the embedded
// broker and on real Kafka.
package walkthrough

import (
	"context"
	_ "embed"
	"fmt"
	"strconv"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream"
)

//go:embed graph-1.yaml
var graph1 []byte

//go:embed graph-2.yaml
var graph2 []byte

// Graphs returns the graph of the pipeline before and after the code of video/raw.audio changes.
func Graphs() (before, after *graph.Graph, err error) {
	if before, err = graph.Parse(graph1, "graph-1.yaml"); err != nil {
		return nil, nil, err
	}
	after, err = graph.Parse(graph2, "graph-2.yaml")
	return before, after, err
}

// chunksOf is how many chunks the worker finds in each video.
var chunksOf = map[int64]int{1: 5, 2: 3, 3: 3}

// Options say where to play.
type Options struct {
	Cluster   stream.Cluster
	Namespace stream.Namespace
	Topics    stream.TopicOptions

	// Tell is told what happens, a line at a time. Optional.
	Tell func(Line)

	// Before is called before each step, 1 to 4. Optional.
	Before func(ctx context.Context, step int) error
}

// Line is one line of the story.
type Line struct {
	Step  int    // 1 to 4
	Title bool   // it opens the step
	Text  string // without a line break
}

// Kind is what events are counted by.
type Kind struct {
	Feature graph.FeatureKey
	Scope   graph.Scope
	Status  graph.Status // Fresh: a tombstone
}

func (k Kind) String() string {
	if k.Status == graph.Fresh {
		return fmt.Sprintf("%s %s", k.Feature, k.Status)
	}
	return fmt.Sprintf("%s %s %s", k.Feature, k.Scope, k.Status)
}

// Result is what a step came to.
type Result struct {
	Step        int
	Events      map[Kind]int // that the staleness topics got in this step; of a tombstone the scope is INPUT
	Outstanding map[Kind]int // at its end
	Seen        map[string]Provenance
}

// Provenance is what the chunks of a video are expected to be made of.
type Provenance struct{ Audio, Frames, Scalar string }

// Prepare makes the topics and publishes the graph, so that a processor can run.
func Prepare(ctx context.Context, o Options) error {
	before, _, err := Graphs()
	if err != nil {
		return err
	}
	return o.publish(ctx, before)
}

func (o *Options) publish(ctx context.Context, g *graph.Graph) error {
	_, err := stream.Publish(ctx, o.Cluster, o.Namespace, g, stream.PublishOptions{Topics: o.Topics})
	return err
}

// Play plays the four steps on a deployment that Prepare made and that a processor works on. It
// returns what each step came to; Check says whether that is what it should be.
func Play(ctx context.Context, o Options) (results []Result, err error) {
	p, err := begin(ctx, o)
	if err != nil {
		return nil, err
	}
	defer func() {
		if endErr := p.end(); err == nil {
			err = endErr
		}
	}()
	for i, step := range []func(context.Context) error{p.first, p.again, p.newCode, p.rewrite} {
		p.step = i + 1
		if o.Before != nil {
			if err := o.Before(ctx, p.step); err != nil {
				return results, err
			}
		}
		if err := step(ctx); err != nil {
			return results, fmt.Errorf("step %d: %w", p.step, err)
		}
		result, err := p.result(ctx)
		if err != nil {
			return results, fmt.Errorf("step %d: %w", p.step, err)
		}
		results = append(results, result)
	}
	return results, nil
}

func (p *player) tell(title bool, format string, args ...any) {
	if p.o.Tell != nil {
		p.o.Tell(Line{Step: p.step, Title: title, Text: fmt.Sprintf(format, args...)})
	}
}

// first: three videos, their chunks, and the faces in them.
func (p *player) first(ctx context.Context) error {
	p.tell(true, "Three videos are written for the first time")
	if err := p.putVideos(ctx); err != nil {
		return err
	}
	if err := p.await(ctx, Kind{"video/chunk", graph.ScopeInput, graph.New}, 3); err != nil {
		return err
	}
	for video := int64(1); video <= 3; video++ {
		seen := p.provenance(video)
		p.tell(false, "video/chunk of video %d is expected to be made of audio %s, frames %s (together %s)", video, seen.Audio, seen.Frames, seen.Scalar)
	}
	if err := p.await(ctx, Kind{"video/faces", graph.ScopeSample, graph.New}, 11); err != nil {
		return err
	}
	return p.awaitFresh(ctx, "video/faces", 11)
}

// again: everything is written again as it was.
func (p *player) again(ctx context.Context) error {
	p.tell(true, "Everything is written again, as it was")
	if err := p.putVideos(ctx); err != nil {
		return err
	}
	chunks, faces, err := p.worker.writeAgain(ctx)
	if err != nil {
		return err
	}
	p.tell(false, "the worker writes the %d chunks and the faces of %d chunks again", chunks, faces)
	return nil
}

// newCode: the code that reads the audio of videos has a new version.
func (p *player) newCode(ctx context.Context) error {
	p.tell(true, "The code version of video/raw.audio goes from 1 to 2")
	_, after, err := Graphs()
	if err != nil {
		return err
	}
	if err := p.o.publish(ctx, after); err != nil {
		return err
	}
	p.graph = after
	for _, want := range []struct {
		kind Kind
		n    int
	}{
		{Kind{"video/raw", graph.ScopeSample, graph.Stale}, 3},
		{Kind{"video/chunk", graph.ScopeInput, graph.Awaiting}, 3},
		{Kind{"video/chunk", graph.ScopeSample, graph.Awaiting}, 11},
	} {
		if err := p.await(ctx, want.kind, want.n); err != nil {
			return err
		}
	}
	return nil
}

// rewrite: the videos are read again by the new code, which finds the same audio as before.
func (p *player) rewrite(ctx context.Context) error {
	p.tell(true, "The videos are read again by the new code")
	if err := p.putVideos(ctx); err != nil {
		return err
	}
	if err := p.await(ctx, Kind{"video/chunk", graph.ScopeInput, graph.Stale}, 3); err != nil {
		return err
	}
	if err := p.await(ctx, Kind{"video/chunk", graph.ScopeSample, graph.Stale}, 11); err != nil {
		return err
	}
	if err := p.awaitFresh(ctx, "video/chunk", 14); err != nil {
		return err
	}
	p.tell(false, "0 × video/faces")
	return nil
}

func chunkID(video int64, n int) string {
	return strconv.FormatInt(video, 10) + "_" + strconv.Itoa(n)
}
