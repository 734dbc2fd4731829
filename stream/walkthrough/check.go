package walkthrough

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/freshline/freshline/graph"
)

// Want is what the steps come to (Metaxy's documentation has the provenance).
func Want() []Result {
	input, sample := graph.ScopeInput, graph.ScopeSample
	seen := map[string]Provenance{
		"1": {"23124187", "24116928", "40433844"},
		"2": {"18611808", "18345318", "12032307"},
		"3": {"24638180", "16645902", "21310928"},
	}
	awaiting := map[Kind]int{
		{"video/raw", sample, graph.Stale}:      3,
		{"video/chunk", input, graph.Awaiting}:  3,
		{"video/chunk", sample, graph.Awaiting}: 11,
	}
	return []Result{
		{Step: 1, Seen: seen, Outstanding: map[Kind]int{}, Events: map[Kind]int{
			{"video/chunk", input, graph.New}:  3,
			{Feature: "video/chunk"}:           3,
			{"video/faces", sample, graph.New}: 11,
			{Feature: "video/faces"}:           11,
		}},
		{Step: 2, Seen: seen, Outstanding: map[Kind]int{}, Events: map[Kind]int{}},
		{Step: 3, Seen: seen, Outstanding: awaiting, Events: awaiting},
		{Step: 4, Seen: seen, Outstanding: map[Kind]int{}, Events: map[Kind]int{
			{Feature: "video/raw"}:               3,
			{"video/chunk", input, graph.Stale}:  3,
			{"video/chunk", sample, graph.Stale}: 11,
			{Feature: "video/chunk"}:             14,
		}},
	}
}

// Check says in what the results differ from Want.
func Check(results []Result) error {
	want := Want()
	if len(results) != len(want) {
		return fmt.Errorf("%d of %d steps were played", len(results), len(want))
	}
	for i, r := range results {
		switch w := want[i]; {
		case !maps.Equal(r.Events, w.Events):
			return fmt.Errorf("step %d: the events were %s; they should be %s", r.Step, countsText(r.Events), countsText(w.Events))
		case !maps.Equal(r.Outstanding, w.Outstanding):
			return fmt.Errorf("step %d: outstanding at the end are %s; it should be %s", r.Step, countsText(r.Outstanding), countsText(w.Outstanding))
		case !maps.Equal(r.Seen, w.Seen):
			return fmt.Errorf("step %d: the chunks are expected to be made of %v; it should be %v", r.Step, r.Seen, w.Seen)
		}
	}
	return nil
}

func countsText(counts map[Kind]int) string {
	var parts []string
	for kind, n := range counts {
		parts = append(parts, fmt.Sprintf("%d × %s", n, kind))
	}
	slices.Sort(parts)
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}
