package stream

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/schema"
)

// deployment is a namespace on an embedded broker, for tests that look at it when all is done.
type deployment struct {
	t         *testing.T
	cluster   Cluster
	ns        Namespace
	graph     *graph.Graph
	client    *kgo.Client
	producer  *Producer
	instances int
}

func newDeployment(t *testing.T, text string) *deployment {
	t.Helper()
	d := &deployment{t: t, cluster: testBroker(t, "").Cluster(), ns: "lab"}
	d.graph = testGraph(t, text)
	testTopics(t, d.cluster, d.ns, d.graph)
	publishGraph(t, d.cluster, d.ns, text)
	client, err := Connect(testContext(t), d.cluster, kgo.ProducerLinger(0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	d.client, d.producer = client, openProducer(t, d.cluster, d.ns)
	return d
}

// run starts a processor; without a directory its state is gone when it stops.
func (d *deployment) run(dir string) (stop func()) {
	d.t.Helper()
	d.instances++
	return testProcessor(d.t, ProcessorOptions{Cluster: d.cluster, Namespace: d.ns, StateDir: dir, InstanceID: fmt.Sprint("instance-", d.instances)})
}

// work waits until all is read and returns the work list: feature, a blank, record key → event.
func (d *deployment) work() map[string]*schema.Staleness {
	d.t.Helper()
	if err := d.producer.Flush(testContext(d.t)); err != nil {
		d.t.Fatal(err)
	}
	if err := AwaitDrained(testContext(d.t), d.cluster, d.ns, d.graph); err != nil {
		d.t.Fatal(err)
	}
	list := map[string]*schema.Staleness{}
	for e, err := range Worklist(testContext(d.t), d.cluster, d.ns, nil) {
		if err != nil || e.Err != nil {
			d.t.Fatal(err, e.Err)
		}
		list[fmt.Sprintf("%s %s", e.Feature, e.Key)] = e.Staleness
	}
	return list
}

// expect waits until all is read and compares the work list: feature, a blank, record key → status and causes.
func (d *deployment) expect(what string, want map[string]string) map[string]*schema.Staleness {
	d.t.Helper()
	list := d.work()
	got := map[string]string{}
	for key, s := range list {
		got[key] = strings.Join(append([]string{s.Status.String()}, s.Causes...), " ")
	}
	if !maps.Equal(got, want) {
		d.t.Fatalf("%s: the work list is %v, want %v", what, got, want)
	}
	return list
}

// records counts the staleness records that there ever were.
func (d *deployment) records() int { return stalenessEnds(d.t, d.cluster, d.ns) }

func (d *deployment) produce(topic, key string, value []byte) {
	d.t.Helper()
	if err := produceOne(testContext(d.t), d.client, &kgo.Record{Topic: topic, Key: []byte(key), Value: value}); err != nil {
		d.t.Fatal(err)
	}
}

func failureBytes(t *testing.T, f schema.Failure) []byte {
	t.Helper()
	value, err := f.Append(nil, schema.FailureSchema().Frame())
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// fail says that the work of a chunk's event could not be done.
func (d *deployment) fail(s *schema.Staleness, eventID, message string) {
	d.t.Helper()
	d.produce(d.ns.Failures(), fmt.Sprintf("%s %s", s.Feature, s.Key), failureBytes(d.t, schema.Failure{
		Feature: s.Feature, Key: s.Key, EventID: eventID,
		FailureReport: schema.FailureReport{Type: "DecodeError", Message: message, Attempt: 3},
	}))
}

func (d *deployment) putChunk(s *schema.Staleness, video int, chunk string) {
	d.t.Helper()
	err := d.producer.Put(testContext(d.t), "video/chunk", Sample{
		Columns: map[string]any{"video_id": video, "chunk": chunk}, Provenance: s.Expected.ByField.Map(), FeatureVersion: &s.FeatureVersion,
	})
	if err != nil {
		d.t.Fatal(err)
	}
}

const firstChunks = `video/chunk {"video_id":1}`

// TestFailure goes through the life of a failure (S12).
func TestFailure(t *testing.T) {
	d := newDeployment(t, videoGraph)
	stop := d.run("")
	putVideo(t, d.producer, 1, "v1")
	work := d.expect("at first", map[string]string{firstChunks: "NEW"})[firstChunks]

	before := d.records()
	d.fail(work, "00112233445566778899aabbccddeeff", "of other work")
	d.expect("a failure of other work", map[string]string{firstChunks: "NEW"})
	if n := d.records(); n != before {
		t.Errorf("a failure of other work made %d events", n-before)
	}

	message := "frame 7 is broken: " + strings.Repeat("é", 100_000)
	d.fail(work, work.EventID, message)
	failed := d.expect("a failure", map[string]string{firstChunks: "FAILED"})[firstChunks]
	f := failed.Failure
	if f == nil || f.Type != "DecodeError" || f.Attempt != 3 || !strings.HasPrefix(message, f.Message) || len(f.Message) < 10_000 {
		t.Errorf("the event says of the failure %.200v", f)
	}
	if failed.EventID != work.EventID || !slices.Equal(failed.Expected.ByField, work.Expected.ByField) {
		t.Errorf("the event is not otherwise as it was: %+v", failed)
	}
	if o := failed.Origin; o == nil || o.Topic != d.ns.Failures() {
		t.Errorf("the event came of %+v", o)
	}
	counts, err := Counts(testContext(t), d.cluster, d.ns, nil, d.graph)
	if err != nil || counts[1].Failed != 1 || counts[1].New != 0 {
		t.Errorf("the counts are %+v, %v", counts, err)
	}

	stop()
	before = d.records()
	stop = d.run("")
	d.expect("after the state was lost", map[string]string{firstChunks: "FAILED"})
	if n := d.records(); n != before {
		t.Errorf("after the state was lost there are %d events more", n-before)
	}

	key := fmt.Sprintf("%s %s", work.Feature, work.Key)
	d.produce(d.ns.Failures(), key, nil)
	again := d.expect("a retry", map[string]string{firstChunks: "NEW"})[firstChunks]
	if again.EventID != work.EventID || again.Failure != nil || again.Origin.Topic != d.ns.Failures() {
		t.Errorf("a retry offers %+v", again)
	}

	d.fail(work, work.EventID, "again")
	d.expect("a second failure", map[string]string{firstChunks: "FAILED"})
	stop()
	putVideo(t, d.producer, 1, "v2")
	d.run("")
	other := d.expect("other work", map[string]string{firstChunks: "NEW"})[firstChunks]
	d.putChunk(other, 1, "a")
	d.expect("the worker has answered", map[string]string{})

	putVideo(t, d.producer, 1, "v1")
	chunk := `video/chunk {"video_id":1,"chunk":"a"}`
	work = d.expect("a change", map[string]string{firstChunks: "STALE UPSTREAM_DATA", chunk: "STALE UPSTREAM_DATA"})[chunk]
	d.fail(work, work.EventID, "the chunk")
	d.expect("a failure of a sample", map[string]string{firstChunks: "STALE UPSTREAM_DATA", chunk: "FAILED UPSTREAM_DATA"})
	d.putChunk(work, 1, "a")
	d.expect("the worker has answered", map[string]string{})
}

// TestBadFailures: what cannot be used changes nothing and is kept.
func TestBadFailures(t *testing.T) {
	d := newDeployment(t, videoGraph)
	d.run("")
	putVideo(t, d.producer, 1, "v1")
	s := d.expect("at first", map[string]string{firstChunks: "NEW"})[firstChunks]
	report := schema.FailureReport{Type: "T", Message: "m", Attempt: 1}
	good := failureBytes(t, schema.Failure{Feature: s.Feature, Key: s.Key, EventID: s.EventID, FailureReport: report})
	cases := []struct {
		key    string
		value  []byte
		reason graph.Reason
	}{
		{"video/chunk", good, graph.BadID},
		{"video//chunk {}", good, graph.BadID},
		{`video/chunk {"video_id":`, nil, graph.BadID},
		{`video/chunk {"video_id": 1}`, nil, graph.BadID}, // not as an event has it
		{`video/chunk {"chunk":1}`, nil, graph.BadID},
		{`video/chunk {"video_id":1.5}`, nil, graph.BadID},
		{`video/none {"video_id":1}`, nil, graph.UnknownFeature},
		{`video/chunk {"video_id":"` + strings.Repeat("x", 20_000) + `"}`, nil, graph.TooLarge},
		{firstChunks, []byte("no Avro"), graph.BadBytes},
		{firstChunks, good[:len(good)-1], graph.BadBytes},
		{firstChunks, append(slices.Clone(good), 0), graph.BadBytes},
		{`video/chunk {"video_id":2}`, good, graph.BadRow},
		{firstChunks, failureBytes(t, schema.Failure{Feature: "video/raw", Key: s.Key, EventID: s.EventID, FailureReport: report}), graph.BadRow},
		{firstChunks, failureBytes(t, schema.Failure{Feature: s.Feature, Key: s.Key, EventID: "mine", FailureReport: report}), graph.BadRow},
	}
	for _, c := range cases {
		d.produce(d.ns.Failures(), c.key, c.value)
	}
	d.expect("bad failures", map[string]string{firstChunks: "NEW"})
	letters := map[string]string{}
	err := readTopics(testContext(t), d.cluster, d.client, []string{d.ns.DeadLetter()}, func(r *kgo.Record) error {
		headers := map[string]string{}
		for _, h := range r.Headers {
			headers[h.Key] = string(h.Value)
		}
		if headers[headerTopic] != d.ns.Failures() {
			t.Errorf("a dead letter of %s", headers[headerTopic])
		}
		letters[headers[headerKey]+"\x00"+string(r.Value)] = headers[headerReason]
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		key := c.key[:min(len(c.key), maxDetail)]
		if got := letters[key+"\x00"+string(c.value)]; got != string(c.reason) {
			t.Errorf("%.100s %.20x: the reason is %q, want %s", c.key, c.value, got, c.reason)
		}
	}
	if len(letters) != len(cases) {
		t.Errorf("%d dead letters, want %d", len(letters), len(cases))
	}
}

// TestFailureAndGraphs: a failure and what takes it back also count for a feature that is not in the graph now.
func TestFailureAndGraphs(t *testing.T) {
	d := newDeployment(t, videoGraph)
	rootOnly := videoGraph[:strings.Index(videoGraph, "  - key: video/chunk")]
	d.run("")
	putVideo(t, d.producer, 1, "v1")
	work := d.expect("at first", map[string]string{firstChunks: "NEW"})[firstChunks]
	push := func(text string) {
		d.graph = testGraph(t, text)
		publishGraph(t, d.cluster, d.ns, text)
	}
	push(rootOnly)
	awaitWork(t, d.cluster, d.ns, 0)
	d.fail(work, work.EventID, "late")
	d.expect("a failure of a feature that has left", map[string]string{})
	push(videoGraph)
	awaitWork(t, d.cluster, d.ns, 1)
	d.expect("the feature is back", map[string]string{firstChunks: "FAILED"})
	push(rootOnly)
	awaitWork(t, d.cluster, d.ns, 0)
	d.produce(d.ns.Failures(), firstChunks, nil)
	d.expect("a retry", map[string]string{})
	push(videoGraph)
	awaitWork(t, d.cluster, d.ns, 1)
	d.expect("the feature is back again", map[string]string{firstChunks: "NEW"})
}
