package main

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// TestVerifyCommand ends with 3 where an event is not as it should be.
func TestVerifyCommand(t *testing.T) {
	address := testBroker(t)
	env := []string{"FRESHLINE_BROKERS=" + address}
	must(t, env, "", "graph", "publish", writeFile(t, "graph.yaml", videoGraph), "--partitions", "1", "--sample-partitions", "1")
	must(t, env, threeVideos, "put", "video/raw")
	process := start(t, env, "run", "--instance-id", "one")
	process.await(t, process.stderr, "freshline is ready")
	o := invoke(t, env, strings.NewReader(""), "verify")
	if o.code != exitDone || o.stdout != "" || o.stderr != "3 sample records and 3 events were compared: nothing differs\n" {
		t.Errorf("exit code %d: %s%s", o.code, o.stdout, o.stderr)
	}
	gone := &kgo.Record{Topic: "freshline.staleness.video.chunk", Key: []byte(`{"video_id":2}`)}
	if err := testClient(t, address).ProduceSync(testContext(t), gone).FirstErr(); err != nil {
		t.Fatal(err)
	}
	o = invoke(t, env, strings.NewReader(""), "verify")
	if o.code != exitNotInSync || !strings.Contains(o.stderr, "and 1 difference") {
		t.Errorf("exit code %d: %s", o.code, o.stderr)
	}
	if d := parseObject(t, o.stdout); d["kind"] != "missing" || d["key"] != `{"video_id":2}` || d["is"] != "FRESH" || d["want"] != "NEW" {
		t.Errorf("the difference is %s", o.stdout)
	}
	process.stop(t)
}
