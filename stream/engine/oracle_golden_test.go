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

// goldenOperation is one line of a replay file.
type goldenOperation struct {
	Push       json.RawMessage
	Write      *graph.FeatureKey
	Delete     *graph.FeatureKey
	Row        json.RawMessage
	Checkpoint *string
}

// TestOracleGolden holds the oracle against the replay cases of the gate immediate whose rules are built.
func TestOracleGolden(t *testing.T) {
	cases := 0
	run := func(name string, events, output []byte) {
		if goldenUnbuilt(events) {
			return
		}
		cases++
		t.Run(name, func(t *testing.T) { compareGolden(t, runGolden(t, events), output) })
	}
	files, err := filepath.Glob(goldenDir + "*-immediate.out.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		base := strings.TrimSuffix(file, "-immediate.out.jsonl")
		run(filepath.Base(base), readFile(t, base+".jsonl"), readFile(t, file))
	}
	for line := range bytes.Lines(readFile(t, goldenDir+"random.jsonl")) {
		var c struct {
			Name, Gate     string
			Events, Output []json.RawMessage
		}
		if err := json.Unmarshal(line, &c); err != nil {
			t.Fatal(err)
		}
		if c.Gate == "immediate" {
			run(c.Name, joinLines(c.Events), joinLines(c.Output))
		}
	}
	t.Logf("%d cases", cases)
	if cases < 70 {
		t.Errorf("only %d cases", cases)
	}
}

// goldenUnbuilt reports whether a case needs rules that are not built yet.
func goldenUnbuilt(events []byte) bool {
	for line := range bytes.Lines(events) {
		var op map[string]json.RawMessage
		if json.Unmarshal(line, &op) != nil {
			continue
		}
		var where string
		if op["fail"] != nil || op["invalidate"] != nil && json.Unmarshal(op["where"], &where) != nil {
			return true
		}
		if _, err := graph.ParseFilter(where); op["invalidate"] != nil && err == nil {
			return true
		}
		for _, unbuilt := range []string{`"freshline_children"`, `"receipts"`, `"settle"`} {
			if bytes.Contains(line, []byte(unbuilt)) {
				return true
			}
		}
	}
	return false
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
func runGolden(t *testing.T, events []byte) (out []string) {
	t.Helper()
	o := newOracle(graph.Defaults{})
	var history *graph.History
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

// goldenChanges prints what has changed, in the order of SEMANTICS 6.
func goldenChanges(label string, before, after map[answerKey]*answer) (out []string) {
	type change struct {
		answerKey
		*answer
		fresh bool
	}
	var changes []change
	for k, a := range after {
		if b := before[k]; b == nil || b.content() != a.content() {
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
