// What is refused, and with what words: testdata/spec/refused has a graph and its message for each mistake.
package graph

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// parseAndCheck does what publishing a graph does, but for joins.
func parseAndCheck(data []byte, name string) (*Graph, error) {
	g, err := Parse(data, name)
	if err != nil {
		return nil, err
	}
	return g, g.Check()
}

func TestRefused(t *testing.T) {
	paths, err := filepath.Glob("testdata/spec/refused/*.[yj]*")
	if err != nil || len(paths) < 50 {
		t.Fatalf("%d graphs (%v)", len(paths), err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			_, err = parseAndCheck(data, filepath.Base(path))
			if err == nil {
				t.Fatal("the graph is accepted")
			}
			var problems Problems
			if !errors.As(err, &problems) {
				t.Fatalf("the error is a %T", err)
			}
			for _, p := range problems {
				if p.Place.Line == 0 || !strings.Contains(p.Text, "; ") || strings.Contains(p.Error(), "\n") {
					t.Errorf("a message needs a place and, after a semicolon, what to do, on one line: %s", p)
				}
			}
			got := err.Error() + "\n"
			golden := strings.TrimSuffix(path, filepath.Ext(path)) + ".err"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("the message is\n%swant\n%s", got, want)
			}
		})
	}
}

// replayCases is where the cases of the replay command stand.
const replayCases = "../stream/replay/testdata/golden/"

// TestPushes parses the graphs of replay cases: refused are those that the output of the case refuses.
func TestPushes(t *testing.T) {
	for _, name := range []string{
		"graph-refused-structure", "graph-refused-names", "graph-refused-renames", "graph-refused-fields",
		"graph-hash-settings", "graph-code-version-types", "graph-short-forms", "graph-long-forms",
	} {
		t.Run(name, func(t *testing.T) {
			type answer struct {
				DeadLetter struct {
					Line   int
					Reason string
				} `json:"dead_letter"`
			}
			refused := map[int]bool{}
			for _, a := range lines[answer](t, replayCases+name+"-immediate.out.jsonl", 0) {
				if a.DeadLetter.Reason == "BAD_GRAPH" {
					refused[a.DeadLetter.Line] = true
				}
			}
			pushes := 0
			for i, event := range lines[struct{ Push json.RawMessage }](t, replayCases+name+".jsonl", 1) {
				if event.Push == nil {
					continue
				}
				pushes++
				g, err := parseAndCheck(event.Push, "push")
				if refused[i+1] != (err != nil) {
					t.Errorf("line %d: refused %v, want %v: %v\n%s", i+1, err != nil, refused[i+1], err, event.Push)
				}
				if err == nil {
					checkRoundTrip(t, g)
				}
			}
			if pushes == 0 {
				t.Error("no push in the file")
			}
		})
	}
}

// TestForms has pairs of ways to write one graph.
func TestForms(t *testing.T) {
	type push struct{ Push json.RawMessage }
	long := lines[push](t, replayCases+"graph-long-forms.jsonl", 5)
	types := lines[push](t, replayCases+"graph-code-version-types.jsonl", 3)
	short := lines[push](t, replayCases+"graph-short-forms.jsonl", 1)
	for _, c := range []struct{ name, a, b string }{
		{"long forms", string(long[0].Push), string(long[4].Push)},
		{"integer code version", string(types[0].Push), string(types[2].Push)},
		{"short forms", string(short[0].Push), `{"features": [
			{"key": "video", "id_columns": ["video_id"], "deps": [], "fields": [{"key": "default", "code_version": "__metaxy_initial__", "deps": []}]},
			{"key": "chunk", "id_columns": ["chunk_id"], "deps": [{"feature": "video", "lineage": {"relationship": {"type": "1:N", "on": ["video_id"]}}}]},
			{"key": "face", "id_columns": ["chunk_id"], "deps": [{"feature": {"parts": ["chunk"]}}], "fields": [{"key": "box", "deps": [{"feature": "chunk", "fields": ["default"]}]}]},
			{"key": "count", "id_columns": ["video_id"], "deps": [{"feature": ["chunk"], "lineage": {"relationship": {"type": "N:1", "on": ["video_id"]}}}]},
			{"key": "tally", "id_columns": ["video_id"], "deps": [{"feature": "chunk", "lineage": {"relationship": {"type": "N:1", "on": null}}}]}]}`},
		{"YAML", "- key: a/b\n  id_columns: [id]\n  description: é😀\n", `{"features": [{"key": "a/b", "id_columns": ["id"], "description": "\u00e9\ud83d\ude00"}]}`},
		{"one spec", `{"key": "a", "id_columns": ["id"]}`, `features: [{key: a, id_columns: [id]}]`},
		{"snapshot", `{"key": {"feature_spec": {"key": "key", "id_columns": ["id"]}, "feature_schema": {}, "project": "p"}, "features": {"feature_spec": {"key": "features", "id_columns": ["id"]}}}`,
			`features: [{key: key, id_columns: [id]}, {key: features, id_columns: [id]}]`},
		{"flow style with a byte order mark", "\ufeff{features: [{key: a, id_columns: [id]}]}", "\ufeff[{\"key\": \"a\", \"id_columns\": [\"id\"]}]"},
		{"a date as code version", `[{key: a, id_columns: [id], fields: [{key: x, code_version: 2024-01-01}]}]`, `[{"key": "a", "id_columns": ["id"], "fields": [{"key": "x", "code_version": "2024-01-01"}]}]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := mustParse(t, c.a), mustParse(t, c.b)
			if x, y := versionsWithoutSpec(a), versionsWithoutSpec(b); !reflect.DeepEqual(x, y) {
				t.Errorf("versions differ:\n%v\n%v", x, y)
			}
			if err := errors.Join(a.Check(), b.Check()); err != nil {
				t.Error(err)
			}
		})
	}
}

// versionsWithoutSpec leaves out what metadata and description enter.
func versionsWithoutSpec(g *Graph) Versions {
	versions := g.Versions()
	for key, v := range versions {
		v.Spec, v.Definition = "", ""
		versions[key] = v
	}
	return versions
}

// TestCheckOfBuiltGraph checks a graph that was not parsed: the same rules, messages without a place.
func TestCheckOfBuiltGraph(t *testing.T) {
	g := &Graph{Features: []*Feature{
		{Key: "a", IDColumns: []string{"id"}, Fields: []*Field{{Key: "x"}}},
		{Key: "b", Fields: []*Field{{Key: "x/y"}, {Key: "x_y"}}, Deps: []*Dependency{{Feature: "a"}}},
	}}
	want := "feature \"b\": id_columns: names no column; write the columns that tell its samples apart\n" +
		"feature \"b\": fields[1]: field \"x_y\" is the same as field \"x/y\" once '/' is written '_', and rows name it so; give one of them another key"
	if err := g.Check(); err == nil || err.Error() != want {
		t.Errorf("Check: %v\nwant %s", err, want)
	}
	g.Features[1].Deps[0].Feature = "c"
	want = "feature \"b\": deps[0]: depends on \"c\", which is not in the graph; did you mean \"a\"?"
	if err := g.Check(); err == nil || !strings.HasPrefix(err.Error(), want[:50]) {
		t.Errorf("Check: %v\nwant %s", err, want)
	}
	g.Versions() // what is missing does not count
}

// TestCheckAllowed has what looks like a mistake and is none.
func TestCheckAllowed(t *testing.T) {
	g := mustParse(t, `
features:
  - {key: a/b, id_columns: [id], topic: s.1}
  - {key: a-b, id_columns: [id], topic: s.2, fields: [x/y, x-y, xy]}
  - key: c
    id_columns: [id]
    deps:
      - {feature: a/b, rename: {p: q, q: p, id: id}, select: [p, p, id], filters: ["TRUE"]}
      - {feature: a-b, select: [q, id]}
`)
	if err := g.Check(); err != nil {
		t.Error(err)
	}
}
