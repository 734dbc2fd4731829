package engine

import (
	"errors"
	"fmt"
	"slices"

	"github.com/freshline/freshline/graph"
)

// Lookup is a key of a feature as somebody asks for it: the whole key of an event (E2), its columns in
// any order, or the sample's own ids.
type Lookup struct {
	Feature   *graph.FeaturePlan
	Partition int32 // of rows, where the status of the key is; -1 where the ids do not say

	match  []graph.Value // in the order of Layout; nil where only the ids are known
	suffix []graph.Value // of the feature's Suffix; nil for the key of M
	ids    []graph.Value // in the feature's order, where match is nil
}

// ErrBadKey says that a text is no key of the feature.
var ErrBadKey = errors.New("not a key of the feature")

// NewLookup reads a key: a JSON object as ParseKeyJSON reads it. The error is ErrUnknownFeature, or
// wraps ErrBadKey and says which columns the feature's keys have.
func NewLookup(plan *graph.Plan, partitions int32, feature graph.FeatureKey, key []byte) (*Lookup, error) {
	f := plan.Feature(feature)
	if f == nil {
		return nil, ErrUnknownFeature
	}
	names, vals, err := graph.ParseKeyJSON(key)
	if err != nil {
		return nil, fmt.Errorf("%w %s: %w; write it like %s", ErrBadKey, feature, err, wording(f.Shape.SampleColumns))
	}
	l := &Lookup{Feature: f, Partition: -1}
	s := f.Shape
	if ordered, ok := inOrder(s.SampleColumns, names, vals); ok {
		l.take(s, s.SampleColumns, ordered)
	} else if ordered, ok := inOrder(s.InputColumns, names, vals); ok {
		l.take(s, s.InputColumns, ordered)
	} else if ordered, ok := inOrder(f.IDs, names, vals); ok {
		l.ids = ordered
		l.Partition = partitionOfIDs(f, names, vals, partitions)
		return l, nil
	} else {
		return nil, fmt.Errorf("%w %s: it has the columns %s, and the keys of the feature have %s", ErrBadKey, feature, wording(names), keyWording(f))
	}
	l.Partition = graph.Partition(graph.AppendTuple(nil, l.match[:s.K]...), partitions)
	return l, nil
}

// take keeps the values of a whole key.
func (l *Lookup) take(s *graph.Shape, columns []string, values []graph.Value) {
	ordered, sample, _ := s.Parse(columns, values) // they are columns of the shape
	l.match = ordered[:len(s.Layout)]
	rest := ordered[len(s.Layout):]
	// A group record has the key of M (S7).
	if sample && !(l.Feature.Expands && !slices.ContainsFunc(rest, func(v graph.Value) bool { return !v.IsNull() })) {
		l.suffix = rest
	}
}

// partitionOfIDs finds the partition of rows from ids that do not hold M, if they hold K; else -1.
func partitionOfIDs(f *graph.FeaturePlan, names []string, vals []graph.Value, partitions int32) int32 {
	join := make([]graph.Value, f.K)
	for i, column := range f.Layout[:f.K] {
		at := slices.Index(names, column)
		if at < 0 {
			return -1
		}
		join[i] = vals[at]
	}
	return graph.Partition(graph.AppendTuple(nil, join...), partitions)
}

// inOrder brings the values of a key into the order of columns; ok is false if the names are others.
func inOrder(columns, names []string, vals []graph.Value) (ordered []graph.Value, ok bool) {
	if len(names) != len(columns) {
		return nil, false
	}
	for _, column := range columns {
		at := slices.Index(names, column)
		if at < 0 {
			return nil, false
		}
		ordered = append(ordered, vals[at])
	}
	return ordered, true
}

func keyWording(f *graph.FeaturePlan) string {
	text := wording(f.Shape.SampleColumns)
	if !f.MatchIsIDs {
		text += fmt.Sprintf(" (a sample), %s (what samples are made of)", wording(f.Shape.InputColumns))
		if _, same := inOrder(f.Shape.SampleColumns, f.IDs, make([]graph.Value, len(f.IDs))); !same {
			text += fmt.Sprintf(" or %s (the ids alone)", wording(f.IDs))
		}
	}
	return text
}

func wording(columns []string) string {
	b := []byte{'{'}
	for i, c := range columns {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(graph.AppendJSONString(b, c), ": …"...)
	}
	return string(append(b, '}'))
}
