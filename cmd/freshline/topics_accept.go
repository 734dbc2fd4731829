package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream"
)

const topicsAcceptLong = `Take over a new number of partitions of the sample topic of a feature, after which the processors refuse to start: what
was written before lies in other partitions than what is written now, and the same sample in two partitions would be two.
So each sample is written where a producer puts it now, and deleted where it was; of two copies the later one stays.
Then the new number is recorded, and processors start again.

Stop processors and producers before. Samples that a partitioner of your own has placed stay where they are, and are
counted as left: write them again. The number of partitions of other topics can never change: "freshline reset" makes
them anew. It may be cut short, and is begun again by the same command. --dry-run counts, and writes nothing.`

// acceptedObject is what topics accept came to, as JSON.
type acceptedObject struct {
	Feature    graph.FeatureKey `json:"feature"`
	Topic      string           `json:"topic"`
	Was        int32            `json:"was"`
	Is         int32            `json:"is"`
	Moved      int64            `json:"moved"`
	Superseded int64            `json:"superseded"`
	Left       int64            `json:"left"`
	DryRun     bool             `json:"dry_run"`
}

func (c *cli) newTopicsAcceptCommand() *cobra.Command {
	var dryRun bool
	cmd := c.command(&cobra.Command{
		Use:   "accept FEATURE",
		Short: "Take over a new number of partitions of a sample topic",
		Long:  topicsAcceptLong,
		Args:  oneArgument("a feature, such as video/raw"),
	}, func(cmd *cobra.Command, args []string) error {
		key, err := graph.ParseFeatureKey(args[0])
		if err != nil {
			return usage(cmd, "%s", err)
		}
		f, err := c.format(listFormats)
		if err != nil {
			return err
		}
		cluster, err := c.cluster()
		if err != nil {
			return err
		}
		registry, err := c.registry()
		if err != nil {
			return err
		}
		progress := c.startProgress("topics accept", nil)
		a, err := stream.AcceptPartitions(cmd.Context(), cluster, c.namespace(), key, stream.AcceptOptions{Registry: registry, DryRun: dryRun})
		progress.end()
		if err != nil {
			return err
		}
		if f != formatTable {
			return c.printObject(f, acceptedObject{key, a.Topic, a.Was, a.Is, a.Moved, a.Superseded, a.Left, dryRun})
		}
		if a.Was == a.Is {
			_, err = fmt.Fprintf(c.stdout, "topic %s has its %s: there is nothing to take over\n", a.Topic, counted(int64(a.Is), "partition"))
			return err
		}
		moved := "moved"
		if dryRun {
			moved = "to move"
		}
		_, err = fmt.Fprintf(c.stdout, "topic %s: %d partitions, were %d; %s %s, %s superseded, %s left where a partitioner of your own has put them\n",
			a.Topic, a.Is, a.Was, counted(a.Moved, "sample"), moved, grouped(a.Superseded)+" older", counted(a.Left, "sample"))
		return err
	}, append([]string{"output"}, recordSettings...)...)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "count, and write nothing")
	return cmd
}
