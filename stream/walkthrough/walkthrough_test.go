package walkthrough

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/freshline/freshline/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestWalkThrough plays the walk-through on the embedded broker and asserts every number of it.
func TestWalkThrough(t *testing.T) {
	broker, err := stream.StartEmbedded(stream.EmbeddedOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	o := Options{
		Cluster: broker.Cluster(), Namespace: "walk", Topics: stream.TopicOptions{Partitions: 3, SamplePartitions: 2},
		Tell: func(l Line) { t.Logf("%d %s", l.Step, l.Text) },
	}
	if err := Prepare(ctx, o); err != nil {
		t.Fatal(err)
	}
	p, err := stream.NewProcessor(stream.ProcessorOptions{Cluster: o.Cluster, Namespace: o.Namespace, StateDir: t.TempDir(), InstanceID: "walk"})
	if err != nil {
		t.Fatal(err)
	}
	processing, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- p.Run(processing) }()
	results, err := Play(ctx, o)
	stop()
	if runErr := <-done; runErr != nil {
		t.Error(runErr)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := Check(results); err != nil {
		t.Error(err)
	}
}

// TestGraphs asserts the versions that the documentation of Metaxy gives.
func TestGraphs(t *testing.T) {
	before, after, err := Graphs()
	if err != nil {
		t.Fatal(err)
	}
	a, b := before.Versions(), after.Versions()
	for _, want := range []struct{ what, got, want string }{
		{"video/raw before", a["video/raw"].Feature, "d842b740"},
		{"video/raw after", b["video/raw"].Feature, "6e5a4ab8"},
		{"video/chunk before", a["video/chunk"].Feature, "7dc3712a"},
		{"video/chunk after", b["video/chunk"].Feature, "504507a9"},
		{"video/faces before", a["video/faces"].Feature, "52f055e3"},
		{"video/faces after", b["video/faces"].Feature, "52f055e3"},
		{"video/raw.audio before", a["video/raw"].Fields["audio"], "7132721c"},
		{"video/raw.audio after", b["video/raw"].Fields["audio"], "f8e35296"},
		{"video/raw.frames", b["video/raw"].Fields["frames"], "3f6f401c"},
		{"video/chunk.audio before", a["video/chunk"].Fields["audio"], "1549b1fa"},
		{"video/chunk.audio after", b["video/chunk"].Fields["audio"], "7948d163"},
		{"video/chunk.frames", b["video/chunk"].Fields["frames"], "df8943d3"},
		{"video/faces.faces", b["video/faces"].Fields["faces"], "0561bd8c"},
	} {
		if want.got != want.want {
			t.Errorf("%s is %s, want %s", want.what, want.got, want.want)
		}
	}
}
