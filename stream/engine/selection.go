package engine

import (
	"slices"
	"strings"

	"github.com/freshline/freshline/graph"
)

// Selection says which rows of a feature a request is about: those that a filter keeps, and that have
// one of some sets of values. The zero Selection has every row. It is immutable and may be used from
// several goroutines.
type Selection struct {
	filter *graph.Filter
	sets   []valueSet
}

// valueSet has the values of some columns, each as a tuple.
type valueSet struct {
	columns []string
	tuples  map[string]struct{}
}

// NewSelection makes a selection. A nil filter keeps every row, and no ids stand for every row; those of
// one row may be of some id columns only. The columns of each are sorted by name.
func NewSelection(filter *graph.Filter, ids [][]graph.Column) Selection {
	s := Selection{filter: filter}
	for _, columns := range ids {
		names := make([]string, len(columns))
		vals := make([]graph.Value, len(columns))
		for i, c := range columns {
			names[i], vals[i] = c.Name, c.Value
		}
		at := slices.IndexFunc(s.sets, func(set valueSet) bool { return slices.Equal(set.columns, names) })
		if at < 0 {
			at = len(s.sets)
			s.sets = append(s.sets, valueSet{names, map[string]struct{}{}})
		}
		s.sets[at].tuples[string(graph.AppendTuple(nil, vals...))] = struct{}{}
	}
	return s
}

// Has reports whether a row with these columns, sorted by name and without nulls, is selected.
func (s *Selection) Has(columns []graph.Column) bool {
	column := func(name string) graph.Value {
		if i, ok := slices.BinarySearchFunc(columns, name, func(c graph.Column, name string) int { return strings.Compare(c.Name, name) }); ok {
			return columns[i].Value
		}
		return graph.Null()
	}
	if s.filter != nil && s.filter.Eval(column) != graph.True {
		return false
	}
	if len(s.sets) == 0 {
		return true
	}
	var vals []graph.Value
	var tuple []byte
	for _, set := range s.sets {
		vals = vals[:0]
		for _, name := range set.columns {
			vals = append(vals, column(name))
		}
		if slices.ContainsFunc(vals, func(v graph.Value) bool { return !v.Usable() }) {
			continue
		}
		tuple = graph.AppendTuple(tuple[:0], vals...)
		if _, ok := set.tuples[string(tuple)]; ok {
			return true
		}
	}
	return false
}
