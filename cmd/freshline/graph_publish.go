package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream"
)

const publishLong = `Publish a graph: it is in force from then on, and running processors take it over by themselves.

The graph is checked in full and against all graphs published before, what it changes is shown, the topics that it
misses are made, and it is written to the graph topic. A graph equal to the one in force is not published again.`

// published is what publish came to, as JSON.
type published struct {
	Number    int64            `json:"number"` // of the graph that is in force now
	Published bool             `json:"published"`
	Topics    []string         `json:"topics_created"`
	Diff      *graph.GraphDiff `json:"diff"`
}

func (c *cli) newGraphPublishCommand() *cobra.Command {
	var force bool
	cmd := c.graphCommand(&cobra.Command{
		Use:   "publish",
		Short: "Put a graph in force",
		Long:  publishLong,
	}, func(cmd *cobra.Command, path string) error {
		f, err := c.format(publishFormats)
		if err != nil {
			return err
		}
		g, err := c.readGraph(path)
		if err == nil {
			_, err = compileGraph(path, g, 0, nil)
		}
		if err != nil {
			return err
		}
		cluster, err := c.cluster()
		if err != nil {
			return err
		}
		progress := c.startProgress("publish", nil)
		p, err := c.publish(cmd.Context(), cluster, path, g, force)
		progress.end()
		if err != nil {
			return err
		}
		if f != formatText {
			return c.printObject(f, p)
		}
		return p.print(c)
	}, append(append([]string{"output"}, clusterSettings...), topicSettings...)...)
	cmd.Flags().BoolVar(&force, "force", false, "publish also a graph that is equal to the one in force")
	return hasFormats(cmd, publishFormats)
}

// publish puts a graph in force, with all that it needs.
func (c *cli) publish(ctx context.Context, cluster stream.Cluster, path string, g *graph.Graph, force bool) (*published, error) {
	p, err := stream.Publish(ctx, cluster, c.namespace(), g, stream.PublishOptions{Topics: c.topicOptions(), Force: force})
	var refused *stream.GraphRefusedError
	if errors.As(err, &refused) {
		return nil, refusedGraph(path, refused.Err)
	}
	if err != nil {
		return nil, err
	}
	return &published{p.Number, p.Published, append([]string{}, p.Topics...), graph.Diff(p.Before, g)}, nil
}

// print says for people what was done.
func (p *published) print(c *cli) error {
	var b strings.Builder
	if p.Published {
		b.WriteString(p.Diff.Text())
	}
	if len(p.Topics) > 0 {
		fmt.Fprintf(&b, "made %s: %s\n", counted(len(p.Topics), "topic"), strings.Join(p.Topics, ", "))
	}
	if p.Published {
		fmt.Fprintf(&b, "graph %d is in force in namespace %s\n", p.Number, c.namespace())
	} else {
		fmt.Fprintf(&b, "graph %d, which is in force in namespace %s, is equal: nothing is published (--force publishes it again)\n", p.Number, c.namespace())
	}
	_, err := c.stdout.Write([]byte(b.String()))
	return err
}
