package engine

import (
	"errors"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/state"
)

// View answers questions about one partition of rows from a snapshot of the state, which it never
// writes: it is a second engine over an overlay that is thrown away, so that what it says of a key is
// what the very same evaluation says that will emit it. It is for one goroutine.
type View struct {
	e       *Engine
	r       *resolver
	working bool
}

// ErrNoGraph says that no graph has been pushed yet.
var ErrNoGraph = errors.New("no graph has been published yet")

// OpenView opens a view of one partition of rows under the newest graph of h. The caller closes the
// reader when it is done with the view.
func OpenView(cfg Config, h *graph.History, reader state.Reader, q int32) (*View, error) {
	if h.Plan() == nil {
		return nil, ErrNoGraph
	}
	e := New(cfg)
	e.Push(h)
	e.AddResolver(q)
	e.Begin(state.NewOverlay(reader))
	v := &View{e: e, r: e.resolvers[q]}
	a, ok := e.applied(v.r)
	v.working = !ok || a.graph != h.Plan().Number || e.hasWork(v.r)
	e.openFeatures(v.r) // as the next epoch will
	return v, e.err
}

// Working reports whether the partition has a graph, a sweep or touched keys still to work on: what was
// emitted is then not yet what holds.
func (v *View) Working() bool { return v.working }

// Open reports whether a feature is evaluated in the partition (E4).
func (v *View) Open(f *graph.FeaturePlan) bool { return v.r.isOpen(f) }

// MissingMark is something that a feature waits for before it is evaluated (E4).
type MissingMark struct {
	Upstream   graph.FeatureKey // whose rows are not all filed; the feature itself: its own rows, or its keys
	Have, Want int32            // marks; Want is 0 where not one has come, so that it is not known
	Moved      bool             // partitions that have taken back what they had under an earlier join key
}

// Missing lists what a feature that is not open waits for.
func (v *View) Missing(f *graph.FeaturePlan) []MissingMark {
	list := []MissingMark{}
	look := func(edge *graph.Edge) {
		if v.r.marked(edge) {
			return
		}
		m := MissingMark{Upstream: edge.Upstream.Key}
		if h := v.r.marks[edge.Name]; h != nil {
			m.Have, m.Want = h.have, h.want
		}
		list = append(list, m)
	}
	look(f.Own)
	for _, d := range f.Deps {
		look(d.Edge)
	}
	if f.Moved != 0 && v.r.moved[f.Moved] < v.e.cfg.Partitions {
		list = append(list, MissingMark{Upstream: f.Key, Have: v.r.moved[f.Moved], Want: v.e.cfg.Partitions, Moved: true})
	}
	return list
}
