package engine

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/freshline/freshline/graph"
)

// Features of TestEventIDOfTheSameWork, each as it is in the first graph.
const (
	workVideo = `{"key": "v", "id_columns": ["a", "b"], "fields": ["x", "y"]}`
	workMark  = `{"key": "m", "id_columns": ["k", "a"], "fields": ["x"]}`
	workChunk = `{"key": "c", "id_columns": ["k", "l"], "fields": ["x"], "deps": [{"feature": "v", "lineage": {"expansion": ["a", "b"]}}]}`
	workSum   = `{"key": "d", "id_columns": ["a", "b"], "fields": ["x", "z"], "deps": [{"feature": "v"}, {"feature": "m", "lineage": {"aggregation": ["a", "b"]}}]}`
)

// writeWork writes two rows of a parent's group, a parent and one of its children, which is stale.
func writeWork(t *testing.T, l *Local) {
	t.Helper()
	write := func(feature graph.FeatureKey, offset int64, columns map[string]any) {
		t.Helper()
		rec := &graph.Record{Provenance: graph.MapColumn{State: graph.MapPresent}}
		for _, name := range slices.Sorted(maps.Keys(columns)) {
			value := graph.Null()
			switch v := columns[name].(type) {
			case int:
				value = graph.Int(int64(v))
			case string:
				value = graph.String(v)
			}
			rec.Columns = append(rec.Columns, graph.Column{Name: name, Value: value})
		}
		for _, field := range []string{"x", "y", "z"} {
			rec.Provenance.Entries = append(rec.Provenance.Entries, graph.Column{Name: field, Value: graph.String("p")})
		}
		refusal, err := l.Route(feature, &Write{Offset: offset, Key: fmt.Append(nil, offset), Record: rec})
		if refusal != nil || err != nil {
			t.Fatal(refusal, err)
		}
	}
	write("v", 3, map[string]any{"a": 1, "b": "1", "n": "name", "o": nil})
	write("c", 4, map[string]any{"a": 1, "b": "1", "k": 5, "l": 6, "n": "child"})
	write("m", 5, map[string]any{"a": 1, "b": "1", "k": 7, "n": "first"})
	write("m", 6, map[string]any{"a": 1, "b": "1", "k": 8, "n": "second"})
}

// workIDs returns the ids of all work after graphs were pushed one after another, the rows coming before the last:
// by feature, and key with its columns sorted.
func workIDs(t *testing.T, graphs ...string) map[string]string {
	t.Helper()
	l := NewLocal(graph.Defaults{})
	open := map[string]Event{}
	for i, text := range graphs {
		g, err := graph.Parse([]byte(`{"features": [`+text+`]}`), "graph.json")
		if err == nil {
			err = l.Push(int64(i), g)
		}
		if err != nil {
			t.Fatal(err)
		}
		if i == max(0, len(graphs)-2) {
			writeWork(t, l)
		}
		err = l.Settle(func(e *Event) {
			key := fmt.Sprint(e.Feature, string(e.Key))
			if open[key] = *e; e.Body == nil {
				delete(open, key)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	ids := map[string]string{}
	for _, e := range open {
		names, values, err := graph.ParseKeyJSON(e.Key)
		if err != nil {
			t.Fatal(err)
		}
		key := map[string]graph.Value{}
		for i, name := range names {
			key[name] = values[i]
		}
		if e.Body.Judgement.Status.Work() {
			ids[fmt.Sprintf("%s %s %v", e.Feature, e.Body.Judgement.Status, key)] = e.Body.EventID
		}
	}
	return ids
}

// TestEventIDOfTheSameWork pushes graphs under which the work is the same, however it is laid out, and graphs
// under which it is not (E3).
func TestEventIDOfTheSameWork(t *testing.T) {
	graphOf := func(v, m, c, d string) string { return v + "," + m + "," + c + "," + d }
	first := graphOf(workVideo, workMark, workChunk, workSum)
	want := workIDs(t, first)
	if len(want) != 3 {
		t.Fatalf("the work is %v, want that of c (INPUT and a child) and of d", want)
	}
	sum := func(deps string) string {
		return graphOf(workVideo, workMark, workChunk, `{"key": "d", "id_columns": ["a", "b"], "fields": ["x", "z"], "deps": [`+deps+`]}`)
	}
	const marks = `{"feature": "m", "lineage": {"aggregation": ["a", "b"]}}`
	for name, test := range map[string]struct {
		graph string
		other []string // features whose work is another
	}{
		"the ids of all in another order": {graph: graphOf(
			`{"key": "v", "id_columns": ["b", "a"], "fields": ["x", "y"]}`, `{"key": "m", "id_columns": ["a", "k"], "fields": ["x"]}`,
			`{"key": "c", "id_columns": ["l", "k"], "fields": ["x"], "deps": [{"feature": "v", "lineage": {"expansion": ["b", "a"]}}]}`,
			`{"key": "d", "id_columns": ["b", "a"], "fields": ["x", "z"], "deps": [{"feature": "v"}, {"feature": "m", "lineage": {"aggregation": ["b", "a"]}}]}`)},
		"features, fields and dependencies in another order": {graph: graphOf(
			`{"key": "d", "id_columns": ["a", "b"], "fields": ["z", "x"], "deps": [`+marks+`, {"feature": "v"}]}`, workChunk, workMark,
			`{"key": "v", "id_columns": ["a", "b"], "fields": ["y", "x"]}`)},
		"the ids of a child have those of its parent": {graph: graphOf(workVideo, workMark,
			`{"key": "c", "id_columns": ["k", "a", "l", "b"], "fields": ["x"], "deps": [{"feature": "v", "lineage": {"expansion": ["a", "b"]}}]}`, workSum)},
		"a join by fewer columns":              {graph: sum(`{"feature": "v"}, {"feature": "m", "lineage": {"aggregation": ["a"]}}`)},
		"every column selected by name":        {graph: sum(`{"feature": "v", "select": ["n", "b", "a", "o"]}, ` + marks)},
		"of a group every column selected":     {graph: sum(`{"feature": "v"}, {"feature": "m", "select": ["n", "k", "b", "a"], "lineage": {"aggregation": ["a", "b"]}}`)},
		"filters that all rows pass":           {graph: sum(`{"feature": "v", "filters": ["a = 1"]}, {"feature": "m", "filters": ["k > 0"], "lineage": {"aggregation": ["b", "a"]}}`)},
		"a rename of what is null":             {graph: sum(`{"feature": "v", "rename": {"o": "p"}}, ` + marks)},
		"no column selected":                   {graph: sum(`{"feature": "v", "select": []}, ` + marks), other: []string{"d"}},
		"other columns selected":               {graph: sum(`{"feature": "v"}, {"feature": "m", "select": ["k"], "lineage": {"aggregation": ["a", "b"]}}`), other: []string{"d"}},
		"a column renamed":                     {graph: sum(`{"feature": "v", "rename": {"n": "p"}}, ` + marks), other: []string{"d"}},
		"a filter that drops a row of a group": {graph: sum(`{"feature": "v"}, {"feature": "m", "filters": ["k = 7"], "lineage": {"aggregation": ["a", "b"]}}`), other: []string{"d"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, got := range []map[string]string{workIDs(t, test.graph), workIDs(t, first, test.graph), workIDs(t, test.graph, first, test.graph)} {
				if len(got) != len(want) {
					t.Fatalf("the work is %v, want %v", got, want)
				}
				for work, id := range want {
					if same := got[work] == id; same == slices.Contains(test.other, work[:1]) {
						t.Errorf("%s: id %s, before it was %s", work, got[work], id)
					}
				}
			}
		})
	}
}
