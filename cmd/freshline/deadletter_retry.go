package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/freshline/freshline/stream"
)

const deadletterRetryLong = `Write records that could not be used again: key, value and headers as they were, to the topic and partition that
they came from, so that they go through the whole way once more. Do it when what they lacked is there: a schema, a
graph. A record that is refused again is another dead letter.

An old record must not take the place of a newer one, as the later offset wins. So a record is not retried where a
later one of its key is in the topic, nor where it is itself no longer in the log, since then a later one has come;
--force retries it all the same. The exit code is 1 if any is not retried.`

// retriedObject is what became of one dead letter, as JSON.
type retriedObject struct {
	letterObject
	Outcome string `json:"outcome"`         // retried, would_retry, refused or failed
	Copy    *int64 `json:"copy,omitempty"`  // the offset of the copy
	Why     string `json:"why,omitempty"`   // of refused and failed
	Forced  bool   `json:"force,omitempty"` // of refused: --force would retry it
}

// letterRetry is one run of retry.
type letterRetry struct {
	filter letterFilter
	names  []letterName
	found  []bool // by name
	all    bool
	force  bool
	dryRun bool

	retried, refused, older, failed int
}

func (c *cli) newDeadletterRetryCommand() *cobra.Command {
	var r letterRetry
	cmd := c.command(&cobra.Command{
		Use:   "retry ORIGIN... | --reason R | --feature F | --all",
		Short: "Write records again that could not be used",
		Long:  deadletterRetryLong,
		Args:  cobra.ArbitraryArgs,
	}, func(cmd *cobra.Command, args []string) error {
		if err := r.parse(cmd, args); err != nil {
			return err
		}
		return c.retryLetters(cmd.Context(), &r)
	}, append([]string{"output"}, clusterSettings...)...)
	r.filter.flags(cmd)
	cmd.Flags().BoolVar(&r.all, "all", false, "all that have not been retried")
	cmd.Flags().BoolVar(&r.force, "force", false, "also where a newer record of the key loses its place")
	cmd.Flags().BoolVar(&r.dryRun, "dry-run", false, "say what would be retried, and write nothing")
	return cmd
}

func (r *letterRetry) parse(cmd *cobra.Command, args []string) error {
	filtered := r.filter.feature != "" || r.filter.reason != ""
	switch {
	case len(args) == 0 && !filtered && !r.all:
		return usage(cmd, "%s needs the place of a record, such as freshline.sample.video.raw/0/17, or --reason, --feature or --all", commandName(cmd))
	case r.all && (filtered || len(args) > 0):
		return usage(cmd, "--all retries everything: leave it out, or what else is named")
	case filtered && len(args) > 0:
		return usage(cmd, "%s, and --reason or --feature: leave one of the two out", args[0])
	}
	for _, arg := range args {
		name, err := parseLetterName(arg)
		if err != nil {
			return usage(cmd, "%s", err)
		}
		r.names, r.found = append(r.names, name), append(r.found, false)
	}
	return r.filter.parse(cmd)
}

// selects says whether a dead letter is to be retried. One that is named is also where it was before, to say so.
func (r *letterRetry) selects(d stream.DeadLetter) bool {
	if len(r.names) == 0 {
		return d.Retried == nil && r.filter.has(d)
	}
	selected := false
	for i, name := range r.names {
		if name.names(d) {
			r.found[i], selected = true, true
		}
	}
	return selected
}

func (c *cli) retryLetters(ctx context.Context, r *letterRetry) error {
	l, err := c.newListing("OUTCOME", "REASON", "ORIGIN", "")
	if err != nil {
		return err
	}
	cluster, err := c.cluster()
	if err != nil {
		return err
	}
	if err := c.findTopics(ctx, cluster, &r.filter); err != nil {
		return err
	}
	progress := c.startProgress("deadletter retry", nil)
	defer progress.end()
	l.above(progress)
	o := stream.RetryOptions{Select: r.selects, Force: r.force, DryRun: r.dryRun}
	for retry, err := range stream.RetryDeadLetters(ctx, cluster, c.namespace(), o) {
		if err == nil {
			err = r.add(l, retry)
		}
		if err != nil {
			return errors.Join(c.noLetters(err), l.end("")) // and says what has been written
		}
	}
	if err := l.end("there is nothing to retry"); err != nil {
		return err
	}
	var faults []error
	for i, found := range r.found {
		if !found {
			faults = append(faults, c.noLetter(r.names[i]))
		}
	}
	return errors.Join(append(faults, r.fault())...)
}

// add lists what became of a dead letter.
func (r *letterRetry) add(l *listing, retry stream.Retry) error {
	o := retriedObject{letterObject: newLetterObject(retry.DeadLetter)}
	note := ""
	if retry.Written {
		o.Copy, note = &retry.Copy, fmt.Sprintf("the copy is %s", stream.Origin{Topic: o.Topic, Partition: o.Partition, Offset: retry.Copy})
	}
	switch {
	case retry.Fault != nil:
		r.failed++
		o.Outcome, o.Why = "failed", retry.Fault.Error()
		note = o.Why
	case retry.Refused != "":
		r.refused++
		if retry.Older {
			r.older++
		}
		o.Outcome, o.Why, o.Forced = "refused", retry.Refused, retry.Older
		note = o.Why
	case retry.Written:
		r.retried++
		o.Outcome = "retried"
	default:
		r.retried++
		o.Outcome = "would_retry"
	}
	return l.add(o, o.Outcome, o.Reason, o.Origin, note)
}

// fault says that not all was retried.
func (r *letterRetry) fault() error {
	if r.refused+r.failed == 0 {
		return nil
	}
	text := fmt.Sprintf("not retried: %d of %d", r.refused+r.failed, r.retried+r.refused+r.failed)
	if r.older > 0 {
		text += fmt.Sprintf("; --force retries %s of them all the same, and the newer record of the key loses its place", grouped(int64(r.older)))
	}
	return errors.New(text)
}
