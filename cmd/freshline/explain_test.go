package main

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/freshline/freshline/stream"
)

// TestExplain asks two processors about keys that either owns, and holds what they count against the topics.
func TestExplain(t *testing.T) {
	address := testBroker(t)
	env := []string{"FRESHLINE_BROKERS=" + address}
	must(t, env, "", "graph", "publish", writeFile(t, "graph.yaml", videoGraph), "--partitions", "4", "--sample-partitions", "2")
	o := invoke(t, env, strings.NewReader(""), "explain", "video/chunk", `{"video_id":1}`)
	if o.code != exitFailed || !strings.Contains(o.stderr, "no processor of namespace freshline runs, and explain asks a running one") {
		t.Errorf("with no processor: exit code %d: %s", o.code, o.stderr)
	}
	var bases []string
	for _, name := range []string{"one", "two"} {
		processor := start(t, env, "run", "--instance-id", name, "--commit-interval", "20ms")
		ready := processor.await(t, processor.stderr, "freshline is ready")
		at := strings.Index(ready, "http://")
		if at < 0 {
			t.Fatalf("it does not say where it answers: %s", ready)
		}
		bases = append(bases, ready[at:])
	}
	awaitShares(t, address, 2)
	watch := start(t, env, "watch", "--all", "--from-start")
	videos := ""
	for id := range 8 {
		videos += fmt.Sprintf(`{"video_id":%d,"path":"x","metaxy_provenance_by_field":{"audio":"a","frames":"f"}}`+"\n", id)
	}
	must(t, env, videos, "put", "video/raw")
	events := watch.awaitEvents(t, "video/chunk", "INPUT", "NEW", 8)
	must(t, env, chunkOf(t, events[0]), "put", "video/chunk")
	watch.awaitEvents(t, "video/chunk", "", "FRESH", 1)
	chunk := fmt.Sprintf(`{"video_chunk_id":"%v_0"}`, events[0]["id"].(map[string]any)["video_id"])

	for _, base := range append(bases, "") {
		var api []string
		if base != "" {
			api = []string{"--api", base}
		}
		for _, event := range events[1:] {
			x := parseObject(t, must(t, env, "", append([]string{"explain", "video/chunk", fmt.Sprintf(`{"video_id": %v}`, event["id"].(map[string]any)["video_id"])}, api...)...))
			if x["status"] != "NEW" || x["event_id"] != event["event_id"] || x["emitted"] != true {
				t.Errorf("%s says %v, event %v; the event is %v", base, x["status"], x["event_id"], event["event_id"])
			}
			if graph := x["graph"].(map[string]any); graph["time"] == nil {
				t.Errorf("nothing says when the graph was pushed: %v", graph)
			}
		}
		if x := parseObject(t, must(t, env, "", append([]string{"explain", "video/chunk", chunk}, api...)...)); x["status"] != "FRESH" || len(x["path"].([]any)) != 2 {
			t.Errorf("by its ids the chunk is %v, by %v", x["status"], x["path"])
		}
		text := must(t, env, "", append([]string{"explain", "video/chunk", chunk, "-o", "text"}, api...)...)
		if !strings.Contains(text, "is FRESH\n") || !strings.Contains(text, "video/raw {\"video_id\":") {
			t.Errorf("the text is %s", text)
		}
		o := invoke(t, env, strings.NewReader(""), append([]string{"explain", "video/chunk", `{"video_id": 99}`}, api...)...)
		if o.code != exitFailed || !strings.Contains(o.stderr, `video/chunk has no sample {"video_id": 99}, and nothing that it would be made of`) {
			t.Errorf("a key that is not there: exit code %d: %s", o.code, o.stderr)
		}
		o = invoke(t, env, strings.NewReader(""), append([]string{"explain", "video/chunk", `{"video_chunk_id": "9_0"}`}, api...)...)
		if o.code != exitFailed || !strings.Contains(o.stderr, "has no sample") {
			t.Errorf("ids that are not there: exit code %d: %s", o.code, o.stderr)
		}
		o = invoke(t, env, strings.NewReader(""), append([]string{"explain", "video/none", `{"video_id": 1}`}, api...)...)
		if o.code != exitFailed || !strings.Contains(o.stderr, `has no feature "video/none"; it has video/raw, video/chunk`) {
			t.Errorf("a feature that is not there: exit code %d: %s", o.code, o.stderr)
		}
	}
	if counted, read := must(t, env, "", "status"), must(t, env, "", "status", "--topics"); counted != read {
		t.Errorf("the processors count\n%s\nand the topics say\n%s", counted, read)
	}
}

// awaitShares waits until so many processors own a share of rows.
func awaitShares(t *testing.T, address string, n int) {
	t.Helper()
	ctx := testContext(t)
	for {
		members, err := stream.Members(ctx, stream.Cluster{Brokers: []string{address}}, stream.DefaultNamespace)
		if err != nil {
			t.Fatal(err)
		}
		shares := 0
		for _, m := range members {
			if len(m.Rows) > 0 {
				shares++
			}
		}
		if shares == n {
			return
		}
	}
}

// TestExplainRefused: what is wrong with a command line, and processors that answer no questions.
func TestExplainRefused(t *testing.T) {
	env := []string{"FRESHLINE_BROKERS=" + testBroker(t)}
	for _, c := range []struct {
		args []string
		text string
	}{
		{[]string{"explain", "video/chunk"}, "explain needs a feature and a key"},
		{[]string{"explain", "video/chunk", "1"}, "the key is no JSON object"},
		{[]string{"explain", "video//chunk", `{"video_id":1}`}, "video//chunk"},
		{[]string{"explain", "video/chunk", `{"video_id":1}`, "--api", "localhost"}, "is no address"},
		{[]string{"run", "--http", "8090"}, `"8090" is no address; write it like 127.0.0.1:8090, or off`},
		{[]string{"run", "--http-advertise", "host"}, "is no address"},
		{[]string{"run", "--http", "off", "--http-advertise", "host:80"}, "leave one of the two out"},
	} {
		if o := invoke(t, env, strings.NewReader(""), c.args...); o.code != exitUsage || !strings.Contains(o.stderr, c.text) {
			t.Errorf("%v: exit code %d: %s", c.args, o.code, o.stderr)
		}
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if o := invoke(t, env, strings.NewReader(""), "run", "--http", taken.Addr().String()); o.code != exitFailed || !strings.Contains(o.stderr, "the port is in use; choose another one, or 0 for a free one") {
		t.Errorf("a port in use: exit code %d: %s", o.code, o.stderr)
	}
	must(t, env, "", "graph", "publish", writeFile(t, "graph.yaml", videoGraph), "--partitions", "1", "--sample-partitions", "1")
	processor := start(t, env, "run", "--instance-id", "mute", "--http", "off")
	processor.await(t, processor.stderr, "freshline is ready")
	o := invoke(t, env, strings.NewReader(""), "explain", "video/chunk", `{"video_id":1}`)
	if o.code != exitFailed || !strings.Contains(o.stderr, "process mute answers no questions: it was started with --http off") {
		t.Errorf("a process that is mute: exit code %d: %s", o.code, o.stderr)
	}
	if got := jsonLines(t, must(t, env, "", "status")); len(got) != 2 {
		t.Errorf("status reads the topics where no process answers: %v", got)
	}
}
