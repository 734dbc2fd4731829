package httpapi

import (
	"context"
	"slices"

	"github.com/freshline/freshline/graph"
)

// flat explains one key of a feature and no other: what it waits for is named, without a status.
type flat func(ctx context.Context, feature graph.FeatureKey, key []byte) (*Explanation, error)

// Bounds of a tree: keys that are looked at for one explanation, and how far they may lie apart. A graph has no
// cycles, so no tree is deeper than the graph.
const (
	maxTreeKeys  = 100
	maxTreeDepth = 64
)

// tree follows what a key waits for, down to the work that nobody has done yet.
type tree struct {
	ask   flat
	known map[string]*Explanation
	shown map[string]bool
	left  int
}

// unfold completes a flat explanation: what it waits for, and the path up to the change that began it. It
// fails only where ctx ends; a key that cannot be asked for says so in its place.
func unfold(ctx context.Context, x *Explanation, ask flat) error {
	t := &tree{ask: ask, known: map[string]*Explanation{nameOf(x.Feature, x.Key): x}, shown: map[string]bool{}, left: maxTreeKeys}
	if x.Status == graph.Awaiting.String() {
		x.Awaiting = slices.DeleteFunc(x.Awaiting, func(w *Wait) bool { return !w.Blocks })
		x.AwaitingTotal = x.BlockingTotal
		t.follow(ctx, x.Awaiting, maxTreeDepth)
	} else {
		x.Awaiting, x.AwaitingTotal, x.BlockingTotal = []*Wait{}, 0, 0
	}
	x.Path = t.path(ctx, x)
	return ctx.Err()
}

func nameOf(feature graph.FeatureKey, key []byte) string { return string(feature) + " " + string(key) }

// explain asks for a key once.
func (t *tree) explain(ctx context.Context, feature graph.FeatureKey, key []byte) (*Explanation, error) {
	name := nameOf(feature, key)
	if x := t.known[name]; x != nil {
		return x, nil
	}
	x, err := t.ask(ctx, feature, key)
	if err != nil {
		return nil, err
	}
	t.known[name] = x
	return x, nil
}

// follow finds the status of what is waited for, and what that waits for in turn.
func (t *tree) follow(ctx context.Context, waits []*Wait, depth int) {
	for _, w := range waits {
		if ctx.Err() != nil {
			return
		}
		name := nameOf(w.Feature, w.Key)
		if t.left <= 0 || depth == 0 {
			w.Error = "not asked: the tree is too large"
			continue
		}
		t.left--
		x, err := t.explain(ctx, w.Feature, w.Key)
		if err != nil {
			w.Error = err.Error()
			continue
		}
		w.Status, w.Failure = x.Status, x.Failure
		if len(x.Causes) > 0 {
			w.Causes = x.Causes
		}
		if len(x.ChangedFields) > 0 {
			w.ChangedFields = x.ChangedFields
		}
		next := waitsBehind(w, x)
		if len(next) == 0 {
			continue
		}
		if t.shown[name] {
			w.Shown = true
			continue
		}
		t.shown[name] = true
		if w.AwaitingTotal = x.BlockingTotal; x.Status != graph.Awaiting.String() {
			w.AwaitingTotal = len(next)
		}
		for _, n := range next {
			child := *n
			w.Awaiting = append(w.Awaiting, &child)
		}
		t.follow(ctx, w.Awaiting, depth-1)
	}
}

// waitsBehind returns what stands behind a key that is waited for: of one that waits itself what it waits for;
// of one that is work nothing, since that is the work; of any other what makes it suspect in a field that is waited for (S3).
func waitsBehind(w *Wait, x *Explanation) (next []*Wait) {
	switch x.Status {
	case graph.New.String(), graph.Stale.String(), graph.Failed.String(), StatusHydrating:
		return nil
	case graph.Awaiting.String():
		for _, n := range x.Awaiting {
			if n.Blocks {
				next = append(next, n)
			}
		}
		return next
	}
	for _, n := range x.Awaiting {
		if slices.ContainsFunc(n.ReadBy, func(field string) bool { return slices.Contains(w.Fields, field) }) {
			next = append(next, n)
		}
	}
	return next
}
