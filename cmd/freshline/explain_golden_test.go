package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream/engine"
	"github.com/freshline/freshline/stream/httpapi"
	"github.com/freshline/freshline/stream/replay"
)

// explainCases are keys of testdata/explain, one at least of each status and cause. Each is explained from what
// a replay of the events has come to.
var explainCases = []struct {
	name, events  string
	gate          graph.Gate
	feature, key  string
	status, cause string // "": none
	moving        bool   // what follows the last push is not yet at rest
}{
	{"fresh", "done", graph.GateSettled, "video/faces", `{"video_chunk_id":"1_0"}`, "FRESH", "", false},
	{"fresh-expansion", "done", graph.GateSettled, "video/chunk", `{"video_id":1}`, "FRESH", "", false},
	{"fresh-by-ids", "done", graph.GateSettled, "video/chunk", `{"video_chunk_id":"1_1"}`, "FRESH", "", false},
	{"new", "done", graph.GateSettled, "video/chunk", `{"video_id":2}`, "NEW", "", false},
	{"stale-code-version", "code", graph.GateSettled, "video/raw", `{"video_id":1}`, "STALE", "CODE_VERSION", false},
	{"stale-upstream-data", "upstream", graph.GateSettled, "video/chunk", `{"video_chunk_id":"1_0","video_id":1}`, "STALE", "UPSTREAM_DATA", false},
	{"stale-upstream-data-deep", "rewritten", graph.GateSettled, "video/faces", `{"video_chunk_id":"1_0"}`, "STALE", "UPSTREAM_DATA", false},
	{"stale-requested", "requested", graph.GateSettled, "video/faces", `{"video_chunk_id":"1_0"}`, "STALE", "REQUESTED", false},
	{"stale-incomplete", "incomplete", graph.GateSettled, "video/chunk", `{"video_id":1}`, "STALE", "INCOMPLETE", false},
	{"orphaned-upstream-missing", "gone", graph.GateSettled, "video/chunk", `{"video_id":1,"video_chunk_id":"1_0"}`, "ORPHANED", "UPSTREAM_MISSING", false},
	{"orphaned-superseded", "superseded", graph.GateSettled, "video/chunk", `{"video_id":1,"video_chunk_id":"1_1"}`, "ORPHANED", "SUPERSEDED", false},
	{"awaiting-version", "code", graph.GateImmediate, "video/chunk", `{"video_id":1}`, "AWAITING", "INPUT_PENDING", false},
	{"awaiting-version-deep", "deep", graph.GateSettled, "video/summary", `{"video_id":1}`, "AWAITING", "INPUT_PENDING", false},
	{"awaiting-suspect", "upstream", graph.GateSettled, "video/summary", `{"video_id":1}`, "AWAITING", "INPUT_PENDING", false},
	{"awaiting-coming", "coming", graph.GateSettled, "video/summary", `{"video_id":1}`, "AWAITING", "INPUT_PENDING", false},
	{"stale-immediate", "upstream", graph.GateImmediate, "video/summary", `{"video_id":1}`, "STALE", "UPSTREAM_DATA", false},
	{"failed", "failed", graph.GateSettled, "video/chunk", `{"video_id":1}`, "FAILED", "", false},
	{"none", "failed", graph.GateSettled, "video/chunk", `{"video_id":1,"video_chunk_id":"1_0"}`, httpapi.StatusNone, "", false},
	{"unknown-key", "done", graph.GateSettled, "video/chunk", `{"video_id":9}`, "", "", false},
	{"unknown-feature", "done", graph.GateSettled, "video/chunks", `{"video_id":1}`, "", "", false},
	{"bad-key", "done", graph.GateSettled, "video/chunk", `{"id":1}`, "", "", false},
	{"not-hydrated", "done", graph.GateSettled, "video/chunk", `{"video_id":1}`, httpapi.StatusHydrating, "", true},
}

// TestExplainGolden holds the text and the JSON of explanations against testdata/explain.
func TestExplainGolden(t *testing.T) {
	for _, c := range explainCases {
		t.Run(c.name, func(t *testing.T) {
			events, err := os.ReadFile(filepath.Join("testdata", "explain", c.events+".jsonl"))
			if err != nil {
				t.Fatal(err)
			}
			local, err := replay.RunLocal(bytes.NewReader(events), &replay.JSONLines{W: io.Discard}, replay.Options{Gate: c.gate})
			if err != nil {
				t.Fatal(err)
			}
			if !c.moving {
				if err := local.Settle(func(*engine.Event) {}); err != nil {
					t.Fatal(err)
				}
			}
			x, err := httpapi.ExplainLocal(t.Context(), local, graph.FeatureKey(c.feature), []byte(c.key))
			if c.status == "" {
				if err == nil {
					t.Fatalf("it is %s, want an error", x.Status)
				}
				compareGolden(t, c.name+".txt", []byte(err.Error()+"\n"))
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			cause := ""
			if len(x.Causes) > 0 {
				cause = x.Causes[0]
			}
			if x.Status != c.status || cause != c.cause || len(x.Causes) > 1 {
				t.Errorf("it is %s because of %v, want %s, %s", x.Status, x.Causes, c.status, c.cause)
			}
			var text, object bytes.Buffer
			(&explanationText{w: &text}).write(x)
			if err := (&cli{stdout: &object}).printObject(formatJSON, x); err != nil {
				t.Fatal(err)
			}
			compareGolden(t, c.name+".txt", text.Bytes())
			compareGolden(t, c.name+".json", object.Bytes())
		})
	}
}

// compareGolden compares with a file of testdata/explain, or writes it (-update).
func compareGolden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", "explain", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		t.Fatalf("%s is not there; write it with -update:\n%s", path, got)
	}
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is\n%s\nwant\n%s", path, got, want)
	}
}
