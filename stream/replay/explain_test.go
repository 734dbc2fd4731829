package replay

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream/engine"
)

// asking is a Printer that asks at each checkpoint whether an explanation of every key says what was emitted.
type asking struct {
	run   *run
	asked int
}

func (*asking) DeadLetter(int, *graph.Refusal) error { return nil }
func (*asking) Change(*Change) error                 { return nil }

// check explains every key that has an event, and every sample, by key and by ids; and holds the census against
// the events.
func (a *asking) check() error {
	plan := a.run.local.Plan()
	if plan == nil {
		return nil
	}
	view, closeView, err := a.run.local.View()
	if err != nil {
		return err
	}
	defer closeView()
	want := make([][graph.Failed + 1]int64, len(plan.Features))
	for _, c := range a.run.now {
		f := plan.Feature(c.Feature)
		want[f.Position()][c.Status]++
		l, err := engine.NewLookup(plan, 1, c.Feature, shuffled(c.key))
		if err != nil {
			return fmt.Errorf("%s %s: %w", c.Feature, c.key, err)
		}
		x, err := view.Explain(l)
		if err != nil {
			return fmt.Errorf("%s %s: %w", c.Feature, c.key, err)
		}
		if err := a.compare(c, x); err != nil {
			return fmt.Errorf("%s %s: %w", c.Feature, c.key, err)
		}
		a.asked++
	}
	census, ok, err := view.Census(func() bool { return false })
	if err != nil || !ok {
		return fmt.Errorf("census: %v, %w", ok, err)
	}
	for i, f := range plan.Features {
		if census[i].Statuses != want[i] {
			return fmt.Errorf("census of %s: %v, want %v", f.Key, census[i].Statuses, want[i])
		}
	}
	return nil
}

func (a *asking) compare(c *Change, x *engine.Explanation) error {
	switch {
	case !x.Open:
		return fmt.Errorf("the feature is not open: %v", x.Missing)
	case string(x.Key) != c.key || x.Scope != c.Scope:
		return fmt.Errorf("the key is %s, %s", x.Key, x.Scope)
	case x.Judgement.Status != c.Status || !slices.Equal(x.Judgement.Causes.Texts(), c.Causes) || !slices.Equal(x.Feature.Keys(x.Judgement.Changed), c.Changed):
		return fmt.Errorf("%s %v %v, want %s %v %v", x.Judgement.Status, x.Judgement.Causes.Texts(), x.Feature.Keys(x.Judgement.Changed), c.Status, c.Causes, c.Changed)
	case !x.Emitted:
		return fmt.Errorf("the event that was emitted is another one")
	case c.Status.Work() && x.EventID != c.event:
		return fmt.Errorf("the event id is %s, want %s", x.EventID, c.event)
	case (c.Failure != nil) != (x.Failure != nil):
		return fmt.Errorf("the failure is %v, want %v", x.Failure, c.Failure)
	case c.Expected != nil && x.Provenance.Expected != c.Expected.Provenance:
		return fmt.Errorf("the expected provenance is %s, want %s", x.Provenance.Expected, c.Expected.Provenance)
	}
	blocked := slices.ContainsFunc(x.Waits, func(w engine.Wait) bool { return w.Blocks })
	if c.Status == graph.Awaiting && !blocked {
		return fmt.Errorf("it waits for nothing: %v", x.Waits)
	}
	if x.Expected && c.Status != graph.Awaiting && blocked {
		return fmt.Errorf("it is %s and waits for %v", c.Status, x.Waits)
	}
	for _, w := range x.Waits {
		if w.Partition != 0 && !bytes.HasPrefix(w.Key, []byte("{")) {
			return fmt.Errorf("it waits for %s %s in partition %d", w.Feature, w.Key, w.Partition)
		}
	}
	return nil
}

// shuffled turns the order of the columns of a key round.
func shuffled(key string) []byte {
	names, values, err := graph.ParseKeyJSON([]byte(key))
	if err != nil {
		return []byte(key)
	}
	slices.Reverse(names)
	slices.Reverse(values)
	return graph.AppendKeyJSON(nil, names, values)
}

// TestExplainEqualsEvents: for every key of every golden case an explanation says what was emitted last, and a
// census counts what is outstanding.
func TestExplainEqualsEvents(t *testing.T) {
	asked := 0
	for _, c := range goldenCases(t) {
		t.Run(c.name, func(t *testing.T) {
			a := &asking{}
			a.run = newRun(a, Options{Gate: c.gate})
			for number, line := range strings.Split(string(c.events), "\n") {
				text := trimBlank([]byte(line))
				if len(text) == 0 {
					continue
				}
				if err := a.run.line(number+1, text); err != nil {
					t.Fatal(err)
				}
				if !strings.Contains(line, `"checkpoint"`) {
					continue
				}
				if err := a.check(); err != nil {
					t.Fatalf("at line %d: %v", number+1, err)
				}
			}
			asked += a.asked
		})
	}
	t.Logf("%d explanations", asked)
	if asked < 3000 {
		t.Errorf("only %d explanations were compared", asked)
	}
}
