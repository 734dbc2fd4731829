package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream"
)

func (c *cli) newDeadletterCommand() *cobra.Command {
	return group(&cobra.Command{Use: "deadletter", Short: "List, show and retry the records that could not be used"},
		c.newDeadletterListCommand(),
		c.newDeadletterShowCommand(),
		c.newDeadletterRetryCommand(),
	)
}

const deadletterListLong = `List the records that could not be used and have not been retried, newest last: why, where they lie, the column at
fault, and the size of the value. They are kept 30 days. --all lists those that were retried too.`

func (c *cli) newDeadletterListCommand() *cobra.Command {
	var filter letterFilter
	var all bool
	var since time.Duration
	var limit int
	cmd := c.command(&cobra.Command{
		Use:   "list",
		Short: "List records that could not be used, newest last",
		Long:  deadletterListLong,
	}, func(cmd *cobra.Command, _ []string) error {
		switch {
		case since < 0:
			return usage(cmd, "--since: %s is negative", since)
		case limit < 0:
			return usage(cmd, "--limit: %d is negative", limit)
		}
		if err := filter.parse(cmd); err != nil {
			return err
		}
		var o stream.DeadLetterOptions
		if since > 0 {
			o.Since = time.Now().Add(-since)
		}
		return c.listLetters(cmd.Context(), &filter, o, all, limit)
	}, append([]string{"output"}, clusterSettings...)...)
	filter.flags(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "list those that were retried too")
	cmd.Flags().DurationVar(&since, "since", 0, "list those refused within this `duration`, such as 24h")
	cmd.Flags().IntVar(&limit, "limit", 0, "list the newest `number` of them; by default all")
	return cmd
}

// letterFilter is what --feature and --reason say.
type letterFilter struct {
	feature, reason string
	reasons         []graph.Reason
	topics          []string // nil: of every topic
}

func (f *letterFilter) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.feature, "feature", "", "those of the samples of this `feature`")
	cmd.Flags().StringVar(&f.reason, "reason", "", "those with these `reasons`: BAD_BYTES, BAD_ROW, …, with commas")
}

// letterReasons are those that the processor gives.
var letterReasons = []string{
	string(graph.BadBytes), string(graph.UnknownFeature), string(graph.BadRow), string(graph.BadID),
	string(graph.UnknownVersion), string(graph.BadProvenance), string(graph.TooLarge),
}

// parse reads the flags.
func (f *letterFilter) parse(cmd *cobra.Command) error {
	if f.feature != "" {
		if _, err := graph.ParseFeatureKey(f.feature); err != nil {
			return usage(cmd, "--feature: %s", err)
		}
	}
	if f.reason == "" {
		return nil
	}
	for part := range strings.SplitSeq(f.reason, ",") {
		name := strings.ToUpper(strings.TrimSpace(part))
		if !slices.Contains(letterReasons, name) {
			return usage(cmd, "--reason: unknown reason %q%s\nthere are %s", part, didYouMean(name, letterReasons), strings.Join(letterReasons, ", "))
		}
		f.reasons = append(f.reasons, graph.Reason(name))
	}
	return nil
}

// findTopics finds where the feature has its samples: in the graph in force, and in those before it, whose dead
// letters may still be there.
func (c *cli) findTopics(ctx context.Context, cluster stream.Cluster, f *letterFilter) error {
	if f.feature == "" {
		return nil
	}
	p, err := c.readPushes(ctx, cluster)
	if err != nil {
		return err
	}
	for i, push := range p.all {
		if p.faults[i] != nil {
			continue
		}
		for _, spec := range push.Graph.Features {
			if topic := c.namespace().Sample(spec); string(spec.Key) == f.feature && !slices.Contains(f.topics, topic) {
				f.topics = append(f.topics, topic)
			}
		}
	}
	if f.topics != nil {
		return nil
	}
	if p.inForce() == nil {
		return fmt.Errorf("topic %s holds no graph; publish one with `freshline graph publish`", c.namespace().Graph())
	}
	_, err = c.featureOf(p.inForce(), f.feature)
	return err
}

func (f *letterFilter) has(l stream.DeadLetter) bool {
	return (f.topics == nil || slices.Contains(f.topics, l.Origin.Topic)) && (f.reasons == nil || slices.Contains(f.reasons, l.Reason))
}

// listLetters lists dead letters. A limit of 0 is none.
func (c *cli) listLetters(ctx context.Context, filter *letterFilter, o stream.DeadLetterOptions, all bool, limit int) error {
	columns := []string{"TIME", "REASON", "ORIGIN", "COLUMN", "BYTES", "DETAIL"}
	if all {
		columns = slices.Insert(columns, 1, "RETRIED")
	}
	l, err := c.newListing(columns...)
	if err != nil {
		return err
	}
	cluster, err := c.cluster()
	if err != nil {
		return err
	}
	if err := c.findTopics(ctx, cluster, filter); err != nil {
		return err
	}
	progress := c.startProgress("deadletter list", nil)
	defer progress.end()
	l.above(progress)
	add := func(d letterObject) error {
		cells := []any{d.Timestamp, d.Reason, d.Origin, d.Column, d.Bytes, d.Detail}
		if d.Error != "" {
			cells = []any{d.RefusedAt, "unreadable", "", "", 0, d.Error}
		}
		if all {
			retried := ""
			if d.Retried != nil {
				retried = d.Retried.Timestamp
			}
			cells = slices.Insert(cells, 1, any(retried))
		}
		return l.add(d, cells...)
	}
	var newest []letterObject // a ring of limit
	matched, unreadable := 0, 0
	for d, err := range stream.DeadLetters(ctx, cluster, c.namespace(), o) {
		switch {
		case err != nil:
			return c.noLetters(err)
		case d.Err != nil:
			unreadable++
		case !filter.has(d) || !all && d.Retried != nil:
			continue
		}
		switch object := newLetterObject(d); {
		case limit == 0:
			err = add(object)
		case len(newest) < limit:
			newest = append(newest, object)
		default:
			newest[matched%limit] = object
		}
		if err != nil {
			return err
		}
		matched++
	}
	if len(newest) > 0 {
		start := matched % len(newest) // the oldest, once it is full; before that it begins with it
		if matched <= limit {
			start = 0
		}
		for i := range newest {
			if err := add(newest[(start+i)%len(newest)]); err != nil {
				return err
			}
		}
	}
	if err := l.end("no dead letters"); err != nil {
		return err
	}
	if limit > 0 && matched > limit {
		c.say("these are the newest %s of %s", grouped(int64(limit)), counted(matched, "dead letter"))
	}
	if unreadable > 0 {
		return fmt.Errorf("%s of topic %s cannot be read as dead letters", counted(unreadable, "record"), c.namespace().DeadLetter())
	}
	return nil
}

// noLetters words the error of a dead-letter topic that does not exist.
func (c *cli) noLetters(err error) error {
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		return fmt.Errorf("there is nothing in namespace %s: topic %s does not exist; publish a graph with `freshline graph publish`, or name another --namespace", c.namespace(), c.namespace().DeadLetter())
	}
	return err
}

// letterName names one dead letter: the place of its record, or its own offset.
type letterName struct {
	text   string
	origin stream.Origin
	offset int64 // -1 where it is named by the origin
}

func parseLetterName(text string) (letterName, error) {
	if offset, err := strconv.ParseUint(text, 10, 63); err == nil {
		return letterName{text: text, offset: int64(offset)}, nil
	}
	origin, err := stream.ParseOrigin(text)
	if err != nil {
		err = fmt.Errorf("%w, or the offset of the dead letter", err)
	}
	return letterName{text: text, origin: origin, offset: -1}, err
}

// names says whether it is the name of a dead letter. One named by the offset lies in partition 0, as all do that
// the processor writes.
func (n letterName) names(d stream.DeadLetter) bool {
	if n.offset >= 0 {
		return d.Offset == n.offset && d.Partition == 0
	}
	return d.Err == nil && d.Origin == n.origin
}
