package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream"
	"github.com/freshline/freshline/stream/httpapi"
)

func (c *cli) newWorklistCommand() *cobra.Command {
	var all bool
	var statuses string
	cmd := c.command(&cobra.Command{
		Use:   "worklist FEATURE... | --all",
		Short: "Print what is outstanding now",
		Long: `Print what is outstanding now: the staleness topics are read to their end, and for each key that is not fresh its newest
event is printed. Where running processors say that they still read or work on something, a line on standard error
says that there may be more to come.`,
		Args: cobra.ArbitraryArgs,
	}, func(cmd *cobra.Command, args []string) error {
		keys, err := featureKeys(cmd, args, all)
		if err != nil {
			return err
		}
		wanted, err := parseStatuses(statuses)
		if err != nil {
			return usage(cmd, "--status: %s", err)
		}
		return c.worklist(cmd.Context(), keys, wanted)
	}, append([]string{"output"}, recordSettings...)...)
	cmd.Flags().BoolVar(&all, "all", false, "of every feature")
	cmd.Flags().StringVar(&statuses, "status", "", "print these `statuses` only: NEW, STALE, AWAITING, ORPHANED, FAILED, with commas")
	return cmd
}

// parseStatuses reads a list with commas; nil is all.
func parseStatuses(text string) ([]graph.Status, error) {
	if text == "" {
		return nil, nil
	}
	var names []string
	for s := graph.New; s <= graph.Failed; s++ {
		names = append(names, s.String())
	}
	var statuses []graph.Status
	for part := range strings.SplitSeq(text, ",") {
		name := strings.ToUpper(strings.TrimSpace(part))
		i := slices.Index(names, name)
		if i < 0 {
			return nil, fmt.Errorf("unknown status %q%s\nthere are %s", part, didYouMean(name, names), strings.Join(names, ", "))
		}
		statuses = append(statuses, graph.New+graph.Status(i))
	}
	return statuses, nil
}

func (c *cli) worklist(ctx context.Context, keys []graph.FeatureKey, wanted []graph.Status) error {
	l, err := c.newListing(eventColumns...)
	if err != nil {
		return err
	}
	cluster, err := c.cluster()
	if err != nil {
		return err
	}
	schemas, err := c.eventSchemas()
	if err != nil {
		return err
	}
	if err := c.knownFeatures(ctx, cluster, keys); err != nil {
		return err
	}
	progress := c.startProgress("worklist", nil)
	defer progress.end()
	l.above(progress)
	unreadable := 0
	for e, err := range stream.Worklist(ctx, cluster, c.namespace(), schemas, keys...) {
		if err != nil {
			return err
		}
		if e.Err != nil {
			unreadable++
		} else if wanted != nil && !slices.Contains(wanted, e.Staleness.Status) {
			continue
		}
		if err := addEvent(l, e); err != nil {
			return err
		}
	}
	if err := l.end("nothing is outstanding"); err != nil {
		return err
	}
	c.sayUnfinished(ctx, cluster)
	if unreadable > 0 {
		return fmt.Errorf("%s cannot be read", counted(unreadable, "event"))
	}
	return nil
}

// sayUnfinished says so where the processors that run have not come to rest: what they emit next is not in the list.
// Where none runs, or none answers, it says nothing.
func (c *cli) sayUnfinished(ctx context.Context, cluster stream.Cluster) {
	members, err := stream.Members(ctx, cluster, c.namespace())
	if err != nil || len(members) == 0 {
		return
	}
	client := httpapi.NewClient()
	defer client.Close()
	if d, err := client.Deployment(ctx, c.namespace(), members, false); err == nil && d.Unfinished {
		c.say("%s: there may be more to come", d.Why)
	}
}
