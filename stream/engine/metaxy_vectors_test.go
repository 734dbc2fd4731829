package engine_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/freshline/freshline/graph"
)

// The recorded answers of the real Metaxy; FORMAT.md beside them says what they hold.
const metaxyDir = "../../graph/testdata/metaxy/"

type metaxyConfig struct {
	Algorithm string `json:"hash_algorithm"`
	Length    int    `json:"hash_truncation_length"`
}

type metaxyVersions map[graph.FeatureKey]struct {
	Version string `json:"feature_version"`
}

// metaxyResolve is one case of provenance.jsonl.
type metaxyResolve struct {
	Name     string
	Phase    string
	Tags     []string
	Config   metaxyConfig
	Features json.RawMessage
	Versions metaxyVersions
	Tables   map[graph.FeatureKey]struct{ Rows []*metaxyRow }
	Target   graph.FeatureKey
	Expected *metaxyExpected
}

// metaxyHistory is one case of the other files.
type metaxyHistory struct {
	Name   string
	Tags   []string
	Config metaxyConfig
	Graphs map[string]struct {
		Features json.RawMessage
		Expected metaxyVersions
	}
	Initial string `json:"initial_graph"`
	Ops     []metaxyOp
}

// metaxyOp is one operation of a history.
type metaxyOp struct {
	Op        string
	Feature   graph.FeatureKey
	Graph     string
	Rows      []*metaxyRow
	IDs       []*metaxyRow
	Samples   []*metaxyRow
	Expected  *metaxyExpected
	Arbitrary [][]*metaxyValue `json:"arbitrary_keys"`
}

// metaxyExpected is what Metaxy answers.
type metaxyExpected struct {
	KeyColumns []string     `json:"key_columns"`
	New        []*metaxyRow `json:"new"`
	Stale      []*metaxyRow `json:"stale"`
	Orphaned   []*metaxyRow `json:"orphaned"`
}

// metaxyRow is a row of a table, of a write or of an answer.
type metaxyRow struct {
	*graph.Record
	scalar     string         // metaxy_provenance, "" where it is null or not there
	feature    string         // the feature version under which it was written
	refusal    *graph.Refusal // why Freshline does not use it
	provenance map[string]string
}

func (r *metaxyRow) UnmarshalJSON(text []byte) (err error) {
	if r.Record, err = graph.ParseRecordJSON(text, graph.RecordOptions{}); err != nil {
		return err
	}
	var scalar struct {
		Provenance *string `json:"metaxy_provenance"`
	}
	if err := json.Unmarshal(text, &scalar); err != nil {
		return err
	}
	if scalar.Provenance != nil {
		r.scalar = *scalar.Provenance
	}
	r.provenance = map[string]string{}
	for _, entry := range r.Provenance.Entries {
		if s, ok := entry.Value.AsString(); ok {
			r.provenance[entry.Name] = s
		}
	}
	return nil
}

// metaxyValue is one value of a key.
type metaxyValue struct{ graph.Value }

func (v *metaxyValue) UnmarshalJSON(text []byte) error {
	record, err := graph.ParseRecordJSON(fmt.Appendf(nil, `{"v":%s}`, text), graph.RecordOptions{})
	if err == nil {
		v.Value = record.Column("v")
	}
	return err
}

// key is the canonical text of some columns of the row.
func (r *metaxyRow) key(columns []string) string {
	values := make([]graph.Value, len(columns))
	for i, c := range columns {
		values[i] = r.Column(c)
	}
	return string(graph.AppendKeyJSON(nil, columns, values))
}

// usable reports whether every one of some columns can be an id (R6).
func (r *metaxyRow) usable(columns []string) bool {
	return !slices.ContainsFunc(columns, func(c string) bool { return !r.Column(c).Usable() })
}

// nullDataVersion reports whether the data version of a field is null in Metaxy, where Freshline fills it (R3).
func (r *metaxyRow) nullDataVersion(field string) bool {
	if r.DataVersion.State == graph.MapAbsent {
		return false
	}
	return r.DataVersion.Entry(field).IsNull()
}

// nullProvenance reports whether the provenance of a field is null, so that Freshline refuses the row (R3).
func (r *metaxyRow) nullProvenance() bool {
	return slices.ContainsFunc(r.Provenance.Entries, func(c graph.Column) bool { return c.Value.IsNull() })
}

// fillProvenance puts a text that no hash is in the place of nulls: readers hash the data versions, and
// an own row with it is not current, just as one with null is never to Metaxy (metaxy-semantics 6.1).
func (r *metaxyRow) fillProvenance() graph.MapColumn {
	filled := graph.MapColumn{State: graph.MapPresent, Entries: slices.Clone(r.Provenance.Entries)}
	for i := range filled.Entries {
		if filled.Entries[i].Value.IsNull() {
			filled.Entries[i].Value = graph.String("null")
		}
	}
	return filled
}

// metaxyLines reads the cases of a file.
func metaxyLines[T any](t *testing.T, file string) (cases []*T) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(readFile(t, metaxyDir+file)))
	for decoder.More() {
		c := new(T)
		if err := decoder.Decode(c); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		cases = append(cases, c)
	}
	return cases
}

// metaxyGraph loads a graph as Metaxy has it, gate immediate; an error is a refusal (G2).
func metaxyGraph(features json.RawMessage, config metaxyConfig) (*graph.Graph, error) {
	g, err := graph.Parse(fmt.Appendf(nil, `{"features":%s,"hash_algorithm":%q,"hash_truncation_length":%d,"gate":"immediate"}`,
		features, config.Algorithm, config.Length), "graph")
	if err == nil {
		err = g.Check()
	}
	return g, err
}

// metaxyTally counts what passed and what was left out.
type metaxyTally struct {
	passed, total map[string]int // by what is counted
	left          map[string]int // "unit: reason"
}

func newMetaxyTally() *metaxyTally {
	return &metaxyTally{map[string]int{}, map[string]int{}, map[string]int{}}
}

func (a *metaxyTally) count(what string, passed bool) {
	a.total[what]++
	if passed {
		a.passed[what]++
	}
}

// report logs the counts, and fails if what is left out is not what it should be.
func (a *metaxyTally) report(t *testing.T, file string, want map[string]int) {
	t.Helper()
	for _, what := range slices.Sorted(maps.Keys(a.total)) {
		t.Logf("%s: %s: %d of %d", file, what, a.passed[what], a.total[what])
	}
	for _, reason := range slices.Sorted(maps.Keys(a.left)) {
		t.Logf("%s: left out: %s: %d", file, reason, a.left[reason])
	}
	if !maps.Equal(a.left, want) {
		t.Errorf("%s: left out %v, want %v", file, a.left, want)
	}
}
