package integration_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/linkedin/goavro/v2"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/schema"
	"github.com/freshline/freshline/stream"
	"github.com/freshline/freshline/stream/walkthrough"
)

// verifier reads the staleness topics of a namespace from their beginnings, with a plain consumer and goavro: it
// shares with Freshline the text of the schema and nothing else. It wants of each key that every record says
// something else than the one before (E1), and counts.
type verifier struct {
	counts map[walkthrough.Kind]int // of records; of a tombstone without scope
	faults []string
	again  int      // of the faults: records that say what the one before said
	story  []string // all records, a line each

	codec *goavro.Codec
	keys  map[string]*keyStory // by topic and key
}

// keyStory is what the records of one key have said so far.
type keyStory struct {
	partition int32
	feature   graph.FeatureKey
	key       string
	said      string         // "" : fresh, or never heard of
	event     map[string]any // the last one; nil: fresh
	work      bool           // that is an offer of work
	offers    int
	taken     int // offers that became AWAITING
}

// verify reads everything that is committed now. What is still open is waited for.
func verify(ctx context.Context, t *testing.T, ns stream.Namespace) *verifier {
	t.Helper()
	return verifyAt(ctx, t, broker.Brokers(), ns)
}

// verifyAt is verify on some brokers.
func verifyAt(ctx context.Context, t *testing.T, seeds []string, ns stream.Namespace) *verifier {
	t.Helper()
	v := &verifier{counts: map[walkthrough.Kind]int{}, keys: map[string]*keyStory{}}
	var err error
	if v.codec, err = goavro.NewCodec(schema.StalenessSchema().Text()); err != nil {
		t.Fatal(err)
	}
	prefix := string(ns) + ".staleness."
	readCommitted(ctx, t, seeds, prefix, func(r *kgo.Record) {
		v.take(graph.FeatureKey(strings.ReplaceAll(strings.TrimPrefix(r.Topic, prefix), ".", "/")), r)
	})
	return v
}

// readCommitted reads all that the topics with a prefix hold now, with read_committed.
func readCommitted(ctx context.Context, t *testing.T, seeds []string, prefix string, take func(*kgo.Record)) {
	t.Helper()
	admin := kadm.NewClient(newClient(t, seeds))
	topics, err := admin.ListTopics(ctx)
	if err != nil {
		t.Fatal(err)
	}
	names := slices.DeleteFunc(topics.Names(), func(name string) bool { return !strings.HasPrefix(name, prefix) })
	ends, err := admin.ListEndOffsets(ctx, names...)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	todo := map[string]map[int32]int64{}
	start := map[string]map[int32]kgo.Offset{}
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset == 0 {
			return
		}
		if todo[o.Topic] == nil {
			todo[o.Topic], start[o.Topic] = map[int32]int64{}, map[int32]kgo.Offset{}
		}
		todo[o.Topic][o.Partition], start[o.Topic][o.Partition] = o.Offset, kgo.NewOffset().AtStart()
	})
	client := newClient(t, seeds, kgo.ConsumePartitions(start),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	defer client.Close()
	for len(todo) > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			t.Fatalf("read the topics %s*, %v is left: %v", prefix, todo, err)
		}
		fetches.EachError(func(topic string, p int32, err error) { t.Fatalf("read topic %s partition %d: %v", topic, p, err) })
		fetches.EachRecord(func(r *kgo.Record) {
			if !r.Attrs.IsControl() {
				take(r)
			}
			if r.Offset+1 >= todo[r.Topic][r.Partition] {
				if delete(todo[r.Topic], r.Partition); len(todo[r.Topic]) == 0 {
					delete(todo, r.Topic)
				}
			}
		})
	}
}

func (v *verifier) fault(r *kgo.Record, format string, args ...any) {
	v.faults = append(v.faults, fmt.Sprintf("%s, partition %d, offset %d, key %s: ", r.Topic, r.Partition, r.Offset, r.Key)+fmt.Sprintf(format, args...))
}

// take judges one record.
func (v *verifier) take(feature graph.FeatureKey, r *kgo.Record) {
	key := v.keys[r.Topic+string(r.Key)]
	if key == nil {
		key = &keyStory{partition: r.Partition, feature: feature, key: string(r.Key)}
		v.keys[r.Topic+string(r.Key)] = key
	}
	kind, said := walkthrough.Kind{Feature: feature}, ""
	var event map[string]any
	if r.Value != nil {
		var err error
		if event, err = v.decode(r.Value); err != nil {
			v.fault(r, "%v", err)
			return
		}
		kind, said = v.read(r, feature, event)
	}
	v.counts[kind]++
	v.story = append(v.story, fmt.Sprintf("%s %s/%d@%d %s %s", r.Timestamp.UTC().Format("15:04:05.000"), r.Topic, r.Partition, r.Offset, r.Key, said))
	switch {
	case key.partition != r.Partition:
		v.fault(r, "the key was in partition %d before", key.partition)
	case key.said == said && said == "":
		v.again++
		v.fault(r, "a tombstone of a key that is fresh")
	case key.said == said:
		v.again++
		v.fault(r, "says again what was said before: %s", said)
	}
	switch {
	case kind.Status.Work():
		key.offers++
	case key.work && kind.Status == graph.Awaiting:
		key.taken++
	}
	key.work, key.said, key.event = kind.Status.Work(), said, event
}

// decode reads a single object of Avro.
func (v *verifier) decode(value []byte) (map[string]any, error) {
	head := binary.LittleEndian.AppendUint64([]byte{0xC3, 0x01}, schema.StalenessSchema().Fingerprint())
	if !bytes.HasPrefix(value, head) {
		return nil, fmt.Errorf("begins with %x, want %x", value[:min(len(value), len(head))], head)
	}
	native, rest, err := v.codec.NativeFromBinary(value[len(head):])
	if err != nil {
		return nil, err
	}
	event, ok := native.(map[string]any)
	if !ok || len(rest) > 0 {
		return nil, fmt.Errorf("decodes as %T, and %d bytes are left", native, len(rest))
	}
	return event, nil
}

// read returns what an event is counted as, and what it says as far as E1 compares it.
func (v *verifier) read(r *kgo.Record, feature graph.FeatureKey, event map[string]any) (walkthrough.Kind, string) {
	kind := walkthrough.Kind{Feature: feature}
	if event["scope"] == "SAMPLE" {
		kind.Scope = graph.ScopeSample
	}
	for s := graph.New; s <= graph.Failed; s++ {
		if event["status"] == s.String() {
			kind.Status = s
		}
	}
	if event["key"] != string(r.Key) || event["feature"] != string(feature) || kind.Status == graph.Fresh {
		v.fault(r, "is of feature %v, key %v, status %v", event["feature"], event["key"], event["status"])
	}
	said := []any{event["scope"], event["status"], event["causes"], event["changed_fields"], event["feature_version"], event["expected"], event["failure"]}
	if kind.Status.Work() {
		said = append(said, event["event_id"])
	}
	return kind, fmt.Sprint(said...)
}

// check adds the differences between what there is and what a sum of steps should have come to.
func (v *verifier) check(want map[walkthrough.Kind]int, outstanding int) error {
	faults := slices.Clone(v.faults)
	if !maps.Equal(v.counts, want) {
		faults = append(faults, fmt.Sprintf("there are %v, want %v", v.counts, want))
	}
	open := 0
	for _, key := range v.keys {
		if key.said != "" {
			open++
		}
	}
	if open != outstanding {
		faults = append(faults, fmt.Sprintf("%d keys are outstanding, want %d", open, outstanding))
	}
	if len(faults) > 0 {
		return fmt.Errorf("the staleness topics:\n  %s", strings.Join(faults, "\n  "))
	}
	return nil
}

// records is how many records were read.
func (v *verifier) records() int { return len(v.story) }
