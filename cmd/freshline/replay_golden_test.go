package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

const goldenReplay = "../../stream/replay/testdata"

// TestReplayGolden runs the golden cases of package replay through the command, as a file and on standard input.
func TestReplayGolden(t *testing.T) {
	passed := 0
	play := func(name, gate, events, want string) {
		if t.Run(name, func(t *testing.T) { playGolden(t, gate, events, want) }) {
			passed++
		}
	}
	files, err := filepath.Glob(filepath.Join(goldenReplay, "golden", "*.out.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".out.jsonl")
		i := strings.LastIndex(name, "-")
		play(name, name[i+1:], read(t, filepath.Join("golden", name[:i]+".jsonl")), read(t, filepath.Join("golden", name+".out.jsonl")))
	}
	for line := range strings.Lines(read(t, "golden/random.jsonl")) {
		var c struct {
			Name, Gate     string
			Events, Output []json.RawMessage
		}
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatal(err)
		}
		play(c.Name, c.Gate, joinLines(c.Events), joinLines(c.Output))
	}
	t.Logf("%d cases through the command", passed)
	if passed == 0 {
		t.Error("no case was run")
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(goldenReplay, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func joinLines(lines []json.RawMessage) string {
	var b strings.Builder
	for _, line := range lines {
		b.Write(line)
		b.WriteByte('\n')
	}
	return b.String()
}

func playGolden(t *testing.T, gate, events, want string) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	if err := os.WriteFile(path, []byte(events), 0o644); err != nil {
		t.Fatal(err)
	}
	got := must(t, nil, "", "replay", "--gate", gate, path)
	compareLines(t, jsonValues(t, got), jsonValues(t, want))
	if piped := must(t, nil, events, "replay", "--gate", gate, "-o", "jsonl", "-"); piped != got {
		t.Error("standard input gives another output than the file")
	}
	var array []any
	decoder := json.NewDecoder(strings.NewReader(must(t, nil, events, "replay", "--gate", gate, "-o", "json", "-")))
	decoder.UseNumber()
	if err := decoder.Decode(&array); err != nil {
		t.Fatal(err)
	}
	for _, line := range array {
		withoutDetail(line)
	}
	compareLines(t, array, jsonValues(t, want))
}

// jsonValues reads lines as JSON values, numbers as they are written, without the details of dead letters.
func jsonValues(t *testing.T, text string) []any {
	t.Helper()
	var lines []any
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.UseNumber()
	for decoder.More() {
		var line any
		if err := decoder.Decode(&line); err != nil {
			t.Fatal(err)
		}
		withoutDetail(line)
		lines = append(lines, line)
	}
	return lines
}

func withoutDetail(line any) {
	if object, ok := line.(map[string]any); ok {
		if letter, ok := object["dead_letter"].(map[string]any); ok {
			delete(letter, "detail")
		}
	}
}

func compareLines(t *testing.T, got, want []any) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d lines, want %d", len(got), len(want))
	}
	for i := range got {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Fatalf("line %d:\n got %v\nwant %v", i+1, got[i], want[i])
		}
	}
}
