package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/freshline/freshline/stream"
)

func (c *cli) newWatchCommand() *cobra.Command {
	var all, fromStart bool
	cmd := c.command(&cobra.Command{
		Use:   "watch FEATURE... | --all",
		Short: "Print staleness events as they come",
		Long: `Print staleness events as they come, until interrupted. FRESH says that a key has nothing to be done any more.
--from-start begins with what the topics hold. With --all features that come later are watched too.`,
		Args: cobra.ArbitraryArgs,
	}, func(cmd *cobra.Command, args []string) error {
		keys, err := featureKeys(cmd, args, all)
		if err != nil {
			return err
		}
		err = c.watch(cmd.Context(), stream.SubscriberOptions{Namespace: c.namespace(), Features: keys, FromEnd: !fromStart})
		if cmd.Context().Err() != nil && (err == nil || errors.Is(err, context.Canceled)) {
			return nil // it was interrupted, as it should be
		}
		return err
	}, append([]string{"output"}, recordSettings...)...)
	cmd.Flags().BoolVar(&all, "all", false, "watch every feature")
	cmd.Flags().BoolVar(&fromStart, "from-start", false, "begin with the events that are there")
	return cmd
}

func (c *cli) watch(ctx context.Context, o stream.SubscriberOptions) (err error) {
	l, err := c.newListing(append([]string{"TIME"}, eventColumns...)...)
	if err != nil {
		return err
	}
	if o.Cluster, err = c.cluster(); err != nil {
		return err
	}
	if o.Schemas, err = c.eventSchemas(); err != nil {
		return err
	}
	if err := c.knownFeatures(ctx, o.Cluster, o.Features); err != nil {
		return err
	}
	s, err := stream.Subscribe(ctx, o)
	if err != nil {
		return err
	}
	defer s.Close()
	defer func() { err = errors.Join(err, l.end("")) }()
	c.say("watching %s; Ctrl-C ends it", featureNames(o.Features))
	for {
		events, err := s.Poll(ctx)
		if err != nil {
			return err
		}
		for _, e := range events {
			if err := addEvent(l, e, e.Timestamp.Local().Format("15:04:05.000")); err != nil {
				return err
			}
		}
		if err := l.flush(); err != nil {
			return err
		}
	}
}
