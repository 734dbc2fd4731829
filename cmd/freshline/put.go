package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/spf13/cobra"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream"
)

const putLong = `Write samples of a feature, one JSON object a line on standard input, as Avro to its sample topic:

  {"video_id": 1, "path": "a.mp4", "metaxy_provenance_by_field": {"audio": "a1", "frames": "f1"}}

metaxy_provenance_by_field names every field of the feature. A sample without metaxy_feature_version gets the version
in force. Values that JSON lacks are objects: {"bytes": "<base64>"}, {"date": "2026-01-31"}, {"timestamp": "…"},
{"uuid": "…"}, {"decimal": "1.5"}.

--delete takes the id columns of each line and deletes the sample; of an expansion also the columns that name the
parent, which say where the sample lies. The first bad line ends the command with exit code 1, what stands before it is
written; with --keep-going bad lines are named and passed over, and the exit code is 1 at the end.`

// maxPutLine is the greatest length of a line, in bytes: far above what a broker takes.
const maxPutLine = 16 << 20

// putObject is what put came to, as JSON.
type putObject struct {
	Feature graph.FeatureKey `json:"feature"`
	Written int64            `json:"written"` // samples, or deletions
	Deleted bool             `json:"deleted"`
	Refused int64            `json:"refused"`
}

// puts is one run of put.
type puts struct {
	feature   *graph.FeaturePlan
	producer  *stream.Producer
	delete    bool
	keepGoing bool
	written   atomic.Int64
	refused   int64
}

func (c *cli) newPutCommand() *cobra.Command {
	var p puts
	cmd := c.command(&cobra.Command{
		Use:   "put FEATURE",
		Short: "Write samples, or delete them: JSON lines on standard input",
		Long:  putLong,
		Args:  oneArgument("a feature, such as video/raw"),
	}, func(cmd *cobra.Command, args []string) error {
		if _, err := graph.ParseFeatureKey(args[0]); err != nil {
			return usage(cmd, "%s", err)
		}
		return c.put(cmd.Context(), args[0], &p)
	}, append([]string{"output"}, recordSettings...)...)
	cmd.Flags().BoolVar(&p.delete, "delete", false, "delete the samples: of each line the id columns count")
	cmd.Flags().BoolVar(&p.keepGoing, "keep-going", false, "pass over bad lines")
	return cmd
}

func (c *cli) put(ctx context.Context, feature string, p *puts) error {
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
	if p.feature, err = c.featureOf(plan, feature); err != nil {
		return err
	}
	registry, err := c.registry()
	if err != nil {
		return err
	}
	p.producer, err = stream.NewProducer(ctx, stream.ProducerOptions{Cluster: cluster, Namespace: c.namespace(), Registry: registry})
	if err != nil {
		return err
	}
	defer p.producer.Close()
	err = c.putLines(ctx, p)
	if flushErr := p.producer.Flush(ctx); flushErr != nil {
		return errors.Join(err, flushErr)
	}
	o := putObject{p.feature.Key, p.written.Load(), p.delete, p.refused}
	if f != formatTable {
		return errors.Join(c.printObject(f, o), err)
	}
	verb := "wrote"
	if p.delete {
		verb = "deleted"
	}
	fmt.Fprintf(c.stdout, "%s %s of %s\n", verb, counted(o.Written, "sample"), o.Feature)
	return err
}

// putLines writes the lines of standard input.
func (c *cli) putLines(ctx context.Context, p *puts) error {
	if c.terminal.in {
		c.say("reading samples from the terminal, a JSON object a line; Ctrl-D ends them")
	}
	in := &interruptible{ctx: ctx, r: c.stdin}
	defer in.close()
	progress := c.startProgress("put", func() string { return grouped(p.written.Load()) + " samples" })
	defer progress.end()
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxPutLine)
	number := 0
	for lines.Scan() {
		number++
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		err := p.line(ctx, line)
		switch {
		case err == nil:
			p.written.Add(1)
		case ctx.Err() != nil:
			return err
		case !p.keepGoing:
			p.refused++
			return fmt.Errorf("line %d: %w", number, err)
		default:
			p.refused++
			progress.clear()
			c.say("line %d: %s", number, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("line %d: %w", number+1, err)
	}
	if p.refused > 0 {
		return fmt.Errorf("%d of %d samples were refused", p.refused, p.refused+p.written.Load())
	}
	return nil
}

// line writes one sample.
func (p *puts) line(ctx context.Context, line []byte) error {
	record, err := graph.ParseRecordJSON(line, graph.RecordOptions{TypedObjects: true})
	switch {
	case errors.Is(err, graph.ErrNotRecord):
		return &graph.Refusal{Reason: graph.BadRow, Detail: "the line is no JSON object"}
	case err != nil:
		return fmt.Errorf("not JSON: %w", err)
	}
	if p.delete {
		ids := map[string]any{}
		for _, column := range record.Columns {
			// The record of an expansion is named by the columns of the match key.
			if slices.Contains(p.feature.IDs, column.Name) || p.feature.Expands && slices.Contains(p.feature.Match, column.Name) {
				ids[column.Name] = column.Value
			}
		}
		err = p.producer.Delete(ctx, string(p.feature.Key), ids)
	} else {
		err = p.producer.PutRecord(ctx, p.feature.Key, record)
	}
	var refusal *graph.Refusal
	if errors.As(err, &refusal) {
		return refusal
	}
	return err
}
