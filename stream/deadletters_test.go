package stream

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/schema"
)

// testLetters is a namespace with a sample topic and no processor: the tests write dead letters themselves.
type testLetters struct {
	broker  *Embedded
	cluster Cluster
	ns      Namespace
	client  *kgo.Client
	topic   string
}

func newTestLetters(t *testing.T) *testLetters {
	t.Helper()
	broker := testBroker(t, "")
	l := &testLetters{broker: broker, cluster: broker.Cluster(), ns: "test"}
	g := testGraph(t, videoGraph)
	testTopics(t, l.cluster, l.ns, g)
	client, err := Connect(testContext(t), l.cluster, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	l.client, l.topic = client, l.ns.Sample(g.Features[0])
	return l
}

// write writes a record to partition 1 of the sample topic.
func (l *testLetters) write(t *testing.T, key, value string, headers ...kgo.RecordHeader) *kgo.Record {
	t.Helper()
	record := &kgo.Record{Topic: l.topic, Partition: 1, Key: []byte(key), Value: []byte(value), Headers: headers}
	if value == "" {
		record.Value = nil
	}
	l.produce(t, record)
	return record
}

func (l *testLetters) produce(t *testing.T, record *kgo.Record) {
	t.Helper()
	if err := l.client.ProduceSync(testContext(t), record).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// refuse writes the dead letter of a record.
func (l *testLetters) refuse(t *testing.T, record *kgo.Record) {
	t.Helper()
	l.produce(t, deadLetter(l.ns, record, &graph.Refusal{Reason: graph.BadProvenance, Column: "c", Detail: "d"}))
}

func (l *testLetters) list(t *testing.T, o DeadLetterOptions) []DeadLetter {
	t.Helper()
	var letters []DeadLetter
	for letter, err := range DeadLetters(testContext(t), l.cluster, l.ns, o) {
		if err != nil {
			t.Fatal(err)
		}
		letters = append(letters, letter)
	}
	return letters
}

// retry retries all that is open, and says what came of each record: its offset, and that of its copy or why not.
func (l *testLetters) retry(t *testing.T, o RetryOptions) []string {
	t.Helper()
	if o.Select == nil {
		o.Select = func(d DeadLetter) bool { return d.Retried == nil }
	}
	var came []string
	for r, err := range RetryDeadLetters(testContext(t), l.cluster, l.ns, o) {
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case r.Fault != nil:
			came = append(came, fmt.Sprintf("%d: %v", r.Origin.Offset, r.Fault))
		case r.Refused != "":
			came = append(came, fmt.Sprintf("%d: older=%t %s", r.Origin.Offset, r.Older, r.Refused))
		case r.Written:
			came = append(came, fmt.Sprintf("%d → %d", r.Origin.Offset, r.Copy))
		default:
			came = append(came, fmt.Sprintf("%d would be", r.Origin.Offset))
		}
	}
	return came
}

// samples reads partition 1 of the sample topic.
func (l *testLetters) samples(t *testing.T) []*kgo.Record {
	t.Helper()
	var records []*kgo.Record
	reader := logReader{Opts: l.cluster.options()}
	_, err := reader.readLogs(testContext(t), map[string]map[int32]int64{l.topic: {1: 0}}, func(r *kgo.Record) error {
		records = append(records, r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return records
}

func expectEach(t *testing.T, got []string, want ...string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	for i := range got {
		if !strings.Contains(got[i], want[i]) {
			t.Errorf("got %q, want %q", got[i], want[i])
		}
	}
}

// TestDeadLetterIsWhatWasRefused takes records apart that could be mistaken for others, and puts them together again.
func TestDeadLetterIsWhatWasRefused(t *testing.T) {
	l := newTestLetters(t)
	ours := kgo.RecordHeader{Key: headerColumn, Value: []byte("not ours")}
	large := bytes.Repeat([]byte("x"), maxLetter+1)
	for name, test := range map[string]struct {
		record kgo.Record
		cut    string
	}{
		"plain":            {record: kgo.Record{Key: []byte("k"), Value: []byte("v")}},
		"tombstone":        {record: kgo.Record{Key: []byte("k")}},
		"no bytes":         {record: kgo.Record{Key: []byte{}, Value: []byte{}}},
		"no key":           {record: kgo.Record{Value: []byte("v")}},
		"headers":          {record: kgo.Record{Key: []byte("k"), Value: []byte("v"), Headers: []kgo.RecordHeader{{Key: "a", Value: []byte("1")}, {Key: "a"}, {Key: "", Value: []byte{}}}}},
		"headers as ours":  {record: kgo.Record{Key: []byte("k"), Value: []byte("v"), Headers: []kgo.RecordHeader{ours, ours, {Key: headerTombstone}, {Key: headerRetried, Value: []byte("1")}}}},
		"large key":        {record: kgo.Record{Key: large[:maxLetterKey], Value: []byte("v")}},
		"too large key":    {record: kgo.Record{Key: large[:maxLetterKey+1], Value: []byte("v")}, cut: "of the 65537 bytes of its key the dead letter has 65536"},
		"large value":      {record: kgo.Record{Key: large[:maxLetterKey], Value: large[:maxLetter]}},
		"too large value":  {record: kgo.Record{Key: []byte("k"), Value: large}, cut: "of the 900001 bytes of its value the dead letter has 900000"},
		"too many headers": {record: kgo.Record{Key: []byte("k"), Value: large[:maxLetter-30], Headers: []kgo.RecordHeader{{Key: "a"}, {Key: "b"}}}, cut: "of its 2 headers the dead letter has 1"},
	} {
		t.Run(name, func(t *testing.T) {
			record := test.record
			record.Topic, record.Partition, record.Offset, record.Timestamp = l.topic, 1, 7, time.UnixMilli(1000)
			letter := deadLetter(l.ns, &record, &graph.Refusal{Reason: graph.BadID, Detail: strings.Repeat("d", maxDetail+1)})
			l.produce(t, letter)
			letters := l.list(t, DeadLetterOptions{From: letter.Offset})
			if len(letters) != 1 {
				t.Fatalf("%d dead letters, want 1", len(letters))
			}
			got := letters[0]
			if got.Err != nil || got.Reason != graph.BadID || got.Column != "" || len(got.Detail) != maxDetail || !got.Time.Equal(record.Timestamp) ||
				got.Origin != (Origin{l.topic, 1, 7}) || got.Offset != letter.Offset || got.Size != len(record.Value) || got.Cut != test.cut {
				t.Errorf("the dead letter is %.300v, want cut %q", got, test.cut)
			}
			if (got.Key == nil) != (record.Key == nil) || (got.Value == nil) != (record.Value == nil) {
				t.Errorf("no bytes and none are not told apart: key %t, value %t", got.Key == nil, got.Value == nil)
			}
			if test.cut == "" && (!bytes.Equal(got.Key, record.Key) || !bytes.Equal(got.Value, record.Value) || !sameHeaders(got.Headers, record.Headers)) {
				t.Errorf("the record is not as it was: %.300v", got)
			}
		})
	}
}

func sameHeaders(a, b []kgo.RecordHeader) bool {
	return slices.EqualFunc(a, b, func(a, b kgo.RecordHeader) bool { return a.Key == b.Key && bytes.Equal(a.Value, b.Value) })
}

// TestRetry has what is written again, and what is not since it would take the place of a newer record.
func TestRetry(t *testing.T) {
	l := newTestLetters(t)
	header := kgo.RecordHeader{Key: "a", Value: []byte("1")}
	l.refuse(t, l.write(t, "old", "bad", header)) // 0
	l.refuse(t, l.write(t, "alone", "bad", header))
	l.write(t, "old", "good")
	l.refuse(t, l.write(t, "twice", "first")) // 3
	l.refuse(t, l.write(t, "twice", "second"))
	l.refuse(t, l.write(t, "gone", "")) // a tombstone, 5
	l.refuse(t, l.write(t, "gone", "bad"))
	again := l.write(t, "again", "bad") // 7
	l.refuse(t, again)
	l.refuse(t, again)

	want := []string{"0: older=true a newer record of its key is at offset 2", "1 would be", "3 would be", "4 would be", "5 would be", "6 would be", "7 would be"}
	expectEach(t, l.retry(t, RetryOptions{DryRun: true}), want...)
	if n := len(l.samples(t)); n != 8 {
		t.Fatalf("a dry run has written: %d samples", n)
	}
	expectEach(t, l.retry(t, RetryOptions{}), want[0], "1 → 8", "3 → 9", "4 → 10", "5 → 11", "6 → 12", "7 → 13")
	samples := l.samples(t)
	for copied, original := range map[int]int{8: 1, 9: 3, 10: 4, 11: 5, 12: 6, 13: 7} {
		a, b := samples[copied], samples[original]
		if !bytes.Equal(a.Key, b.Key) || !bytes.Equal(a.Value, b.Value) || (a.Value == nil) != (b.Value == nil) || !sameHeaders(a.Headers, b.Headers) {
			t.Errorf("the copy %v is not %v", a, b)
		}
	}
	expectEach(t, l.retry(t, RetryOptions{}), want[0])
	expectEach(t, l.retry(t, RetryOptions{Select: func(d DeadLetter) bool { return d.Origin.Offset == 1 }}), "1: older=true it was retried at")
	expectEach(t, l.retry(t, RetryOptions{Force: true}), "0 → 14")
	for _, letter := range l.list(t, DeadLetterOptions{}) {
		if letter.Retried == nil {
			t.Errorf("%s was not retried", letter.Origin)
		}
	}
	expectEach(t, l.retry(t, RetryOptions{}))
}

// TestRetryOfACopy retries the older of two records after the newer one, and the newer after the older: what
// counts is when they were written first.
func TestRetryOfACopy(t *testing.T) {
	l := newTestLetters(t)
	for _, key := range []string{"a", "b"} {
		l.refuse(t, l.write(t, key, "first"))
		l.refuse(t, l.write(t, key, "second"))
	}
	only := func(offset int64) RetryOptions {
		return RetryOptions{Select: func(d DeadLetter) bool { return d.Origin.Offset == offset }}
	}
	expectEach(t, l.retry(t, only(0)), "0 → 4")
	expectEach(t, l.retry(t, only(1)), "1 → 5")
	expectEach(t, l.retry(t, only(3)), "3 → 6")
	expectEach(t, l.retry(t, only(2)), "2: older=true a newer record of its key is at offset 6")
}

// TestRetryOfWhatIsGone refuses what compaction has removed: a later record has superseded it, and may be gone as well.
func TestRetryOfWhatIsGone(t *testing.T) {
	l := newTestLetters(t)
	bad := l.write(t, "k", "bad")
	l.refuse(t, bad)
	l.write(t, "k", "")
	l.write(t, "other", "keeps what is before it from being the last batch")
	l.broker.Compact()
	if samples := l.samples(t); len(samples) > 0 && samples[0].Offset == bad.Offset {
		t.Fatal("nothing was compacted")
	}
	l.refuse(t, &kgo.Record{Topic: l.topic, Partition: 1, Offset: 1000, Key: []byte("k"), Value: []byte("of a topic that was longer")})
	l.refuse(t, &kgo.Record{Topic: l.topic, Partition: 1, Offset: 2, Key: []byte("other"), Value: []byte("not what lies there")})
	l.refuse(t, &kgo.Record{Topic: l.topic, Partition: 9, Key: []byte("k"), Value: []byte("v")})
	l.refuse(t, &kgo.Record{Topic: "nosuch", Key: []byte("k"), Value: []byte("v")})
	l.refuse(t, &kgo.Record{Topic: l.ns.Rows(), Key: []byte("k"), Value: []byte("v")})
	l.refuse(t, &kgo.Record{Topic: l.topic, Partition: 1, Offset: 2000, Value: bytes.Repeat([]byte("v"), maxLetter+1)})
	cannot := []string{"9: ", "topic test.sample.video.raw has no partition 9 any more", "topic nosuch is not there any more", "only the processor writes to topic test.rows.v1", "its producer has to write it again"}
	expectEach(t, l.retry(t, RetryOptions{}), "0: older=true a newer record of its key is at offset 1", "1000: older=true it is not in the log any more",
		"2: older=true it is not in the log any more", cannot[1], cannot[2], cannot[3], cannot[4])
	expectEach(t, l.retry(t, RetryOptions{Force: true, DryRun: true}), "0 would be", "1000 would be", "2 would be", cannot[1], cannot[2], cannot[3], cannot[4])
}

// TestRetryIsOvertaken finds the record that was written between the look and the copy.
func TestRetryIsOvertaken(t *testing.T) {
	s := newerSearch{letters: &letterLog{}}
	c, other := &candidate{ask: true}, &candidate{ask: true}
	s.add(Origin{"t", 0, 5}, []byte("k"), nil, c)
	s.add(Origin{"t", 0, 6}, []byte("k"), nil, other)
	record := func(offset int64, key string) { s.take(&kgo.Record{Topic: "t", Offset: offset, Key: []byte(key)}) }
	record(5, "k")
	record(6, "another")
	if !c.found || c.newer != 0 {
		t.Fatalf("found %t, newer %d", c.found, c.newer)
	}
	c.written, c.copy, other.written, other.copy = true, 10, true, 11
	record(8, "another")
	record(9, "k")
	record(10, "k")
	record(11, "k")
	record(12, "k")
	if c.covered != 9 || other.covered != 9 || c.newer != 0 {
		t.Errorf("covered %d and %d, want 9; newer %d", c.covered, other.covered, c.newer)
	}
}

// TestDeadLettersOptions reads from a time and from an offset on, and goes on behind what is no dead letter.
func TestDeadLettersOptions(t *testing.T) {
	l := newTestLetters(t)
	for letter, err := range DeadLetters(testContext(t), l.cluster, "nosuch", DeadLetterOptions{}) {
		if err == nil || !strings.Contains(err.Error(), "nosuch.deadletter") {
			t.Errorf("without the topic: %v, %v", letter, err)
		}
	}
	begin := time.Now().Add(-time.Hour)
	for i := range 4 {
		letter := deadLetter(l.ns, &kgo.Record{Topic: l.topic, Offset: int64(i)}, &graph.Refusal{Reason: graph.BadID})
		letter.Timestamp = begin.Add(time.Duration(i) * time.Minute)
		l.produce(t, letter)
	}
	l.produce(t, &kgo.Record{Topic: l.ns.DeadLetter(), Key: []byte("x"), Value: []byte("by somebody else")})
	l.produce(t, &kgo.Record{Topic: l.ns.DeadLetter(), Key: []byte("x"), Headers: []kgo.RecordHeader{{Key: headerRetried, Value: []byte("no number")}}})
	for name, test := range map[string]struct {
		o    DeadLetterOptions
		want string
	}{
		"all":          {DeadLetterOptions{}, "0 1 2 3 err err"},
		"since":        {DeadLetterOptions{Since: begin.Add(2 * time.Minute)}, "2 3 err err"},
		"since later":  {DeadLetterOptions{Since: time.Now().Add(time.Hour)}, ""},
		"from":         {DeadLetterOptions{From: 3}, "3 err err"},
		"from the end": {DeadLetterOptions{From: 100}, ""},
	} {
		var got []string
		for _, letter := range l.list(t, test.o) {
			if letter.Err != nil {
				got = append(got, "err")
			} else {
				got = append(got, fmt.Sprint(letter.Origin.Offset))
			}
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: got %v, want %s", name, got, test.want)
		}
	}
	for range DeadLetters(testContext(t), l.cluster, l.ns, DeadLetterOptions{}) {
		break // and all that was started ends
	}
}

// TestRetryGoesTheWholeWay refuses a record for want of its schema, and makes a sample of it when that is there.
func TestRetryGoesTheWholeWay(t *testing.T) {
	broker := testBroker(t, "")
	cluster, ns := broker.Cluster(), Namespace("test")
	g := testGraph(t, videoGraph)
	testTopics(t, cluster, ns, g)
	publishGraph(t, cluster, ns, videoGraph)
	testProcessor(t, ProcessorOptions{Cluster: cluster, Namespace: ns, InstanceID: "one"})
	l := &testLetters{broker: broker, cluster: cluster, ns: ns, topic: ns.Sample(g.Features[0])}

	sample := Sample{Columns: map[string]any{"video_id": 1}, Provenance: map[string]string{"audio": "a", "frames": "f"}}
	record, err := sample.record()
	if err != nil {
		t.Fatal(err)
	}
	var unpublished *schema.Schema
	encoder := schema.NewEncoder(func(_ context.Context, _ graph.FeatureKey, s *schema.Schema) (schema.Frame, error) {
		unpublished = s
		return s.Frame(), nil
	})
	value, err := encoder.Append(testContext(t), nil, "video/raw", record)
	if err != nil {
		t.Fatal(err)
	}
	client, err := Connect(testContext(t), cluster)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.ProduceSync(testContext(t), &kgo.Record{Topic: l.topic, Key: []byte("k"), Value: value}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	drained := func() {
		t.Helper()
		if err := AwaitDrained(testContext(t), cluster, ns, g); err != nil {
			t.Fatal(err)
		}
	}
	drained()
	letters := l.list(t, DeadLetterOptions{})
	if len(letters) != 1 || letters[0].Reason != graph.BadBytes || !bytes.Equal(letters[0].Value, value) {
		t.Fatalf("the dead letters are %v", letters)
	}
	// Too early: it is refused again, and that is another dead letter.
	expectEach(t, l.retry(t, RetryOptions{}), "0 → 1")
	drained()
	letters = l.list(t, DeadLetterOptions{})
	if len(letters) != 2 || letters[0].Retried == nil || letters[0].Retried.Offset != 1 || letters[1].Retried != nil || letters[1].Origin.Offset != 1 {
		t.Fatalf("the dead letters are %v", letters)
	}
	if err := publishSchema(testContext(t), client, ns, unpublished); err != nil {
		t.Fatal(err)
	}
	expectEach(t, l.retry(t, RetryOptions{}), "1 → ")
	if list := awaitWork(t, cluster, ns, 1); list[`video/chunk {"video_id":1}`] != "NEW" {
		t.Errorf("the work list is %v", list)
	}
	expectEach(t, l.retry(t, RetryOptions{}))
}

func TestParseOrigin(t *testing.T) {
	for text, want := range map[string]string{
		"a.b/0/17":                "",
		"a/2147483647/0":          "",
		"a/0":                     "is no place of a record",
		"a/b/0/1":                 "is no place of a record",
		"/0/1":                    "the topic is empty",
		"a b/0/1":                 "the topic has the character",
		"a/-1/1":                  `"-1" is no partition`,
		"a/2147483648/1":          `"2147483648" is no partition`,
		"a/0/x":                   `"x" is no offset`,
		"a/0/9223372036854775808": "is no offset",
	} {
		o, err := ParseOrigin(text)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
		if err == nil && o.String() != text {
			t.Errorf("%q: is read as %s", text, o)
		}
	}
}

// FuzzReadLetter reads records that anybody may have written to the dead-letter topic: what is read as a dead letter
// has a place, and what was made by us is read as it was made.
func FuzzReadLetter(f *testing.F) {
	f.Add("BAD_ID", "t", "1", "2", "3", "0", headerColumn, []byte("k"), []byte("v"))
	f.Add("", "t", "-1", "x", "", "99999999999999999999", headerRetried, []byte(nil), []byte(nil))
	f.Fuzz(func(t *testing.T, reason, topic, partition, offset, timestamp, headers, name string, key, value []byte) {
		record := &kgo.Record{Topic: "d", Key: key, Value: value}
		for _, h := range [][2]string{
			{headerReason, reason}, {headerTopic, topic}, {headerPartition, partition}, {headerOffset, offset},
			{headerTimestamp, timestamp}, {headerCut, offset}, {headerHeaders, headers}, {name, reason},
		} {
			record.Headers = append(record.Headers, kgo.RecordHeader{Key: h[0], Value: []byte(h[1])})
		}
		if letter := readLetter(record); letter.Err == nil {
			if again, err := ParseOrigin(letter.Origin.String()); err != nil || again != letter.Origin {
				t.Errorf("the origin %+v is no place: %v", letter.Origin, err)
			}
		}
		(&letterLog{topics: map[string]string{}}).mark(record)

		original := &kgo.Record{Topic: "t", Offset: 5, Key: key, Value: value, Headers: record.Headers}
		made := deadLetter("ns", original, &graph.Refusal{Reason: graph.BadID, Column: name, Detail: reason})
		letter := readLetter(made)
		if letter.Err != nil || letter.Origin.Offset != 5 || letter.Column != name || letter.Detail != reason || len(letter.Key) != len(key) || !sameHeaders(letter.Headers, original.Headers) {
			t.Errorf("read as %+v, %v", letter, letter.Err)
		}
	})
}
