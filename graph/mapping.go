package graph

import (
	"cmp"
	"container/heap"
	"slices"
	"strings"
)

// Which upstream fields each field reads (metaxy-semantics 3): explicit dependencies, or the mappings of
// the dependencies.

// Parent is one upstream field that a field reads.
type Parent struct {
	Feature FeatureKey
	Field   FieldKey
}

// String returns the fully qualified key, FEATURE.FIELD, as it is hashed.
func (p Parent) String() string { return string(p.Feature) + "." + string(p.Field) }

// Compare orders parents as the text of String: -1, 0 or +1.
func (p Parent) Compare(other Parent) int {
	a, b := string(p.Feature), string(other.Feature)
	n := min(len(a), len(b))
	if c := strings.Compare(a[:n], b[:n]); c != 0 {
		return c
	}
	switch {
	case len(a) < len(b):
		return cmp.Compare('.', b[n])
	case len(a) > len(b):
		return cmp.Compare(a[n], '.')
	}
	return p.Field.Compare(other.Field)
}

// Resolved is a feature with the parents of its fields.
type Resolved struct {
	Feature *Feature
	Fields  []ResolvedField // in the order of the feature
}

// ResolvedField is a field with its parents, sorted by Parent.Compare, each once.
type ResolvedField struct {
	Field   *Field
	Parents []Parent
}

// Resolve returns the parents of every field, features in topological order. What a graph that Parse would
// refuse refers to without having it is left out.
func (g *Graph) Resolve() []Resolved {
	resolved, _ := g.resolve(-1)
	return resolved
}

// resolve is Resolve, given up when the fields have more than limit parents together; a negative limit is none.
func (g *Graph) resolve(limit int) (resolved []Resolved, within bool) {
	count, prepared := 0, make(upstreams)
	for _, f := range g.Topological() {
		fields := make([]ResolvedField, len(f.Fields))
		sources := prepared.sources(g, f)
		for i, field := range f.Fields {
			fields[i] = ResolvedField{field, sources.parents(field)}
			if count += len(fields[i].Parents); limit >= 0 && count > limit {
				return nil, false
			}
		}
		resolved = append(resolved, Resolved{f, fields})
	}
	return resolved, true
}

// Parents returns the parents of the fields of one feature, each list sorted by Parent.Compare; nil for a
// feature that is not in the graph.
func (g *Graph) Parents(key FeatureKey) map[FieldKey][]Parent {
	f := g.Feature(key)
	if f == nil {
		return nil
	}
	sources := make(upstreams).sources(g, f)
	parents := make(map[FieldKey][]Parent, len(f.Fields))
	for _, field := range f.Fields {
		parents[field.Key] = sources.parents(field)
	}
	return parents
}

// An upstream is a feature, prepared for looking up its fields.
type upstream struct {
	key    FeatureKey
	all    []FieldKey
	fields map[FieldKey]bool
	turned []turnedKey // built when a mapping matches suffixes
}

// A turnedKey is a field key with its parts in reverse, so that a suffix is a prefix. Turned keys sort part by
// part, those with a common prefix side by side.
type turnedKey struct {
	text string
	key  FieldKey
}

func turn(key FieldKey) string {
	parts := key.Parts()
	slices.Reverse(parts)
	return strings.Join(parts, "/")
}

// bySuffix returns the fields whose trailing parts are the whole of a key.
func (u *upstream) bySuffix(key FieldKey) []FieldKey {
	if u.turned == nil {
		u.turned = make([]turnedKey, len(u.all))
		for i, k := range u.all {
			u.turned[i] = turnedKey{turn(k), k}
		}
		slices.SortFunc(u.turned, func(a, b turnedKey) int { return comparePartwise(a.text, b.text) })
	}
	prefix := turn(key)
	at, _ := slices.BinarySearchFunc(u.turned, prefix, func(t turnedKey, prefix string) int { return comparePartwise(t.text, prefix) })
	var found []FieldKey
	for _, t := range u.turned[at:] {
		rest, ok := strings.CutPrefix(t.text, prefix)
		if !ok || rest != "" && rest[0] != '/' {
			break
		}
		found = append(found, t.key)
	}
	return found
}

// upstreams are the features already prepared.
type upstreams map[FeatureKey]*upstream

func (u upstreams) get(f *Feature) *upstream {
	up := u[f.Key]
	if up == nil {
		up = &upstream{key: f.Key, all: f.fieldKeys(), fields: make(map[FieldKey]bool, len(f.Fields))}
		for _, key := range up.all {
			up.fields[key] = true
		}
		u[f.Key] = up
	}
	return up
}

// A parentSource is one dependency, prepared for looking up the fields of its reader.
type parentSource struct {
	*upstream
	mapping  Mapping
	excluded map[FieldKey]bool // MapDefault
	kept     []FieldKey        // MapDefault: the fields not excluded
}

// parentSources are the dependencies of one feature.
type parentSources struct {
	list  []parentSource
	byKey map[FeatureKey]*parentSource
}

func (u upstreams) sources(g *Graph, f *Feature) parentSources {
	sources := parentSources{make([]parentSource, 0, len(f.Deps)), make(map[FeatureKey]*parentSource, len(f.Deps))}
	for _, d := range f.Deps {
		up := g.Feature(d.Feature)
		if up == nil {
			continue
		}
		s := parentSource{upstream: u.get(up), mapping: d.Mapping}
		s.kept = s.all
		if len(d.Mapping.ExcludeFields) > 0 {
			s.excluded = make(map[FieldKey]bool, len(d.Mapping.ExcludeFields))
			for _, key := range d.Mapping.ExcludeFields {
				s.excluded[key] = true
			}
			s.kept = s.withoutExcluded(s.all)
		}
		sources.list = append(sources.list, s)
		sources.byKey[s.key] = &sources.list[len(sources.list)-1] // of the capacity reserved above, so it stays there
	}
	return sources
}

func (s *parentSource) withoutExcluded(keys []FieldKey) []FieldKey {
	return slices.DeleteFunc(slices.Clone(keys), func(key FieldKey) bool { return s.excluded[key] })
}

func (sources parentSources) parents(field *Field) []Parent {
	var parents []Parent
	add := func(s *parentSource, keys []FieldKey) {
		for _, key := range keys {
			if s.fields[key] {
				parents = append(parents, Parent{s.key, key})
			}
		}
	}
	whole := make(map[FeatureKey]bool) // features of which every field is in already
	for _, dep := range field.Deps.List {
		switch s := sources.byKey[dep.Feature]; {
		case s == nil || whole[dep.Feature]:
		case dep.All:
			add(s, s.all)
			whole[dep.Feature] = true
		default:
			add(s, dep.Fields)
		}
	}
	for i := range sources.list {
		s := &sources.list[i]
		switch {
		case field.Deps.All:
			add(s, s.all)
		case field.Deps.List == nil:
			add(s, s.mapped(field.Key))
		}
	}
	slices.SortFunc(parents, Parent.Compare)
	return slices.Compact(parents)
}

// mapped returns the upstream fields that the mapping gives to a field; those of MapSpecific need not exist.
func (s *parentSource) mapped(key FieldKey) []FieldKey {
	switch s.mapping.Kind {
	case MapAll:
		return s.all
	case MapNone:
		return nil
	case MapSpecific:
		return s.mapping.Specific[key]
	}
	var matched []FieldKey
	switch {
	case s.mapping.MatchSuffix:
		matched = s.withoutExcluded(s.bySuffix(key))
	case s.fields[key] && !s.excluded[key]:
		matched = []FieldKey{key}
	}
	if len(matched) > 0 {
		return matched
	}
	return s.kept
}

// Topological returns the features with dependencies before those that read them, otherwise by key. Features
// of a cycle, which Parse refuses, come last.
func (g *Graph) Topological() []*Feature {
	waits := make(map[*Feature]int, len(g.Features))
	readers := make(map[*Feature][]*Feature, len(g.Features))
	var ready byFeatureKey
	for _, f := range g.Features {
		for _, d := range f.Deps {
			if up := g.Feature(d.Feature); up != nil {
				waits[f]++
				readers[up] = append(readers[up], f)
			}
		}
		if waits[f] == 0 {
			ready = append(ready, f)
		}
	}
	heap.Init(&ready)
	order := make([]*Feature, 0, len(g.Features))
	for len(ready) > 0 {
		f := heap.Pop(&ready).(*Feature)
		order = append(order, f)
		for _, reader := range readers[f] {
			if waits[reader]--; waits[reader] == 0 {
				heap.Push(&ready, reader)
			}
		}
	}
	if len(order) < len(g.Features) {
		var rest byFeatureKey
		for _, f := range g.Features {
			if waits[f] > 0 {
				rest = append(rest, f)
			}
		}
		slices.SortFunc(rest, func(a, b *Feature) int { return a.Key.Compare(b.Key) })
		order = append(order, rest...)
	}
	return order
}

// byFeatureKey is a heap of features, the least key on top.
type byFeatureKey []*Feature

func (h byFeatureKey) Len() int           { return len(h) }
func (h byFeatureKey) Less(i, j int) bool { return h[i].Key.Compare(h[j].Key) < 0 }
func (h byFeatureKey) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *byFeatureKey) Push(x any)        { *h = append(*h, x.(*Feature)) }
func (h *byFeatureKey) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
