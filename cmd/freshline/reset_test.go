package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream"
)

const threeVideos = `{"video_id":1,"path":"a","metaxy_provenance_by_field":{"audio":"v1","frames":"v1"}}
{"video_id":2,"path":"b","metaxy_provenance_by_field":{"audio":"v1","frames":"v1"}}
{"video_id":3,"path":"c","metaxy_provenance_by_field":{"audio":"v1","frames":"v1"}}
`

// keysOf are the keys of a work list.
func keysOf(t *testing.T, list string) (keys []string) {
	t.Helper()
	for line := range strings.Lines(list) {
		keys = append(keys, fmt.Sprint(parseObject(t, line)["key"]))
	}
	slices.Sort(keys)
	return keys
}

// TestReset: what was said is said once more, from samples and graph alone, and nothing is done by accident.
func TestReset(t *testing.T) {
	env := []string{"FRESHLINE_BROKERS=" + testBroker(t), "FRESHLINE_STATE=" + filepath.Join(t.TempDir(), "state")}
	must(t, env, "", "graph", "publish", writeFile(t, "graph.yaml", videoGraph), "--partitions", "2", "--sample-partitions", "2")
	must(t, env, threeVideos, "put", "video/raw")
	process := start(t, env, "run", "--instance-id", "one")
	process.await(t, process.stderr, "freshline is ready")
	awaitDrained(t, env, videoGraph)
	before := keysOf(t, must(t, env, "", "worklist", "video/chunk"))
	if len(before) != 3 {
		t.Fatalf("there is work on %v, want three keys", before)
	}
	if o := invoke(t, env, strings.NewReader(""), "reset", "--yes"); o.code != exitFailed || !strings.Contains(o.stderr, "one; stop them first") {
		t.Errorf("beside a processor: exit code %d: %s", o.code, o.stderr)
	}
	process.stop(t)

	if o := invoke(t, env, strings.NewReader("yes\n"), "reset"); o.code != exitUsage || !strings.Contains(o.stderr, "--yes") {
		t.Errorf("off a terminal: exit code %d: %s", o.code, o.stderr)
	}
	planned := must(t, env, "", "reset", "--dry-run")
	if got := keysOf(t, must(t, env, "", "worklist", "video/chunk")); !slices.Equal(got, before) {
		t.Errorf("after a dry run there is work on %v, want %v", got, before)
	}
	done := must(t, env, "", "reset", "--yes")
	if strings.ReplaceAll(planned, "would_reset", "reset") != done || !strings.Contains(done, `"kind":"rows"`) || !strings.Contains(done, `"kind":"state"`) {
		t.Errorf("planned was\n%s\nand done\n%s", planned, done)
	}
	if list := must(t, env, "", "worklist", "video/chunk"); list != "" {
		t.Errorf("the work list has %s", list)
	}
	if files, err := os.ReadDir(env[1][len("FRESHLINE_STATE="):]); err != nil || len(files) > 1 { // the lock stays
		t.Errorf("the state directory has %v, %v", files, err)
	}
	must(t, env, "", "reset", "--yes") // as after one that was cut short
	process = start(t, env, "run", "--instance-id", "one")
	process.await(t, process.stderr, "freshline is ready")
	awaitDrained(t, env, videoGraph)
	if got := keysOf(t, must(t, env, "", "worklist", "video/chunk")); !slices.Equal(got, before) {
		t.Errorf("afterwards there is work on %v, want %v", got, before)
	}
	process.stop(t)
}

// awaitDrained waits until the processors have done all that there is to do.
func awaitDrained(t *testing.T, env []string, text string) {
	t.Helper()
	g, err := graph.Parse([]byte(text), "graph.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cluster := stream.Cluster{Brokers: []string{strings.TrimPrefix(env[0], "FRESHLINE_BROKERS=")}}
	if err := stream.AwaitDrained(testContext(t), cluster, "", g); err != nil {
		t.Fatal(err)
	}
}
