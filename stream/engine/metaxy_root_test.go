package engine_test

import (
	"fmt"
	"maps"
	"slices"

	"github.com/freshline/freshline/graph"
)

// compareRoot compares a check of samples of a root. Freshline has no expected side for a root (S5), but the sample
// provenance (R4) and the rows that are of another feature version are compared: one of those is new
// to Metaxy if it is among the samples.
func (r *metaxyRun) compareRoot(f *graph.FeaturePlan, op *metaxyOp) (faults []string) {
	failf := func(format string, args ...any) {
		faults = append(faults, fmt.Sprintf("%s: ", f.Key)+fmt.Sprintf(format, args...))
	}
	answer := map[string]string{}
	for name, rows := range map[string][]*metaxyRow{"new": op.Expected.New, "stale": op.Expected.Stale, "orphaned": op.Expected.Orphaned} {
		for _, row := range rows {
			answer[row.key(f.IDs)] = name
			if scalar := r.scalar(f, row); row.scalar != scalar {
				failf("sample provenance %s, want %s", scalar, row.scalar)
			}
		}
	}
	want := map[string]string{}
	for id := range r.rows(f) {
		want[id] = "orphaned"
	}
	for _, sample := range op.Samples {
		id := sample.key(f.IDs)
		stored := r.rows(f)[id]
		switch {
		case stored == nil:
			want[id] = "new"
		case r.scalar(f, stored) != r.scalar(f, sample):
			want[id] = "stale"
		default:
			delete(want, id)
		}
	}
	if !maps.Equal(answer, want) {
		failf("Metaxy answers %v, and of the rows that it sees %v was to be expected", answer, want)
	}
	stale := []string{}
	for id, row := range r.latest[f.Key] {
		if row.feature != f.Version {
			stale = append(stale, id)
		}
	}
	slices.Sort(stale)
	got := []string{}
	for _, e := range r.events[f.Key] {
		got = append(got, string(graph.AppendKeyJSON(nil, f.Shape.IDColumns, e.Body.ID)))
		if j := e.Body.Judgement; j.Status != graph.Stale || j.Causes != graph.CodeVersion {
			failf("%s", metaxyEvent(e))
		}
	}
	if slices.Sort(got); !slices.Equal(got, stale) {
		failf("STALE are %v, want %v", got, stale)
	}
	return faults
}
