package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/schema"
	"github.com/freshline/freshline/stream"
)

// workEvent writes an event of video/chunk to a partition of its topic, as a processor does.
func workEvent(t *testing.T, client *kgo.Client, partition int32, key string, status graph.Status, failure string) (eventID string) {
	t.Helper()
	s := schema.Staleness{Feature: "video/chunk", Scope: graph.ScopeInput, Status: status, FeatureVersion: "7dc3712a", Children: &schema.ChildCounts{}}
	if strings.Contains(key, "chunk") {
		s.Scope, s.Children = graph.ScopeSample, nil
	}
	if failure != "" {
		s.Failure = &schema.FailureReport{Type: failure, Message: "m", Attempt: 1}
	}
	s.Key, s.EventID = key, fmt.Sprintf("%032x", len(key)*100+int(partition))
	value, err := s.Append(nil, schema.StalenessSchema().Frame())
	if err != nil {
		t.Fatal(err)
	}
	r := &kgo.Record{Topic: stream.DefaultNamespace.Staleness("video/chunk"), Partition: partition, Key: []byte(key), Value: value}
	if err := client.ProduceSync(testContext(t), r).FirstErr(); err != nil {
		t.Fatal(err)
	}
	return s.EventID
}

// failures returns what the failure topic holds: partition and key, then the failure.
func failures(t *testing.T, address string) (lines []string) {
	t.Helper()
	client, err := stream.Connect(testContext(t), stream.Cluster{Brokers: []string{address}}, kgo.ConsumeTopics(stream.DefaultNamespace.Failures()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	marks := 0
	for p := range int32(3) { // behind each mark there is nothing more
		r := &kgo.Record{Topic: stream.DefaultNamespace.Failures(), Partition: p, Key: []byte("mark")}
		writer, err := stream.Connect(testContext(t), stream.Cluster{Brokers: []string{address}}, kgo.RecordPartitioner(kgo.ManualPartitioner()))
		if err != nil {
			t.Fatal(err)
		}
		err = writer.ProduceSync(testContext(t), r).FirstErr()
		writer.Close()
		if err != nil {
			t.Fatal(err)
		}
		marks++
	}
	ends := map[int32]int64{}
	ctx := testContext(t)
	for len(ends) < marks {
		if ctx.Err() != nil {
			t.Fatal("the failure topic cannot be read to its end")
		}
		client.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			text := fmt.Sprintf("%d %s", r.Partition, r.Key)
			if string(r.Key) == "mark" {
				ends[r.Partition] = r.Offset
				return
			}
			if r.Value != nil {
				f, err := schema.DecodeFailure(r.Value)
				if err != nil {
					t.Fatal(err)
				}
				text += fmt.Sprintf(" %s %s %s %d", f.EventID, f.Type, f.Message, f.Attempt)
			}
			lines = append(lines, text)
		})
	}
	return lines
}

func TestFailAndRetry(t *testing.T) {
	address := testBroker(t)
	env := []string{"FRESHLINE_BROKERS=" + address}
	must(t, env, "", "graph", "publish", writeFile(t, "graph.yaml", videoGraph), "--partitions", "3", "--sample-partitions", "1")
	client, err := stream.Connect(testContext(t), stream.Cluster{Brokers: []string{address}}, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	of := func(id int64) int32 { return graph.Partition(graph.AppendTuple(nil, graph.Int(id)), 3) }
	first := workEvent(t, client, of(1), `{"video_id":1}`, graph.New, "")
	chunk := workEvent(t, client, of(1), `{"video_id":1,"video_chunk_id":"1_0"}`, graph.Stale, "")
	workEvent(t, client, of(2), `{"video_id":2}`, graph.Awaiting, "")
	workEvent(t, client, of(3), `{"video_id":3}`, graph.Failed, "DecodeError")
	workEvent(t, client, of(4), `{"video_id":4}`, graph.Failed, "Timeout")

	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"fail", "video/chunk"}, exitUsage, "needs a feature and a key"},
		{[]string{"fail", "video/chunk", `{"video_id":1}`}, exitUsage, "--type"},
		{[]string{"fail", "video/chunk", `{"video_id":1}`, "--type", "T", "--event-id", "12"}, exitUsage, "32 hexadecimal digits"},
		{[]string{"fail", "video/chunk", `{"video":1}`, "--type", "T"}, exitUsage, `write it as {"video_id":…,"video_chunk_id":…} or {"video_id":…} or {"video_chunk_id":…}`},
		{[]string{"fail", "video/chunk", `{"video_id":`, "--type", "T"}, exitUsage, "read the key"},
		{[]string{"fail", "video/none", `{"video_id":1}`, "--type", "T"}, exitFailed, "has no feature"},
		{[]string{"fail", "video/chunk", `{"video_id":2}`, "--type", "T"}, exitFailed, "has no work that could fail: it is AWAITING"},
		{[]string{"fail", "video/chunk", `{"video_id":3}`, "--type", "T"}, exitFailed, "has no work that could fail: it is FAILED"},
		{[]string{"fail", "video/chunk", `{"video_id":9}`, "--type", "T"}, exitFailed, "has no work that could fail: it is fresh"},
		{[]string{"fail", "video/chunk", `{"video_chunk_id":"9"}`, "--type", "T", "--event-id", first}, exitFailed, "the rest of its key is not known"},
		{[]string{"retry"}, exitUsage, "needs a feature"},
		{[]string{"retry", "video/chunk"}, exitUsage, "needs keys, --type, or --all"},
		{[]string{"retry", "video/chunk", `{"video_id":1}`, "--all"}, exitUsage, "leave one of the two out"},
		{[]string{"retry", "video/chunk", `{"video_id":1}`, `{"video_id":3}`}, exitFailed, `not FAILED: {"video_id":1} of video/chunk; nothing is taken back`},
		{[]string{"retry", "video/chunk", `{"video_id":3}`, "--type", "Timeout"}, exitFailed, "not FAILED with Timeout"},
	} {
		o := invoke(t, env, strings.NewReader(""), c.args...)
		if o.code != c.code || !strings.Contains(o.stderr, c.want) {
			t.Errorf("%v: exit code %d, %s, want %q", c.args, o.code, o.stderr, c.want)
		}
	}
	if got := failures(t, address); len(got) > 0 {
		t.Errorf("what was refused has written %q", got)
	}

	object := parseObject(t, must(t, env, "", "fail", "video/chunk", `{"video_id":1}`, "--type", "DecodeError", "--message", "no video"))
	if object["event_id"] != first || object["type"] != "DecodeError" || object["message"] != "no video" {
		t.Errorf("fail prints %v", object)
	}
	must(t, env, "", "fail", "video/chunk", `{"video_chunk_id": "1_0"}`, "--type", "A")
	must(t, env, "", "fail", "video/chunk", `{"video_chunk_id":"1_0","video_id":1}`, "--type", "B")
	other := strings.Repeat("ab", 16)
	if got := must(t, env, "", "fail", "video/chunk", `{"video_id":7}`, "--type", "C", "--event-id", other, "-o", "table"); got != `video/chunk {"video_id":7} has failed: C`+"\n" {
		t.Errorf("fail prints %s", got)
	}
	if got := must(t, env, "", "retry", "video/chunk", `{"video_id":3}`, "-o", "table"); got != "took back 1 failure of video/chunk\n" {
		t.Errorf("retry prints %s", got)
	}
	if got := parseObject(t, must(t, env, "", "retry", "video/chunk", "--all")); fmt.Sprint(got["retried"]) != "2" {
		t.Errorf("retry prints %v", got)
	}
	if got := parseObject(t, must(t, env, "", "retry", "video/chunk", "--type", "Timeout")); fmt.Sprint(got["retried"]) != "1" {
		t.Errorf("retry prints %v", got)
	}
	want := map[string]int{
		fmt.Sprintf(`%d video/chunk {"video_id":1} %s DecodeError no video 1`, of(1), first):      1,
		fmt.Sprintf(`%d video/chunk {"video_id":1,"video_chunk_id":"1_0"} %s A  1`, of(1), chunk): 1,
		fmt.Sprintf(`%d video/chunk {"video_id":1,"video_chunk_id":"1_0"} %s B  1`, of(1), chunk): 1,
		fmt.Sprintf(`%d video/chunk {"video_id":7} %s C  1`, of(7), other):                        1,
		fmt.Sprintf(`%d video/chunk {"video_id":3}`, of(3)):                                       2,
		fmt.Sprintf(`%d video/chunk {"video_id":4}`, of(4)):                                       2,
	}
	for _, line := range failures(t, address) {
		want[line]--
	}
	for line, n := range want {
		if n != 0 {
			t.Errorf("%q: %d times too few", line, n)
		}
	}
}
