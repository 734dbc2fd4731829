package main

import (
	"context"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/freshline/freshline/graph"
)

const diffLong = `Compare graph A, the older one, with graph B: versions of features and fields.

A and B are graph files (- for standard input), or with brokers the number of a published graph, or latest. With one
argument A is the latest graph published. A file named latest or like a number is written ./latest.

-o json prints the merged form of Metaxy, -o mermaid a flowchart.`

func (c *cli) newGraphDiffCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "diff [A] B",
		Short: "Compare two graphs: files, or published ones by number or as latest",
		Long:  diffLong,
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return usage(cmd, "%s needs two graphs, the older one first", commandName(cmd))
			case len(args) > 2:
				return usage(cmd, "%s takes two graphs, but %d are given", commandName(cmd), len(args))
			case len(args) == 2 && args[0] == "-" && args[1] == "-":
				return usage(cmd, "standard input can be one of the two graphs only")
			}
			return nil
		},
	}
	return hasFormats(c.command(cmd, func(cmd *cobra.Command, args []string) error {
		f, err := c.format(diffFormats)
		if err != nil {
			return err
		}
		if len(args) == 1 {
			args = []string{"latest", args[0]}
			if !c.hasCluster() {
				return usage(cmd, "%s needs two graphs, or --brokers, to compare with the latest one published", commandName(cmd))
			}
		}
		var graphs [2]*graph.Graph
		for i, name := range args {
			if graphs[i], err = c.graphNamed(cmd.Context(), name); err != nil {
				return err
			}
		}
		return c.printDiff(f, graph.Diff(graphs[0], graphs[1]))
	}, append([]string{"output"}, clusterSettings...)...), diffFormats)
}

// graphNamed is a graph file or a published graph.
func (c *cli) graphNamed(ctx context.Context, name string) (*graph.Graph, error) {
	number, err := strconv.ParseUint(name, 10, 63)
	if name != "latest" && err != nil {
		return c.readGraph(name)
	}
	if !c.hasCluster() {
		return nil, &usageError{
			text: fmt.Sprintf("%q is a published graph, but no Kafka broker is named", name),
			hint: fmt.Sprintf("give --brokers host:port, or write ./%s if it is a file", name),
		}
	}
	return c.publishedGraph(ctx, name, int64(number))
}

func (c *cli) printDiff(f format, diff *graph.GraphDiff) error {
	text := ""
	switch f {
	case formatJSON, formatJSONL:
		return c.printObject(f, diff)
	case formatMermaid:
		text = diff.Mermaid()
	default:
		text = diff.Text()
	}
	_, err := io.WriteString(c.stdout, text)
	return err
}
