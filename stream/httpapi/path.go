package httpapi

import (
	"context"
	"slices"

	"github.com/freshline/freshline/graph"
)

// What a step of a path is.
const (
	StepAwaits  = "AWAITS"  // the key before waits for this one
	StepWrite   = "WRITE"   // the record that wrote this sample; the key before is made of it
	StepGroup   = "GROUP"   // the group record of the expansion was written (S7)
	StepGraph   = "GRAPH"   // a graph was pushed that changes a field version
	StepRequest = "REQUEST" // somebody asked for the sample again (S10)
	StepGone    = "GONE"    // the row of this feature is not there any more, or never was: nothing says since when
)

// Step is one step from a key up to the change that began its status.
type Step struct {
	What    string           `json:"what"`
	Feature graph.FeatureKey `json:"feature"`
	Key     rawKey           `json:"key,omitempty"`
	Source  *Origin          `json:"source,omitempty"` // of WRITE and GROUP
	Graph   *GraphRef        `json:"graph,omitempty"`  // of GRAPH
}

// path follows a key up to the change that began its status. The state has the newest rows only, so it follows
// writes: of the inputs of a key the one that was written last is what changed it, then likewise of the
// inputs of that one, as they were written before it.
func (t *tree) path(ctx context.Context, x *Explanation) []Step {
	steps := []Step{}
	for waits := x.Awaiting; x.Status == graph.Awaiting.String() && len(waits) > 0; {
		w := waits[0]
		steps = append(steps, Step{What: StepAwaits, Feature: w.Feature, Key: rawKey(w.Key)})
		next, err := t.explain(ctx, w.Feature, w.Key)
		if err != nil || len(steps) > maxTreeDepth {
			return steps
		}
		if waits = waitsBehind(w, next); len(waits) == 0 {
			x = next
		}
	}
	switch {
	case slices.Contains(x.Causes, graph.CodeVersion.Texts()[0]):
		return append(steps, Step{What: StepGraph, Feature: x.Feature, Graph: newestVersion(x)})
	case slices.Contains(x.Causes, graph.Requested.Texts()[0]):
		return append(steps, Step{What: StepRequest, Feature: x.Feature, Key: rawKey(x.Key)})
	case slices.Contains(x.Causes, graph.UpstreamMissing.Texts()[0]):
		for _, feature := range x.Absent {
			steps = append(steps, Step{What: StepGone, Feature: graph.FeatureKey(feature)})
		}
		return steps
	case x.Group != nil && (slices.Contains(x.Causes, graph.Incomplete.Texts()[0]) || slices.Contains(x.Causes, graph.Superseded.Texts()[0])):
		return append(steps, Step{What: StepGroup, Feature: x.Feature, Source: &x.Group.Source})
	case x.Status == graph.Fresh.String() && x.Recorded != nil:
		return t.writes(ctx, append(steps, Step{What: StepWrite, Feature: x.Feature, Key: rawKey(x.Key), Source: &x.Recorded.Source}), x)
	case x.Newest == nil:
		return steps
	}
	return t.writes(ctx, append(steps, Step{What: StepWrite, Feature: x.Newest.Feature, Key: rawKey(x.Newest.Key), Source: &x.Newest.Source}), nil)
}

// writes goes on from a sample that was written, the last of steps; x explains it, nil: that is still to be asked.
func (t *tree) writes(ctx context.Context, steps []Step, x *Explanation) []Step {
	for len(steps) <= maxTreeDepth {
		last := steps[len(steps)-1]
		if x == nil {
			var err error
			if x, err = t.explain(ctx, last.Feature, last.Key); err != nil {
				return steps
			}
		}
		if x.Recorded == nil || x.Recorded.Source != *last.Source {
			return steps // it was written again meanwhile
		}
		in := newestBefore(x, last.Source)
		if in == nil {
			return steps
		}
		if push := newestVersion(x); push != nil && push.Time != "" && in.Source.Time < push.Time && push.Time <= last.Source.Time {
			return append(steps, Step{What: StepGraph, Feature: x.Feature, Graph: push})
		}
		steps, x = append(steps, Step{What: StepWrite, Feature: in.Feature, Key: rawKey(in.Key), Source: &in.Source}), nil
	}
	return steps
}

// newestVersion returns the newest graph that changed the version of a field: of one that has changed, or of any
// where none has.
func newestVersion(x *Explanation) *GraphRef {
	var newest *GraphRef
	for i := range x.Fields {
		f := &x.Fields[i]
		if slices.ContainsFunc(x.Fields, func(f Field) bool { return f.Changed }) && !f.Changed {
			continue
		}
		if newest == nil || f.Since.Number > newest.Number {
			newest = &f.Since
		}
	}
	return newest
}

// newestBefore returns the input that was written last, not after a record. Where times are not known, or are the
// same, the offsets order them.
func newestBefore(x *Explanation, before *Origin) (best *Input) {
	look := func(in *Input) {
		if later(&in.Source, before) && in.Source.Time != before.Time {
			return
		}
		if best == nil || later(&in.Source, &best.Source) {
			best = in
		}
	}
	for i := range x.Inputs {
		look(&x.Inputs[i])
	}
	if x.Newest != nil {
		look(x.Newest)
	}
	return best
}

func later(a, b *Origin) bool {
	if a.Time != b.Time {
		return a.Time > b.Time
	}
	return a.Offset > b.Offset
}
