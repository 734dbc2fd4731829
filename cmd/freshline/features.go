package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream"
)

// featureKeys reads the features that a command is about: arguments, or --all for every one.
func featureKeys(cmd *cobra.Command, args []string, all bool) ([]graph.FeatureKey, error) {
	switch {
	case all && len(args) > 0:
		return nil, usage(cmd, "--all and the feature %s: leave one of the two out", args[0])
	case !all && len(args) == 0:
		return nil, usage(cmd, "%s needs a feature, such as video/raw, or --all", commandName(cmd))
	}
	var keys []graph.FeatureKey
	for _, arg := range args {
		key, err := graph.ParseFeatureKey(arg)
		if err != nil {
			return nil, usage(cmd, "%s", err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

func featureNames(keys []graph.FeatureKey) string {
	if len(keys) == 0 {
		return "all features"
	}
	return strings.Join(keyTexts(keys), ", ")
}

// knownFeatures refuses features that the graph in force does not have and that have no events left.
func (c *cli) knownFeatures(ctx context.Context, cluster stream.Cluster, keys []graph.FeatureKey) error {
	if len(keys) == 0 {
		return nil
	}
	p, err := c.readPushes(ctx, cluster)
	if err != nil {
		return err
	}
	if p.inForce() == nil {
		return fmt.Errorf("topic %s holds no graph; publish one with `freshline graph publish`", c.namespace().Graph())
	}
	for _, key := range keys {
		if p.history.Shapes(key) != nil {
			continue // also of a feature that has left the graph: its topic is still there
		}
		if _, err := c.featureOf(p.inForce(), string(key)); err != nil {
			return err
		}
	}
	return nil
}
