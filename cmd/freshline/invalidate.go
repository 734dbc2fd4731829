package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream"
)

const invalidateLong = `Ask for samples of a feature to be computed again: those that are there now, and group records. Running processors
mark them. A marked sample is STALE with the cause REQUESTED, in all fields, until it is written again or deleted.

--where takes a filter over the sample's own columns, as in a graph; those of Metaxy (metaxy_…) are not seen.
--id names samples by their id columns, in the form of an event's key, and may be given many times:

  freshline invalidate video/raw --where "video_id < 100 AND path != 'a.mp4'"
  freshline invalidate video/chunk --id '{"video_id": 1}' --id '{"video_chunk_id": "2_0"}'

Of a feature that expands, the columns of its parent stand for all its samples of that parent. With both, both must
hold; without either, every sample is asked for. --dry-run counts what would be asked for, and asks for nothing.`

// invalidated is what invalidate came to, as JSON.
type invalidated struct {
	Feature graph.FeatureKey `json:"feature"`
	DryRun  bool             `json:"dry_run"`
	ID      string           `json:"id,omitempty"`      // of the request
	Number  *int64           `json:"number,omitempty"`  // its place among all requests
	Samples *int64           `json:"samples,omitempty"` // of a dry run
	Groups  *int64           `json:"groups,omitempty"`  // group records, of a dry run
	Refused *int64           `json:"refused,omitempty"` // records of the topic that cannot be used, of a dry run
}

func (c *cli) newInvalidateCommand() *cobra.Command {
	var where string
	var ids []string
	var dryRun bool
	cmd := c.command(&cobra.Command{
		Use:   "invalidate FEATURE",
		Short: "Ask for samples to be computed again",
		Long:  invalidateLong,
		Args:  oneArgument("a feature, such as video/raw"),
	}, func(cmd *cobra.Command, args []string) error {
		key, err := graph.ParseFeatureKey(args[0])
		if err != nil {
			return usage(cmd, "%s", err)
		}
		what := stream.Invalidation{Feature: key, Where: where}
		if cmd.Flags().Changed("where") {
			if _, err := graph.ParseFilter(where); err != nil {
				return usage(cmd, "--where: %s", err)
			}
		}
		for _, text := range ids {
			columns, err := stream.ParseIDs([]byte(text))
			if err != nil {
				return usage(cmd, "--id %s: %s", text, err)
			}
			values := map[string]any{}
			for _, column := range columns {
				values[column.Name] = column.Value
			}
			what.IDs = append(what.IDs, values)
		}
		return c.invalidate(cmd.Context(), what, dryRun)
	}, append([]string{"output"}, recordSettings...)...)
	cmd.Flags().StringVar(&where, "where", "", "a `filter`: samples for which it is true")
	cmd.Flags().StringArrayVar(&ids, "id", nil, "id columns as a `JSON` object; may be given many times")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "count what would be asked for")
	return cmd
}

func (c *cli) invalidate(ctx context.Context, what stream.Invalidation, dryRun bool) error {
	f, err := c.format(listFormats)
	if err != nil {
		return err
	}
	cluster, err := c.cluster()
	if err != nil {
		return err
	}
	plan, err := c.plan(ctx, cluster)
	if err != nil {
		return err
	}
	if _, err := c.featureOf(plan, string(what.Feature)); err != nil {
		return err
	}
	if dryRun {
		return c.countInvalidation(ctx, cluster, f, what)
	}
	r, err := stream.Invalidate(ctx, cluster, c.namespace(), what)
	if err != nil {
		return err
	}
	if f != formatTable {
		return c.printObject(f, invalidated{Feature: what.Feature, ID: r.ID, Number: &r.Number})
	}
	_, err = fmt.Fprintf(c.stdout, "asked for samples of %s again: request %d, id %s\n", what.Feature, r.Number, r.ID)
	return err
}

func (c *cli) countInvalidation(ctx context.Context, cluster stream.Cluster, f format, what stream.Invalidation) error {
	schemas, closeSchemas, err := c.sampleSchemas(ctx, cluster)
	if err != nil {
		return err
	}
	defer closeSchemas()
	progress := c.startProgress("invalidate", nil)
	n, err := stream.CountInvalidation(ctx, cluster, c.namespace(), schemas, what)
	progress.end()
	if err != nil {
		return err
	}
	if f != formatTable {
		return c.printObject(f, invalidated{Feature: what.Feature, DryRun: true, Samples: &n.Samples, Groups: &n.Groups, Refused: &n.Refused})
	}
	text := fmt.Sprintf("would ask for %s", counted(n.Samples, "sample"))
	if n.Groups > 0 {
		text += " and " + counted(n.Groups, "group record")
	}
	text += fmt.Sprintf(" of %s", what.Feature)
	if n.Refused > 0 {
		text += fmt.Sprintf("; %s of its topic cannot be used", counted(n.Refused, "record"))
	}
	_, err = fmt.Fprintln(c.stdout, text)
	return err
}
