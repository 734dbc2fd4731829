package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRefusedGraphs checks every graph that package graph has a golden message for: the user sees that message.
func TestRefusedGraphs(t *testing.T) {
	t.Chdir("../../graph/testdata/spec/refused")
	files, err := filepath.Glob("*.err")
	if err != nil || len(files) == 0 {
		t.Fatalf("no messages (%v)", err)
	}
	for _, file := range files {
		message, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		graphs, err := filepath.Glob(strings.TrimSuffix(file, "err") + "[jy]*") // .json or .yaml
		if err != nil || len(graphs) != 1 {
			t.Fatalf("%s: the graphs are %v (%v)", file, graphs, err)
		}
		o := invoke(t, nil, strings.NewReader(""), "graph", "check", graphs[0])
		if o.code != exitFailed || !strings.Contains(o.stdout, `"ok":false`) {
			t.Errorf("%s: exit code %d: %s", graphs[0], o.code, o.stdout)
		}
		for line := range strings.Lines(string(message)) {
			if !strings.Contains(o.stderr, strings.TrimSpace(line)) {
				t.Errorf("%s: %q is not in what is said:\n%s", graphs[0], line, o.stderr)
			}
		}
	}
}
