package stream

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/schema"
)

// diamondGraph is one in which waves meet on the far side of a partition: a and b lie by their video, d by the
// day and e by the site, and both also read the root, whose news is there first.
const diamondGraph = `
features:
  - key: root
    id_columns: [video]
  - key: a
    id_columns: [video]
    deps: [root]
  - key: b
    id_columns: [clip]
    deps: [{feature: root, rename: {video: clip}}]
  - key: d
    id_columns: [day]
    deps:
      - {feature: a, lineage: {aggregation: [day]}}
      - {feature: b, lineage: {aggregation: [day]}}
      - {feature: root, lineage: {aggregation: [day]}}
  - key: e
    id_columns: [site]
    deps:
      - {feature: d, lineage: {aggregation: [site]}}
      - {feature: root, lineage: {aggregation: [site]}}
`

// diamond is a deployment of diamondGraph, of which every record of the staleness topics is heard. The test
// itself is the workers.
type diamond struct {
	t        *testing.T
	cluster  Cluster
	ns       Namespace
	graph    *graph.Graph
	producer *Producer
	failures *FailureLog
	sub      *Subscriber
	heard    map[string][]Event  // feature, a blank, record key → all that was said of it
	want     map[string][]string // and what should have been said, as expect has it

	mu      sync.Mutex // guards what follows
	slipped int
	slowest time.Duration // epoch
}

func newDiamond(t *testing.T) *diamond {
	t.Helper()
	d := &diamond{
		t: t, cluster: testBroker(t, "").Cluster(), ns: "diamond", graph: testGraph(t, diamondGraph),
		heard: map[string][]Event{}, want: map[string][]string{},
	}
	ctx := testContext(t)
	o := PublishOptions{Topics: TopicOptions{Partitions: 5, SamplePartitions: 3}}
	if _, err := Publish(ctx, d.cluster, d.ns, d.graph, o); err != nil {
		t.Fatal(err)
	}
	d.producer = openProducer(t, d.cluster, d.ns)
	var err error
	if d.failures, err = OpenFailureLog(ctx, d.cluster, d.ns); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.failures.Close)
	if d.sub, err = Subscribe(ctx, SubscriberOptions{Cluster: d.cluster, Namespace: d.ns}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.sub.Close)
	return d
}

// run starts a processor; without a directory its state is gone when it stops. Hold 0 is the default.
func (d *diamond) run(instance, dir string, hold time.Duration) (stop func()) {
	d.t.Helper()
	_, stop = d.start(instance, dir, hold)
	return stop
}

func (d *diamond) start(instance, dir string, hold time.Duration) (p *Processor, stop func()) {
	d.t.Helper()
	p, err := NewProcessor(ProcessorOptions{
		Cluster: d.cluster, Namespace: d.ns, StateDir: dir, InstanceID: instance, Hold: hold,
		Hooks: Hooks{OnEpoch: func(s EpochStats) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.slipped += s.Slipped
			d.slowest = max(d.slowest, s.Took)
		}},
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return p, runProcessor(d.t, p)
}

func dayOf(video int) string { return [...]string{"mon", "tue"}[video%2] }

func aKey(video int) string { return fmt.Sprintf(`a {"video":%d}`, video) }
func bKey(video int) string { return fmt.Sprintf(`b {"clip":%d}`, video) }
func dKey(video int) string { return fmt.Sprintf(`d {"day":%q}`, dayOf(video)) }

const eKey = `e {"site":"north"}`

// write writes videos, one after another, each by itself.
func (d *diamond) write(version string, videos ...int) {
	d.t.Helper()
	for _, video := range videos {
		err := d.producer.Put(testContext(d.t), "root", Sample{
			Columns:    map[string]any{"video": video, "day": dayOf(video), "site": "north"},
			Provenance: map[string]string{"default": fmt.Sprint(version, " of ", video)},
		})
		if err != nil {
			d.t.Fatal(err)
		}
	}
	if err := d.producer.Flush(testContext(d.t)); err != nil {
		d.t.Fatal(err)
	}
}

// newest is the last that was said of a key.
func (d *diamond) newest(key string) Event {
	d.t.Helper()
	list := d.heard[key]
	if len(list) == 0 {
		d.t.Fatalf("nothing was said of %s: %s", key, d.story())
	}
	return list[len(list)-1]
}

// answer does the work that a key was last offered.
func (d *diamond) answer(keys ...string) {
	d.t.Helper()
	for _, key := range keys {
		e := d.newest(key)
		if e.Staleness == nil || !e.Staleness.Status.Work() {
			d.t.Fatalf("%s is no work: %s", key, d.story())
		}
		names, values, err := graph.ParseKeyJSON(e.Key)
		if err != nil {
			d.t.Fatal(err)
		}
		columns := map[string]any{"site": "north"}
		for i, name := range names {
			columns[name] = values[i]
		}
		if e.Feature == "a" || e.Feature == "b" {
			video, _ := values[0].AsInt()
			columns["day"] = dayOf(int(video))
		}
		err = d.producer.Put(testContext(d.t), string(e.Feature), Sample{
			Columns: columns, Provenance: e.Staleness.Expected.ByField.Map(), FeatureVersion: &e.Staleness.FeatureVersion,
		})
		if err != nil {
			d.t.Fatal(err)
		}
	}
	if err := d.producer.Flush(testContext(d.t)); err != nil {
		d.t.Fatal(err)
	}
}

// fail says that the work of a key cannot be done.
func (d *diamond) fail(key string) {
	d.t.Helper()
	e := d.newest(key)
	err := d.failures.Fail(testContext(d.t), e.Partition, schema.Failure{
		Feature: e.Feature, Key: string(e.Key), EventID: e.Staleness.EventID,
		FailureReport: schema.FailureReport{Type: "DecodeError", Message: "no video", Attempt: 1},
	})
	if err != nil {
		d.t.Fatal(err)
	}
}

func statusOf(e Event) string {
	if e.Fresh() {
		return "FRESH"
	}
	return e.Staleness.Status.String()
}

// await hears until each key is as wanted: key, a blank, status.
func (d *diamond) await(status string, keys ...string) {
	d.t.Helper()
	for _, key := range keys {
		for len(d.heard[key]) == 0 || statusOf(d.newest(key)) != status {
			d.hear(fmt.Sprintf("%s is to be %s", key, status))
		}
	}
}

func (d *diamond) hear(what string) {
	d.t.Helper()
	events, err := d.sub.Poll(testContext(d.t))
	if err != nil {
		d.t.Fatalf("%s: %v; what was said: %s", what, err, d.story())
	}
	for _, e := range events {
		if e.Err != nil {
			d.t.Fatal(e.Err)
		}
		key := fmt.Sprintf("%s %s", e.Feature, e.Key)
		d.heard[key] = append(d.heard[key], e)
	}
}

// expect notes what is to be said of a key from now on, in so many records and no more. What is in brackets need not be.
func (d *diamond) expect(statuses string, keys ...string) {
	for _, key := range keys {
		d.want[key] = append(d.want[key], strings.Fields(statuses)...)
	}
}

// check waits until all is done, stops the processors, and compares every record there is with what was expected. What
// slipped is forgiven as often as it was counted.
func (d *diamond) check(stop ...func()) {
	d.t.Helper()
	if err := AwaitDrained(testContext(d.t), d.cluster, d.ns, d.graph); err != nil {
		d.t.Fatal(err)
	}
	for _, stop := range stop {
		stop()
	}
	heard := func() (n int) {
		for _, list := range d.heard {
			n += len(list)
		}
		return n
	}
	for ends := stalenessEnds(d.t, d.cluster, d.ns); heard() < ends; {
		d.hear("all records are to be heard")
	}
	forgiven := 0
	for _, key := range slices.Sorted(maps.Keys(d.heard)) {
		var got []string
		for _, e := range d.heard[key] {
			got = append(got, statusOf(e))
		}
		if wordsMatch(got, d.want[key]) {
			continue
		}
		rest := withoutSlips(got)
		forgiven += (len(got) - len(rest) + 1) / 2
		if !wordsMatch(rest, d.want[key]) || forgiven > d.slipped {
			d.t.Errorf("of %s it was said %v, want %v; %d keys slipped: %s", key, got, d.want[key], d.slipped, d.story())
		}
	}
	for key := range d.want {
		if d.heard[key] == nil {
			d.t.Errorf("nothing was said of %s: %s", key, d.story())
		}
	}
}

// wordsMatch compares words with wanted ones, of which those in brackets may be missing.
func wordsMatch(got, want []string) bool {
	var pattern, text strings.Builder
	for _, word := range want {
		if bare := strings.Trim(word, "()"); bare != word {
			pattern.WriteString("(" + bare + " )?")
		} else {
			pattern.WriteString(word + " ")
		}
	}
	for _, word := range got {
		text.WriteString(word + " ")
	}
	return regexp.MustCompile("^" + pattern.String() + "$").MatchString(text.String())
}

// withoutSlips takes out what was offered and then waited after all.
func withoutSlips(words []string) (rest []string) {
	for i, word := range words {
		slip := (word == "STALE" || word == "NEW") && i+1 < len(words) && words[i+1] == "AWAITING"
		again := word == "AWAITING" && len(rest) > 0 && rest[len(rest)-1] == "AWAITING"
		if !slip && !again {
			rest = append(rest, word)
		}
	}
	return rest
}

// story is all that was heard, in order.
func (d *diamond) story() string {
	var all []Event
	for _, list := range d.heard {
		all = append(all, list...)
	}
	slices.SortStableFunc(all, func(a, b Event) int { return a.Timestamp.Compare(b.Timestamp) })
	var b strings.Builder
	for _, e := range all {
		fmt.Fprintf(&b, "\n  %s %s %s/%d@%d %s", e.Timestamp.UTC().Format("15:04:05.000"), statusOf(e), e.Feature, e.Partition, e.Offset, e.Key)
	}
	return b.String()
}

// begin makes videos, at most one of each day, and does all the work, so that nothing is left.
func (d *diamond) begin(videos ...int) {
	d.t.Helper()
	d.write("v1", videos...)
	for _, video := range videos {
		d.await("NEW", aKey(video), bKey(video))
		d.answer(aKey(video), bKey(video))
	}
	for _, video := range videos {
		d.await("NEW", dKey(video))
		d.answer(dKey(video))
		d.expect("NEW FRESH", aKey(video), bKey(video))
		d.expect("(AWAITING) NEW FRESH", dKey(video))
	}
	// A day that is not there yet has no site, so the end of the diamond may be offered without it at first.
	d.await("NEW", eKey)
	for days := countDays(videos); len(d.newest(eKey).Staleness.Inputs) < len(videos)+days; {
		d.hear("all days are to be of the site")
	}
	d.await("NEW", eKey)
	d.answer(eKey)
	d.await("FRESH", eKey)
	d.expect("(AWAITING) (NEW) (AWAITING) NEW FRESH", eKey)
}

func countDays(videos []int) int {
	days := map[string]bool{}
	for _, video := range videos {
		days[dayOf(video)] = true
	}
	return len(days)
}

// partitionsOf returns in how many partitions keys lie.
func (d *diamond) partitionsOf(keys ...string) int {
	in := map[int32]bool{}
	for _, key := range keys {
		in[d.newest(key).Partition] = true
	}
	return len(in)
}

// noSlips checks that nothing was offered too early, where no epoch took so long that it may have been.
func (d *diamond) noSlips() {
	d.t.Helper()
	if d.slipped > 0 && d.slowest < minCommitInterval*2 {
		d.t.Errorf("%d keys slipped, the slowest epoch took %s", d.slipped, d.slowest)
	}
}
