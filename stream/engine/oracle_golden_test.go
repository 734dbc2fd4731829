package engine_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream/engine"
)

const goldenDir = "../replay/testdata/golden/"

var gates = map[string]graph.Gate{"immediate": graph.GateImmediate, "settled": graph.GateSettled}

// goldenOperation is one line of a replay file.
type goldenOperation struct {
	Push       json.RawMessage
	Write      *graph.FeatureKey
	Delete     *graph.FeatureKey
	Row        json.RawMessage
	Checkpoint *string
	Invalidate *graph.FeatureKey
	Where      *string
	Fail       *graph.FeatureKey
	Key        json.RawMessage
	Type       string
	Message    string
}

// TestOracleGolden holds the oracle against the replay cases of both gates.
func TestOracleGolden(t *testing.T) {
	passed, total := map[string]int{}, map[string]int{}
	run := func(name, gate string, events, output []byte) {
		total[gate]++
		if t.Run(name+"-"+gate, func(t *testing.T) { compareGolden(t, runGolden(t, events, gates[gate]), output) }) {
			passed[gate]++
		}
	}
	for gate := range gates {
		end := "-" + gate + ".out.jsonl"
		files, err := filepath.Glob(goldenDir + "*" + end)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			base := strings.TrimSuffix(file, end)
			run(filepath.Base(base), gate, readFile(t, base+".jsonl"), readFile(t, file))
		}
	}
	for line := range bytes.Lines(readFile(t, goldenDir+"random.jsonl")) {
		var c struct {
			Name, Gate     string
			Events, Output []json.RawMessage
		}
		if err := json.Unmarshal(line, &c); err != nil {
			t.Fatal(err)
		}
		run(c.Name, c.Gate, joinLines(c.Events), joinLines(c.Output))
	}
	t.Logf("gate immediate: %d of %d cases; gate settled: %d of %d", passed["immediate"], total["immediate"], passed["settled"], total["settled"])
	if total["immediate"] < 133 || total["settled"] < 183 {
		t.Error("there were 133 cases of the gate immediate and 183 of the gate settled: some are gone")
	}
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func joinLines(lines []json.RawMessage) []byte {
	var b []byte
	for _, line := range lines {
		b = append(append(b, line...), '\n')
	}
	return b
}

// runGolden runs the oracle over a replay file and returns what is to be printed. Lines that the
// oracle does not judge, since they are no writes, print nothing.
func runGolden(t *testing.T, events []byte, gate graph.Gate) (out []string) {
	t.Helper()
	defaults := graph.Defaults{Gate: gate, Settled: true}
	o := newOracle(defaults)
	history := graph.NewHistory(defaults)
	before := map[answerKey]*answer{}
	number := 0
	for line := range bytes.Lines(events) {
		number++
		var op goldenOperation
		if json.Unmarshal(line, &op) != nil {
			continue
		}
		switch {
		case op.Push != nil:
			g, err := graph.Parse(op.Push, "push")
			if err == nil {
				err = g.Check()
			}
			if err == nil {
				var next *graph.History
				if next, err = history.Push(int64(number), g); err == nil {
					history = next
					o.push(g)
				}
			}
		case op.Write != nil && op.Delete == nil:
			out = append(out, goldenWrite(o, *op.Write, number, op.Row, false)...)
		case op.Delete != nil && op.Write == nil:
			out = append(out, goldenWrite(o, *op.Delete, number, op.Row, true)...)
		case op.Invalidate != nil:
			out = append(out, goldenRequest(o, &op, number)...)
		case op.Fail != nil:
			out = append(out, goldenFail(o, &op, number)...)
		case op.Checkpoint != nil:
			after := o.answers()
			out = append(out, goldenChanges(*op.Checkpoint, before, after)...)
			before = after
		}
	}
	return out
}

// goldenWrite gives a line's row to the oracle; it returns the dead letter, if it is one.
func goldenWrite(o *oracle, feature graph.FeatureKey, number int, row []byte, gone bool) []string {
	letter := func(reason graph.Reason) []string {
		return []string{fmt.Sprintf(`{"dead_letter":{"line":%d,"reason":%q}}`, number, reason)}
	}
	g := o.newest()
	if g == nil || g.Feature(feature) == nil {
		return letter(graph.UnknownFeature)
	}
	record, err := graph.ParseRecordJSON(row, graph.RecordOptions{})
	if err != nil {
		return letter(graph.BadRow)
	}
	if !record.HasVersion && !gone {
		record.FeatureVersion = graph.String(g.versions[feature].Feature)
	}
	ids := g.Feature(feature).IDColumns
	if join := joinOf(g.Graph, g.Feature(feature)); join.expands && !slices.ContainsFunc(join.suffix, func(id string) bool { return !record.Column(id).IsNull() }) {
		ids = join.match
	}
	values := make([]graph.Value, len(ids))
	for i, id := range ids {
		values[i] = record.Column(id)
	}
	w := &engine.Write{Offset: int64(number), Key: graph.AppendKeyJSON(nil, ids, values), Record: record, Delete: gone}
	if reason := o.write(len(o.graphs), feature, 0, w); reason != "" {
		return letter(reason)
	}
	return nil
}

// goldenRequest marks rows.
func goldenRequest(o *oracle, op *goldenOperation, number int) []string {
	if g := o.newest(); g == nil || g.Feature(*op.Invalidate) == nil {
		return []string{fmt.Sprintf(`{"dead_letter":{"line":%d,"reason":"UNKNOWN_FEATURE"}}`, number)}
	}
	var filter *graph.Filter
	if op.Where != nil {
		var err error
		if filter, err = graph.ParseFilter(*op.Where); err != nil {
			return nil
		}
	}
	o.request(*op.Invalidate, filter, func(row *oracleRow) bool { return row.offset < int64(number) })
	return nil
}

// goldenFail says that the present work of a key could not be done.
func goldenFail(o *oracle, op *goldenOperation, number int) []string {
	if g := o.newest(); g == nil || g.Feature(*op.Fail) == nil {
		return []string{fmt.Sprintf(`{"dead_letter":{"line":%d,"reason":"UNKNOWN_FEATURE"}}`, number)}
	}
	key, err := graph.ParseRecordJSON(op.Key, graph.RecordOptions{TypedObjects: true})
	if err != nil {
		return nil
	}
	for k, a := range o.answers() {
		same := k.feature == *op.Fail && len(a.names) == len(key.Columns)
		for i, name := range a.names {
			same = same && slices.Contains(key.Columns, graph.Column{Name: name, Value: a.values[i]})
		}
		if !same || !a.status.Work() {
			continue
		}
		o.failures[k] = &oracleFailure{work: a.work(k), kind: op.Type, message: op.Message}
	}
	return nil
}

// goldenChanges prints what has changed, in the order of SEMANTICS 6.
func goldenChanges(label string, before, after map[answerKey]*answer) (out []string) {
	type change struct {
		answerKey
		*answer
		fresh bool
	}
	var changes []change
	for k, a := range after {
		if b := before[k]; b == nil || b.outcome() != a.outcome() {
			changes = append(changes, change{k, a, false})
		}
	}
	for k, b := range before {
		if after[k] == nil {
			changes = append(changes, change{k, b, true})
		}
	}
	slices.SortFunc(changes, func(a, b change) int {
		if c := a.feature.Compare(b.feature); c != 0 {
			return c
		}
		if c := int(a.scope) - int(b.scope); c != 0 {
			return c
		}
		if c := slices.CompareFunc(a.values, b.values, graph.Compare); c != 0 {
			return c
		}
		return strings.Compare(a.key, b.key)
	})
	for _, c := range changes {
		line := map[string]any{
			"checkpoint": label, "feature": string(c.feature), "scope": c.scope.String(), "status": "FRESH",
			"key": json.RawMessage(c.key), "id": json.RawMessage(graph.AppendKeyJSON(nil, c.idNames, c.idValues)),
		}
		if !c.fresh {
			line["status"], line["causes"], line["changed_fields"], line["feature_version"] = c.status.String(), texts(c.causes), texts(c.changed), c.version
			if c.expected != nil && c.expected.there {
				fields := map[string]string{}
				for key, hash := range c.expected.fields {
					fields[key.StructName()] = hash
				}
				line["expected"] = map[string]any{"provenance_by_field": fields, "provenance": c.expected.provenance}
			}
			if c.failure != nil {
				line["failure"] = map[string]string{"type": c.failure.kind, "message": c.failure.message}
			}
			if c.scope == graph.ScopeInput {
				line["children"], line["children_not_current"] = c.children, c.notCurrent
			}
		}
		b, err := json.Marshal(line)
		if err != nil {
			panic(err)
		}
		out = append(out, string(b))
	}
	return out
}

func texts(list []string) []string { return append([]string{}, list...) }

// compareGolden compares line by line, as JSON values. Dead letters of lines that are no writes are left out.
func compareGolden(t *testing.T, got []string, want []byte) {
	t.Helper()
	var wanted []string
	for line := range bytes.Lines(want) {
		wanted = append(wanted, string(line))
	}
	g, w := goldenValues(t, got), goldenValues(t, wanted)
	for i := range max(len(g), len(w)) {
		switch {
		case i >= len(g):
			t.Fatalf("line %d is missing:\n%v", i+1, w[i])
		case i >= len(w):
			t.Fatalf("line %d is too much:\n%v", i+1, g[i])
		case !reflect.DeepEqual(g[i], w[i]):
			t.Fatalf("line %d:\n got %v\nwant %v", i+1, g[i], w[i])
		}
	}
}

func goldenValues(t *testing.T, lines []string) (values []map[string]any) {
	t.Helper()
	for _, text := range lines {
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber()
		var line map[string]any
		if err := decoder.Decode(&line); err != nil {
			t.Fatal(err)
		}
		if letter, ok := line["dead_letter"].(map[string]any); ok {
			delete(letter, "detail")
			if reason := letter["reason"]; reason == "BAD_LINE" || reason == "BAD_GRAPH" || reason == "BAD_FILTER" {
				continue
			}
		}
		values = append(values, line)
	}
	return values
}
