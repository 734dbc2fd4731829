package engine

import (
	"slices"

	"github.com/freshline/freshline/graph"
)

// WaitReason says why an input is waited for.
type WaitReason string

const (
	WaitVersion WaitReason = "VERSION" // a field version of the input is not in force (S2)
	WaitSuspect WaitReason = "SUSPECT" // the input is about to change (S3)
	WaitComing  WaitReason = "COMING"  // the input is still to come to its group (S3)
)

// Wait is one input that is not to be relied on, and the key at which it stands how far the work on it is.
type Wait struct {
	Feature   graph.FeatureKey
	Key       []byte // of the upstream's own event (E2); its ids where the dependency leaves out columns of it
	Partition int32  // of rows, where the status of that key is; -1 where the ids do not say
	Reason    WaitReason
	Fields    []graph.FieldKey // of the upstream: those that are waited for
	ReadBy    []graph.FieldKey // of this feature: the fields that read them
	Blocks    bool             // an AWAITING key waits for it; else it only makes this key suspect in turn
}

// maxWaits bounds the waits of one explanation that block, and those that do not.
const maxWaits = 20

// seeWait notes an input with a field that is read and not in force, or suspect (S2, S3).
func (x *explaining) seeWait(dep int, key []byte, s *stored) {
	d := x.f.Deps[dep]
	var flagged graph.FieldSet
	if d.Edge.Flagged && (d.Settle || x.f.Watched) {
		flags, ok := x.flags[dep]
		if !ok {
			flags = x.ev.flags(d, d.Spec.Lineage.Kind != graph.Aggregation)
			x.flags[dep] = flags
		}
		flagged = flags[rowName(key, s)]
	}
	var old, suspect graph.FieldSet
	for _, field := range d.Reads {
		switch {
		case !d.Upstream.Current(&s.row, field):
			old.Add(field)
		case flagged.Has(field):
			suspect.Add(field)
		}
	}
	switch {
	case !old.Empty():
		old.Union(&suspect)
		x.wait(dep, WaitVersion, old, func() []byte { return x.ev.upstreamKey(d, &inputRow{dep: dep, key: key}, s) })
	case !suspect.Empty():
		x.wait(dep, WaitSuspect, suspect, func() []byte { return x.ev.upstreamKey(d, &inputRow{dep: dep, key: key}, s) })
	}
}

// takeComing notes what is still to come to the groups that are present (S3).
func (x *explaining) takeComing() {
	ev := x.ev
	if ev.null || len(ev.inputs) < len(x.f.Deps) || x.f.Root() {
		return
	}
	for dep, d := range x.f.Deps {
		if d.Spec.Lineage.Kind != graph.Aggregation || !d.Edge.Coming || !(d.Settle || x.f.Watched) || !ev.inputs[dep].Present {
			continue
		}
		ev.scanComing(d, func(shape *graph.Shape, match []graph.Value, fields graph.FieldSet) bool {
			x.wait(dep, WaitComing, fields, func() []byte { return shape.InputKey(nil, match) })
			return true
		})
	}
}

// wait adds a Wait, as long as there is room for one of its kind.
func (x *explaining) wait(dep int, reason WaitReason, fields graph.FieldSet, key func() []byte) {
	d := x.f.Deps[dep]
	blocks := reason == WaitVersion || d.Settle
	list, total := &x.others, &x.OthersTotal
	if blocks {
		list, total = &x.Waits, &x.WaitsTotal
	}
	if *total++; len(*list) == maxWaits {
		return
	}
	unsure := make([]graph.FieldSet, len(x.f.Deps))
	unsure[dep] = fields
	w := Wait{
		Feature: d.Upstream.Key, Key: key(), Partition: -1, Reason: reason,
		Fields: fieldKeys(d.Upstream, fields), ReadBy: fieldKeys(x.f, x.f.Unsettled(unsure)), Blocks: blocks,
	}
	if l, err := NewLookup(x.e.plan, x.e.cfg.Partitions, w.Feature, w.Key); err == nil {
		w.Partition = l.Partition
	}
	*list = append(*list, w)
}

// fieldKeys returns the keys of the fields in a set, sorted.
func fieldKeys(f *graph.FeaturePlan, set graph.FieldSet) []graph.FieldKey {
	keys := []graph.FieldKey{}
	for i, field := range f.Fields {
		if set.Has(i) {
			keys = append(keys, field.Key)
		}
	}
	slices.Sort(keys)
	return keys
}
