package httpapi

import (
	"context"
	"errors"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream/engine"
)

// ExplainLocal explains a key of what a replay has run, as a process would.
func ExplainLocal(ctx context.Context, local *engine.Local, feature graph.FeatureKey, key []byte) (x *Explanation, err error) {
	view, closeView, err := local.View()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeView()) }()
	ask := func(_ context.Context, feature graph.FeatureKey, key []byte) (*Explanation, error) {
		l, err := engine.NewLookup(local.Plan(), 1, feature, key)
		if err != nil {
			return nil, err
		}
		found, err := view.Explain(l)
		if errors.Is(err, engine.ErrUnknownKey) {
			return nil, unknownKey(feature, key)
		}
		if err != nil {
			return nil, err
		}
		return newExplanation(found, nil), nil
	}
	if x, err = ask(ctx, feature, key); err != nil {
		return nil, err
	}
	return x, unfold(ctx, x, ask)
}
