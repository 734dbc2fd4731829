package main

import (
	"bufio"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/freshline/freshline/state"
	"github.com/freshline/freshline/stream"
)

const resetLong = `Let the processors forget what they have read, filed and said, and build it anew: the offsets of their group, the
topic of rows, the staleness topics and what has been asked for again (invalidate) go together, and with --state the
state of a process on this machine. Topics are made anew as they were. States that are elsewhere are dropped by
themselves when their processes start.

Samples, graphs, schemas, failures and dead letters stay. Afterwards everything that is not fresh is said once, also
what was said before: workers that have seen a key's work may be offered it again. Work that was asked for again and has
not been done is forgotten.

Nothing is done while a processor is in the group, nor without --yes or a yes on the terminal. --dry-run says what would
be done. A reset that was cut short is begun again by the same command.`

// resetObject is one thing that a reset takes away, as JSON.
type resetObject struct {
	Kind       string `json:"kind"` // offsets, state, or a kind of topic
	Name       string `json:"name"`
	Partitions int    `json:"partitions,omitempty"`
	Outcome    string `json:"outcome"` // would_reset or reset
}

func (c *cli) newResetCommand() *cobra.Command {
	var dryRun, yes bool
	cmd := c.command(&cobra.Command{
		Use:   "reset",
		Short: "Forget what was read and said, and build it anew",
		Long:  resetLong,
	}, func(cmd *cobra.Command, _ []string) error {
		if dryRun && yes {
			return usage(cmd, "--dry-run and --yes: leave one of the two out")
		}
		return c.reset(cmd, dryRun, yes)
	}, append([]string{"output", "state"}, clusterSettings...)...)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be done, and do nothing")
	cmd.Flags().BoolVar(&yes, "yes", false, "do it without asking")
	return cmd
}

func (c *cli) reset(cmd *cobra.Command, dryRun, yes bool) error {
	cluster, err := c.cluster()
	if err != nil {
		return err
	}
	l, err := c.newListing("KIND", "NAME", "PARTITIONS")
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	plan, err := stream.PlanReset(ctx, cluster, c.namespace())
	if err != nil {
		return err
	}
	if !dryRun && !yes {
		if err := c.confirmReset(cmd, plan); err != nil {
			return err
		}
	}
	outcome := "would_reset"
	if !dryRun {
		outcome = "reset"
		if err := c.resetNow(ctx, cluster, plan); err != nil {
			return err
		}
	}
	add := func(kind, name string, partitions int) error {
		var cell any = partitions
		if partitions == 0 {
			cell = ""
		}
		return l.add(resetObject{kind, name, partitions, outcome}, kind, name, cell)
	}
	if err := add("offsets", plan.Group, 0); err != nil {
		return err
	}
	for _, t := range plan.Topics {
		if err := add(string(t.Kind), t.Name, t.Partitions); err != nil {
			return err
		}
	}
	if dir := c.text("state"); dir != "" {
		if err := add("state", dir, 0); err != nil {
			return err
		}
	}
	return l.end("")
}

func (c *cli) resetNow(ctx context.Context, cluster stream.Cluster, plan *stream.ResetPlan) error {
	progress := c.startProgress("reset", nil)
	defer progress.end()
	if dir := c.text("state"); dir != "" {
		if err := state.Destroy(dir); err != nil {
			return err
		}
	}
	return plan.Reset(ctx, cluster)
}

// confirmReset asks on the terminal.
func (c *cli) confirmReset(cmd *cobra.Command, plan *stream.ResetPlan) error {
	if !c.terminal.in || !c.terminal.err {
		return usage(cmd, "%s takes away what cannot be brought back as it was: --dry-run says what, --yes does it", commandName(cmd))
	}
	fmt.Fprintf(c.stderr, "This deletes %s and the offsets of group %s (%d), and makes the topics anew:\n", counted(int64(len(plan.Topics)), "topic"), plan.Group, plan.Offsets)
	for _, t := range plan.Topics {
		fmt.Fprintf(c.stderr, "  %s\n", t.Name)
	}
	fmt.Fprint(c.stderr, "Type yes to go on: ")
	answer, err := bufio.NewReader(c.stdin).ReadString('\n')
	if err != nil || strings.TrimSpace(answer) != "yes" {
		return fmt.Errorf("nothing was done: the answer was not yes")
	}
	return nil
}
