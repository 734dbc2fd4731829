// Differences of graphs, and drawings of one, against golden files in testdata/render.
package graph

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const beforeDiff = `
hash_algorithm: xxhash64
features:
  - {key: video/raw, id_columns: [video_id], fields: [{key: audio, code_version: 1}, frames]}
  - {key: video/chunk, id_columns: [chunk], deps: [{feature: video/raw, lineage: {expansion: [video_id]}, settle: false}], fields: [audio, frames, old]}
  - {key: end, id_columns: [chunk], deps: [video/chunk], topic: faces}
  - {key: other/thing, id_columns: [id]}
  - {key: told, id_columns: [id]}
`

const afterDiff = `
gate: settled
features:
  - {key: video/raw, id_columns: [video_id], fields: [{key: audio, code_version: 2}, frames]}
  - {key: video/chunk, id_columns: [chunk], deps: [{feature: video/raw, lineage: {expansion: [video_id]}}], fields: [audio, frames, a-new]}
  - {key: told, id_columns: [id], description: told now}
  - {key: other/thing, id_columns: [id], topic: things}
  - {key: video/sum-up, id_columns: [video_id], deps: [{feature: video/chunk, lineage: {aggregation: true}}, {feature: video/raw, optional: true}]}
`

// golden compares a text with a file, or writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata/render", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

func TestDiff(t *testing.T) {
	diff := Diff(mustParse(t, beforeDiff), mustParse(t, afterDiff))
	golden(t, "diff.txt", diff.Text())
	golden(t, "diff.mmd", diff.Mermaid())
	text, err := json.Marshal(diff)
	if err != nil {
		t.Fatal(err)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, text, "", "  "); err != nil {
		t.Fatal(err)
	}
	golden(t, "diff.json", indented.String()+"\n")
	want := map[FeatureKey]DiffStatus{
		"video/raw": DiffChanged, "video/chunk": DiffChanged, "end": DiffRemoved, "video/sum-up": DiffAdded, "told": DiffChanged, "other/thing": DiffUnchanged,
	}
	if len(diff.Features) != len(want) || !diff.Changed() {
		t.Errorf("%d features, want %d", len(diff.Features), len(want))
	}
	for i, f := range diff.Features {
		if f.Status != want[f.Key] {
			t.Errorf("%s is %s, want %s", f.Key, f.Status, want[f.Key])
		}
		if i > 0 && diff.Features[i-1].Key.Compare(f.Key) >= 0 {
			t.Errorf("%s stands after %s", f.Key, diff.Features[i-1].Key)
		}
	}
}

func TestDiffOfEqualGraphs(t *testing.T) {
	g := mustParse(t, beforeDiff)
	diff := Diff(g, mustParse(t, string(g.Canonical())))
	if got := diff.Text(); diff.Changed() || got != "0 added, 0 removed, 0 changed, 5 unchanged\n" {
		t.Errorf("equal graphs differ:\n%s", got)
	}
	empty := mustParse(t, "features: []")
	text, err := json.Marshal(Diff(empty, empty))
	if want := `{"nodes":{},"edges":[]}`; err != nil || string(text) != want {
		t.Errorf("%s (%v), want %s", text, err, want)
	}
}

func TestRender(t *testing.T) {
	g := mustParse(t, afterDiff)
	golden(t, "graph.mmd", g.RenderMermaid())
	golden(t, "graph.dot", g.RenderGraphviz())
	golden(t, "graph.txt", g.RenderText())
}

// TestDiagramNames has keys that would be one node, or a word of Mermaid.
func TestDiagramNames(t *testing.T) {
	ids := newDiagramIDs()
	for _, c := range []struct{ key, want string }{{"a/b", "a_b"}, {"a-b", "a_b_2"}, {"a_b", "a_b_3"}, {"end", "end_2"}, {"a/b", "a_b"}} {
		if got := ids.of(FeatureKey(c.key)); got != c.want {
			t.Errorf("%s is %s, want %s", c.key, got, c.want)
		}
	}
	if got := mermaidText("a\"]<b>#&"); strings.ContainsAny(got, "\"<>&") {
		t.Errorf("mermaidText gives %s", got)
	}
	if got, want := graphvizText(`a"\`), `a\"\\`; got != want {
		t.Errorf("graphvizText gives %s, want %s", got, want)
	}
}
