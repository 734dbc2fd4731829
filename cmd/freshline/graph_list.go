package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/freshline/freshline/graph"
)

// pushObject is one published graph, as JSON.
type pushObject struct {
	Number   int64              `json:"number"`
	Time     string             `json:"time"`
	ID       string             `json:"id"`
	InForce  bool               `json:"in_force"`
	Features int                `json:"features"`
	Changed  []graph.FeatureKey `json:"changed"` // features whose version is another than in the graph before, added and removed ones too
	Error    string             `json:"error,omitempty"`
}

func (c *cli) newGraphListCommand() *cobra.Command {
	return c.command(&cobra.Command{
		Use:   "list",
		Short: "List the graphs that were published",
		Long:  "List every graph that was published, oldest first: the features whose version it changed, and which one is in force.",
	}, func(cmd *cobra.Command, _ []string) error {
		cluster, err := c.cluster()
		if err != nil {
			return err
		}
		l, err := c.newListing("NUMBER", "TIME", "FEATURES", "CHANGED", "")
		if err != nil {
			return err
		}
		p, err := c.readPushes(cmd.Context(), cluster)
		if err != nil {
			return err
		}
		before := &graph.Graph{}
		for i, push := range p.all {
			o := pushObject{Number: push.Number, Time: push.Time.UTC().Format(time.RFC3339), ID: push.ID, Changed: []graph.FeatureKey{}}
			note := ""
			if err := p.faults[i]; err != nil {
				o.Error, note = err.Error(), "passed over: "+err.Error()
			} else {
				o.Changed = changedVersions(before, push.Graph)
				before = push.Graph
			}
			if push.Graph != nil {
				o.Features = len(push.Graph.Features)
			}
			if plan := p.inForce(); plan != nil && plan.Number == push.Number {
				o.InForce, note = true, "in force"
			}
			if err := l.add(o, o.Number, o.Time, o.Features, keyTexts(o.Changed), note); err != nil {
				return err
			}
		}
		return l.end("no graph has been published; publish one with `freshline graph publish`")
	}, append([]string{"output"}, clusterSettings...)...)
}

// changedVersions returns the features whose version differs.
func changedVersions(a, b *graph.Graph) []graph.FeatureKey {
	changed := []graph.FeatureKey{}
	for _, f := range graph.Diff(a, b).Features {
		if f.Old != f.New {
			changed = append(changed, f.Key)
		}
	}
	return changed
}

func keyTexts(keys []graph.FeatureKey) []string {
	texts := make([]string, len(keys))
	for i, key := range keys {
		texts[i] = string(key)
	}
	return texts
}
