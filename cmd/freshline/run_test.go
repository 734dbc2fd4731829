package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const videoGraph = `
hash_algorithm: xxhash32
hash_truncation_length: 8
features:
  - {key: video/raw, id_columns: [video_id], fields: [{key: audio, code_version: "1"}, frames]}
  - key: video/chunk
    id_columns: [video_chunk_id]
    deps: [{feature: video/raw, lineage: {expansion: [video_id]}}]
    fields: [audio, frames]
`

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

const twoVideos = `{"video_id":1,"path":"1.mp4","metaxy_provenance_by_field":{"audio":"a1","frames":"f1"}}
{"video_id":2,"path":"2.mp4","metaxy_provenance_by_field":{"audio":"a2","frames":"f2"}}
`

// TestRun goes round once by commands alone: a graph, samples, what is to be done, the work done, another version.
func TestRun(t *testing.T) {
	env := []string{"FRESHLINE_BROKERS=" + testBroker(t)}
	graph := writeFile(t, "graph.yaml", videoGraph)
	must(t, env, "", "graph", "publish", graph, "--partitions", "2", "--sample-partitions", "2")
	state := t.TempDir()
	processor := start(t, env, "run", "--state", state, "--instance-id", "one", "--commit-interval", "20ms")
	processor.await(t, processor.stderr, "freshline is ready")
	watch := start(t, env, "watch", "--all", "--from-start")
	watch.await(t, watch.stderr, "watching all features")

	must(t, env, twoVideos, "put", "video/raw")
	watch.awaitEvents(t, "video/chunk", "INPUT", "NEW", 2)
	if o := invoke(t, env, strings.NewReader(""), "status", "--assert-in-sync", "-o", "table"); o.code != exitNotInSync || o.stderr != "freshline: not in sync: 2 NEW\n" {
		t.Errorf("exit code %d, %s", o.code, o.stderr)
	} else if want := `FEATURE      SAMPLES  NEW  STALE  AWAITING  ORPHANED
video/raw          2    0      0         0         0
video/chunk        0    2      0         0         0
`; o.stdout != want {
		t.Errorf("status:\n%s\nwant\n%s", o.stdout, want)
	}

	work := jsonLines(t, must(t, env, "", "worklist", "video/chunk", "--status", "NEW"))
	if len(work) != 2 {
		t.Fatalf("%d pieces of work, want 2", len(work))
	}
	chunks := ""
	for _, event := range work {
		chunks += chunkOf(t, event)
	}
	must(t, env, chunks, "put", "video/chunk")
	watch.awaitEvents(t, "video/chunk", "", "FRESH", 2)
	must(t, env, "", "status", "--assert-in-sync")
	if got, want := must(t, env, "", "worklist", "--all", "-o", "table"), "nothing is outstanding\n"; got != want {
		t.Errorf("worklist: %s", got)
	}
	if got := must(t, env, "", "worklist", "--all"); got != "" {
		t.Errorf("worklist: %s", got)
	}

	processor.stop(t)
	processor = start(t, env, "run", "--state", state, "--instance-id", "one", "--log-level", "warn")
	processor.await(t, processor.stderr, "freshline is ready")
	after := writeFile(t, "after.yaml", strings.Replace(videoGraph, `"1"`, `2`, 1))
	must(t, env, "", "graph", "publish", after)
	for _, event := range watch.awaitEvents(t, "video/raw", "SAMPLE", "STALE", 2) {
		if got := fmt.Sprintf("%v %v %v", event["causes"], event["changed_fields"], event["feature_version"]); got != "[CODE_VERSION] [audio] 6e5a4ab8" {
			t.Errorf("a video is stale: %s", got)
		}
	}
	watch.awaitEvents(t, "video/chunk", "SAMPLE", "AWAITING", 2)
	must(t, env, `{"video_id":1}`, "put", "video/raw", "--delete")
	watch.awaitEvents(t, "video/chunk", "INPUT", "ORPHANED", 1)
}

func jsonLines(t *testing.T, text string) []map[string]any {
	t.Helper()
	var objects []map[string]any
	for line := range strings.Lines(text) {
		objects = append(objects, parseObject(t, line))
	}
	return objects
}

// chunkOf is the line of a chunk that answers an event, as a worker of any language would write it.
func chunkOf(t *testing.T, event map[string]any) string {
	t.Helper()
	video := event["id"].(map[string]any)["video_id"]
	line, err := json.Marshal(map[string]any{
		"video_id": video, "video_chunk_id": fmt.Sprint(video, "_0"),
		"metaxy_provenance_by_field": event["expected"].(map[string]any)["provenance_by_field"],
		"metaxy_feature_version":     event["feature_version"],
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(line) + "\n"
}

// TestRunWithRegistry takes schemas to a schema registry and finds them there.
func TestRunWithRegistry(t *testing.T) {
	env := []string{"FRESHLINE_BROKERS=" + testBroker(t), "FRESHLINE_SCHEMA_REGISTRY=" + fakeRegistry(t)}
	must(t, env, "", "graph", "publish", writeFile(t, "graph.yaml", videoGraph), "--partitions", "1", "--sample-partitions", "1")
	processor := start(t, env, "run", "--instance-id", "one")
	processor.await(t, processor.stderr, "freshline is ready")
	watch := start(t, env, "watch", "video/chunk", "--from-start")
	must(t, env, twoVideos, "put", "video/raw")
	watch.awaitEvents(t, "video/chunk", "INPUT", "NEW", 2)
	if got := jsonLines(t, must(t, env, "", "status"))[0]; fmt.Sprintf("%v %v", got["samples"], got["unreadable"]) != "2 0" {
		t.Errorf("status: %v", got)
	}
	if got := must(t, env, "", "schema", "list"); got != "" {
		t.Errorf("the schema topic has %s", got)
	}
}
