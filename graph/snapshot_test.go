// What is published reads back as the same graph.
package graph

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
)

// checkRoundTrip parses what a graph is published as: the same graph, the same versions, the same text.
func checkRoundTrip(t *testing.T, g *Graph) {
	t.Helper()
	text := g.Canonical()
	if len(text) > MaxGraphSize {
		return
	}
	again, err := Parse(text, g.Name)
	if err != nil {
		t.Fatalf("Parse refuses what Canonical writes: %v\n%s", err, text)
	}
	if got := again.Canonical(); !bytes.Equal(got, text) {
		t.Errorf("Canonical changes when it is read again:\n%s\n%s", text, got)
	}
	if a, b := g.Versions(), again.Versions(); !reflect.DeepEqual(a, b) {
		t.Errorf("versions change when Canonical is read again:\n%v\n%v", a, b)
	}
	if a, b := placeless(g), placeless(again); !reflect.DeepEqual(a, b) {
		t.Errorf("the graph changes when Canonical is read again: %s", text)
	}
}

// placeless returns a copy of a graph without what only says where it was written.
func placeless(g *Graph) *Graph {
	copied := *g
	copied.byKey, copied.Features = nil, nil
	for _, f := range g.Features {
		feature := *f
		feature.source, feature.Place, feature.Fields, feature.Deps = nil, Place{}, nil, nil
		for _, field := range f.Fields {
			field := *field
			field.Place = Place{}
			list := field.Deps.List
			field.Deps.List = nil
			for _, dep := range list {
				dep.Place = Place{}
				field.Deps.List = append(field.Deps.List, dep)
			}
			feature.Fields = append(feature.Fields, &field)
		}
		for _, dep := range f.Deps {
			dep := *dep
			dep.Place = Place{}
			feature.Deps = append(feature.Deps, &dep)
		}
		copied.Features = append(copied.Features, &feature)
	}
	return &copied
}

// everything sets every property that a graph has.
const everything = `
hash_algorithm: sha256
hash_truncation_length: 12
gate: immediate
features:
  - {key: video/raw, id_columns: [video_id], fields: [{key: audio/en, code_version: 1}, audio/de, frames]}
  - {key: other, id_columns: [video_id], topic: my.samples}
  - key: video/chunk
    id_columns: [video_id, chunk]
    topic: chunks
    description: "a \"quoted\" \u2028 text"
    metadata: {z: 1, a: [1.5, 1e20, 0.00001, 1e5, null, true, {n: "é😀\u007f"}]}
    deps:
      - feature: video/raw
        select: [a, b]
        rename: {c: a, b: c}
        filters: ["a > 1"]
        fields_mapping: {mapping: {type: default, match_suffix: true, exclude_fields: [frames]}}
        lineage: {expansion: [video_id]}
        optional: true
        settle: false
        receipts: required
      - feature: other
        select: []
        rename: {}
        sql_filters: []
        fields_mapping: {mapping: {type: specific, mapping: {en: [default, [no, such], [no-such]]}}}
        lineage: {relationship: {type: "1:N", on: [video_id], id_generation_pattern: "{video_id}_{i}"}}
        settle: true
    fields:
      - {key: en, code_version: "1.10"}
      - {key: all, deps: __METAXY_ALL_DEP__}
      - {key: some, deps: {video/raw: [frames], other: __METAXY_ALL_DEP__}}
      - {key: none, deps: [{feature: video/raw, fields: []}]}
  - {key: sum, id_columns: [video_id], deps: [{feature: video/chunk, lineage: {aggregation: true}, fields_mapping: {mapping: {type: all}}}]}
  - {key: sums, id_columns: [video_id], deps: [{feature: video/chunk, lineage: {aggregation: [video_id]}}]}
`

func TestCanonical(t *testing.T) {
	g := mustParse(t, everything)
	checkRoundTrip(t, g)
	marshalled, err := json.Marshal(g)
	if err != nil {
		t.Fatal(err)
	}
	again := mustParse(t, string(marshalled))
	if !reflect.DeepEqual(placeless(g), placeless(again)) {
		t.Errorf("MarshalJSON gives another graph:\n%s", marshalled)
	}
	want := `[1.5, 1e+20, 1e-05, 100000.0, null, true, {"n": "\u00e9\ud83d\ude00\u007f"}]`
	if got := string(g.Feature("video/chunk").Metadata); got != `{"a": `+want+`, "z": 1}` {
		t.Errorf("metadata %s", got)
	}
}
