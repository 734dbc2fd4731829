package httpapi

import (
	"encoding/json"
	"time"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream/engine"
)

// Statuses of a key besides those of an event.
const (
	StatusNone      = "NONE"      // there is no such sample, and none is expected
	StatusHydrating = "HYDRATING" // the feature is not evaluated yet: what it reads is still being read (E4)
)

// Explanation says why a key has the status that it has. Its schema is schemas/explanation.json.
type Explanation struct {
	Feature        graph.FeatureKey `json:"feature"`
	Scope          string           `json:"scope"`
	Key            json.RawMessage  `json:"key"`
	ID             json.RawMessage  `json:"id"`
	Status         string           `json:"status"`
	Causes         []string         `json:"causes"`
	ChangedFields  []string         `json:"changed_fields"`
	FeatureVersion string           `json:"feature_version"` // in force
	EventID        string           `json:"event_id,omitempty"`
	Emitted        bool             `json:"emitted"` // the newest event of the key says just this
	Graph          GraphRef         `json:"graph"`   // in force
	Partition      int32            `json:"partition"`
	Missing        []Missing        `json:"missing"`

	Recorded           *Recorded `json:"recorded,omitempty"`
	ExpectedProvenance string    `json:"expected_provenance,omitempty"`
	Fields             []Field   `json:"fields"`
	Absent             []string  `json:"absent"`
	Inputs             []Input   `json:"inputs"`
	InputsTotal        int       `json:"inputs_total"`
	Newest             *Input    `json:"newest_input,omitempty"`

	Awaiting      []*Wait `json:"awaiting"`
	AwaitingTotal int     `json:"awaiting_total"`
	BlockingTotal int     `json:"awaiting_blocking"` // of them those with blocks

	Children   *int64   `json:"children,omitempty"`
	NotCurrent *int64   `json:"children_not_current,omitempty"`
	Group      *Group   `json:"group,omitempty"`
	Failure    *Failure `json:"failure,omitempty"`

	Path []Step `json:"path"`
}

// GraphRef names a graph that was pushed.
type GraphRef struct {
	Number int64  `json:"number"`
	Time   string `json:"time,omitempty"`
}

// Missing is something that a feature waits for before it is evaluated (E4).
type Missing struct {
	Feature graph.FeatureKey `json:"feature"`
	What    string           `json:"what"` // ROWS: its rows are not all filed; KEYS: keys of an earlier shape are not all taken back
	Have    int32            `json:"have"`
	Want    int32            `json:"want"` // 0: not known yet
}

// Recorded is the sample as it was written.
type Recorded struct {
	FeatureVersion *string `json:"feature_version"` // null: the row has none
	Provenance     string  `json:"provenance"`
	Requested      bool    `json:"requested"` // a request asks for it again (S10)
	Source         Origin  `json:"source"`
}

// Field compares one field: what was recorded with what holds.
type Field struct {
	Field        graph.FieldKey `json:"field"`
	Changed      bool           `json:"changed"`
	Provenance   Pair           `json:"provenance"`
	FieldVersion Pair           `json:"field_version"`
	Since        GraphRef       `json:"version_since"`
	DataVersion  string         `json:"data_version,omitempty"`
}

// Pair is what was recorded, and what is expected or in force. Null: there is none.
type Pair struct {
	Recorded *string `json:"recorded"`
	Expected *string `json:"expected"`
}

// Input is one input with its versions.
type Input struct {
	Feature        graph.FeatureKey  `json:"feature"`
	Key            json.RawMessage   `json:"key"`
	ID             json.RawMessage   `json:"id,omitempty"`
	FeatureVersion *string           `json:"feature_version"` // null: the row has none
	DataVersion    map[string]string `json:"data_version_by_field,omitempty"`
	Source         Origin            `json:"source"`
}

// Wait is one input that is waited for, and how far the work on it is.
type Wait struct {
	Feature   graph.FeatureKey `json:"feature"`
	Key       json.RawMessage  `json:"key"`
	Reason    string           `json:"reason"` // VERSION, SUSPECT or COMING
	Fields    []string         `json:"fields"` // of that feature
	ReadBy    []string         `json:"read_by"`
	Blocks    bool             `json:"blocks"`
	Partition int32            `json:"partition"` // of rows; -1: not known

	Status        string   `json:"status,omitempty"`
	Causes        []string `json:"causes,omitempty"`
	ChangedFields []string `json:"changed_fields,omitempty"`
	Failure       *Failure `json:"failure,omitempty"`
	Shown         bool     `json:"shown,omitempty"` // what it waits for is shown where it stands first
	Error         string   `json:"error,omitempty"` // why its status is not known
	Awaiting      []*Wait  `json:"awaiting,omitempty"`
	AwaitingTotal int      `json:"awaiting_total,omitempty"`
}

// Group is the record of one expansion (S7).
type Group struct {
	Children int64  `json:"children"`
	Complete bool   `json:"complete"`
	Source   Origin `json:"source"`
}

// Failure is what a worker said of work that it could not do (S12).
type Failure struct {
	Type    string `json:"type"`
	Message string `json:"message"`
	Attempt int64  `json:"attempt"`
}

// newExplanation words what an engine found. pushed says when each graph was pushed, as far as it is known.
func newExplanation(x *engine.Explanation, pushed map[int64]time.Time) *Explanation {
	ref := func(number int64) GraphRef {
		r := GraphRef{Number: number}
		if at, ok := pushed[number]; ok {
			r.Time = timeText(at.UnixMilli())
		}
		return r
	}
	f := x.Feature
	a := &Explanation{
		Feature: f.Key, Scope: x.Scope.String(), Key: x.Key, ID: columnsJSON(x.ID), Partition: x.Partition,
		Status: statusText(x), Causes: x.Judgement.Causes.Texts(), ChangedFields: f.Keys(x.Judgement.Changed),
		FeatureVersion: f.Version, EventID: x.EventID, Emitted: x.Emitted, Graph: ref(f.Plan().Number),
		ExpectedProvenance: x.Provenance.Expected, Absent: keyTexts(x.Absent), InputsTotal: x.InputsTotal,
		Missing: missing(x.Missing), Fields: []Field{}, Inputs: []Input{}, Awaiting: []*Wait{}, AwaitingTotal: x.WaitsTotal + x.OthersTotal, BlockingTotal: x.WaitsTotal, Path: []Step{},
	}
	if r := x.Recorded; r != nil {
		a.Recorded = &Recorded{FeatureVersion: versionOf(r.Version, r.HasVersion), Provenance: x.Provenance.Recorded, Requested: r.Marked, Source: newOrigin(x.Source)}
	}
	for _, field := range x.Fields {
		a.Fields = append(a.Fields, Field{
			Field: field.Field, Changed: field.Changed, DataVersion: field.DataVersion, Since: ref(field.VersionSince),
			Provenance:   Pair{present(field.Recorded), present(field.Expected)},
			FieldVersion: Pair{present(field.WasVersion), present(field.Version)},
		})
	}
	for i := range x.Inputs {
		a.Inputs = append(a.Inputs, newInput(&x.Inputs[i]))
	}
	if x.Newest != nil {
		newest := newInput(x.Newest)
		a.Newest = &newest
	}
	for _, w := range x.Waits {
		a.Awaiting = append(a.Awaiting, &Wait{
			Feature: w.Feature, Key: w.Key, Reason: string(w.Reason), Fields: keyTexts(w.Fields), ReadBy: keyTexts(w.ReadBy), Blocks: w.Blocks, Partition: w.Partition,
		})
	}
	if x.Scope == graph.ScopeInput {
		a.Children, a.NotCurrent = &x.Children, &x.NotCurrent
	}
	if g := x.Group; g != nil {
		a.Group = &Group{g.Counted, g.Complete, newOrigin(g.Source)}
	}
	if x.Failure != nil {
		a.Failure = &Failure{x.Failure.Type, x.Failure.Message, x.Failure.Attempt}
	}
	return a
}

func missing(marks []engine.MissingMark) []Missing {
	list := []Missing{}
	for _, m := range marks {
		what := "ROWS"
		if m.Moved {
			what = "KEYS"
		}
		list = append(list, Missing{m.Upstream, what, m.Have, m.Want})
	}
	return list
}

func statusText(x *engine.Explanation) string {
	switch {
	case !x.Open:
		return StatusHydrating
	case x.Judgement.Status == graph.Fresh && !x.Exists && x.Children == 0:
		return StatusNone
	}
	return x.Judgement.Status.String()
}

func newInput(in *engine.InputReason) Input {
	a := Input{Feature: in.Feature, Key: in.Key, FeatureVersion: versionOf(in.Version, in.HasVersion), Source: newOrigin(in.Source)}
	if in.ID != nil {
		a.ID = columnsJSON(in.ID)
	}
	for i := range in.Fields {
		if a.DataVersion == nil {
			a.DataVersion = map[string]string{}
		}
		a.DataVersion[in.Fields[i].Name] = in.Fields[i].DataVersion
	}
	return a
}

func versionOf(version string, has bool) *string {
	if !has {
		return nil
	}
	return &version
}

// present is a text, nil for none.
func present(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
