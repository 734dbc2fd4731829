package graph

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// EdgeName names an edge, or a reserved mark: the hash of what it is and of the number
// of the first graph of the unbroken run of graphs that have it. An edge that goes and
// comes back is a new edge.
type EdgeName [8]byte

// Edge is what one feature's rows look like to their readers, without the reader: which
// columns make the key under which they are filed, and what of them is seen. The rows of
// a feature as they are, filed under its own match key, are an edge too (its own edge).
type Edge struct {
	Name     EdgeName
	Upstream *FeaturePlan
	Own      bool
	Columns  []string // of the key, as readers call them: the join key, the rest of the input ids, then what orders a group
	Source   []string // the same as the upstream calls them; "" where it has no such column
	K        int      // so many leading columns are the join key
	N        int      // so many leading columns are input ids: of the own edge the columns of M
	View     *View    // of an own edge nil: everything
	Readers  []Reader
	Flagged  bool // a reader asks which rows are suspect (S3)
	Coming   bool // a reader asks which samples are still to come to its groups (S3)

	definition uint64
}

// Reader is a dependency that finds its rows on an edge.
type Reader struct {
	Feature *FeaturePlan
	Dep     int // index into Feature.Deps
}

// View is what a dependency sees of its upstream's rows (J4): rename, filters, select.
// It is applied when a row is filed on an edge of its own, or when it is read from the
// own edge of the upstream, where that has the same key.
type View struct {
	rename   []Rename
	filters  []*Filter
	selected []string // nil: all user columns
	all      bool
	shared   bool // the rows are those of the own edge: apply on reading
}

// compileEdges finds the edges of every dependency. Dependencies that see the same share one.
func (p *Plan) compileEdges() {
	byDefinition := map[uint64]*Edge{}
	for _, f := range p.Features {
		e := &Edge{Upstream: f, Own: true, K: f.K, N: len(f.Layout)}
		e.Columns = append(slices.Clone(f.Layout), f.Suffix...)
		e.Source = e.Columns
		kind := "own;"
		if f.Expands { // then what is counted of a parent's children follows from the rows on their way in
			kind = "children;"
		}
		e.definition = xxhash.Sum64String(kind + joinColumns([]string{string(f.Key), f.Spec.Topic}) +
			joinColumns(f.Layout[:f.K]) + ";" + joinColumns(f.Layout) + ";" + joinColumns(f.Suffix) + ";" + joinColumns(f.IDs))
		f.Own = e
		p.Edges = append(p.Edges, e)
	}
	for _, f := range p.Features {
		for i, d := range f.Deps {
			d.View = d.view()
			e := d.edge(f)
			if own := d.Upstream.Own; e.sharesKey(own) {
				d.View.shared = true
				e = own
			} else if known := byDefinition[e.definition]; known != nil {
				e = known
			} else {
				byDefinition[e.definition] = e
				p.Edges = append(p.Edges, e)
			}
			d.Edge = e
			d.IDs = d.placeIDs()
			e.Readers = append(e.Readers, Reader{Feature: f, Dep: i})
		}
	}
}

// placeIDs finds the upstream's id columns on the edge.
func (d *DepPlan) placeIDs() []ID {
	names := d.Edge.Columns
	if d.View.shared {
		names = make([]string, len(d.Edge.Columns))
		for i, c := range d.Edge.Columns {
			names[i] = d.View.Renamed(c)
		}
	}
	var ids []ID
	for _, id := range d.RenamedIDs() {
		if at := slices.Index(names, id); at >= 0 {
			ids = append(ids, ID{id, at})
		}
	}
	slices.SortFunc(ids, func(a, b ID) int { return strings.Compare(a.Name, b.Name) })
	return ids
}

// edge describes the edge of its own that the dependency would have.
func (d *DepPlan) edge(f *FeaturePlan) *Edge {
	e := &Edge{Upstream: d.Upstream, K: f.K, N: d.N, View: d.View}
	e.Columns = slices.Clone(f.Layout[:d.N])
	if d.Spec.Lineage.Kind == Aggregation {
		e.Columns = append(e.Columns, d.RenamedIDs()...)
	}
	for _, c := range e.Columns {
		e.Source = append(e.Source, d.View.source(c))
	}
	var text strings.Builder
	fmt.Fprintf(&text, "edge;%s%s;%d;%d;", joinColumns([]string{string(d.Upstream.Key), d.Upstream.Spec.Topic}), joinColumns(e.Columns), e.K, e.N)
	text.WriteString(joinColumns(d.Upstream.IDs))
	for _, r := range d.View.rename {
		text.WriteString(joinColumns([]string{r.From, r.To}))
	}
	filters := slices.Clone(d.Spec.Filters)
	slices.Sort(filters)
	text.WriteString(";" + joinColumns(slices.Compact(filters)) + ";")
	if !d.View.all {
		text.WriteString("select" + joinColumns(d.View.selected))
	}
	e.definition = xxhash.Sum64String(text.String())
	return e
}

// sharesKey reports whether rows filed on the own edge lie where e would have them, so that
// readers of e read them there: the same join key, and the same order behind it.
func (e *Edge) sharesKey(own *Edge) bool {
	if e.K != own.K || !slices.Equal(e.Source[:e.K], own.Source[:own.K]) {
		return false
	}
	if len(e.Columns) == e.N { // one row at a key
		return slices.Equal(e.Source, own.Source)
	}
	if e.N != e.K { // groups within a join key: only whole join keys are shared
		return false
	}
	// A group is one join key; its order must be that of the own rows.
	rest := slices.DeleteFunc(slices.Clone(e.Source[e.N:]), func(c string) bool {
		return slices.Contains(e.Source[:e.K], c)
	})
	return slices.Equal(rest, own.Source[own.K:])
}

// view compiles rename, filters and select of a dependency.
func (d *DepPlan) view() *View {
	v := &View{rename: d.Spec.Rename, all: !d.Spec.HasSelect}
	for _, text := range d.Spec.Filters {
		filter, err := ParseFilter(text)
		if err != nil {
			continue // Check refuses it: a plan is only made of a graph that passed
		}
		v.filters = append(v.filters, filter)
	}
	if d.Spec.HasSelect {
		v.selected = slices.Clone(d.Spec.Select)
		slices.Sort(v.selected)
		v.selected = slices.Compact(v.selected)
	}
	return v
}

// source returns the upstream's name of a column that readers call c, "" if it has none.
func (v *View) source(c string) string {
	for _, r := range v.rename {
		if r.To == c {
			return r.From
		}
	}
	for _, r := range v.rename {
		if r.From == c {
			return ""
		}
	}
	return c
}

// Shared reports whether the view is applied on reading, to rows of the own edge.
func (v *View) Shared() bool { return v.shared }

// Passes reports whether the filters keep a row with these columns, given as the upstream has them.
func (v *View) Passes(columns []Column) bool {
	for _, filter := range v.filters {
		if filter.Eval(func(name string) Value { return columnValue(columns, v.source(name)) }) != True {
			return false
		}
	}
	return true
}

// Filters reports whether the view can drop rows.
func (v *View) Filters() bool { return len(v.filters) > 0 }

// Changes reports whether the view renames columns or leaves some out.
func (v *View) Changes() bool { return len(v.rename) > 0 || !v.all }

// Renamed returns the name that readers have for a column of the upstream.
func (v *View) Renamed(column string) string {
	for _, r := range v.rename {
		if r.From == column {
			return r.To
		}
	}
	return column
}

// Select returns the columns that readers see, sorted by name, of a row as the upstream has it.
// The columns of the key are not among them unless they are selected.
func (v *View) Select(dst, columns []Column) []Column {
	if !v.all {
		for _, name := range v.selected {
			if source := v.source(name); source != "" {
				if value := columnValue(columns, source); value.Kind() != KindNull {
					dst = append(dst, Column{Name: name, Value: value})
				}
			}
		}
		return dst
	}
	start := len(dst)
	for _, c := range columns {
		name := c.Name
		renamed := false
		replaced := false
		for _, r := range v.rename {
			switch {
			case r.From == c.Name:
				name, renamed = r.To, true
			case r.To == c.Name:
				replaced = true
			}
		}
		if replaced && !renamed || c.Value.Kind() == KindNull {
			continue
		}
		dst = append(dst, Column{Name: name, Value: c.Value})
	}
	if len(v.rename) > 0 {
		slices.SortFunc(dst[start:], func(a, b Column) int { return strings.Compare(a.Name, b.Name) })
	}
	return dst
}

// Key returns the values of the edge's key of a row with these columns, as the upstream has
// them, and whether the row takes part: an input id without a usable value does not (J2).
// On an own edge every row takes part that has its ids; what else it lacks is null there.
func (e *Edge) Key(dst []Value, row *Row) ([]Value, bool) {
	group := e.Upstream.IsGroup(row)
	if group && !e.Own {
		return dst, false // a group record is no input (S7)
	}
	for i, source := range e.Source {
		value := columnValue(row.Columns, source)
		if !value.Usable() {
			if !e.Own && i < e.N || e.Own && !group && slices.Contains(e.Upstream.IDs, source) || group && i < e.N {
				return dst, false
			}
			value = Null()
		}
		dst = append(dst, value)
	}
	return dst, true
}

// columnValue finds a column in a list sorted by name; null if it is not there.
func columnValue(columns []Column, name string) Value {
	i, ok := slices.BinarySearchFunc(columns, name, func(c Column, name string) int { return strings.Compare(c.Name, name) })
	if !ok {
		return Null()
	}
	return columns[i].Value
}

func edgeName(definition uint64, start int64) EdgeName {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], definition)
	binary.BigEndian.PutUint64(b[8:], uint64(start))
	var name EdgeName
	binary.BigEndian.PutUint64(name[:], xxhash.Sum64(b[:]))
	return name
}

func moveName(key FeatureKey, columns string, start int64) uint64 {
	name := edgeName(xxhash.Sum64String("moved;"+joinColumns([]string{string(key)})+columns), start)
	return binary.BigEndian.Uint64(name[:])
}
