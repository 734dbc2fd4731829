package engine

import (
	"slices"
	"testing"

	"github.com/freshline/freshline/graph"
)

// TestAwaitingNamesItsInputs: an AWAITING event names the keys that it waits for (E6), as their
// own events have them.
func TestAwaitingNamesItsInputs(t *testing.T) {
	const before = `
features:
  - {key: raw, id_columns: [v], fields: [{key: x, code_version: "1"}]}
  - {key: chunk, id_columns: [c], fields: [x], deps: [{feature: raw, lineage: {expansion: [v]}}]}
  - {key: mean, id_columns: [v], fields: [x], deps: [{feature: chunk, lineage: {aggregation: [v]}}]}
`
	l := NewLocal(graph.Defaults{})
	push := func(number int64, version string) {
		t.Helper()
		g, err := graph.Parse([]byte(before), "test.yaml")
		if err != nil {
			t.Fatal(err)
		}
		g.Features[0].Fields[0].CodeVersion = version
		if err := l.Push(number, g); err != nil {
			t.Fatal(err)
		}
	}
	var events []*Event
	settle := func() {
		t.Helper()
		events = nil
		if err := l.Settle(func(e *Event) { kept := *e; events = append(events, &kept) }); err != nil {
			t.Fatal(err)
		}
	}
	write := func(feature graph.FeatureKey, offset int64, row string) {
		t.Helper()
		rec, err := graph.ParseRecordJSON([]byte(row), graph.RecordOptions{})
		if err != nil {
			t.Fatal(err)
		}
		rec.FeatureVersion = graph.String(l.Plan().Feature(feature).Version)
		if refusal, err := l.Route(feature, &Write{Offset: offset, Key: []byte(row), Record: rec}); err != nil || refusal != nil {
			t.Fatal(err, refusal)
		}
	}
	push(0, "1")
	write("raw", 1, `{"v":1,"metaxy_provenance_by_field":{"x":"a"}}`)
	for offset := range int64(12) {
		write("chunk", 2+offset, `{"v":1,"c":"`+string(rune('a'+offset))+`","metaxy_provenance_by_field":{"x":"a"}}`)
	}
	settle()
	push(1, "2")
	settle()
	awaiting := map[string][]string{}
	for _, e := range events {
		if e.Body != nil && e.Body.Judgement.Status == graph.Awaiting {
			awaiting[string(e.Feature)+" "+string(e.Key)] = e.Body.Awaiting
		}
	}
	if got, want := awaiting[`chunk {"v":1}`], []string{`raw {"v":1}`}; !slices.Equal(got, want) {
		t.Errorf("the parent awaits %q, want %q", got, want)
	}
	got := awaiting[`mean {"v":1}`]
	if len(got) != maxAwaiting {
		t.Fatalf("the group awaits %d keys, want %d: %q", len(got), maxAwaiting, got)
	}
	if want := `chunk {"v":1,"c":"a"}`; got[0] != want {
		t.Errorf("the group awaits %s first, want %s", got[0], want)
	}
}
