package httpapi

import (
	"context"
	"errors"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream"
	"github.com/freshline/freshline/stream/engine"
)

// Status says how a process stands, and the features in the partitions of rows that it owns. Its schema is
// schemas/status.json.
type Status struct {
	Instance   string           `json:"instance"`
	Namespace  stream.Namespace `json:"namespace"`
	Graph      *GraphRef        `json:"graph"`      // null: none has been published
	Partitions int32            `json:"partitions"` // of rows, of the deployment
	Rows       []int32          `json:"rows"`       // those of them that it owns, and whose state it has read
	Samples    map[string]int32 `json:"samples"`    // sample topic → number of its partitions that it owns
	Working    []int32          `json:"working"`    // partitions of rows with a graph, a sweep or touched keys still to work on
	Counted    bool             `json:"counted"`    // the features have counts
	Features   []FeatureStatus  `json:"features"`   // dependencies first
}

// FeatureStatus is how one feature stands in the partitions of rows that a process owns.
type FeatureStatus struct {
	Feature graph.FeatureKey `json:"feature"`
	Open    int              `json:"open"` // so many of the partitions evaluate it (E4)
	Missing []Missing        `json:"missing"`
	Counts
}

// Counts are numbers of samples, and of keys by status.
type Counts struct {
	Samples  int64 `json:"samples"`
	New      int64 `json:"new"`
	Stale    int64 `json:"stale"`
	Awaiting int64 `json:"awaiting"`
	Orphaned int64 `json:"orphaned"`
	Failed   int64 `json:"failed"`
}

func (c *Counts) add(n *engine.Census) {
	c.Samples += n.Rows
	c.New += n.Statuses[graph.New]
	c.Stale += n.Statuses[graph.Stale]
	c.Awaiting += n.Statuses[graph.Awaiting]
	c.Orphaned += n.Statuses[graph.Orphaned]
	c.Failed += n.Statuses[graph.Failed]
}

// census keeps the status that was counted last: it holds until an epoch has been committed, or ownership has changed.
type census struct {
	turn   chan struct{} // taken while one counts, so that many who ask make one count
	in     *stream.Inspection
	epochs int64
	status *Status
}

func newCensus() census { return census{turn: make(chan struct{}, 1)} }

// status answers for the partitions that are here.
func (s *Server) status(ctx context.Context, in *stream.Inspection, counts bool) (*Status, error) {
	if !counts {
		return s.look(ctx, in, false)
	}
	ctx, cancel := context.WithTimeout(ctx, countTimeout)
	defer cancel()
	select {
	case s.census.turn <- struct{}{}:
		defer func() { <-s.census.turn }()
	case <-ctx.Done():
		return nil, fault(NotReady, "another count is under way: %s", ctx.Err())
	}
	epochs, err := s.process.Epochs(ctx)
	if err != nil {
		return nil, fault(NotReady, "the process is starting or stopping")
	}
	if s.census.status != nil && s.census.in == in && s.census.epochs == epochs {
		return s.census.status, nil
	}
	status, err := s.look(ctx, in, true)
	if err == nil {
		s.census.in, s.census.epochs, s.census.status = in, epochs, status
	}
	return status, err
}

// look goes through the partitions.
func (s *Server) look(ctx context.Context, in *stream.Inspection, counts bool) (*Status, error) {
	status := &Status{
		Instance: in.InstanceID, Namespace: in.Namespace, Partitions: in.Partitions, Counted: counts,
		Rows: []int32{}, Samples: in.Samples, Working: []int32{}, Features: []FeatureStatus{},
	}
	plan := in.History.Plan()
	if plan == nil {
		return status, nil
	}
	ref := refOf(in, plan.Number)
	status.Graph = &ref
	for _, f := range plan.Features {
		status.Features = append(status.Features, FeatureStatus{Feature: f.Key, Missing: []Missing{}})
	}
	for _, q := range in.Rows {
		err := s.process.View(ctx, q, func(ctx context.Context, now *stream.Inspection, view *engine.View) error {
			if now.History.Plan() != plan {
				return errMoved
			}
			return status.take(ctx, q, plan, view)
		})
		switch {
		case errors.Is(err, stream.ErrNotOwned), errors.Is(err, stream.ErrNotRunning), errors.Is(err, errMoved):
			return nil, fault(NotReady, "partition %d of rows, or the graph, has changed while it was looked at; ask again", q)
		case ctx.Err() != nil:
			return nil, fault(NotReady, "the count was ended: %s", ctx.Err())
		case err != nil:
			return nil, err
		}
	}
	return status, nil
}

var errMoved = errors.New("another graph has come into force")

// take adds one partition.
func (status *Status) take(ctx context.Context, q int32, plan *graph.Plan, view *engine.View) error {
	status.Rows = append(status.Rows, q)
	if view.Working() {
		status.Working = append(status.Working, q)
	}
	for i, f := range plan.Features {
		entry := &status.Features[i]
		if view.Open(f) {
			entry.Open++
		} else if len(entry.Missing) == 0 {
			entry.Missing = missing(view.Missing(f))
		}
	}
	if !status.Counted {
		return nil
	}
	counts, ok, err := view.Census(func() bool { return ctx.Err() != nil })
	if err != nil {
		return err
	}
	if !ok {
		return ctx.Err()
	}
	for i := range counts {
		status.Features[i].add(&counts[i])
	}
	return nil
}
