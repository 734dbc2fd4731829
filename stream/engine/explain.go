package engine

import (
	"errors"

	"github.com/freshline/freshline/graph"
)

// Explanation says why a key has the status that it has: everything that the evaluation of the key
// has looked at, within the bounds of E6.
type Explanation struct {
	Feature   *graph.FeaturePlan
	Partition int32 // of rows
	Scope     graph.Scope
	Key       []byte // E2
	ID        []graph.Column

	Open    bool          // the feature is evaluated here (E4); if not, there is no judgement
	Missing []MissingMark // what it waits for, where it is not open

	Exists    bool            // the key has an own row; for INPUT: the group record
	Expected  bool            // an expected row exists, ready or not (S1)
	Judgement graph.Judgement // Status is Failed where a worker has said so (S12)
	EventID   string          // of NEW, STALE and FAILED
	Emitted   bool            // the newest event of the key says just this; of fresh: there is none
	Failure   *Failure

	Recorded   *graph.Row // the own row: versions and fields; Marked: a request asks for it again
	Source     Origin     // of the own row
	Provenance Provenance // of the sample
	Fields     []FieldReason

	Absent      []graph.FeatureKey // required dependencies without a row here
	Inputs      []InputReason
	InputsTotal int
	Newest      *InputReason // the input written last of those that a changed field reads, or of all

	Waits       []Wait // those that block first
	WaitsTotal  int    // that block
	OthersTotal int    // that do not

	Children, NotCurrent int64        // of scope INPUT
	Group                *GroupReason // of an expansion with a group record
}

// Provenance is that of a sample, "" where there is none.
type Provenance struct{ Recorded, Expected string }

// FieldReason compares what was recorded for one field with what is expected.
type FieldReason struct {
	Field        graph.FieldKey
	Changed      bool
	Recorded     string // provenance, "" where the own row does not name the field
	Expected     string // provenance, "" where none is expected
	DataVersion  string // of the own row
	WasVersion   string // field version of the own row's feature version (G4), "" if that did not have it
	Version      string // field version in force
	VersionSince int64  // number of the first graph of the run that has Version
}

// InputReason is one input with its versions.
type InputReason struct {
	EventInput
	Key        []byte // the upstream's own (E2); its ids where the dependency leaves out columns of it
	Version    string // feature version; meaningful when HasVersion
	HasVersion bool
	Source     Origin
}

// GroupReason is the record of one expansion (S7).
type GroupReason struct {
	Counted  int64 // how many children it says there are
	Complete bool
	Source   Origin
}

// ErrUnknownKey says that there is no such sample in the partition, and nothing that it could be made of.
var ErrUnknownKey = errors.New("no such sample, and nothing that it would be made of")

// Explain explains a key. The error is ErrUnknownKey where nothing is known of it in this partition.
func (v *View) Explain(l *Lookup) (*Explanation, error) {
	e := v.e
	f := e.plan.Feature(l.Feature.Key)
	if f == nil {
		return nil, ErrUnknownFeature
	}
	match, suffix := l.match, l.suffix
	if match == nil {
		sample, err := e.ByID(e.st, v.r.q, f.Key, l.ids)
		switch {
		case err != nil:
			return nil, err
		case sample == nil:
			return nil, ErrUnknownKey
		}
		match, suffix = sample.Match, sample.Suffix
	}
	x := &explaining{
		view: v, e: e, f: f, ev: e.evaluate(v.r, &job{feature: f}, 1), flags: map[int]map[string]graph.FieldSet{}, newest: map[int]*InputReason{},
		Explanation: &Explanation{Feature: f, Partition: v.r.q, Open: v.Open(f), Waits: []Wait{}, Inputs: []InputReason{}, Absent: []graph.FeatureKey{}},
	}
	x.ev.watch = x.see
	x.run(graph.AppendTuple(nil, match...), graph.AppendTuple(nil, suffix...))
	x.ev.watch = nil
	x.Waits = append(x.Waits, x.others...)
	switch {
	case e.err != nil:
		return nil, e.err
	case x.unknown():
		return nil, ErrUnknownKey
	}
	return x.Explanation, nil
}
