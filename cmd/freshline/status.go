package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream"
	"github.com/freshline/freshline/stream/httpapi"
)

// statusObject is how one feature stands, as JSON.
type statusObject struct {
	Feature    graph.FeatureKey `json:"feature"`
	Samples    int64            `json:"samples"`
	New        int64            `json:"new"`
	Stale      int64            `json:"stale"`
	Awaiting   int64            `json:"awaiting"`
	Orphaned   int64            `json:"orphaned"`
	Failed     int64            `json:"failed"`
	Unreadable int64            `json:"unreadable"`
}

func (c *cli) newStatusCommand() *cobra.Command {
	var assert, topics bool
	cmd := c.command(&cobra.Command{
		Use:   "status",
		Short: "Count samples, and what is outstanding, of each feature",
		Long: `Count, of each feature of the graph in force, its samples and the keys that are NEW, STALE, AWAITING, ORPHANED and
FAILED. Group records count as samples, and the INPUT of an expansion is a key beside those of its samples. Running
processors count from their state, where all of them answer and have nothing left to work on. Else, and with
--assert-in-sync or --topics, the sample and staleness topics are read from start to end, and then records that cannot
be read are counted, too, until the topics have lost them. With --assert-in-sync the exit code is 3 if anything is
outstanding (FAILED counts) or cannot be read, if there are samples or failures that no processor has read yet, work
that it has left, or requests (freshline invalidate) that are not done.`,
	}, func(cmd *cobra.Command, _ []string) error { return c.status(cmd.Context(), assert, topics || assert) },
		append([]string{"output"}, recordSettings...)...)
	cmd.Flags().BoolVar(&assert, "assert-in-sync", false, "end with exit code 3 if anything is outstanding or not read yet")
	cmd.Flags().BoolVar(&topics, "topics", false, "read the topics, and ask no processor")
	return cmd
}

func (c *cli) status(ctx context.Context, assert, topics bool) error {
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
	progress := c.startProgress("status", nil)
	var lag int64
	var requests, unfinished int
	if assert { // first: what is read meanwhile shows in the counts
		if requests, err = stream.OpenRequests(ctx, cluster, c.namespace(), plan.Graph); err == nil {
			lag, err = stream.Lag(ctx, cluster, c.namespace(), plan.Graph)
		}
		if err == nil && lag == 0 {
			unfinished, err = stream.Unfinished(ctx, cluster, c.namespace(), plan.Graph)
		}
		if err != nil {
			progress.end()
			return err
		}
	}
	var counts []stream.FeatureCounts
	if !topics {
		counts = c.countsOfProcessors(ctx, cluster, plan)
	}
	if counts == nil {
		counts, err = c.countsOfTopics(ctx, cluster, plan)
	}
	progress.end()
	if err != nil {
		return err
	}
	total, err := c.listCounts(f, inOrder(plan, counts))
	if err != nil || !assert {
		return err
	}
	text := total.outstanding()
	if total.Unreadable > 0 {
		text = strings.TrimPrefix(fmt.Sprintf("%s, %d unreadable", text, total.Unreadable), ", ")
	}
	if lag > 0 {
		text = strings.TrimPrefix(fmt.Sprintf("%s, and the processor has %d records still to read", text, lag), ", and ")
	}
	if unfinished > 0 {
		text = strings.TrimPrefix(fmt.Sprintf("%s, and the processor has work left in %s", text, counted(unfinished, "task")), ", and ")
	}
	if requests > 0 {
		text = strings.TrimPrefix(fmt.Sprintf("%s, and %s not done", text, counted(requests, "request")), ", and ")
	}
	if text != "" {
		return fmt.Errorf("%w: %s", errNotInSync, text)
	}
	return nil
}

// countsOfTopics reads sample and staleness topics.
func (c *cli) countsOfTopics(ctx context.Context, cluster stream.Cluster, plan *graph.Plan) ([]stream.FeatureCounts, error) {
	schemas, closeSchemas, err := c.sampleSchemas(ctx, cluster)
	if err != nil {
		return nil, err
	}
	defer closeSchemas()
	return stream.Counts(ctx, cluster, c.namespace(), schemas, plan.Graph)
}

// countsOfProcessors asks every processor of the namespace. It returns nil where their sum would not be what topics
// say: one does not answer, or something is still to be read or to be worked on.
func (c *cli) countsOfProcessors(ctx context.Context, cluster stream.Cluster, plan *graph.Plan) []stream.FeatureCounts {
	members, err := stream.Members(ctx, cluster, c.namespace())
	if err != nil || len(members) == 0 {
		return nil
	}
	// First: what is read meanwhile shows in the counts.
	if lag, err := stream.Lag(ctx, cluster, c.namespace(), plan.Graph); err != nil || lag > 0 {
		return nil
	}
	client := httpapi.NewClient()
	defer client.Close()
	d, err := client.Deployment(ctx, c.namespace(), members, true)
	if err != nil || d.Why != "" || d.Graph() != plan.Number {
		return nil
	}
	var counts []stream.FeatureCounts
	for _, f := range d.Features {
		counts = append(counts, stream.FeatureCounts{
			Feature: f.Feature, Samples: f.Samples, New: f.New, Stale: f.Stale, Awaiting: f.Awaiting, Orphaned: f.Orphaned, Failed: f.Failed,
		})
	}
	return counts
}

// inOrder sorts counts as the plan has the features: dependencies first.
func inOrder(plan *graph.Plan, counts []stream.FeatureCounts) []stream.FeatureCounts {
	sorted := make([]stream.FeatureCounts, len(counts))
	for _, counted := range counts {
		sorted[plan.Feature(counted.Feature).Position()] = counted
	}
	return sorted
}

// listCounts prints the counts and returns their sum. FAILED and UNREADABLE have a column where there are any.
func (c *cli) listCounts(f format, counts []stream.FeatureCounts) (total statusObject, err error) {
	objects := make([]statusObject, len(counts))
	for i, n := range counts {
		objects[i] = statusObject{n.Feature, n.Samples, n.New, n.Stale, n.Awaiting, n.Orphaned, n.Failed, n.Unreadable}
		total.add(objects[i])
	}
	columns := []string{"FEATURE", "SAMPLES", "NEW", "STALE", "AWAITING", "ORPHANED"}
	if total.Failed > 0 {
		columns = append(columns, "FAILED")
	}
	if total.Unreadable > 0 {
		columns = append(columns, "UNREADABLE")
	}
	l := newListing(f, c.stdout, c.colours(), columns)
	for _, o := range objects {
		cells := []any{string(o.Feature), o.Samples, o.New, o.Stale, o.Awaiting, o.Orphaned}
		if total.Failed > 0 {
			cells = append(cells, o.Failed)
		}
		if total.Unreadable > 0 {
			cells = append(cells, o.Unreadable)
		}
		if err := l.add(o, cells...); err != nil {
			return total, err
		}
	}
	return total, l.end("the graph in force has no features")
}

func (o *statusObject) add(other statusObject) {
	o.Samples += other.Samples
	o.New += other.New
	o.Stale += other.Stale
	o.Awaiting += other.Awaiting
	o.Orphaned += other.Orphaned
	o.Failed += other.Failed
	o.Unreadable += other.Unreadable
}

// outstanding says what there is to do: "3 NEW, 2 STALE", or "".
func (o *statusObject) outstanding() string {
	var texts []string
	for _, part := range []struct {
		n      int64
		status graph.Status
	}{{o.New, graph.New}, {o.Stale, graph.Stale}, {o.Awaiting, graph.Awaiting}, {o.Orphaned, graph.Orphaned}, {o.Failed, graph.Failed}} {
		if part.n > 0 {
			texts = append(texts, fmt.Sprintf("%d %s", part.n, part.status))
		}
	}
	return strings.Join(texts, ", ")
}
