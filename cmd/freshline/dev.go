package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream"
)

const devLong = `Run an embedded Kafka broker and the processor in one process, to try things on, until interrupted.

Without --data everything is in memory. The broker listens on 127.0.0.1 and is no replacement for Kafka.`

func (c *cli) newDevCommand() *cobra.Command {
	return c.command(&cobra.Command{
		Use:   "dev",
		Short: "Run an embedded broker and the processor in one process, to try things on",
		Long:  devLong,
	}, func(cmd *cobra.Command, _ []string) error { return c.dev(cmd.Context()) },
		append([]string{"data", "port", "graph", "namespace", "commit_interval", "hold", "instance_id", "log_level", "schema_registry", "http", "http_advertise"}, topicSettings...)...)
}

func (c *cli) dev(ctx context.Context) error {
	var g *graph.Graph
	path := c.text("graph")
	if path != "" {
		var err error
		if g, err = c.readGraph(path); err != nil {
			return err
		}
		if _, err = compileGraph(path, g, 0, nil); err != nil {
			return err
		}
	}
	var kafka, state string
	if data := c.text("data"); data != "" {
		kafka, state = filepath.Join(data, "kafka"), filepath.Join(data, "state")
	}
	broker, err := stream.StartEmbedded(stream.EmbeddedOptions{Port: c.number("port"), DataDir: kafka, Log: c.logger()})
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w; choose another --port, or leave it out for a free one", err)
	}
	if err != nil {
		return err
	}
	defer broker.Close()
	if err := c.prepareDev(ctx, broker.Cluster(), path, g); err != nil {
		return err
	}
	c.sayDev(broker.Brokers()[0], path)
	return c.process(ctx, broker.Cluster(), state, stream.StopLeave)
}

// prepareDev makes the topics, and puts the graph in force that was named.
func (c *cli) prepareDev(ctx context.Context, cluster stream.Cluster, path string, g *graph.Graph) error {
	if g != nil {
		p, err := c.publish(ctx, cluster, path, g, false)
		if err != nil {
			return err
		}
		return p.print(c)
	}
	client, err := stream.Connect(ctx, cluster)
	if err != nil {
		return err
	}
	defer client.Close()
	_, err = stream.NewTopics(client).Create(ctx, c.namespace(), nil, c.topicOptions())
	return err
}

// sayDev says what to try from another terminal.
func (c *cli) sayDev(address, path string) {
	export := "export FRESHLINE_BROKERS=" + address
	if c.namespace() != stream.DefaultNamespace {
		export += " FRESHLINE_NAMESPACE=" + c.namespace().String()
	}
	lines := []string{export}
	if path == "" {
		lines = append(lines, "freshline graph publish graph.yaml")
	}
	lines = append(lines, "freshline put FEATURE < samples.jsonl", "freshline watch --all", "freshline status", "freshline explain FEATURE KEY")
	fmt.Fprintf(c.stdout, "A Kafka broker listens on %s. Ctrl-C ends it. From another terminal try:\n  %s\n", address, strings.Join(lines, "\n  "))
}
