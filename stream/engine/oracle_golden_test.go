package engine_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/freshline/freshline/graph"
)

const goldenDir = "../replay/testdata/golden/"

var gates = map[string]graph.Gate{"immediate": graph.GateImmediate, "settled": graph.GateSettled}

// TestOracleGolden holds the oracle against the replay cases of both gates.
func TestOracleGolden(t *testing.T) {
	passed, total := map[string]int{}, map[string]int{}
	run := func(name, gate string, events, output []byte) {
		total[gate]++
		if t.Run(name+"-"+gate, func(t *testing.T) { compareGolden(t, newOracleReplay(gates[gate]).run(events), output) }) {
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

// compareGolden compares line by line, as JSON values.
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
		}
		values = append(values, line)
	}
	return values
}
