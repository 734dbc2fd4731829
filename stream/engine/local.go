package engine

import (
	"fmt"
	"slices"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/state"
)

// Local runs one engine over one partition of every log, in memory and without a clock: replay
// runs it, and it is the smallest thing that is a whole Freshline.
type Local struct {
	engine  *Engine
	store   *state.Memory
	overlay *state.Overlay
	history *graph.History
	rows    []Row // produced and not yet resolved
	asked   int64 // requests so far
	budget  int
}

// NewLocal returns a Local without a graph.
func NewLocal(defaults graph.Defaults) *Local {
	return &Local{
		history: graph.NewHistory(defaults),
		engine:  New(Config{Partitions: 1, Topic: localTopic}),
		store:   state.NewMemory(),
		budget:  1 << 16,
	}
}

func localTopic(f *graph.FeaturePlan) string { return string(f.Key) }

// Plan returns the graph in force, nil before the first.
func (l *Local) Plan() *graph.Plan { return l.history.Plan() }

// Push puts a checked graph in force. A graph that cannot be compiled changes nothing.
func (l *Local) Push(number int64, g *graph.Graph) error {
	next, err := l.history.Push(number, g)
	if err != nil {
		return err
	}
	l.history = next
	l.engine.Push(next)
	for _, f := range next.Plan().Features {
		source := Source{Topic: localTopic(f)}
		if l.engine.routers[source] == nil {
			l.engine.AddRouter(source, 0, 0, 1)
		}
	}
	if l.engine.resolvers[0] == nil {
		l.engine.AddResolver(0)
	}
	return nil
}

// Route files one write of a feature of the graph in force, or says why it cannot be used.
func (l *Local) Route(feature graph.FeatureKey, w *Write) (refusal *graph.Refusal, err error) {
	err = l.epoch(func() error {
		refusal, err = l.engine.Route(Source{Topic: string(feature)}, w)
		return err
	})
	return refusal, err
}

// Settle works until all is quiet and gives every event in the order in which it is emitted.
func (l *Local) Settle(fn func(*Event)) error {
	for l.Plan() != nil {
		more := false
		err := l.epoch(func() (err error) {
			rows := l.rows
			l.rows = nil
			for _, row := range rows {
				if err := l.engine.Resolve(0, row.Key, row.Value); err != nil {
					return err
				}
			}
			more, err = l.engine.Work(l.budget)
			return err
		})
		if err != nil {
			return err
		}
		out := l.engine.Output()
		for i := range out.Events {
			fn(&out.Events[i])
		}
		if !more && len(l.rows) == 0 {
			return nil
		}
	}
	return nil
}

// Request asks for the rows of a feature that a filter (nil: every row) keeps and that were written below
// an offset (S10). Settle marks them.
func (l *Local) Request(feature graph.FeatureKey, filter *graph.Filter, below int64) {
	topic := string(feature)
	l.engine.SetPosition(Source{Topic: topic}, below)
	list := slices.Concat(l.engine.requests[topic], []*Request{{
		Number: l.asked, Feature: feature, Topic: topic, Rows: NewSelection(filter, nil), Bounds: map[int32]int64{0: below},
	}})
	l.asked++
	l.engine.requests[topic] = list
}

// Fail says that a piece of work of a feature could not be done (S12), or why that cannot be used.
func (l *Local) Fail(feature graph.FeatureKey, key []byte, failure *Failure) (refusal *graph.Refusal, err error) {
	err = l.epoch(func() error {
		refusal, err = l.engine.Fail(feature, key, failure, Origin{})
		return err
	})
	return refusal, err
}

// CountChildren counts the samples of a parent, and those that are not fresh, now.
func (l *Local) CountChildren(f *graph.FeaturePlan, match []graph.Value) (children, notCurrent int64, err error) {
	err = l.epoch(func() error {
		children, notCurrent, err = l.engine.CountChildren(0, f, match)
		return err
	})
	return children, notCurrent, err
}

// epoch runs one epoch and applies what it wrote.
func (l *Local) epoch(step func() error) error {
	reader, err := l.store.Reader()
	if err != nil {
		return fmt.Errorf("read state: %w", err)
	}
	defer reader.Close()
	if l.overlay == nil {
		l.overlay = state.NewOverlay(reader)
	} else {
		l.overlay.Reset(reader)
	}
	l.engine.Begin(l.overlay)
	if err := step(); err != nil {
		return err
	}
	l.rows = append(l.rows, l.engine.Output().Rows...)
	for _, done := range l.engine.Output().Done {
		l.engine.requests[done.Source.Topic] = l.engine.requests[done.Source.Topic][1:]
	}
	if err := l.store.Apply(l.overlay); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	l.engine.Commit()
	return nil
}
