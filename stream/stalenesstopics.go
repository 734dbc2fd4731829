package stream

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
)

// stalenessTopics names the staleness topics of features, in their order; of all that there are,
// sorted, where none is named. A named feature without a topic is an error.
func stalenessTopics(ctx context.Context, client *kgo.Client, ns Namespace, features []graph.FeatureKey) ([]string, error) {
	there, err := kadm.NewClient(client).ListTopics(ctx)
	if err != nil {
		return nil, fmt.Errorf("list topics: %w", err)
	}
	if len(features) == 0 {
		var all []string
		for _, name := range there.Names() {
			if strings.HasPrefix(name, ns.stalenessPrefix()) {
				all = append(all, name)
			}
		}
		slices.Sort(all)
		return all, nil
	}
	names := make([]string, len(features))
	for i, feature := range features {
		names[i] = ns.Staleness(feature)
		if !there.Has(names[i]) {
			return nil, fmt.Errorf("feature %s has no topic %s: check the name of the feature, or create the topic with `freshline topics create`", feature, names[i])
		}
	}
	return names, nil
}
