package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/freshline/freshline/stream"
	"github.com/freshline/freshline/stream/httpapi"
)

const runLong = `Read the samples and the graph from Kafka, and keep the staleness topics up to date, until interrupted.

Kafka 4.0 or later. Start as many processes with the same namespace as you like, each with an instance id of its own:
they share the work. One that is stopped leaves its share to the others at once, or, with --on-stop stay, finds it again
when it starts with the same instance id within 20 s. State can be lost at any time: it is rebuilt from Kafka. The line "freshline is ready" on
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
		stop, _ := stream.ParseStopMode(c.text("on_stop")) // resolve has checked it
		return c.process(cmd.Context(), cluster, c.text("state"), stop)
	}, append([]string{"state", "instance_id", "on_stop", "commit_interval", "hold", "log_level", "http", "http_advertise"}, recordSettings...)...)
}

// logger logs to standard error.
func (c *cli) logger() *slog.Logger { return c.loggerTo(c.stderr) }

func (c *cli) loggerTo(w io.Writer) *slog.Logger {
	level, _ := parseLevel(c.text("log_level")) // resolve has checked it
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}

// process runs a processor until ctx is done, which is no error.
func (c *cli) process(ctx context.Context, cluster stream.Cluster, state string, onStop stream.StopMode) error {
	registry, err := c.registry()
	if err != nil {
		return err
	}
	program := readVersion()
	metrics := httpapi.NewMetrics(program.Version, program.Revision)
	showing := &recoveryLine{cli: c, recovery: metrics.Recovery}
	log := c.loggerTo(showing)
	cluster.Log = log
	api, err := c.listenAPI()
	if err != nil {
		return err
	}
	hooks := metrics.Hooks()
	counted := hooks.OnRecovering
	hooks.OnRecovering = func(tasks int) {
		counted(tasks)
		showing.onRecovering(tasks)
	}
	p, err := stream.NewProcessor(stream.ProcessorOptions{
		Cluster: cluster, Namespace: c.namespace(), StateDir: state, InstanceID: c.text("instance_id"), OnStop: onStop, APIAddress: api.address,
		CommitInterval: c.duration("commit_interval"), Hold: c.duration("hold"), Registry: registry, Log: log, Hooks: hooks,
	})
	if err != nil {
		api.close()
		return err
	}
	running, stop := context.WithCancelCause(ctx)
	var beside sync.WaitGroup
	beside.Go(func() {
		select {
		case <-p.Ready():
			fmt.Fprintf(showing, "freshline is ready: namespace %s on %s%s\n", c.namespace(), strings.Join(cluster.Brokers, ", "), api.said())
		case <-running.Done():
		}
	})
	beside.Go(func() {
		if err := api.run(running, p, metrics, log); err != nil {
			stop(err)
		}
	})
	if !c.terminal.err {
		beside.Go(func() { logRecovery(running, metrics.Recovery, log) })
	}
	err = p.Run(running)
	if cause := context.Cause(running); err == nil && cause != nil && ctx.Err() == nil {
		err = cause
	}
	stop(nil)
	beside.Wait()
	if ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled)) {
		log.Info("stopped")
		return nil
	}
	return err
}
