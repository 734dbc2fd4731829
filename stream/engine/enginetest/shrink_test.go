package enginetest

import (
	"bytes"
	"slices"
	"testing"
)

// TestShrink shrinks what a broken predicate refuses to the smallest thing that it refuses.
func TestShrink(t *testing.T) {
	var list []int
	for i := range 100 {
		list = append(list, i)
	}
	got := ShrinkList(list, func(l []int) bool { return slices.Contains(l, 17) && slices.Contains(l, 80) && len(l) >= 3 })
	if len(got) != 3 || !slices.Contains(got, 17) || !slices.Contains(got, 80) {
		t.Errorf("shrunk to %v", got)
	}
	if got := ShrinkList(list, func([]int) bool { return true }); len(got) != 0 {
		t.Errorf("what always fails shrinks to %v", got)
	}

	lines := [][]byte{
		[]byte(`{"push":{"features":[{"key":"a","id_columns":["id"]},{"key":"b","id_columns":["id","k"],"deps":[{"feature":"a","rename":{"x":"<y>"}}],"fields":[{"key":"f"},{"key":"g"}]}]}}`),
		[]byte(`no JSON`),
		[]byte(`{"write":"a","row":{"id":10000000000000000000001,"n":1.0}}`),
		[]byte(`{"checkpoint":"end"}`),
	}
	small := ShrinkLines(lines, func(lines [][]byte) bool {
		text := bytes.Join(lines, []byte("\n"))
		return bytes.Contains(text, []byte(`"<y>"`)) && bytes.Contains(text, []byte(`10000000000000000000001`))
	})
	want := `{"push":{"features":[{"deps":[{"rename":{"x":"<y>"}}]}]}}` + "\n" + `{"row":{"id":10000000000000000000001}}`
	if text := string(bytes.Join(small, []byte("\n"))); text != want {
		t.Errorf("shrunk to\n%s\nnot to\n%s", text, want)
	}
}
