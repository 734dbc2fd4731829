// Versions against the values that Metaxy itself gives.
package graph

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

// metaxyGraph is a graph as the files of testdata/metaxy hold it (FORMAT.md there).
type metaxyGraph struct {
	Features json.RawMessage
	Expected map[FeatureKey]metaxyVersions
}

type metaxyVersions struct {
	Feature    string              `json:"feature_version"`
	Code       string              `json:"feature_code_version"`
	Fields     map[FieldKey]string `json:"fields"`
	Spec       string              `json:"feature_spec_version"`
	Definition string              `json:"definition_version_empty_schema"`
}

type metaxyConfig struct {
	Algorithm Algorithm `json:"hash_algorithm"`
	Length    int       `json:"hash_truncation_length"`
}

// parse reads the graph in our list form, with the settings of the case.
func (m metaxyGraph) parse(t *testing.T, config metaxyConfig) *Graph {
	t.Helper()
	g, err := Parse(fmt.Appendf(nil, `{"features": %s, "hash_algorithm": %q, "hash_truncation_length": %d}`, m.Features, config.Algorithm, config.Length), "")
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	return g
}

// check compares versions; spec and definition version only where the file has them.
func (m metaxyGraph) check(t *testing.T, g *Graph) {
	t.Helper()
	versions := g.Versions()
	if len(versions) != len(m.Expected) || len(versions) == 0 {
		t.Errorf("versions of %d features, want %d", len(versions), len(m.Expected))
	}
	for key, want := range m.Expected {
		got := versions[key]
		compare := func(what, got, want string) {
			if got != want {
				t.Errorf("%s: %s %s, want %s", key, what, got, want)
			}
		}
		compare("feature version", got.Feature, want.Feature)
		compare("code version", got.Code, want.Code)
		if want.Spec != "" {
			compare("spec version", got.Spec, want.Spec)
			compare("definition version", got.Definition, want.Definition)
		}
		if len(got.Fields) != len(want.Fields) {
			t.Errorf("%s: %d fields, want %d", key, len(got.Fields), len(want.Fields))
		}
		for field, version := range want.Fields {
			compare("version of field "+string(field), got.Fields[field], version)
		}
	}
}

// lines reads a file of one JSON document a line, at least min of them.
func lines[T any](t *testing.T, path string, min int) []T {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []T
	scanner := bufio.NewScanner(bytes.NewReader(data))
	scanner.Buffer(nil, 16<<20)
	for scanner.Scan() {
		var one T
		if err := json.Unmarshal(scanner.Bytes(), &one); err != nil {
			t.Fatalf("%s: line %d: %v", path, len(all)+1, err)
		}
		all = append(all, one)
	}
	if err := scanner.Err(); err != nil {
		t.Fatal(err)
	}
	if len(all) < min {
		t.Fatalf("%s has %d lines, want at least %d", path, len(all), min)
	}
	return all
}

func TestVersionsOfGraphs(t *testing.T) {
	type vector struct {
		metaxyGraph
		Name    string
		Config  metaxyConfig
		Project string `json:"project_version_empty_schema"`
	}
	for _, v := range lines[vector](t, "testdata/metaxy/graphs.jsonl", 195) {
		t.Run(v.Name, func(t *testing.T) {
			g := v.parse(t, v.Config)
			v.check(t, g)
			if got := g.ProjectVersion(); got != v.Project {
				t.Errorf("project version %s, want %s", got, v.Project)
			}
			checkRoundTrip(t, g)
		})
	}
}

func TestVersionsOfProvenance(t *testing.T) {
	type vector struct {
		Name     string
		Config   metaxyConfig
		Features json.RawMessage
		Versions map[FeatureKey]metaxyVersions
	}
	for _, v := range lines[vector](t, "testdata/metaxy/provenance.jsonl", 356) {
		t.Run(v.Name, func(t *testing.T) {
			m := metaxyGraph{v.Features, v.Versions}
			m.check(t, m.parse(t, v.Config))
		})
	}
}

func TestVersionsOfHistories(t *testing.T) {
	type vector struct {
		Name   string
		Config metaxyConfig
		Graphs map[string]metaxyGraph
	}
	check := func(v vector) {
		for name, m := range v.Graphs {
			t.Run(v.Name+"/"+name, func(t *testing.T) { m.check(t, m.parse(t, v.Config)) })
		}
	}
	for _, v := range lines[vector](t, "testdata/metaxy/histories.jsonl", 110) {
		check(v)
	}
	for _, v := range lines[vector](t, "testdata/metaxy/mixed.jsonl", 30) {
		check(v)
	}
	var walkthrough vector
	data, err := os.ReadFile("testdata/metaxy/walkthrough.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &walkthrough); err != nil {
		t.Fatal(err)
	}
	check(walkthrough)
}

// TestVersionsTable has the values of metaxy-semantics 2.2.
func TestVersionsTable(t *testing.T) {
	g := mustParse(t, `
features:
  - {key: test/feature, id_columns: [sample_uid], fields: [{key: default, code_version: 1}]}
  - {key: example/video, id_columns: [id], fields: [{key: audio, code_version: 1}, {key: frames, code_version: 1}]}
  - {key: example/crop, id_columns: [id], deps: [example/video], fields: [{key: audio, code_version: 1}, {key: frames, code_version: 1}]}
  - {key: audio, id_columns: [id]}
  - {key: speaker/embedding, id_columns: [id], deps: [audio], fields: [{key: embedding, code_version: 1}]}
  - {key: video/raw, id_columns: [id], fields: [{key: audio, code_version: 1}, frames]}
  - {key: video/chunk, id_columns: [id], deps: [video/raw], fields: [audio, frames]}
`)
	v := g.Versions()
	for _, c := range []struct{ what, got, want string }{
		{"test/feature.default", v["test/feature"].Fields["default"], "8bcff601"},
		{"test/feature", v["test/feature"].Feature, "d26937b1"},
		{"test/feature code", v["test/feature"].Code, "08d017a7"},
		{"test/feature spec", v["test/feature"].Spec, "a5eea973"},
		{"example/video.audio", v["example/video"].Fields["audio"], "22742381"},
		{"example/video.frames", v["example/video"].Fields["frames"], "794116a9"},
		{"example/video", v["example/video"].Feature, "c2ac395f"},
		{"example/crop.audio", v["example/crop"].Fields["audio"], "4c726c4b"},
		{"audio.default", v["audio"].Fields["default"], "80200592"},
		{"speaker/embedding.embedding", v["speaker/embedding"].Fields["embedding"], "27a15391"},
		{"video/raw.audio", v["video/raw"].Fields["audio"], "7132721c"},
		{"video/raw.frames", v["video/raw"].Fields["frames"], "3f6f401c"},
		{"video/chunk.audio", v["video/chunk"].Fields["audio"], "1549b1fa"},
		{"project", g.projectVersion(Versions{"upstream": {Definition: "a4354d3c"}, "downstream": {Definition: "313e1641"}}), "4f7133cd"},
		{"no features", new(Graph).ProjectVersion(), "empty"},
		{"analysis.full_analysis", g.definitionHash("analysis.full_analysis", "10", "3aaeb0d3", "ecece8e4", "762fd106"), "73d07532"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s, want %s", c.what, c.got, c.want)
		}
	}
}

// TestVersionsJSON has the form that graph versions prints.
func TestVersionsJSON(t *testing.T) {
	g := mustParse(t, `{features: [{key: video/raw, id_columns: [id], fields: [{key: audio, code_version: 1}, frames]}]}`)
	got, err := json.Marshal(g.Versions())
	want := `{"video/raw":{"feature_version":"d842b740","fields":{"audio":"7132721c","frames":"3f6f401c"}}}`
	if err != nil || string(got) != want {
		t.Errorf("%s (%v), want %s", got, err, want)
	}
}

func mustParse(t *testing.T, text string) *Graph {
	t.Helper()
	g, err := Parse([]byte(text), "")
	if err != nil {
		t.Fatalf("Parse: %v\n%s", err, strings.TrimSpace(text))
	}
	return g
}
