package stream

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/freshline/freshline/graph"
)

// classify says what an event asks a Worker for: nil for nothing. AWAITING waits, what has FAILED
// is for people, and a tombstone has nothing to do any more. What is orphaned is deleted: what an
// expansion has left over, and the rest where the options say so.
func (w *Worker) classify(ctx context.Context, e Event) (*workItem, error) {
	s := e.Staleness
	if s == nil {
		return nil, nil
	}
	remove := s.Status == graph.Orphaned
	switch s.Status {
	case graph.New, graph.Stale:
	case graph.Orphaned:
		if !w.o.DeleteOrphans && !slices.Contains(s.Causes, graph.Superseded.Texts()[0]) {
			return nil, nil
		}
	default:
		return nil, nil
	}
	if id, err := hex.DecodeString(s.EventID); err != nil || len(id) != eventIDBytes {
		w.log.Warn("an event is passed over: its event_id is not 32 hexadecimal digits", "feature", e.Feature, "key", string(e.Key), "event_id", s.EventID)
		return nil, nil
	}
	f, names, values, err := w.planOf(ctx, e)
	if f == nil || err != nil {
		return nil, err
	}
	if f.Expands && !remove && s.Scope == graph.ScopeSample {
		return nil, nil // the event of its parent speaks for it
	}
	item := &workItem{event: e, remove: remove, lane: workKey(e)}
	if f.Expands {
		n := len(f.Match) // keys begin with the columns of M
		item.lane = string(e.Feature) + " " + string(graph.AppendKeyJSON(nil, names[:n], values[:n]))
	}
	return item, nil
}

// planOf returns the plan that an event was made by, or a later one, with the columns of its key; nil
// where the event is of a graph that is not in force any more: the processor takes it back.
func (w *Worker) planOf(ctx context.Context, e Event) (*graph.FeaturePlan, []string, []graph.Value, error) {
	names, values, err := graph.ParseKeyJSON(e.Key)
	if err != nil {
		w.log.Warn("an event is passed over: its key is none", "feature", e.Feature, "key", string(e.Key), "error", err)
		return nil, nil, nil, nil
	}
	for synced := false; ; synced = true {
		history, err := w.producer.takeGraphs()
		if err != nil {
			return nil, nil, nil, err
		}
		f := history.Plan().Feature(e.Feature)
		if f != nil && history.FieldVersions(f.Key, e.Staleness.FeatureVersion) != nil {
			if _, _, ok := f.Shape.Parse(names, values); ok {
				return f, names, values, nil
			}
		}
		if synced {
			w.log.Warn("an event is passed over: it is not of the graph in force", "feature", e.Feature, "key", string(e.Key))
			return nil, nil, nil, nil
		}
		if err := w.producer.syncGraph(ctx); err != nil {
			return nil, nil, nil, err
		}
	}
}

// feature is a feature of the graph in force.
func (w *Worker) feature(key graph.FeatureKey) (*graph.FeaturePlan, error) {
	history, err := w.producer.takeGraphs()
	if err != nil {
		return nil, err
	}
	f := history.Plan().Feature(key)
	if f == nil {
		return nil, fmt.Errorf("feature %s has left the graph", key)
	}
	return f, nil
}

// work does what a lane has handed out. An error says that the worker cannot go on.
func (w *Worker) work(ctx context.Context, items []*workItem) error {
	if items[0].remove {
		return w.removeAll(ctx, items)
	}
	e := items[0].event
	names, values, err := graph.ParseKeyJSON(e.Key)
	if err != nil {
		return err
	}
	f, err := w.feature(e.Feature)
	if err != nil {
		return nil // so has the work
	}
	job := &Job{
		Event: e, Attempt: items[0].attempt, worker: w,
		columns: keyColumns(names, values), expands: f.Expands && e.Staleness.Scope == graph.ScopeInput,
	}
	err = w.o.Handle(ctx, job)
	if ctx.Err() != nil && (err != nil || job.failed()) {
		return context.Cause(ctx) // interrupted: it is offered again
	}
	if err != nil {
		job.Fail(err)
	}
	// What is done is written also where the worker is to end. The client gives up on a record by
	// itself, after DeliveryTimeout.
	return job.settle(context.WithoutCancel(ctx))
}

// removeAll deletes orphans. Each goes where the sample may lie: where our producers write it, where
// others do, and where the record lay that brought the event about, if it is of the same topic.
func (w *Worker) removeAll(ctx context.Context, items []*workItem) error {
	job := &Job{Event: items[0].event, worker: w}
	for _, i := range items {
		e := i.event
		names, values, err := graph.ParseKeyJSON(e.Key)
		if err != nil {
			return err
		}
		f, err := w.feature(e.Feature)
		if err != nil {
			continue // the processor takes back what it has said of it
		}
		var also []int32
		if o := e.Staleness.Origin; o != nil && o.Topic == w.o.Namespace.Sample(f.Spec) {
			also = append(also, o.Partition)
		}
		var refusal *graph.Refusal
		err = w.producer.remove(ctx, e.Feature, keyColumns(names, values), job, also...)
		if errors.As(err, &refusal) {
			w.log.Warn("an orphan is not deleted", "feature", e.Feature, "key", string(e.Key), "error", err)
		} else if err != nil {
			job.writes.Wait()
			return err
		}
	}
	return job.written()
}
