package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/freshline/freshline/stream"
)

const runLong = `Read the samples and the graph from Kafka, and keep the staleness topics up to date, until interrupted.

Kafka 4.0 or later. Start as many processes with the same namespace as you like, each with an instance id of its own:
they share the work. State can be lost at any time: it is rebuilt from Kafka. The line "freshline is ready" on
standard error says that the state is read.`

func (c *cli) newRunCommand() *cobra.Command {
	return c.command(&cobra.Command{
		Use:   "run",
		Short: "Run the processor",
		Long:  runLong,
	}, func(cmd *cobra.Command, _ []string) error {
		cluster, err := c.cluster()
		if err != nil {
			return err
		}
		return c.process(cmd.Context(), cluster, c.text("state"))
	}, append([]string{"state", "instance_id", "commit_interval", "hold", "log_level"}, recordSettings...)...)
}

// logger logs to standard error.
func (c *cli) logger() *slog.Logger {
	level, _ := parseLevel(c.text("log_level")) // resolve has checked it
	return slog.New(slog.NewTextHandler(c.stderr, &slog.HandlerOptions{Level: level}))
}

// process runs a processor until ctx is done, which is no error.
func (c *cli) process(ctx context.Context, cluster stream.Cluster, state string) error {
	registry, err := c.registry()
	if err != nil {
		return err
	}
	log := c.logger()
	cluster.Log = log
	p, err := stream.NewProcessor(stream.ProcessorOptions{
		Cluster: cluster, Namespace: c.namespace(), StateDir: state, InstanceID: c.text("instance_id"),
		CommitInterval: c.duration("commit_interval"), Hold: c.duration("hold"), Registry: registry, Log: log,
	})
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	var telling sync.WaitGroup
	telling.Go(func() {
		select {
		case <-p.Ready():
			fmt.Fprintf(c.stderr, "freshline is ready: namespace %s on %s\n", c.namespace(), strings.Join(cluster.Brokers, ", "))
		case <-running.Done():
		}
	})
	err = p.Run(ctx)
	stop()
	telling.Wait()
	if ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled)) {
		log.Info("stopped")
		return nil
	}
	return err
}
