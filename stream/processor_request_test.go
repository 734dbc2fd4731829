package stream

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/schema"
	"github.com/freshline/freshline/state"
)

func (d *deployment) invalidate(what Invalidation) Requested {
	d.t.Helper()
	if err := d.producer.Flush(testContext(d.t)); err != nil {
		d.t.Fatal(err)
	}
	r, err := Invalidate(testContext(d.t), d.cluster, d.ns, what)
	if err != nil {
		d.t.Fatal(err)
	}
	return r
}

// count is what a dry run says.
func (d *deployment) count(what Invalidation) InvalidationCounts {
	d.t.Helper()
	if err := d.producer.Flush(testContext(d.t)); err != nil {
		d.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(testContext(d.t))
	schemas := NewSchemaTail(d.cluster, d.ns)
	done := make(chan error, 1)
	go func() { done <- schemas.Run(ctx) }()
	counts, err := CountInvalidation(ctx, d.cluster, d.ns, schemas, what)
	cancel()
	if runErr := <-done; err != nil || runErr != nil {
		d.t.Fatal(err, runErr)
	}
	return counts
}

func videoKey(id int) string { return fmt.Sprintf(`video/raw {"video_id":%d}`, id) }

// TestInvalidateRoot: rows of a root are asked for by a filter; the mark goes when they are written again.
func TestInvalidateRoot(t *testing.T) {
	d := newDeployment(t, videoGraph[:strings.Index(videoGraph, "  - key: video/chunk")])
	stop := d.run("")
	for id := range 10 {
		putVideo(t, d.producer, id, "v1")
	}
	d.expect("at first", map[string]string{})
	some := Invalidation{Feature: "video/raw", Where: "video_id >= 3 AND path != 'video4.mp4'", IDs: []map[string]any{
		{"video_id": 1}, {"video_id": 3}, {"video_id": 4}, {"video_id": 5}, {"video_id": 77},
	}}
	if counts := d.count(some); counts != (InvalidationCounts{Samples: 2}) {
		t.Errorf("the dry run counts %+v, want 2 samples", counts)
	}
	if r := d.invalidate(some); len(r.ID) != 32 || r.Topic != "lab.sample.video.raw" || len(r.Bounds) != 2 {
		t.Errorf("the request is %+v", r)
	}
	want := map[string]string{videoKey(3): "STALE REQUESTED", videoKey(5): "STALE REQUESTED"}
	for _, s := range d.expect("a request", want) {
		if len(s.ChangedFields) != 2 || s.Expected != nil {
			t.Errorf("the event is %+v, want all fields and no expectation (S5, S8)", s)
		}
	}

	stop()
	before := d.records()
	stop = d.run("")
	d.expect("after the state was lost", want)
	if n := d.records(); n != before {
		t.Errorf("after the state was lost there are %d events more", n-before)
	}

	putVideo(t, d.producer, 3, "v1")
	delete(want, videoKey(3))
	d.expect("one is written again", want)
	stop()
	d.run("")
	d.expect("after the state was lost again", want)

	if err := d.producer.Delete(testContext(t), "video/raw", map[string]any{"video_id": 5}); err != nil {
		t.Fatal(err)
	}
	d.expect("the other one is deleted", map[string]string{})
	putVideo(t, d.producer, 5, "v1")
	d.expect("and is written again", map[string]string{})

	d.invalidate(Invalidation{Feature: "video/raw"})
	if n := len(d.work()); n != 10 {
		t.Errorf("a request without a filter marks %d of 10", n)
	}
	d.awaitTidy()
}

// awaitTidy waits until the requests that are done are taken back.
func (d *deployment) awaitTidy() {
	d.t.Helper()
	ctx := testContext(d.t)
	for {
		list := newRequestList()
		err := readTopics(ctx, d.cluster, d.client, []string{d.ns.Requests()}, func(r *kgo.Record) error { return list.add(r) })
		if err != nil {
			d.t.Fatalf("waiting until the requests are gone: %v", err)
		}
		if len(list.open) == 0 {
			return
		}
	}
}

// TestInvalidateExpansion: the children of a parent, and their group record, are asked for by the parent's id.
func TestInvalidateExpansion(t *testing.T) {
	d := newDeployment(t, videoGraph)
	d.run("")
	var work map[string]*schema.Staleness
	for id := range 2 {
		putVideo(t, d.producer, id, "v1")
	}
	work = d.expect("at first", map[string]string{`video/chunk {"video_id":0}`: "NEW", `video/chunk {"video_id":1}`: "NEW"})
	for id := range 2 {
		s := work[fmt.Sprintf(`video/chunk {"video_id":%d}`, id)]
		for _, chunk := range []string{"a", "b"} {
			d.putChunk(s, id, chunk)
		}
	}
	d.expect("the chunks are there", map[string]string{})
	of := Invalidation{Feature: "video/chunk", IDs: []map[string]any{{"video_id": 1}}}
	if counts := d.count(of); counts != (InvalidationCounts{Samples: 2}) {
		t.Errorf("the dry run counts %+v, want 2 samples", counts)
	}
	d.invalidate(of)
	work = d.expect("all chunks of a video", map[string]string{
		firstChunks: "STALE REQUESTED", `video/chunk {"video_id":1,"chunk":"a"}`: "STALE REQUESTED", `video/chunk {"video_id":1,"chunk":"b"}`: "STALE REQUESTED",
	})
	d.putChunk(work[firstChunks], 1, "a")
	d.expect("one is made again", map[string]string{firstChunks: "STALE REQUESTED", `video/chunk {"video_id":1,"chunk":"b"}`: "STALE REQUESTED"})
	d.putChunk(work[firstChunks], 1, "b")
	d.expect("the other one too", map[string]string{})
	d.invalidate(Invalidation{Feature: "video/chunk", IDs: []map[string]any{{"video_id": 0, "chunk": "b"}}})
	d.expect("one chunk", map[string]string{`video/chunk {"video_id":0}`: "STALE REQUESTED", `video/chunk {"video_id":0,"chunk":"b"}`: "STALE REQUESTED"})
}

// TestInvalidateWhileNobodyRuns: what was there when the request was made is marked, and what is written after it
// is not, in whatever order they are read.
func TestInvalidateWhileNobodyRuns(t *testing.T) {
	root := videoGraph[:strings.Index(videoGraph, "  - key: video/chunk")]
	d := newDeployment(t, root)
	for id := range 6 {
		putVideo(t, d.producer, id, "v1")
	}
	d.invalidate(Invalidation{Feature: "video/raw", Where: "video_id < 4"})
	putVideo(t, d.producer, 0, "v2")
	putVideo(t, d.producer, 9, "v1")
	if err := d.producer.Flush(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if n, err := OpenRequests(testContext(t), d.cluster, d.ns, d.graph); n != 1 || err != nil {
		t.Errorf("%d requests are open, %v", n, err)
	}
	dir := t.TempDir()
	stop := d.run(dir)
	want := map[string]string{videoKey(1): "STALE REQUESTED", videoKey(2): "STALE REQUESTED", videoKey(3): "STALE REQUESTED"}
	d.expect("the first processor", want)
	if n, err := OpenRequests(testContext(t), d.cluster, d.ns, d.graph); n != 0 || err != nil {
		t.Errorf("%d requests are open, %v", n, err)
	}
	stop()

	// The feature leaves before the request is done: it waits for it to return (G6).
	d.invalidate(Invalidation{Feature: "video/raw", IDs: []map[string]any{{"video_id": 9}}})
	other := strings.ReplaceAll(root, "video/raw", "audio/raw")
	publishGraph(t, d.cluster, d.ns, other)
	stop = d.run(dir)
	awaitWork(t, d.cluster, d.ns, 0)
	publishGraph(t, d.cluster, d.ns, root)
	want[videoKey(9)] = "STALE REQUESTED"
	awaitWork(t, d.cluster, d.ns, len(want))
	d.expect("the feature is back", want)
	before := d.records()
	stop()
	d.run("")
	d.expect("after the state was lost", want)
	if n := d.records(); n != before {
		t.Errorf("after the state was lost there are %d events more", n-before)
	}
}

// TestRequestsWithoutSense: what is no request is passed over, and one with a bound that no log ever had
// holds up nothing.
func TestRequestsWithoutSense(t *testing.T) {
	d := newDeployment(t, videoGraph[:strings.Index(videoGraph, "  - key: video/chunk")])
	for id := range 3 {
		putVideo(t, d.producer, id, "v1")
	}
	topic := d.ns.Requests()
	d.produce(topic, "no-json", []byte("{"))
	d.produce(topic, "no-filter", []byte(`{"feature":"video/raw","topic":"lab.sample.video.raw","where":"(","bounds":{"0":9}}`))
	d.produce(topic, "unknown", []byte(`{"feature":"video/raw","topic":"lab.sample.video.raw","limit":1,"bounds":{"0":9}}`))
	d.produce(topic, "partition", []byte(`{"feature":"video/raw","topic":"lab.sample.video.raw","bounds":{"-1":9}}`))
	d.produce(topic, "done x", []byte(`{"next":7}`))
	d.produce(topic, "elsewhere", []byte(`{"feature":"video/none","topic":"lab.sample.video.raw","bounds":{"0":1,"1":1}}`))
	d.produce(topic, "beyond", []byte(`{"feature":"video/raw","topic":"lab.sample.video.raw","where":"video_id = 2","bounds":{"0":1000000,"1":1000000}}`))
	d.run("")
	d.expect("nonsense", map[string]string{videoKey(2): "STALE REQUESTED"})
	d.invalidate(Invalidation{Feature: "video/raw", Where: "video_id = 1"})
	d.expect("a request after it", map[string]string{videoKey(1): "STALE REQUESTED", videoKey(2): "STALE REQUESTED"})
}

// TestInvalidateRefused: what cannot be meant is refused, and says where.
func TestInvalidateRefused(t *testing.T) {
	d := newDeployment(t, videoGraph)
	for _, c := range []struct {
		what Invalidation
		want string
	}{
		{Invalidation{Feature: "video/none"}, `has no feature "video/none"`},
		{Invalidation{Feature: "video/raw", Where: "video_id ="}, "column 11"},
		{Invalidation{Feature: "video/raw", Where: "metaxy_provenance = 'a'"}, "system column"},
		{Invalidation{Feature: "video/raw", IDs: []map[string]any{{}}}, "no id column"},
		{Invalidation{Feature: "video/raw", IDs: []map[string]any{{"path": "a"}}}, `"path" is no id column of video/raw, which has video_id`},
		{Invalidation{Feature: "video/raw", IDs: []map[string]any{{"video_id": 1.5}}}, "is no id"},
		{Invalidation{Feature: "video/raw", IDs: []map[string]any{{"video_id": nil}}}, "is no id"},
		{Invalidation{Feature: "video/raw", IDs: make([]map[string]any, MaxRequestIDs+1)}, "are the limit"},
	} {
		if _, err := Invalidate(testContext(t), d.cluster, d.ns, c.what); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.100v: the error is %v, want %q", c.what, err, c.want)
		}
	}
}

// TestRequestThatTheStateDoesNotHave: the marks of an epoch that was committed and that the state then refuses
// are read from rows.
func TestRequestThatTheStateDoesNotHave(t *testing.T) {
	d := newDeployment(t, videoGraph[:strings.Index(videoGraph, "  - key: video/chunk")])
	store := &refusingStore{Store: state.NewMemory()}
	p, err := NewProcessor(ProcessorOptions{Cluster: d.cluster, Namespace: d.ns, InstanceID: "one"})
	if err != nil {
		t.Fatal(err)
	}
	p.testStore = store
	runProcessor(t, p)
	const videos = 200
	for id := range videos {
		putVideo(t, d.producer, id, "v1")
	}
	d.expect("at first", map[string]string{})
	store.refuse.Store(true)
	d.invalidate(Invalidation{Feature: "video/raw"})
	if n := len(d.work()); n != videos {
		t.Errorf("%d of %d are marked", n, videos)
	}
	if store.refuse.Load() {
		t.Error("no epoch was refused")
	}
	if n := d.records(); n != videos {
		t.Errorf("%d events, want %d", n, videos)
	}
}

// TestRequestsOfTwoProcessors: each marks what it has the partitions of.
func TestRequestsOfTwoProcessors(t *testing.T) {
	d := newDeployment(t, videoGraph[:strings.Index(videoGraph, "  - key: video/chunk")])
	stop := d.run("")
	d.run("")
	for id := range 20 {
		putVideo(t, d.producer, id, "v1")
	}
	for n := range 3 {
		d.invalidate(Invalidation{Feature: "video/raw", Where: fmt.Sprintf("video_id < %d", 5*(n+1))})
	}
	if n := len(d.work()); n != 15 {
		t.Errorf("%d are marked, want 15", n)
	}
	stop()
	d.invalidate(Invalidation{Feature: "video/raw"})
	if n := len(d.work()); n != 20 {
		t.Errorf("%d are marked, want 20", n)
	}
	d.awaitTidy()
}
