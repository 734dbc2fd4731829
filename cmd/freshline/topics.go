package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream"
)

func (c *cli) newTopicsCommand() *cobra.Command {
	return group(&cobra.Command{Use: "topics", Short: "Create and list the topics of a namespace"},
		c.newTopicsCreateCommand(),
		c.newTopicsListCommand(),
		c.newTopicsAcceptCommand(),
	)
}

// topicsGraph is the graph whose topics are meant: of the file, where one is named, else the one in force; nil where
// there is none.
func (c *cli) topicsGraph(ctx context.Context, cluster stream.Cluster, file string) (*graph.Graph, error) {
	if file != "" {
		return c.readGraph(file)
	}
	p, err := c.readPushes(ctx, cluster)
	var none *noGraphs
	switch {
	case errors.As(err, &none):
		return nil, nil
	case err != nil:
		return nil, err
	case p.inForce() == nil:
		return nil, nil
	}
	return p.inForce().Graph, nil
}

func (c *cli) newTopicsCreateCommand() *cobra.Command {
	cmd := c.command(&cobra.Command{
		Use:   "create",
		Short: "Create the topics that are missing",
		Long: `Create the topics that are missing: the internal ones, and those of the features of the graph in force, or of the
graph file named. Topics that exist are left as they are, and checked. graph publish does the same.`,
	}, func(cmd *cobra.Command, _ []string) error {
		f, err := c.format(listFormats)
		if err != nil {
			return err
		}
		cluster, err := c.cluster()
		if err != nil {
			return err
		}
		g, err := c.topicsGraph(cmd.Context(), cluster, cmd.Flags().Lookup("file").Value.String())
		if err != nil {
			return err
		}
		client, err := stream.Connect(cmd.Context(), cluster)
		if err != nil {
			return err
		}
		defer client.Close()
		topics := stream.NewTopics(client)
		progress := c.startProgress("create topics", nil)
		made, err := topics.Create(cmd.Context(), c.namespace(), g, c.topicOptions())
		progress.end()
		l := newListing(f, c.stdout, false, []string{"CREATED"})
		for _, name := range made {
			_ = l.add(map[string]string{"topic": name}, name)
		}
		if endErr := l.end("no topic was missing"); err == nil {
			err = endErr
		}
		if err != nil {
			return err
		}
		return topics.Check(cmd.Context(), c.namespace(), g)
	}, append(append([]string{"output"}, clusterSettings...), topicSettings...)...)
	cmd.Flags().StringP("file", "f", "", settingNamed("graph").doc+"; - is standard input; default the graph in force")
	return cmd
}

// topicObject is one topic, as JSON.
type topicObject struct {
	Topic           string           `json:"topic"`
	Kind            stream.TopicKind `json:"kind"`
	Feature         graph.FeatureKey `json:"feature,omitempty"`
	Exists          bool             `json:"exists"`
	Partitions      int              `json:"partitions,omitempty"`
	Compacted       bool             `json:"compacted,omitempty"`
	DeleteRetention string           `json:"delete_retention,omitempty"`
	Fault           string           `json:"fault,omitempty"`
}

func (c *cli) newTopicsListCommand() *cobra.Command {
	return c.command(&cobra.Command{
		Use:   "list",
		Short: "List the topics of the graph in force, the missing ones too",
	}, func(cmd *cobra.Command, _ []string) error {
		cluster, err := c.cluster()
		if err != nil {
			return err
		}
		l, err := c.newListing("KIND", "TOPIC", "PARTITIONS", "CLEANUP", "STATE")
		if err != nil {
			return err
		}
		g, err := c.topicsGraph(cmd.Context(), cluster, "")
		if err != nil {
			return err
		}
		client, err := stream.Connect(cmd.Context(), cluster)
		if err != nil {
			return err
		}
		defer client.Close()
		topics := stream.NewTopics(client)
		infos, err := topics.List(cmd.Context(), c.namespace(), g)
		if err != nil {
			return err
		}
		faults := topicFaults(topics.Check(cmd.Context(), c.namespace(), g))
		for _, info := range infos {
			o := topicObject{
				Topic: info.Name, Kind: info.Kind, Feature: info.Feature, Exists: info.Exists, Partitions: info.Partitions, Compacted: info.Compacted,
			}
			if info.Compacted {
				o.DeleteRetention = info.DeleteRetention.String()
			}
			var partitions any = info.Partitions
			cleanup, state := "deleted by age", "ok"
			if info.Compacted {
				cleanup = "compacted"
			}
			if !info.Exists {
				partitions, cleanup = "", ""
			}
			if fault := faults[info.Name]; fault != nil {
				o.Fault, state = fault.Error(), fault.Is
				if !fault.Missing {
					state = "is " + fault.Is + ", should be " + fault.ShouldBe
				}
			}
			if err := l.add(o, string(info.Kind), info.Name, partitions, cleanup, state); err != nil {
				return err
			}
		}
		return l.end("")
	}, append([]string{"output"}, clusterSettings...)...)
}

// topicFaults are the faults that Topics.Check joined, by topic.
func topicFaults(err error) map[string]*stream.TopicFault {
	faults := map[string]*stream.TopicFault{}
	var several interface{ Unwrap() []error }
	if errors.As(err, &several) {
		for _, err := range several.Unwrap() {
			var fault *stream.TopicFault
			if errors.As(err, &fault) {
				faults[fault.Topic] = fault
			}
		}
	}
	return faults
}
