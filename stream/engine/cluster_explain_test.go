package engine_test

import (
	"errors"
	"fmt"
	"slices"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream/engine"
	"github.com/freshline/freshline/stream/engine/enginetest"
)

// checkExplained explains every key that has an event, from a snapshot of its owner's state, and holds what is said
// against the event; and the sum of what is counted in every partition against the number of events. All must be quiet.
func (c *cluster) checkExplained(got map[enginetest.AnswerKey]*simEvent) (err error) {
	byPartition := map[int32][]*engine.Lookup{}
	want := make([][graph.Failed + 1]int64, len(c.plan().Features))
	for k, e := range got {
		l, err := engine.NewLookup(c.plan(), c.partitions, k.Feature, []byte(k.Key))
		if err != nil {
			return fmt.Errorf("explain %s %s: %w", k.Feature, k.Key, err)
		}
		byPartition[l.Partition] = append(byPartition[l.Partition], l)
		want[l.Feature.Position()][e.body.Judgement.Status]++
	}
	for q, p := range c.resolvers {
		if p == nil {
			return nil // nobody has the partition: its events are counted, too
		}
		reader, err := p.store.Reader()
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, reader.Close()) }()
		view, err := engine.OpenView(engine.Config{Partitions: c.partitions, Topic: topicOf}, c.histories[len(c.histories)-1], reader, int32(q))
		if err != nil {
			return err
		}
		for _, l := range byPartition[int32(q)] {
			x, err := view.Explain(l)
			if err == nil {
				err = explains(x, got[enginetest.AnswerKey{Feature: x.Feature.Key, Key: string(x.Key)}])
			}
			if err != nil {
				return fmt.Errorf("explain %s in partition %d: %w", l.Feature.Key, q, err)
			}
		}
		counts, _, err := view.Census(func() bool { return false })
		if err != nil {
			return err
		}
		for i := range counts {
			for status, n := range counts[i].Statuses {
				want[i][status] -= n
			}
		}
	}
	for i, f := range c.plan().Features {
		if want[i] != [graph.Failed + 1]int64{} {
			return fmt.Errorf("the census of %s differs from its events by %v", f.Key, want[i])
		}
	}
	return nil
}

func explains(x *engine.Explanation, e *simEvent) error {
	switch j := x.Judgement; {
	case e == nil:
		return fmt.Errorf("%s is another key", x.Key)
	case !x.Open || !x.Emitted:
		return fmt.Errorf("%s: open %v, emitted %v; the event is %v", x.Key, x.Open, x.Emitted, e)
	case j != e.body.Judgement:
		return fmt.Errorf("%s: %s %v %v; the event is %v", x.Key, j.Status, j.Causes.Texts(), x.Feature.Keys(j.Changed), e)
	case j.Status.Work() && x.EventID != e.body.EventID:
		return fmt.Errorf("%s: event id %s; the event is %v", x.Key, x.EventID, e)
	case j.Status == graph.Awaiting && !slices.ContainsFunc(x.Waits, func(w engine.Wait) bool { return w.Blocks }):
		return fmt.Errorf("%s waits for nothing: %v", x.Key, x.Waits)
	}
	return nil
}
