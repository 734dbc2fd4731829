package engine_test

import (
	"errors"
	"fmt"
	"slices"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream/engine/enginetest"
)

// workIDs are the ids of work that have been seen (E3).
type workIDs struct {
	ids   map[string]string // work → event id
	works map[string]string // event id → work
}

func newWorkIDs() *workIDs { return &workIDs{map[string]string{}, map[string]string{}} }

// compare holds what has been emitted against what the oracle answers (E5), and returns how many answers are equal.
func (w *workIDs) compare(got map[enginetest.AnswerKey]*simEvent, want map[enginetest.AnswerKey]*enginetest.Answer) (compared int, err error) {
	var faults []error
	for k, a := range want {
		e := got[k]
		if e == nil || e.content != a.Content() {
			faults = append(faults, fmt.Errorf("E5: %s %s\n   got %v\n  want %s", k.Feature, k.Key, e, a.Content()))
			continue
		}
		if err := w.check(k, a, e); err != nil {
			faults = append(faults, err)
		}
		if names, values, err := graph.ParseKeyJSON([]byte(k.Key)); err != nil || !slices.Equal(names, a.Names) || !slices.Equal(values, a.Values) {
			faults = append(faults, fmt.Errorf("E2: %s %s: reads as %v %v, %w", k.Feature, k.Key, names, values, err))
		}
		if ids := e.ids(); !slices.Equal(e.body.ID, ids) {
			faults = append(faults, fmt.Errorf("E2: %s %s: id is %v, not %v", k.Feature, k.Key, e.body.ID, ids))
		}
		compared++
	}
	for k, e := range got {
		if want[k] == nil {
			faults = append(faults, fmt.Errorf("E5: %s %s\n   got %s\n  want nothing", k.Feature, k.Key, e))
		}
	}
	slices.SortFunc(faults, func(a, b error) int { return compareText(a.Error(), b.Error()) })
	return compared, errors.Join(faults[:min(len(faults), 5)]...)
}

// check holds the id of work against all ids so far (E3): one id is of equal work, and equal work
// has one id, whatever a push does to ids, edges and the columns of the join.
func (w *workIDs) check(k enginetest.AnswerKey, a *enginetest.Answer, e *simEvent) error {
	if !a.Status.Work() {
		return nil
	}
	work := a.Work(k)
	if id, ok := w.ids[work]; ok && id != e.id {
		return fmt.Errorf("E3: the same work has the ids %s and %s: %s", id, e.id, work)
	}
	if other, ok := w.works[e.id]; ok && other != work {
		return fmt.Errorf("E3: the id %s is of two works:\n%s\n%s", e.id, other, work)
	}
	w.ids[work], w.works[e.id] = e.id, work
	return nil
}
