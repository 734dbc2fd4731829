package enginetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/freshline/freshline/graph"
)

// Said is what was emitted last of a key that is not fresh.
type Said struct {
	Content string // as Answer.Content has it
	EventID string // of work, else ""
}

func (s *Said) String() string {
	if s == nil {
		return "FRESH"
	}
	return s.Content + " id " + s.EventID
}

// Words are the ids of work that have been seen (E3).
type Words struct {
	ids   map[string]string // work → event id
	works map[string]string // event id → work
}

// NewWords returns Words that have seen nothing.
func NewWords() *Words { return &Words{map[string]string{}, map[string]string{}} }

// maxFaults bounds how many differences a comparison names.
const maxFaults = 5

// Compare holds what has been emitted against what the oracle answers (E5), and returns how many answers are equal.
// The error names the first differences.
func (w *Words) Compare(got map[AnswerKey]*Said, want map[AnswerKey]*Answer) (compared int, err error) {
	var faults []error
	for k, a := range want {
		s := got[k]
		if s == nil || s.Content != a.Content() {
			faults = append(faults, fmt.Errorf("E5: %s %s\n   got %v\n  want %s", k.Feature, k.Key, s, a.Content()))
			continue
		}
		if err := w.Check(k, a, s); err != nil {
			faults = append(faults, err)
		}
		if names, values, err := graph.ParseKeyJSON([]byte(k.Key)); err != nil || !slices.Equal(names, a.Names) || !slices.Equal(values, a.Values) {
			faults = append(faults, fmt.Errorf("E2: %s %s: reads as %v %v, %w", k.Feature, k.Key, names, values, err))
		}
		compared++
	}
	for k, s := range got {
		if want[k] == nil {
			faults = append(faults, fmt.Errorf("E5: %s %s\n   got %s\n  want nothing", k.Feature, k.Key, s))
		}
	}
	slices.SortFunc(faults, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return compared, errors.Join(faults[:min(len(faults), maxFaults)]...)
}

// Check holds the id of work against all ids so far (E3): one id is of equal work, and equal work
// has one id, whatever a push does to ids, edges and the columns of the join.
func (w *Words) Check(k AnswerKey, a *Answer, s *Said) error {
	if !a.Status.Work() {
		return nil
	}
	work := a.Work(k)
	if id, ok := w.ids[work]; ok && id != s.EventID {
		return fmt.Errorf("E3: the same work has the ids %s and %s: %s", id, s.EventID, work)
	}
	if other, ok := w.works[s.EventID]; ok && other != work {
		return fmt.Errorf("E3: the id %s is of two works:\n%s\n%s", s.EventID, other, work)
	}
	w.ids[work], w.works[s.EventID] = s.EventID, work
	return nil
}
