package engine

import (
	"strings"
	"testing"

	"github.com/freshline/freshline/graph"
)

// steps is an engine with every task of one partition, in one long epoch.
type steps struct {
	t     *testing.T
	e     *Engine
	given int // rows resolved so far
}

const expansion = `{"features": [{"key": "v", "id_columns": ["a"], "fields": ["x"]}, {"key": "c", "id_columns": ["k"], "fields": ["x"],
	"deps": [{"feature": "v", "lineage": {"expansion": ["a"]}}]}]}`

func newSteps(t *testing.T, text string) *steps {
	t.Helper()
	s := &steps{t: t, e: newTestEngine(t, pushAll(t, text)[1], 1)}
	for _, f := range s.e.plan.Features {
		s.e.AddRouter(Source{Topic: localTopic(f)}, 0, 0, 1)
	}
	s.e.AddResolver(0)
	s.settle()
	return s
}

func (s *steps) write(topic string, w *Write) {
	s.t.Helper()
	route(s.t, s.e, Source{Topic: topic}, w)
}

func (s *steps) remove(topic, key string) {
	s.write(topic, &Write{Offset: 100, Key: []byte(key), Delete: true})
}

// settle works until nothing is left to do.
func (s *steps) settle() {
	s.t.Helper()
	for more := true; more; {
		for ; s.given < len(s.e.out.Rows); s.given++ {
			if err := s.e.Resolve(0, s.e.out.Rows[s.given].Key, s.e.out.Rows[s.given].Value); err != nil {
				s.t.Fatal(err)
			}
		}
		left, err := s.e.Work(1000)
		if err != nil {
			s.t.Fatal(err)
		}
		more = left || s.given < len(s.e.out.Rows)
	}
}

// told words the events of a key so far.
func (s *steps) told(feature graph.FeatureKey, key string) string {
	var texts []string
	for _, event := range s.e.out.Events {
		switch {
		case event.Feature != feature || string(event.Key) != key:
		case event.Body == nil:
			texts = append(texts, "FRESH")
		default:
			texts = append(texts, strings.Join(append([]string{event.Body.Judgement.Status.String()}, event.Body.Judgement.Causes.Texts()...), " "))
		}
	}
	return strings.Join(texts, ", ")
}

func (s *steps) want(feature graph.FeatureKey, key, want string) {
	s.t.Helper()
	if got := s.told(feature, key); got != want {
		s.t.Errorf("%s %s: %s, want %s", feature, key, got, want)
	}
}

// TestTwoKeysOfOneSample writes one sample under two record keys, as it looks to a process that has
// not read a graph of other id columns yet: there is one event, of the later write.
func TestTwoKeysOfOneSample(t *testing.T) {
	s := newSteps(t, expansion)
	s.write("v", testWrite(0, "v1", map[string]int64{"a": 1}, "x"))
	s.write("c", testWrite(0, "one", map[string]int64{"a": 1, "k": 2}, "x"))
	s.write("c", testWrite(1, "other", map[string]int64{"a": 1, "k": 2}, "x"))
	s.settle()
	s.write("v", testWrite(1, "v1", map[string]int64{"a": 1}, "x")) // all is visited again
	s.settle()
	s.remove("c", "one")
	s.remove("c", "other")
	s.settle()
	s.want("c", `{"a":1,"k":2}`, "STALE UPSTREAM_DATA, FRESH")
}

// TestFanOutPauses takes a child away while a fan-out over its siblings goes on key by key.
func TestFanOutPauses(t *testing.T) {
	s := newSteps(t, expansion)
	s.write("v", testWrite(0, "v1", map[string]int64{"a": 1}, "x"))
	for k := range int64(3) {
		s.write("c", testWrite(k, string(rune('0'+k)), map[string]int64{"a": 1, "k": k}, "x"))
	}
	s.settle()
	s.e.cfg.Inline = 1
	s.remove("c", "0")
	w := testWrite(1, "v1", map[string]int64{"a": 1}, "x")
	w.Record.Provenance.Entries[0].Value = graph.String("q")
	s.write("v", w)
	s.settle()
	s.want("c", `{"a":1,"k":0}`, "STALE UPSTREAM_DATA, FRESH")
	s.want("c", `{"a":1,"k":1}`, "STALE UPSTREAM_DATA, STALE UPSTREAM_DATA")
}

// TestGroupBecomesComplete judges every child when the group does, key by key too (S7).
func TestGroupBecomesComplete(t *testing.T) {
	s := newSteps(t, expansion)
	s.write("v", testWrite(0, "v1", map[string]int64{"a": 1}, "x"))
	for k := range int64(3) {
		s.write("c", testWrite(k, string(rune('0'+k)), map[string]int64{"a": 1, "k": k}, "x"))
	}
	s.settle()
	s.e.cfg.Inline = 1
	expected := ""
	for _, event := range s.e.out.Events {
		if event.Feature == "c" && event.Scope == graph.ScopeInput && event.Body != nil {
			expected = event.Body.Expected.Fields[0]
		}
	}
	group := testWrite(10, "group", map[string]int64{"a": 1}, "x")
	group.Record.Provenance.Entries[0].Value = graph.String(expected)
	group.Record.Children, group.Record.HasChildren = graph.Int(0), true
	s.write("c", group)
	s.settle()
	s.want("c", `{"a":1}`, "STALE UPSTREAM_DATA, FRESH")
	for _, key := range []string{`{"a":1,"k":0}`, `{"a":1,"k":1}`, `{"a":1,"k":2}`} {
		s.want("c", key, "STALE UPSTREAM_DATA, ORPHANED SUPERSEDED")
	}
}

// TestTooLarge refuses what could not be kept or produced (R7).
func TestTooLarge(t *testing.T) {
	s := newSteps(t, expansion)
	long := strings.Repeat("x", maxKey+1)
	for name, w := range map[string]*Write{
		"record key": testWrite(0, long, map[string]int64{"a": 1}, "x"),
		"key column": {Key: []byte("r"), Record: &graph.Record{
			Columns:    []graph.Column{{Name: "a", Value: graph.String(long)}},
			Provenance: graph.MapColumn{State: graph.MapPresent, Entries: []graph.Column{{Name: "x", Value: graph.String("p")}}},
		}},
		"provenance": {Key: []byte("r"), Record: &graph.Record{
			Columns:    []graph.Column{{Name: "a", Value: graph.Int(1)}},
			Provenance: graph.MapColumn{State: graph.MapPresent, Entries: []graph.Column{{Name: "x", Value: graph.String(strings.Repeat("p", maxTexts+1))}}},
		}},
		"row": {Key: []byte("r"), Record: &graph.Record{
			Columns:    []graph.Column{{Name: "a", Value: graph.Int(1)}, {Name: "b", Value: graph.String(strings.Repeat("b", DefaultMaxRow))}},
			Provenance: graph.MapColumn{State: graph.MapPresent, Entries: []graph.Column{{Name: "x", Value: graph.String("p")}}},
		}},
	} {
		rows := len(s.e.out.Rows)
		refusal, err := s.e.Route(Source{Topic: "v"}, w)
		if err != nil || refusal == nil || refusal.Reason != graph.TooLarge {
			t.Errorf("%s: %v, %v", name, refusal, err)
		}
		if len(s.e.out.Rows) != rows {
			t.Errorf("%s: a refused record was filed", name)
		}
	}
}
