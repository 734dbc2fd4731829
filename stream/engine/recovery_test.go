package engine

import (
	"errors"
	"testing"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/state"
)

// pushAll makes the history of graphs, one after another; histories[i] has the first i of them.
func pushAll(t *testing.T, texts ...string) (histories []*graph.History) {
	t.Helper()
	histories = append(histories, graph.NewHistory(graph.Defaults{}))
	for i, text := range texts {
		g, err := graph.Parse([]byte(text), "graph")
		if err != nil {
			t.Fatal(err)
		}
		next, err := histories[i].Push(int64(i+1), g)
		if err != nil {
			t.Fatal(err)
		}
		histories = append(histories, next)
	}
	return histories
}

// newTestEngine returns an engine in an epoch over a state of its own.
func newTestEngine(t *testing.T, h *graph.History, partitions int32) *Engine {
	t.Helper()
	reader, err := state.NewMemory().Reader()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = reader.Close() })
	e := New(Config{Partitions: partitions, Topic: localTopic})
	e.Push(h)
	e.Begin(state.NewOverlay(reader))
	return e
}

// testWrite is a write of ids and columns, all integers, without a version.
func testWrite(offset int64, key string, columns map[string]int64, fields ...string) *Write {
	rec := &graph.Record{Provenance: graph.MapColumn{State: graph.MapPresent}}
	for _, name := range []string{"a", "b", "k"} {
		if v, ok := columns[name]; ok {
			rec.Columns = append(rec.Columns, graph.Column{Name: name, Value: graph.Int(v)})
		}
	}
	for _, f := range fields {
		rec.Provenance.Entries = append(rec.Provenance.Entries, graph.Column{Name: f, Value: graph.String("p")})
	}
	return &Write{Offset: offset, Key: []byte(key), Record: rec}
}

func route(t *testing.T, e *Engine, source Source, w *Write) {
	t.Helper()
	if refusal, err := e.Route(source, w); refusal != nil || err != nil {
		t.Fatal(refusal, err)
	}
}

// TestRowOfNewerGraph reads a row whose graph's announcement compaction has taken.
func TestRowOfNewerGraph(t *testing.T) {
	h := pushAll(t,
		`{"features": [{"key": "v", "id_columns": ["a"], "fields": ["x"]}]}`,
		`{"features": [{"key": "v", "id_columns": ["a", "b"], "fields": ["x"]}]}`,
		`{"features": [{"key": "v", "id_columns": ["a", "b"], "fields": [{"key": "x", "code_version": "2"}]}]}`)
	source := Source{Topic: "v"}
	router := newTestEngine(t, h[2], 1)
	router.AddRouter(source, 0, 0, 1)
	route(t, router, source, testWrite(0, "r", map[string]int64{"a": 1, "b": 2}, "x"))
	var row Row
	for _, out := range router.Output().Rows {
		if out.Key[0] == recordOwn {
			row = out
		}
	}
	e := newTestEngine(t, h[1], 1)
	e.AddResolver(0)
	var need *NeedGraphError
	if err := e.Resolve(0, row.Key, row.Value); !errors.As(err, &need) {
		t.Fatalf("a row of an edge that is not known: %v", err)
	}
	e.Push(h[3])
	if err := e.Resolve(0, row.Key, row.Value); err != nil {
		t.Fatal(err)
	}
	if n := len(e.resolvers[0].jobs); n != 1 {
		t.Errorf("%d keys are touched", n)
	}
	// What no graph had is asked for once.
	k, _ := parseRowsKey(row.Key)
	k.edge = graph.EdgeName{1}
	if err := e.Resolve(0, k.append(nil), row.Value); !errors.As(err, &need) {
		t.Errorf("a row of a strange edge: %v", err)
	}
	if err := e.Resolve(0, k.append(nil), row.Value); err != nil {
		t.Errorf("the same again: %v", err)
	}
}

// TestRestoreMovedRow recovers a router from partitions of rows in either order: the row lies where
// it moved to.
func TestRestoreMovedRow(t *testing.T) {
	h := pushAll(t, `{"features": [{"key": "v", "id_columns": ["a"], "fields": ["x"]}, {"key": "c", "id_columns": ["k"], "fields": ["x"],
		"deps": [{"feature": "v", "lineage": {"expansion": ["a"]}}]}]}`)
	source := Source{Topic: "c"}
	e := newTestEngine(t, h[1], 8)
	e.AddRouter(source, 0, 0, 1)
	route(t, e, source, testWrite(0, "r", map[string]int64{"a": 1, "k": 5}, "x"))
	route(t, e, source, testWrite(1, "r", map[string]int64{"a": 2, "k": 5}, "x"))
	rows := e.Output().Rows
	want, had := e.filed(e.routers[source], []byte("r"))
	if !had {
		t.Fatal("nothing is filed")
	}
	for _, backwards := range []bool{false, true} {
		r := newTestEngine(t, h[1], 8)
		r.AddRouter(source, 2, 2, 1)
		for i := range int32(8) {
			q := i
			if backwards {
				q = 7 - i
			}
			for _, row := range rows {
				if row.Partition != q {
					continue
				}
				if err := r.RestoreFiled(row.Key, row.Value); err != nil {
					t.Fatal(err)
				}
			}
		}
		if got, _ := r.filed(r.routers[source], []byte("r")); string(got.append(nil)) != string(want.append(nil)) {
			t.Errorf("backwards %v: %+v, want %+v", backwards, got, want)
		}
	}
}

// TestRestoreEventTouches restores events of rows that have come and gone since the state was
// written, and of which compaction has left nothing but the tombstone; at once, and after the work
// has been put off.
func TestRestoreEventTouches(t *testing.T) {
	h := pushAll(t, `{"features": [{"key": "v", "id_columns": ["a"], "fields": ["x"]}, {"key": "c", "id_columns": ["k"], "fields": ["x"],
		"deps": [{"feature": "v", "lineage": {"expansion": ["a"]}}]}]}`)
	for _, c := range []struct {
		feature graph.FeatureKey
		key     string
		defers  bool
	}{
		{"v", `{"a":1}`, false}, {"v", `{"a":1}`, true},
		{"c", `{"a":1}`, false}, {"c", `{"a":1}`, true}, // of the parent
		{"c", `{"a":1,"k":2}`, false}, {"c", `{"a":1,"k":2}`, true},
	} {
		e := newTestEngine(t, h[1], 1)
		e.AddRouter(Source{Topic: "v"}, 0, 0, 1)
		e.AddRouter(Source{Topic: "c"}, 0, 0, 1)
		e.AddResolver(0)
		work := func() {
			if _, err := e.Work(100); err != nil {
				t.Fatal(err)
			}
		}
		work() // marks
		for _, row := range e.Output().Rows {
			if err := e.Resolve(0, row.Key, row.Value); err != nil {
				t.Fatal(err)
			}
		}
		work()
		if known, err := e.RestoreEvent(0, c.feature, []byte(c.key), 5); !known || err != nil {
			t.Fatal(known, err)
		}
		if c.defers {
			if err := e.Defer(); err != nil {
				t.Fatal(err)
			}
		}
		work()
		if events := e.Output().Events; len(events) != 1 || events[0].Digest != 0 || string(events[0].Key) != c.key {
			t.Errorf("%+v: %+v", c, events)
		}
	}
}
