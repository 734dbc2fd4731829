package replay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/freshline/freshline/graph"
)

// goldenCase is one case of testdata/golden: events, and the output of one gate.
type goldenCase struct {
	name   string
	gate   graph.Gate
	events []byte
	output []byte
}

func goldenCases(t *testing.T) []goldenCase {
	t.Helper()
	var cases []goldenCase
	files, err := filepath.Glob("testdata/golden/*.out.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".out.jsonl")
		gate := graph.GateSettled
		base, ok := strings.CutSuffix(name, "-settled")
		if !ok {
			gate = graph.GateImmediate
			base = strings.TrimSuffix(name, "-immediate")
		}
		cases = append(cases, goldenCase{name, gate, read(t, "testdata/golden/"+base+".jsonl"), read(t, file)})
	}
	for _, line := range bytes.Split(read(t, "testdata/golden/random.jsonl"), []byte("\n")) {
		if len(line) == 0 {
			continue
		}
		var c struct {
			Name, Gate     string
			Events, Output []json.RawMessage
		}
		if err := json.Unmarshal(line, &c); err != nil {
			t.Fatal(err)
		}
		gate := graph.GateImmediate
		if c.Gate == "settled" {
			gate = graph.GateSettled
		}
		cases = append(cases, goldenCase{c.Name, gate, joinLines(c.Events), joinLines(c.Output)})
	}
	return cases
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
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

func TestGolden(t *testing.T) {
	passed, total := map[graph.Gate]int{}, map[graph.Gate]int{}
	for _, c := range goldenCases(t) {
		total[c.gate]++
		if t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			if err := Run(bytes.NewReader(c.events), &JSONLines{W: &out}, Options{Gate: c.gate}); err != nil {
				t.Fatal(err)
			}
			compareOutput(t, out.Bytes(), c.output)
		}) {
			passed[c.gate]++
		}
	}
	t.Logf("gate immediate: %d of %d cases; gate settled: %d of %d", passed[graph.GateImmediate], total[graph.GateImmediate], passed[graph.GateSettled], total[graph.GateSettled])
	if total[graph.GateImmediate] < 133 || total[graph.GateSettled] < 183 {
		t.Error("there were 133 cases of the gate immediate and 183 of the gate settled: some are gone")
	}
}

func compareOutput(t *testing.T, got, want []byte) {
	t.Helper()
	g, w := outputLines(t, got), outputLines(t, want)
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

// outputLines reads lines as JSON values, numbers as they are written, without the details of dead letters.
func outputLines(t *testing.T, text []byte) []map[string]any {
	t.Helper()
	var lines []map[string]any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	for decoder.More() {
		var line map[string]any
		if err := decoder.Decode(&line); err != nil {
			t.Fatal(fmt.Errorf("output: %w", err))
		}
		if letter, ok := line["dead_letter"].(map[string]any); ok {
			delete(letter, "detail")
		}
		lines = append(lines, line)
	}
	return lines
}
