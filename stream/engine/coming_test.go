package engine_test

import (
	"math/rand/v2"
	"testing"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream/engine/enginetest"
)

// TestComing has what random histories hardly meet of samples still to come (S3). The lines before
// "finish" are answered by workers until nothing is left; then the key of f3 with a = 1 is looked at.
func TestComing(t *testing.T) {
	for _, c := range []struct {
		name   string
		lines  []string
		status graph.Status
	}{
		{"a sample of which only one field waits is to come in all fields", []string{
			`{"push":{"features":[{"key":"f0","id_columns":["a","b"],"fields":[{"key":"x"},{"key":"y"}]},{"key":"f1","id_columns":["a","b"],"deps":["f0"],"fields":[{"key":"x"}]},
				{"key":"f2","id_columns":["a","b"],"deps":["f0","f1"],"fields":[{"key":"x","deps":{"f1":["x"]}},{"key":"y","deps":{"f0":["y"]}}]},
				{"key":"f3","id_columns":["a"],"deps":[{"feature":"f2","lineage":{"aggregation":["a"]}}],"fields":[{"key":"y","deps":{"f2":["y"]}}]}]}}`,
			`{"write":"f0","row":{"a":1,"b":1,"metaxy_provenance_by_field":{"x":"1","y":"1"}}}`, "finish",
			`{"write":"f0","row":{"a":1,"b":2,"metaxy_provenance_by_field":{"x":"1","y":"1"}}}`,
			`{"write":"f1","row":{"a":1,"b":2,"metaxy_provenance_by_field":{"x":"wrong"}}}`,
		}, graph.Awaiting},
		{"a sample that is there and waits in one field is not waited for in another", []string{
			`{"push":{"features":[{"key":"f0","id_columns":["a","b"],"fields":[{"key":"x"},{"key":"y"}]},{"key":"f1","id_columns":["a","b"],"deps":["f0"],"fields":[{"key":"x"}]},
				{"key":"f2","id_columns":["a","b"],"deps":["f0","f1"],"fields":[{"key":"x","deps":{"f1":["x"]}},{"key":"y","deps":{"f0":["y"]}}]},
				{"key":"f3","id_columns":["a"],"deps":[{"feature":"f2","lineage":{"aggregation":["a"]}}],"fields":[{"key":"y","deps":{"f2":["y"]}}]}]}}`,
			`{"write":"f0","row":{"a":1,"b":1,"metaxy_provenance_by_field":{"x":"1","y":"1"}}}`, "finish",
			`{"write":"f1","row":{"a":1,"b":1,"metaxy_provenance_by_field":{"x":"wrong"}}}`,
		}, graph.Fresh},
		{"the first dependency that has a column says it", []string{
			`{"push":{"features":[{"key":"f0","id_columns":["b"],"fields":[{"key":"x"}]},{"key":"f1","id_columns":["b"],"fields":[{"key":"x"}]},
				{"key":"f2","id_columns":["b"],"deps":["f0","f1"],"fields":[{"key":"x"}]},
				{"key":"f3","id_columns":["a"],"deps":[{"feature":"f2","lineage":{"aggregation":["a"]}}],"fields":[{"key":"x"}]}]}}`,
			`{"write":"f2","row":{"b":1,"a":1,"metaxy_provenance_by_field":{"x":"1"}}}`,
			`{"write":"f0","row":{"b":1,"a":1,"metaxy_provenance_by_field":{"x":"1"}}}`,
			`{"write":"f1","row":{"b":1,"a":2,"metaxy_provenance_by_field":{"x":"1"}}}`, "finish",
			`{"write":"f0","row":{"b":2,"a":1,"metaxy_provenance_by_field":{"x":"1"}}}`,
			`{"write":"f1","row":{"b":2,"a":2,"metaxy_provenance_by_field":{"x":"1"}}}`,
		}, graph.Awaiting},
		{"and no later one does", []string{
			`{"push":{"features":[{"key":"f0","id_columns":["b"],"fields":[{"key":"x"}]},{"key":"f1","id_columns":["b"],"fields":[{"key":"x"}]},
				{"key":"f2","id_columns":["b"],"deps":["f0","f1"],"fields":[{"key":"x"}]},
				{"key":"f3","id_columns":["a"],"deps":[{"feature":"f2","lineage":{"aggregation":["a"]}}],"fields":[{"key":"x"}]}]}}`,
			`{"write":"f2","row":{"b":1,"a":1,"metaxy_provenance_by_field":{"x":"1"}}}`,
			`{"write":"f0","row":{"b":1,"a":1,"metaxy_provenance_by_field":{"x":"1"}}}`,
			`{"write":"f1","row":{"b":1,"a":2,"metaxy_provenance_by_field":{"x":"1"}}}`, "finish",
			`{"write":"f0","row":{"b":2,"a":2,"metaxy_provenance_by_field":{"x":"1"}}}`,
			`{"write":"f1","row":{"b":2,"a":1,"metaxy_provenance_by_field":{"x":"1"}}}`,
		}, graph.Fresh},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLocalRun(graph.GateSettled)
			r := rand.New(rand.NewPCG(1, 1))
			for _, line := range c.lines {
				var err error
				if line == "finish" {
					err = (&finisher{localRun: l, w: &lineWorker{oracleReplay: l.oracleReplay, r: r, writes: newJSONWriteMaker(r)}}).finish()
				} else {
					err = l.do([]byte(line))
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if err := l.do([]byte(`{"checkpoint":"end"}`)); err != nil {
				t.Fatal(err)
			}
			status := graph.Fresh
			if e := l.now[enginetest.AnswerKey{Feature: "f3", Key: `{"a":1}`}]; e != nil {
				status = e.body.Judgement.Status
			}
			if status != c.status {
				t.Errorf("f3 is %s, should be %s", status, c.status)
			}
		})
	}
}
