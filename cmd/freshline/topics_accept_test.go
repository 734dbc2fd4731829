package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
)

// TestTopicsAccept: processors refuse a topic that has grown, take it over when they are told to, and have each sample
// once then.
func TestTopicsAccept(t *testing.T) {
	address := testBroker(t)
	env := []string{"FRESHLINE_BROKERS=" + address}
	must(t, env, "", "graph", "publish", writeFile(t, "graph.yaml", videoGraph), "--partitions", "2", "--sample-partitions", "2")
	var videos strings.Builder
	put := func(version string, ids ...int) {
		videos.Reset()
		for _, id := range ids {
			fmt.Fprintf(&videos, `{"video_id":%d,"metaxy_provenance_by_field":{"audio":%q,"frames":%q}}`+"\n", id, version, version)
		}
		must(t, env, videos.String(), "put", "video/raw")
	}
	put("v1", 0, 1, 2, 3, 4, 5, 6, 7)
	process := start(t, env, "run", "--instance-id", "one")
	process.await(t, process.stderr, "freshline is ready")
	awaitDrained(t, env, videoGraph)

	admin := kadm.NewClient(testClient(t, address))
	if _, err := admin.CreatePartitions(testContext(t), 3, "freshline.sample.video.raw"); err != nil {
		t.Fatal(err)
	}
	if o := invoke(t, env, strings.NewReader(""), "topics", "accept", "video/raw"); o.code != exitFailed || !strings.Contains(o.stderr, "stop them first") {
		t.Errorf("beside a processor: exit code %d: %s", o.code, o.stderr)
	}
	process.stop(t)
	put("v2", 0, 1, 2) // by the new number: some lie elsewhere than before
	if o := invoke(t, env, strings.NewReader(""), "run", "--instance-id", "one"); o.code != exitFailed || !strings.Contains(o.stderr, "freshline topics accept FEATURE") {
		t.Errorf("run on a topic that has grown: exit code %d: %s", o.code, o.stderr)
	}

	planned := parseObject(t, must(t, env, "", "topics", "accept", "video/raw", "--dry-run"))
	done := parseObject(t, must(t, env, "", "topics", "accept", "video/raw"))
	if planned["dry_run"] != true || done["dry_run"] != false || done["was"] != "2" && fmt.Sprint(done["was"]) != "2" || fmt.Sprint(done["is"]) != "5" || fmt.Sprint(done["left"]) != "0" {
		t.Errorf("planned was %v, and done %v", planned, done)
	}
	for _, count := range []string{"moved", "superseded"} {
		if fmt.Sprint(planned[count]) != fmt.Sprint(done[count]) || fmt.Sprint(done[count]) == "0" {
			t.Errorf("%s: planned was %v, and done %v", count, planned[count], done[count])
		}
	}
	if again := must(t, env, "", "topics", "accept", "video/raw", "-o", "table"); !strings.Contains(again, "nothing to take over") {
		t.Errorf("the second time: %s", again)
	}

	process = start(t, env, "run", "--instance-id", "one")
	process.await(t, process.stderr, "freshline is ready")
	put("v3", 7)
	awaitDrained(t, env, videoGraph)
	if keys := keysOf(t, must(t, env, "", "worklist", "video/chunk")); len(keys) != 8 {
		t.Errorf("there is work on %v, want 8 keys", keys)
	}
	for id, version := range []string{"v2", "v2", "v2", "v1", "v1", "v1", "v1", "v3"} {
		explained := must(t, env, "", "explain", "video/chunk", fmt.Sprintf(`{"video_id":%d}`, id), "-o", "json")
		if !strings.Contains(explained, fmt.Sprintf("%q", version)) {
			t.Errorf("video %d is not of version %s:\n%s", id, version, explained)
		}
	}
	if o := invoke(t, env, strings.NewReader(""), "verify"); o.code != exitDone {
		t.Errorf("verify: exit code %d: %s%s", o.code, o.stdout, o.stderr)
	}
	process.stop(t)
}
