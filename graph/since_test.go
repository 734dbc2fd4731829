package graph

import "testing"

// TestSince: a field version is in force since the first graph of the unbroken run that has it.
func TestSince(t *testing.T) {
	var h *History
	for number, version := range []string{"1", "1", "2", "2", "1"} {
		g, err := Parse([]byte(`{"features": [{"key": "a", "id_columns": ["i"], "fields": [{"key": "x", "code_version": "`+version+`"}, "y"]}]}`), "test")
		if err != nil {
			t.Fatal(err)
		}
		if h, err = h.Push(int64(number), g); err != nil {
			t.Fatal(err)
		}
		want := []int64{0, 0, 2, 2, 4}[number]
		if got, ok := h.Since("a", "x"); !ok || got != want {
			t.Errorf("under graph %d x is in force since graph %d, %v, want %d", number, got, ok, want)
		}
		if got, ok := h.Since("a", "y"); !ok || got != 0 {
			t.Errorf("under graph %d y is in force since graph %d, %v, want 0", number, got, ok)
		}
	}
	if _, ok := h.Since("a", "z"); ok {
		t.Error("a field that is not there is in force")
	}
}
