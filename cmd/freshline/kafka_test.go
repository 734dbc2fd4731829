package main

import (
	"io"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/stream"
)

func testClient(t *testing.T, address string) *kgo.Client {
	t.Helper()
	client, err := stream.Connect(testContext(t), stream.Cluster{Brokers: []string{address}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// TestUnreadableEvents names events that cannot be read, and fails at the end.
func TestUnreadableEvents(t *testing.T) {
	address := testBroker(t)
	env := []string{"FRESHLINE_BROKERS=" + address}
	must(t, env, "", "graph", "publish", writeFile(t, "graph.yaml", videoGraph), "--partitions", "1", "--sample-partitions", "1")
	record := &kgo.Record{Topic: "freshline.staleness.video.raw", Key: []byte("a\x1bkey"), Value: []byte("no Avro")}
	if err := testClient(t, address).ProduceSync(testContext(t), record).FirstErr(); err != nil {
		t.Fatal(err)
	}
	o := invoke(t, env, strings.NewReader(""), "worklist", "video/raw")
	if o.code != exitFailed || o.stderr != "freshline: 1 event cannot be read\n" {
		t.Errorf("exit code %d: %s", o.code, o.stderr)
	}
	if event := parseObject(t, o.stdout); event["error"] == nil || event["key"] != "a\x1bkey" || event["status"] != nil {
		t.Errorf("the event is %s", o.stdout)
	}
	o = invoke(t, env, strings.NewReader(""), "worklist", "video/raw", "-o", "table")
	if !strings.Contains(o.stdout, `unreadable  a\u001bkey`) {
		t.Errorf("the table is %s", o.stdout)
	}
	o = invoke(t, env, strings.NewReader(""), "status", "-o", "table")
	if !strings.Contains(o.stdout, "UNREADABLE") {
		t.Errorf("status says nothing of an event that cannot be read:\n%s", o.stdout)
	}
}

// TestTopicFault refuses to publish where a topic would lose records, and lists what is wrong.
func TestTopicFault(t *testing.T) {
	address := testBroker(t)
	env := []string{"FRESHLINE_BROKERS=" + address}
	deleted := "delete"
	_, err := kadm.NewClient(testClient(t, address)).CreateTopic(testContext(t), 1, 1, map[string]*string{"cleanup.policy": &deleted}, "freshline.sample.video.raw")
	if err != nil {
		t.Fatal(err)
	}
	graph := writeFile(t, "graph.yaml", videoGraph)
	for _, args := range [][]string{{"graph", "publish", graph, "--partitions", "1"}, {"topics", "create", "-f", graph}} {
		o := invoke(t, env, strings.NewReader(""), args...)
		if o.code != exitFailed || !strings.Contains(o.stderr, "freshline: topic freshline.sample.video.raw is cleaned with cleanup.policy=delete and should be compacted") {
			t.Errorf("%v: exit code %d: %s", args, o.code, o.stderr)
		}
	}
	if got := must(t, env, "", "graph", "list"); got != "" {
		t.Errorf("a graph was published: %s", got)
	}
}

// TestInterrupted ends commands that wait for input.
func TestInterrupted(t *testing.T) {
	env := []string{"FRESHLINE_BROKERS=" + testBroker(t)}
	must(t, env, "", "graph", "publish", writeFile(t, "graph.yaml", videoGraph), "--partitions", "1", "--sample-partitions", "1")
	for _, args := range [][]string{{"replay", "-"}, {"put", "video/raw"}} {
		t.Run(args[0], func(t *testing.T) {
			ctx, interrupt := contextWithInterrupt(t)
			in, feed := io.Pipe()
			defer feed.Close()
			go func() {
				_, _ = io.WriteString(feed, "\n") // is taken, and so the command waits for more
				interrupt()
			}()
			var stderr strings.Builder
			if code := run(ctx, args, in, io.Discard, &stderr, env); code != exitFailed || !strings.Contains(stderr.String(), "interrupted") {
				t.Errorf("exit code %d: %s", code, &stderr)
			}
		})
	}
}
