package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream"
	"github.com/freshline/freshline/stream/walkthrough"
)

const demoLong = `Plays the walk-through of the README: an embedded Kafka broker, a producer of videos, the
processor, and a worker that splits videos into chunks and finds faces in them. They meet only
through topics. It ends by itself; with --keep it stays up, to be looked at from another terminal.`

const demoNamespace = stream.Namespace("demo")

// newDemoCommand makes `freshline demo`.
func (c *cli) newDemoCommand() *cobra.Command {
	var keep bool
	cmd := c.command(&cobra.Command{
		Use:   "demo",
		Short: "Play the walk-through on an embedded broker",
		Long:  demoLong,
	}, func(cmd *cobra.Command, _ []string) error { return c.demo(cmd.Context(), keep) })
	cmd.Flags().BoolVar(&keep, "keep", false, "stay up at the end, and say what to try from another terminal")
	return cmd
}

// demo plays the walk-through and checks what it came to.
func (c *cli) demo(ctx context.Context, keep bool) (err error) {
	broker, err := stream.StartEmbedded(stream.EmbeddedOptions{})
	if err != nil {
		return fmt.Errorf("start the embedded broker: %w", err)
	}
	defer broker.Close()
	dir, err := os.MkdirTemp("", "freshline-demo-")
	if err != nil {
		return fmt.Errorf("make a directory for the state: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	o := walkthrough.Options{
		Cluster: broker.Cluster(), Namespace: demoNamespace,
		Topics: stream.TopicOptions{Partitions: 4, SamplePartitions: 2}, Tell: c.tellDemo,
	}
	c.print("video/raw ──expansion──▶ video/chunk ──1:1, reads frames──▶ video/faces")
	c.print("")
	if err := walkthrough.Prepare(ctx, o); err != nil {
		return err
	}
	p, err := stream.NewProcessor(stream.ProcessorOptions{
		Cluster: o.Cluster, Namespace: o.Namespace, StateDir: filepath.Join(dir, "state"), InstanceID: "demo",
	})
	if err != nil {
		return err
	}
	processing, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- p.Run(processing) }()
	defer func() {
		stop()
		err = errors.Join(err, <-ended)
	}()

	playing, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	results, err := walkthrough.Play(playing, o)
	if err != nil {
		return err
	}
	if err := walkthrough.Check(results); err != nil {
		return fmt.Errorf("the walk-through did not come to what it should: %w", err)
	}
	c.print("")
	c.print("Not one of the 11 faces was computed again: they read frames, and only audio had changed.")
	if keep {
		c.keepDemo(ctx, broker.Brokers()[0])
	}
	return nil
}

// tellDemo prints one line of the story; the graph's diff comes with the step that changes it.
func (c *cli) tellDemo(l walkthrough.Line) {
	if !l.Title {
		c.print("   " + l.Text)
		return
	}
	if l.Step > 1 {
		c.print("")
	}
	c.print(fmt.Sprintf("%d. %s", l.Step, l.Text))
	if l.Step == 3 {
		before, after, err := walkthrough.Graphs()
		if err != nil {
			return // Prepare has read them
		}
		for line := range strings.SplitSeq(strings.TrimRight(graph.Diff(before, after).FullText(), "\n"), "\n") {
			c.print("     " + line)
		}
	}
}

func (c *cli) print(line string) { fmt.Fprintln(c.stdout, line) }

// keepDemo says what to try, and waits until it is interrupted.
func (c *cli) keepDemo(ctx context.Context, broker string) {
	command := "freshline"
	if strings.Contains(os.Args[0], "go-build") {
		command = "go run ./cmd/freshline"
	}
	at := fmt.Sprintf("--brokers %s --namespace %s", broker, demoNamespace)
	c.print("")
	c.print("The demo stays up; Ctrl-C ends it. From another terminal try:")
	for _, try := range []string{
		"status " + at,
		"graph list " + at,
		"watch --all " + at,
		"worklist video/chunk " + at,
	} {
		c.print("   " + command + " " + try)
	}
	c.print(`   echo '{"video_id": 4, "path": "video4.mp4", "metaxy_provenance_by_field": {"audio": "v4", "frames": "v4"}}' | ` + command + " put video/raw " + at)
	<-ctx.Done()
}
