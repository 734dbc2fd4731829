package main

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/freshline/freshline/graph"
)

func (c *cli) newGraphVersionsCommand() *cobra.Command {
	return c.graphCommand(&cobra.Command{
		Use:   "versions",
		Short: "Print the versions of features and fields, byte for byte as Metaxy has them",
		Long: `Print the versions of features and fields, byte for byte as Metaxy has them.

Only what versions are made of is checked: keys, properties, references, cycles and mappings.`,
	}, func(_ *cobra.Command, path string) error {
		f, err := c.format(listFormats)
		if err != nil {
			return err
		}
		g, err := c.readGraph(path)
		if err != nil {
			return err
		}
		versions := g.Versions()
		if f == formatJSON {
			return c.printObject(f, versions)
		}
		return c.listVersions(f, g, versions)
	}, "output")
}

// listVersions prints a row for each field, or a JSON line for each feature.
func (c *cli) listVersions(f format, g *graph.Graph, versions graph.Versions) error {
	type line struct {
		Feature graph.FeatureKey          `json:"feature"`
		Version string                    `json:"feature_version"`
		Fields  map[graph.FieldKey]string `json:"fields"`
	}
	l := newListing(f, c.stdout, false, []string{"FEATURE", "VERSION", "FIELD", "VERSION"})
	for _, feature := range g.Topological() {
		v := versions[feature.Key]
		if f == formatJSONL {
			if err := l.add(line{feature.Key, v.Feature, v.Fields}); err != nil {
				return err
			}
			continue
		}
		name, version := string(feature.Key), v.Feature
		fields := slices.SortedFunc(slices.Values(feature.Fields), func(a, b *graph.Field) int { return a.Key.Compare(b.Key) })
		for _, field := range fields {
			if err := l.add(nil, name, version, string(field.Key), v.Fields[field.Key]); err != nil {
				return err
			}
			name, version = "", ""
		}
	}
	return l.end("the graph has no features")
}
