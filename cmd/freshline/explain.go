package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream"
	"github.com/freshline/freshline/stream/httpapi"
)

const explainLong = `Say why a sample, or what is to be made of an input, has the status that it has: causes, recorded and expected provenance
field by field, the inputs with their versions, what it waits for down to the work that nobody has done yet, failures,
and how it came about.

KEY is JSON: the key of an event, its columns in any order, or the sample's own ids. A running processor answers: any
will do, it asks the one that owns the key. --api names one by its address; without it they are found in the consumer
group of the namespace.`

// explainFormats are those of an explanation.
var explainFormats = []format{formatText, formatJSON, formatJSONL}

func (c *cli) newExplainCommand() *cobra.Command {
	var base string
	cmd := c.command(&cobra.Command{
		Use:     "explain FEATURE KEY",
		Short:   "Say why a sample has the status that it has",
		Long:    explainLong,
		Example: `  freshline explain video/chunk '{"video_id": 1}'`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usage(cmd, `explain needs a feature and a key, such as: explain video/chunk '{"video_id": 1}'`)
			}
			return nil
		},
	}, func(cmd *cobra.Command, args []string) error {
		feature, err := graph.ParseFeatureKey(args[0])
		if err != nil {
			return usage(cmd, "%s", err)
		}
		if _, _, err := graph.ParseKeyJSON([]byte(args[1])); err != nil {
			return usage(cmd, "%s; write it like '{\"video_id\": 1}'", err)
		}
		if base != "" {
			if err := checkRegistry(base); err != nil {
				return usage(cmd, "--api: %s", err)
			}
		}
		return c.explain(cmd.Context(), base, feature, []byte(args[1]))
	}, append([]string{"output"}, clusterSettings...)...)
	cmd.Flags().StringVar(&base, "api", "", "`url` of a running processor, as it says when it is ready; default: one of the namespace")
	return hasFormats(cmd, explainFormats)
}

func (c *cli) explain(ctx context.Context, base string, feature graph.FeatureKey, key []byte) error {
	f, err := c.format(explainFormats)
	if err != nil {
		return err
	}
	progress := c.startProgress("explain", nil)
	x, err := c.askExplanation(ctx, base, feature, key)
	progress.end()
	if err != nil {
		return err
	}
	if f != formatText {
		return c.printObject(f, x)
	}
	(&explanationText{w: c.stdout, colours: c.colours()}).write(x)
	return nil
}

// askExplanation asks the process at base, or any that is found.
func (c *cli) askExplanation(ctx context.Context, base string, feature graph.FeatureKey, key []byte) (*httpapi.Explanation, error) {
	client := httpapi.NewClient()
	defer client.Close()
	if base != "" {
		return client.Explain(ctx, base, feature, key)
	}
	cluster, err := c.cluster()
	if err != nil {
		return nil, err
	}
	members, err := stream.Members(ctx, cluster, c.namespace())
	if err != nil {
		return nil, err
	}
	if len(members) == 0 {
		return nil, fmt.Errorf("no processor of namespace %s runs, and explain asks a running one: start one with `freshline run`, or read the work list with `freshline worklist %s`", c.namespace(), feature)
	}
	var faults []error
	for _, m := range members {
		if m.Address == "" {
			faults = append(faults, fmt.Errorf("process %s answers no questions: it was started with --http off", m.InstanceID))
			continue
		}
		x, err := client.ExplainAt(ctx, c.namespace(), m, feature, key)
		var f *httpapi.Fault
		switch {
		case err == nil:
			return x, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.As(err, &f) && f.Final():
			return nil, err
		}
		if !slices.ContainsFunc(faults, func(f error) bool { return f.Error() == err.Error() }) {
			faults = append(faults, err)
		}
	}
	return nil, fmt.Errorf("no processor of namespace %s can answer now:\n%w", c.namespace(), errors.Join(faults...))
}
