package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream"
)

// putBytes writes a record to the sample topic of video/raw, as a producer that is not ours may.
func putBytes(t *testing.T, address, key string, value []byte) {
	t.Helper()
	record := &kgo.Record{Topic: "freshline.sample.video.raw", Key: []byte(key), Value: value, Headers: []kgo.RecordHeader{{Key: "a", Value: []byte("1")}, {Key: "b", Value: []byte{0xff}}}}
	if err := testClient(t, address).ProduceSync(testContext(t), record).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// TestDeadletter lists, shows and retries a record that came before the graph that it fits, and one that is older than another.
func TestDeadletter(t *testing.T) {
	address := testBroker(t)
	env := []string{"FRESHLINE_BROKERS=" + address}
	path := writeFile(t, "graph.yaml", videoGraph)
	must(t, env, "", "graph", "publish", path, "--partitions", "1", "--sample-partitions", "1")
	processor := start(t, env, "run", "--instance-id", "one", "--commit-interval", "20ms")
	processor.await(t, processor.stderr, "freshline is ready")
	drained := func() {
		t.Helper()
		g, err := graph.Parse([]byte(videoGraph), "graph.yaml")
		if err == nil {
			err = stream.AwaitDrained(testContext(t), stream.Cluster{Brokers: []string{address}}, "", g)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if got := must(t, env, "", "deadletter", "list", "-o", "table"); got != "no dead letters\n" {
		t.Errorf("at first: %s", got)
	}

	// One JSON, one of bytes, and one that decodes and has the version of a graph that is still to come.
	value := []byte("\x01no Avro\xff")
	putBytes(t, address, `{"video_id":1}`, []byte(`{"video_id":1}`))
	putBytes(t, address, "k\xff", value)
	next := writeFile(t, "next.yaml", strings.Replace(videoGraph, `"1"`, `"2"`, 1))
	writeAhead(t, address, next)
	drained()

	list := jsonLines(t, must(t, env, "", "deadletter", "list"))
	if len(list) != 3 || fmt.Sprint(list[2]["reason"]) != "UNKNOWN_VERSION" || list[2]["column"] != "metaxy_feature_version" {
		t.Fatalf("the list is %v", list)
	}
	if list[0]["origin"] != "freshline.sample.video.raw/0/0" || fmt.Sprint(list[0]["key"]) != "map[video_id:1]" || fmt.Sprint(list[1]["bytes"]) != "9" || list[1]["key"] != "k�" {
		t.Errorf("the list is %v", list)
	}
	origin := list[2]["origin"].(string)
	for args, want := range map[string]int{"": 3, "--reason bad_bytes": 2, "--reason BAD_ID,UNKNOWN_VERSION": 1, "--feature video/raw": 3, "--feature video/chunk": 0, "--since 1h": 3, "--limit 2": 2, "--limit 3": 3, "--all": 3} {
		got := invoke(t, env, strings.NewReader(""), append([]string{"deadletter", "list"}, strings.Fields(args)...)...)
		lines := jsonLines(t, got.stdout)
		if got.code != exitDone || len(lines) != want || len(lines) > 1 && args != "--reason bad_bytes" && lines[len(lines)-1]["origin"] != origin {
			t.Errorf("list %s: %v, want %d", args, lines, want)
		}
		if says := strings.Contains(got.stderr, "the newest 2 of 3 dead letters"); says != (args == "--limit 2") {
			t.Errorf("list %s: says %q", args, got.stderr)
		}
	}

	text := must(t, env, "", "deadletter", "show", "freshline.sample.video.raw/0/1", "-o", "text")
	for _, want := range []string{"key       0x6bff\n", "headers   a: 1\n          b: 0xff\n", "value     9 bytes, not decoded:", "|.no Avro.|"} {
		if !strings.Contains(text, want) {
			t.Errorf("show does not say %q:\n%s", want, text)
		}
	}
	if got := must(t, env, "", "deadletter", "show", fmt.Sprint(list[1]["dead_letter"].(map[string]any)["offset"]), "--raw"); got != string(value) {
		t.Errorf("the bytes are %q", got)
	}
	if got := must(t, env, "", "deadletter", "show", "0", "-o", "text"); !strings.Contains(got, "it is JSON and not Avro\n{\"video_id\":1}\n") {
		t.Errorf("JSON is shown as\n%s", got)
	}
	shown := parseObject(t, must(t, env, "", "deadletter", "show", origin))
	if record := fmt.Sprint(shown["record"]); !strings.Contains(record, "video_id:7") || !strings.Contains(record, "metaxy_provenance_by_field:map[audio:a frames:f]") {
		t.Errorf("the record is %s", record)
	}

	// With its graph it becomes a sample. What is shown of it is what put takes.
	must(t, env, "", "graph", "publish", next)
	if got := jsonLines(t, must(t, env, "", "deadletter", "retry", "--all", "--dry-run")); len(got) != 3 || got[0]["outcome"] != "would_retry" {
		t.Errorf("the dry run says %v", got)
	}
	if got := jsonLines(t, must(t, env, "", "deadletter", "retry", "--reason", "UNKNOWN_VERSION")); len(got) != 1 || got[0]["outcome"] != "retried" || fmt.Sprint(got[0]["copy"]) == "" {
		t.Errorf("retried: %v", got)
	}
	drained()
	if got := jsonLines(t, must(t, env, "", "status"))[0]; fmt.Sprint(got["samples"]) != "1" {
		t.Errorf("status: %v", got)
	}
	if got := must(t, env, "", "deadletter", "list", "--feature", "video/raw", "--reason", "UNKNOWN_VERSION", "-o", "table"); got != "no dead letters\n" {
		t.Errorf("after the retry: %s", got)
	}

	// A newer record keeps its place.
	must(t, env, `{"video_id":1,"metaxy_provenance_by_field":{"audio":"a","frames":"f"}}`, "put", "video/raw")
	o := invoke(t, env, strings.NewReader(""), "deadletter", "retry", "0", "nosuch/0/1", "-o", "table")
	if o.code != exitFailed || !strings.Contains(o.stdout, "refused") || !strings.Contains(o.stdout, "a newer record of its key is at offset") ||
		!strings.Contains(o.stderr, "not retried: 1 of 1; --force retries 1 of them") || !strings.Contains(o.stderr, "has no dead letter nosuch/0/1") {
		t.Errorf("exit code %d: %s%s", o.code, o.stdout, o.stderr)
	}
	o = invoke(t, env, strings.NewReader(""), "deadletter", "retry", origin)
	if o.code != exitFailed || !strings.Contains(o.stdout, "it was retried at") {
		t.Errorf("exit code %d: %s%s", o.code, o.stdout, o.stderr)
	}
}

// writeAhead writes the sample of video 7 with the version that video/raw has in a graph that is not in force.
func writeAhead(t *testing.T, address, path string) {
	t.Helper()
	other := testBroker(t)
	env := []string{"FRESHLINE_BROKERS=" + other}
	must(t, env, "", "graph", "publish", path, "--partitions", "1", "--sample-partitions", "1")
	must(t, env, `{"video_id":7,"metaxy_provenance_by_field":{"audio":"a","frames":"f"}}`, "put", "video/raw")
	copyTopic(t, other, address, "freshline.schemas")
	copyTopic(t, other, address, "freshline.sample.video.raw")
}

// copyTopic copies the only record of a topic to another broker.
func copyTopic(t *testing.T, from, to, topic string) {
	t.Helper()
	client, err := stream.Connect(testContext(t), stream.Cluster{Brokers: []string{from}}, kgo.ConsumeTopics(topic))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	records := client.PollFetches(testContext(t)).Records()
	if len(records) != 1 {
		t.Fatalf("topic %s has %d records, want 1", topic, len(records))
	}
	record := &kgo.Record{Topic: topic, Key: bytes.Clone(records[0].Key), Value: bytes.Clone(records[0].Value)}
	if err := testClient(t, to).ProduceSync(testContext(t), record).FirstErr(); err != nil {
		t.Fatal(err)
	}
}
