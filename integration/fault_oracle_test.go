package integration_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/schema"
	"github.com/freshline/freshline/stream"
	"github.com/freshline/freshline/stream/engine"
	"github.com/freshline/freshline/stream/engine/enginetest"
)

// verdict is what a look at all topics has found.
type verdict struct {
	events    int // records of the staleness topics, tombstones among them
	keys      int // that are not fresh
	missing   int // keys of which nothing is said though they are not fresh
	wrong     int // keys of which something else is said than holds, and records that cannot be
	duplicate int // records that say what the one before said
	faults    []string
	story     []string // of events
	samples   []string // and what they follow from
}

func (v *verdict) fault(n *int, format string, args ...any) {
	*n++
	v.faults = append(v.faults, fmt.Sprintf(format, args...))
}

// compareAll reads all topics of a namespace where nothing is under way, and holds what is said of every key against
// what the oracle answers from the samples, the graphs and the failures (E5), every id against its work (E3), and every
// record against the one before it (E1).
func compareAll(ctx context.Context, t *testing.T, seeds []string, ns stream.Namespace, words *enginetest.Words) *verdict {
	t.Helper()
	said := verifyAt(ctx, t, seeds, ns)
	oracle, samples := feedOracle(ctx, t, seeds, ns)
	v := &verdict{events: said.records(), duplicate: said.again, wrong: len(said.faults) - said.again, faults: said.faults, story: said.story, samples: samples}
	got := map[enginetest.AnswerKey]map[string]any{}
	for _, story := range said.keys {
		if story.event != nil {
			got[enginetest.AnswerKey{Feature: story.feature, Key: story.key}] = story.event
		}
	}
	want := oracle.AnswersFailed(func(k enginetest.AnswerKey, _ *enginetest.Answer) *enginetest.Failure {
		// Whether a failure is of the present work its event id says, which is held against the work below.
		if f := oracle.Failures[k]; f != nil && got[k] != nil && got[k]["event_id"] == f.ID {
			return f
		}
		return nil
	})
	v.keys = len(want)
	for k, a := range want {
		event := got[k]
		if event == nil {
			v.fault(&v.missing, "missing: of %s %s is said that it is fresh; it is %s", k.Feature, k.Key, a.Content())
			continue
		}
		if content := contentOf(event, oracle.Newest().Feature(k.Feature)); content != a.Content() {
			v.fault(&v.wrong, "wrong: of %s %s is said\n   %s\nit is\n   %s", k.Feature, k.Key, content, a.Content())
			continue
		}
		if a.Status.Work() {
			if err := words.Check(k, a, &enginetest.Said{Content: a.Content(), EventID: fmt.Sprint(event["event_id"])}); err != nil {
				v.fault(&v.wrong, "wrong: %s %s: %v", k.Feature, k.Key, err)
			}
		}
	}
	for k, event := range got {
		if want[k] == nil {
			v.fault(&v.wrong, "wrong: %s %s is fresh, or no key at all; of it is said %v", k.Feature, k.Key, event)
		}
	}
	slices.Sort(v.faults)
	return v
}

// contentOf says what an event says in the words of enginetest.Answer.Content. Counts and inputs are not compared (E5).
func contentOf(event map[string]any, f *graph.Feature) string {
	a := enginetest.Answer{Version: fmt.Sprint(event["feature_version"]), Causes: textsOf(event["causes"]), Changed: textsOf(event["changed_fields"])}
	if event["scope"] == "SAMPLE" {
		a.Scope = graph.ScopeSample
	}
	for s := graph.New; s <= graph.Failed; s++ {
		if event["status"] == s.String() {
			a.Status = s
		}
	}
	if union, ok := event["expected"].(map[string]any); ok {
		expected, _ := union["freshline.Expected"].(map[string]any)
		fields, _ := expected["provenance_by_field"].(map[string]any)
		a.Expected = &enginetest.Expected{There: true}
		for _, field := range f.Fields {
			a.Expected.Text += fmt.Sprintf("%s=%v ", field.Key.StructName(), fields[field.Key.StructName()])
		}
		a.Expected.Text += fmt.Sprint(expected["provenance"])
	}
	if union, ok := event["failure"].(map[string]any); ok {
		report, _ := union["freshline.FailureReport"].(map[string]any)
		attempt, _ := report["attempt"].(int32)
		a.Failure = &enginetest.Failure{Attempt: int64(attempt), Kind: fmt.Sprint(report["type"]), Message: fmt.Sprint(report["message"])}
	}
	return a.Content()
}

func textsOf(value any) (texts []string) {
	list, _ := value.([]any)
	for _, v := range list {
		texts = append(texts, fmt.Sprint(v))
	}
	return texts
}

// feedOracle gives the oracle all that people, producers and workers have written. It reads it with goavro and a plain
// consumer, and returns it in lines, too.
func feedOracle(ctx context.Context, t *testing.T, seeds []string, ns stream.Namespace) (o *enginetest.Oracle, story []string) {
	t.Helper()
	cluster := stream.Cluster{Brokers: seeds}
	o = enginetest.NewOracle(graph.Defaults{Gate: graph.GateSettled})
	log, err := stream.OpenGraphLog(ctx, cluster, ns)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	pushes, err := log.ReadAll(ctx)
	if err != nil {
		t.Fatal(err)
	}
	features := map[string]graph.FeatureKey{}
	tell := func(r *kgo.Record, what any) {
		story = append(story, fmt.Sprintf("%s %s/%d@%d %s %v", r.Timestamp.UTC().Format("15:04:05.000"), r.Topic, r.Partition, r.Offset, r.Key, what))
	}
	for _, push := range pushes {
		if push.Err != nil {
			t.Fatal(push.Err)
		}
		o.Push(push.Graph)
		story = append(story, fmt.Sprintf("%s graph %d: %v", push.Time.UTC().Format("15:04:05.000"), push.Number, push.Graph.Versions()))
		for _, f := range push.Graph.Features {
			features[ns.Sample(f)] = f.Key
		}
	}
	schemas := stream.NewSchemaTail(cluster, ns)
	stop := inBackground(t, ctx, schemas.Run)
	defer stop()
	decoder := schema.NewDecoder(schemas, schema.Goavro{})
	readCommitted(ctx, t, seeds, ns.String()+".sample.", func(r *kgo.Record) {
		w := &engine.Write{Offset: r.Offset, Key: r.Key, Delete: r.Value == nil}
		if r.Value != nil {
			if w.Record, err = decoder.Decode(ctx, r.Value); err != nil {
				t.Fatalf("%s, partition %d, offset %d: %v", r.Topic, r.Partition, r.Offset, err)
			}
		}
		tell(r, sampleText(w.Record))
		if reason := o.Write(len(o.Graphs), features[r.Topic], r.Partition, w); reason != "" {
			t.Fatalf("%s, partition %d, offset %d is refused: %s", r.Topic, r.Partition, r.Offset, reason)
		}
	})
	readCommitted(ctx, t, seeds, ns.Failures(), func(r *kgo.Record) {
		feature, key, _ := strings.Cut(string(r.Key), " ")
		k := enginetest.AnswerKey{Feature: graph.FeatureKey(feature), Key: key}
		delete(o.Failures, k)
		tell(r, "")
		if r.Value == nil {
			return
		}
		f, err := schema.DecodeFailure(r.Value)
		if err != nil {
			t.Fatalf("%s, partition %d, offset %d: %v", r.Topic, r.Partition, r.Offset, err)
		}
		tell(r, f.EventID)
		o.Failures[k] = &enginetest.Failure{ID: f.EventID, Attempt: int64(f.Attempt), Kind: f.Type, Message: f.Message}
	})
	readCommitted(ctx, t, seeds, ns.DeadLetter(), func(r *kgo.Record) {
		t.Errorf("a dead letter, of %s: %v", r.Key, r.Headers)
	})
	return o, story
}

// sampleText is a sample in one line.
func sampleText(r *graph.Record) string {
	if r == nil {
		return "deleted"
	}
	var text strings.Builder
	for _, c := range r.Columns {
		fmt.Fprintf(&text, "%s=%.40v ", c.Name, c.Value)
	}
	fmt.Fprintf(&text, "version %v children %v provenance %v data %v", r.FeatureVersion, r.Children, r.Provenance.Entries, r.DataVersion.Entries)
	return text.String()
}
