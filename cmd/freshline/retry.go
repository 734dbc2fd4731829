package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream"
)

const retryLong = `Take back failures, so that the work is offered again: of the keys given, or of all keys that are FAILED. With --type
only those of that kind.

  freshline retry video/chunk '{"video_id":1}'
  freshline retry video/chunk --type DecodeError

KEY is that of the event, its columns in any order, or the ids of the sample. Where one of the keys is not FAILED,
nothing is taken back.`

// retriedFailures is what retry came to, as JSON.
type retriedFailures struct {
	Feature graph.FeatureKey `json:"feature"`
	Retried int              `json:"retried"`
}

// retryBatch is how many failures are taken back at once.
const retryBatch = 1000

func (c *cli) newRetryCommand() *cobra.Command {
	var all bool
	var kind string
	cmd := c.command(&cobra.Command{
		Use:   "retry FEATURE [KEY...] [--all] [--type TYPE]",
		Short: "Offer work again that has failed",
		Long:  retryLong,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage(cmd, "%s needs a feature, such as video/raw", commandName(cmd))
			}
			return nil
		},
	}, func(cmd *cobra.Command, args []string) error {
		if _, err := graph.ParseFeatureKey(args[0]); err != nil {
			return usage(cmd, "%s", err)
		}
		switch keys := args[1:]; {
		case all && len(keys) > 0:
			return usage(cmd, "--all and the key %s: leave one of the two out", keys[0])
		case !all && kind == "" && len(keys) == 0:
			return usage(cmd, "retry needs keys, --type, or --all")
		}
		return c.retry(cmd.Context(), args[0], args[1:], kind)
	}, append([]string{"output"}, recordSettings...)...)
	cmd.Flags().BoolVar(&all, "all", false, "all keys of the feature that are FAILED")
	cmd.Flags().StringVar(&kind, "type", "", "failures of this `kind` only")
	return cmd
}

func (c *cli) retry(ctx context.Context, feature string, texts []string, kind string) error {
	format, err := c.format(listFormats)
	if err != nil {
		return err
	}
	cluster, f, err := c.workFeature(ctx, feature)
	if err != nil {
		return err
	}
	var keys []*workKey
	for _, text := range texts {
		key, err := parseWorkKey(f, text)
		if err != nil {
			return err
		}
		keys = append(keys, key)
	}
	failed, err := c.findFailed(ctx, cluster, f, keys, kind)
	if err != nil {
		return err
	}
	log, err := stream.OpenFailureLog(ctx, cluster, c.namespace())
	if err != nil {
		return err
	}
	defer log.Close()
	for batch := range slices.Chunk(failed, retryBatch) {
		if err := log.Retry(ctx, batch...); err != nil {
			return err
		}
	}
	if format != formatTable {
		return c.printObject(format, retriedFailures{f.Key, len(failed)})
	}
	_, err = fmt.Fprintf(c.stdout, "took back %s of %s\n", counted(len(failed), "failure"), f.Key)
	return err
}

// findFailed returns the events that are FAILED: those of the keys, or all. A key that is not FAILED
// is an error.
func (c *cli) findFailed(ctx context.Context, cluster stream.Cluster, f *graph.FeaturePlan, keys []*workKey, kind string) (failed []stream.Event, err error) {
	missing := slices.Clone(keys)
	err = c.outstanding(ctx, cluster, f.Key, func(e stream.Event) bool {
		s := e.Staleness
		if s.Status != graph.Failed || s.Failure == nil || (kind != "" && s.Failure.Type != kind) {
			return false
		}
		of := func(k *workKey) bool { return k.of(e) }
		if keys == nil || slices.ContainsFunc(keys, of) {
			// The rest of the event may be large, and there may be many.
			failed = append(failed, stream.Event{Feature: e.Feature, Key: e.Key, Topic: e.Topic, Partition: e.Partition})
			missing = slices.DeleteFunc(missing, of)
		}
		return false
	})
	if err != nil || len(missing) == 0 {
		return failed, err
	}
	var texts []string
	for _, k := range missing {
		texts = append(texts, k.text)
	}
	what := "FAILED"
	if kind != "" {
		what += " with " + kind
	}
	return nil, fmt.Errorf("not %s: %s of %s; nothing is taken back", what, strings.Join(texts, ", "), f.Key)
}
