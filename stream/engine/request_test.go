package engine

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/freshline/freshline/graph"
)

func parseFilter(t *testing.T, text string) *graph.Filter {
	t.Helper()
	f, err := graph.ParseFilter(text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestRequestsInPieces: requests go on a few rows at a time, share a pass where they can, wait for what lies
// below their bound, and mark nothing when they are run again.
func TestRequestsInPieces(t *testing.T) {
	s := newSteps(t, expansion)
	source := Source{Topic: "v"}
	key := func(a int64) string { return fmt.Sprintf(`{"a":%d}`, a) }
	for a := range int64(10) {
		s.write("v", testWrite(a, key(a), map[string]int64{"a": a}, "x"))
	}
	s.settle()
	request := func(number int64, where string, below int64) *Request {
		return &Request{Number: number, Feature: "v", Topic: "v", Rows: NewSelection(parseFilter(t, where), nil), Bounds: map[int32]int64{0: below}}
	}
	list := []*Request{
		request(3, "a < 2", 10), request(4, "a >= 4", 5), request(7, "a = 9 OR a = 11", 12),
		{Number: 8, Feature: "other", Topic: "v", Bounds: map[int32]int64{0: 99}}, request(9, "a = 2", 1000),
	}
	s.e.SetRequests(list)
	marked := func() (of []int64) {
		for a := range int64(12) {
			if s.told("v", key(a)) == "STALE REQUESTED" {
				of = append(of, a)
			}
		}
		return of
	}
	pieces := 0
	for more := true; more; pieces++ {
		var err error
		if more, err = s.e.Work(2); err != nil {
			t.Fatal(err)
		}
	}
	if pieces < 5 {
		t.Errorf("ten rows, two at a time, took %d pieces", pieces)
	}
	s.settle()
	if got, want := marked(), []int64{0, 1, 4}; !slices.Equal(got, want) {
		t.Errorf("marked are %v, want %v", got, want)
	}
	if want := []Done{{source, 3}, {source, 4}}; !slices.Equal(s.e.out.Done, want) {
		t.Errorf("done are %v, want %v", s.e.out.Done, want)
	}
	if behind := s.e.Behind(); behind[source] != 10 {
		t.Errorf("the task waits for request 7 at offset 10; behind are %v", behind)
	}
	s.write("v", testWrite(11, key(11), map[string]int64{"a": 11}, "x"))
	s.settle()
	s.e.ReachedEnd(source, 12) // request 9 has a bound that the log never had
	s.settle()
	if got, want := marked(), []int64{0, 1, 2, 4, 9, 11}; !slices.Equal(got, want) {
		t.Errorf("marked are %v, want %v", got, want)
	}
	if n := len(s.e.out.Done); n != 5 {
		t.Errorf("done are %v, want all five", s.e.out.Done)
	}

	rows := len(s.e.out.Rows)
	s.e.st.Delete(taskKey(nil, prefixRequests, source.hash()))
	s.e.SetRequests(list[:3])
	s.settle()
	if n := len(s.e.out.Done); n != 8 || len(s.e.out.Rows) != rows {
		t.Errorf("run again: %d are done, and %d rows are written", n-5, len(s.e.out.Rows)-rows)
	}
	s.e.st.Delete(taskKey(nil, prefixRequests, source.hash()))
	s.e.SkipRequests(source, 7)
	s.settle()
	if n := len(s.e.out.Done); n != 9 {
		t.Errorf("of three requests, two of which are known to be done, %d are run again", n-8)
	}
}

// TestMarkOfALogReadAgain: the group has forgotten its offsets, and the log is read from its start; a mark holds for
// what was written below the bound, also where the state was lost, and for nothing else.
func TestMarkOfALogReadAgain(t *testing.T) {
	for _, lost := range []bool{false, true} {
		s := newSteps(t, expansion)
		write := func(offset int64) {
			s.write("v", testWrite(offset, "r", map[string]int64{"a": 1}, "x"))
			s.settle()
		}
		status := func() string {
			texts := strings.Split(s.told("v", `{"a":1}`), ", ")
			return texts[len(texts)-1]
		}
		write(5)
		write(9)
		s.e.SetRequests([]*Request{{Feature: "v", Topic: "v", Bounds: map[int32]int64{0: 10}}})
		s.settle()
		if lost {
			rows := slices.Clone(s.e.out.Rows)
			s.e.st.Delete(append(taskKey(nil, prefixFiled, Source{Topic: "v"}.hash()), "r"...))
			for _, row := range rows {
				if _, ok := SourceOf(row.Key); ok {
					if err := s.e.RestoreFiled(row.Key, row.Value); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		for _, offset := range []int64{5, 9} {
			write(offset)
			if got := status(); got != "STALE REQUESTED" {
				t.Errorf("state lost: %t: the write of offset %d, read again, is %s", lost, offset, got)
			}
		}
		write(10)
		if got := status(); got != "FRESH" {
			t.Errorf("state lost: %t: the write of the bound is %s", lost, got)
		}
	}
}

// TestFailureUnderShapes: the newest word on a key counts under every shape that has the key (S12).
func TestFailureUnderShapes(t *testing.T) {
	const narrow = `{"features": [{"key": "v", "id_columns": ["a", "b"], "fields": ["x"]}, {"key": "d", "id_columns": ["a", "b"], "fields": ["x"], "deps": ["v"]}]}`
	const wide = `{"features": [{"key": "v", "id_columns": ["a", "b"], "fields": ["x"]}, {"key": "w", "id_columns": ["a"], "fields": ["x"]},
		{"key": "d", "id_columns": ["a", "b"], "fields": [{"key": "x", "deps": {"v": ["x"]}}], "deps": ["v", {"feature": "w", "optional": true}]}]}`
	l := NewLocal(graph.Defaults{})
	number := int64(0)
	push := func(text string) {
		t.Helper()
		g, err := graph.Parse([]byte(text), "graph")
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Push(number, g); err != nil {
			t.Fatal(err)
		}
		number++
	}
	const key = `{"a":1,"b":2}`
	var last *Event
	settle := func(what string, want graph.Status) {
		t.Helper()
		if err := l.Settle(func(e *Event) {
			if e.Feature == "d" && string(e.Key) == key {
				kept := *e
				last = &kept
			}
		}); err != nil {
			t.Fatal(err)
		}
		if last == nil || last.Body == nil || last.Body.Judgement.Status != want {
			t.Fatalf("%s: the event is %+v, want %s", what, last, want)
		}
	}
	say := func(f *Failure) {
		t.Helper()
		if refusal, err := l.Fail("d", []byte(key), f); refusal != nil || err != nil {
			t.Fatal(refusal, err)
		}
	}
	push(narrow)
	shape := l.Plan().Feature("d").Shape.Name
	if refusal, err := l.Route("v", testWrite(1, "r", map[string]int64{"a": 1, "b": 2}, "x")); refusal != nil || err != nil {
		t.Fatal(refusal, err)
	}
	settle("at first", graph.New)
	first := last.Body.EventID
	say(&Failure{EventID: first, Type: "T"})
	settle("a failure", graph.Failed)
	push(wide)
	if l.Plan().Feature("d").Shape.Name == shape {
		t.Fatal("the graphs have one shape")
	}
	settle("another shape", graph.Failed)
	if last.Body.EventID != first {
		t.Error("the same work under another shape has another id")
	}
	push(narrow)
	settle("the first shape again", graph.Failed)
	push(wide)
	settle("the other shape again", graph.Failed)
	say(nil)
	settle("a retry", graph.New)
	push(narrow)
	settle("after a retry", graph.New)
	if last.Body.EventID != first {
		t.Error("the same work has another id")
	}
}

func TestSelection(t *testing.T) {
	columns := func(pairs ...any) (list []graph.Column) {
		for i := 0; i < len(pairs); i += 2 {
			list = append(list, graph.Column{Name: pairs[i].(string), Value: pairs[i+1].(graph.Value)})
		}
		return list
	}
	one, two, text := graph.Int(1), graph.Int(2), graph.String("1")
	row := columns("a", one, "b", two, "c", graph.Double(1))
	for i, c := range []struct {
		filter string
		ids    [][]graph.Column
		want   bool
	}{
		{"", nil, true},
		{"a = 1", nil, true},
		{"a = 2", nil, false},
		{"d IS NULL", nil, true},
		{"d = 1", nil, false},
		{"", [][]graph.Column{columns("a", two), columns("a", one)}, true},
		{"", [][]graph.Column{columns("a", text)}, false}, // another id (R6)
		{"", [][]graph.Column{columns("a", two, "b", two), columns("b", two)}, true},
		{"", [][]graph.Column{columns("a", one, "d", one)}, false},
		{"", [][]graph.Column{columns("c", one)}, false},
		{"a = 2", [][]graph.Column{columns("a", one)}, false},
	} {
		var filter *graph.Filter
		if c.filter != "" {
			filter = parseFilter(t, c.filter)
		}
		if s := NewSelection(filter, c.ids); s.Has(row) != c.want {
			t.Errorf("case %d: %q %v: %t, want %t", i, c.filter, c.ids, !c.want, c.want)
		}
	}
}
