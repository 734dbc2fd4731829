package graph

import (
	"slices"

	"github.com/cespare/xxhash/v2"
)

// Shape says what the keys of a feature's events look like (E2), and how they follow
// from the columns that state keeps: the match key in Layout's order, then the suffix.
// Equal shapes have equal names, whatever graph they are of.
type Shape struct {
	Name    uint64
	Feature FeatureKey
	Layout  []string // the columns of M as state has them
	K       int      // so many leading ones are the join key
	Suffix  []string // the id columns outside M

	SampleColumns []string // of the key of a sample
	InputColumns  []string // of the key of a row that is not there; the same list where M and the ids are one set
	IDColumns     []string
	sample        []int // for each of SampleColumns its place in Layout ++ Suffix
	input         []int
	id            []int
}

// shape makes the shape of f from its join.
func (f *FeaturePlan) shape() {
	s := &Shape{Feature: f.Key, Layout: f.Layout, K: f.K, Suffix: f.Suffix, IDColumns: f.IDs}
	all := append(slices.Clone(f.Layout), f.Suffix...)
	if f.MatchIsIDs {
		s.SampleColumns, s.InputColumns = f.IDs, f.IDs
	} else {
		s.SampleColumns = append(slices.Clone(f.Match), f.Suffix...)
		s.InputColumns = f.Match
	}
	s.sample, s.input, s.id = places(s.SampleColumns, all), places(s.InputColumns, all), places(f.IDs, all)
	text := joinColumns([]string{string(f.Key)}) + joinColumns(f.Layout[:f.K]) + ";" + joinColumns(f.Layout) +
		";" + joinColumns(s.SampleColumns) + ";" + joinColumns(s.InputColumns)
	s.Name = xxhash.Sum64String(text)
	f.Shape = s
}

func places(columns, all []string) []int {
	at := make([]int, len(columns))
	for i, c := range columns {
		at[i] = slices.Index(all, c)
	}
	return at
}

// SampleKey appends the record key of a sample (E2) to dst; values are those of Layout, then of Suffix.
func (s *Shape) SampleKey(dst []byte, values []Value) []byte {
	return appendKey(dst, s.SampleColumns, s.sample, values)
}

// InputKey appends the record key of a row that is not there (E2); values are those of Layout.
func (s *Shape) InputKey(dst []byte, values []Value) []byte {
	return appendKey(dst, s.InputColumns, s.input, values)
}

// SampleIDs appends the values of the id columns in the feature's order.
func (s *Shape) SampleIDs(dst []Value, values []Value) []Value {
	for _, at := range s.id {
		dst = append(dst, values[at])
	}
	return dst
}

// InputIDs appends the values of the columns of M in M's order.
func (s *Shape) InputIDs(dst []Value, values []Value) []Value {
	for _, at := range s.input {
		dst = append(dst, values[at])
	}
	return dst
}

func appendKey(dst []byte, columns []string, places []int, values []Value) []byte {
	dst = append(dst, '{')
	for i, c := range columns {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendJSON(dst, String(c))
		dst = append(dst, ':')
		dst = AppendJSON(dst, values[places[i]])
	}
	return append(dst, '}')
}

// Parse is the inverse of SampleKey and InputKey: it orders the values of a parsed key as
// Layout, then Suffix. ok is false if the columns are not those of the shape.
// For a row that is not there only the values of Layout are returned and sample is false.
func (s *Shape) Parse(names []string, values []Value) (ordered []Value, sample, ok bool) {
	columns, at := s.SampleColumns, s.sample
	sample = true
	if !slices.Equal(names, columns) {
		columns, at = s.InputColumns, s.input
		sample = false
		if !slices.Equal(names, columns) {
			return nil, false, false
		}
	}
	ordered = make([]Value, len(columns))
	for i := range columns {
		ordered[at[i]] = values[i]
	}
	return ordered, sample, true
}

// IsNull reports whether a tuple begins with null.
func IsNull(tuple []byte) bool { return len(tuple) > 0 && tuple[0] == tagNull }

// FromInput orders values of the columns of M (InputColumns) as Layout.
func (s *Shape) FromInput(values []Value) []Value {
	layout := make([]Value, len(s.Layout))
	for i, at := range s.input {
		layout[at] = values[i]
	}
	return layout
}

// FromIDs orders values of the id columns as Layout and Suffix; match is nil if the ids do not
// hold every column of M.
func (s *Shape) FromIDs(ids []Value) (match, suffix []Value) {
	all := make([]Value, len(s.Layout)+len(s.Suffix))
	known := 0
	for i, at := range s.id {
		all[at] = ids[i]
		if at < len(s.Layout) {
			known++
		}
	}
	suffix = all[len(s.Layout):]
	if known < len(s.Layout) {
		return nil, suffix
	}
	return all[:len(s.Layout)], suffix
}
