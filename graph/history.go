package graph

import (
	"encoding/binary"
	"fmt"
)

// History is every graph ever pushed, oldest first, with what later graphs need of
// earlier ones: the field versions of every feature version (G4), since when an
// edge has been in force without a break, and where keys have moved.
// A History is immutable; Push returns the next one.
type History struct {
	defaults Defaults
	plan     *Plan
	versions map[FeatureKey]map[string]map[FieldKey]string
	runs     map[uint64]int64        // definition of an edge, or of what judging is made of → number of the first graph of its unbroken run
	joins    map[FeatureKey]joinRun  // the join key of a feature, last seen
	ids      map[FeatureKey][]string // the id columns of a feature, last seen
	shapes   map[FeatureKey][]*Shape // every shape that the keys of a feature have had, newest first
	multi    map[FeatureKey]bool     // whether the id columns of a feature have ever changed
	edges    map[EdgeName]bool       // of every graph
}

// Defaults hold where a graph sets none.
type Defaults struct {
	Hash   Algorithm // "" = DefaultAlgorithm
	Length int       // characters of a sample hash; 0 = DefaultLength
	Gate   Gate      // GateUnset = GateSettled
}

// DefaultLength is the number of characters of a sample hash unless the graph sets another (G5).
const DefaultLength = 16

// NewHistory returns an empty history with defaults of its own. A nil History is an empty one too.
func NewHistory(defaults Defaults) *History { return &History{defaults: defaults} }

// joinRun says since which graph a feature has the join key that it has.
type joinRun struct {
	columns string
	start   int64
	moved   bool // an earlier graph had another join key
}

// Plan returns the newest plan, nil before the first push.
func (h *History) Plan() *Plan {
	if h == nil {
		return nil
	}
	return h.plan
}

// Push compiles g as the graph with the given number, which must be greater than
// that of every earlier push, and returns the history with it. The graph must have
// passed Check. The receiver (nil is an empty history) stays as it is.
func (h *History) Push(number int64, g *Graph) (*History, error) {
	next := &History{
		versions: map[FeatureKey]map[string]map[FieldKey]string{},
		runs:     map[uint64]int64{},
		joins:    map[FeatureKey]joinRun{},
		ids:      map[FeatureKey][]string{},
		shapes:   map[FeatureKey][]*Shape{},
		multi:    map[FeatureKey]bool{},
		edges:    map[EdgeName]bool{},
	}
	var runs map[uint64]int64
	if h != nil {
		next.defaults = h.defaults
		if h.plan != nil && number <= h.plan.Number {
			return nil, fmt.Errorf("push graph %d: graph %d is already in force", number, h.plan.Number)
		}
		for key, byVersion := range h.versions {
			m := make(map[string]map[FieldKey]string, len(byVersion)+1)
			for v, fields := range byVersion {
				m[v] = fields
			}
			next.versions[key] = m
		}
		for key, run := range h.joins {
			next.joins[key] = run
		}
		for key, ids := range h.ids {
			next.ids[key] = ids
		}
		for key, shapes := range h.shapes {
			next.shapes[key] = shapes
		}
		for key := range h.multi {
			next.multi[key] = true
		}
		for name := range h.edges {
			next.edges[name] = true
		}
		runs = h.runs
	}
	for key, v := range g.Versions() {
		if next.versions[key] == nil {
			next.versions[key] = map[string]map[FieldKey]string{}
		}
		next.versions[key][v.Feature] = v.Fields
	}
	plan, err := compile(number, g, next)
	if err != nil {
		return nil, err
	}
	for _, e := range plan.Edges {
		start, ok := runs[e.definition]
		if !ok {
			start = number
		}
		next.runs[e.definition] = start
		e.Name = edgeName(e.definition, start)
		next.edges[e.Name] = true
	}
	for _, f := range plan.Features {
		next.settle(f, number)
		if f.Watched {
			definition := f.judgedDefinition()
			start, ok := runs[definition]
			if !ok {
				start = number
			}
			next.runs[definition] = start
			name := edgeName(definition, start)
			f.Judged = binary.BigEndian.Uint64(name[:])
		}
	}
	plan.index()
	next.plan = plan
	return next, nil
}

// settle records what later graphs must know of f, and tells f what earlier ones had.
func (h *History) settle(f *FeaturePlan, number int64) {
	columns := joinColumns(f.Layout[:f.K])
	run, seen := h.joins[f.Key]
	if !seen || run.columns != columns {
		run = joinRun{columns: columns, start: number, moved: seen}
		h.joins[f.Key] = run
	}
	if run.moved {
		f.Moved = moveName(f.Key, columns, run.start)
	}
	if ids, ok := h.ids[f.Key]; ok && joinColumns(ids) != joinColumns(f.IDs) {
		h.multi[f.Key] = true
	}
	h.ids[f.Key] = f.IDs
	f.ManyKeys = h.multi[f.Key]
	for i, s := range h.shapes[f.Key] {
		if s.Name == f.Shape.Name {
			if i > 0 { // newest first
				rest := append([]*Shape{f.Shape}, h.shapes[f.Key][:i]...)
				h.shapes[f.Key] = append(rest, h.shapes[f.Key][i+1:]...)
			}
			return
		}
	}
	h.shapes[f.Key] = append([]*Shape{f.Shape}, h.shapes[f.Key]...)
}

// FieldVersions returns versions(feature, feature version) of G4: field → field version.
// It is nil for a version that no graph had.
func (h *History) FieldVersions(key FeatureKey, version string) map[FieldKey]string {
	return h.versions[key][version]
}

// HasEdge reports whether any graph had an edge of that name.
func (h *History) HasEdge(name EdgeName) bool { return h != nil && h.edges[name] }

// Shapes returns every shape that the keys of a feature have had, newest first.
func (h *History) Shapes(key FeatureKey) []*Shape { return h.shapes[key] }

// FeatureKeys returns every feature that a graph has ever had, in no order.
func (h *History) FeatureKeys() []FeatureKey {
	keys := make([]FeatureKey, 0, len(h.versions))
	for key := range h.versions {
		keys = append(keys, key)
	}
	return keys
}
