package graph

import (
	"fmt"
	"slices"
	"strings"
)

// What Parse checks once a graph is read: references, cycles, and that every field finds its parents. It is
// the part of G2 that versions need; check.go has the rest.

// maxParents bounds how many parents all fields of a graph may have together: a graph of a few megabytes
// could ask for billions.
const maxParents = 2_000_000

// check finishes the graph of a loader.
func (l *loader) check() error {
	g, r := l.graph, l.top.refusal
	g.checkReferences(r, l.holes)
	g.checkCycles(r)
	if len(r.problems) == 0 {
		g.checkParents(r, l.top)
	}
	return r.err()
}

// checkReferences refuses what stands twice and what is not there. With holes some features are not known,
// so that nothing can be said to be missing.
func (g *Graph) checkReferences(r *refusal, holes bool) {
	byKey := make(map[FeatureKey]*Feature, len(g.Features))
	for _, f := range g.Features {
		if first := byKey[f.Key]; first == nil {
			byKey[f.Key] = f
		} else {
			f.spot(r).at("key").fail("is the key of another feature too%s; give one of them another key", onLine(first.Place))
		}
	}
	g.byKey = byKey
	prepared := make(upstreams)
	for _, f := range g.Features {
		f.checkFieldsTwice(r)
		seen := make(map[FeatureKey]bool, len(f.Deps))
		for i, d := range f.Deps {
			s := f.spot(r).at("deps").index(i)
			switch {
			case d.Feature == "":
			case d.Feature == f.Key:
				s.fail("the feature depends on itself; take this dependency out")
			case seen[d.Feature]:
				s.fail("depends on %q a second time; write one dependency with all that is read of it", string(d.Feature))
			case byKey[d.Feature] == nil && !holes:
				advice := "add it, or take this dependency out"
				if near := g.nearestKey(d.Feature, len(r.problems)); near != "" {
					advice = fmt.Sprintf("did you mean %q?", string(near))
				}
				s.fail("depends on %q, which is not in the graph; %s", string(d.Feature), advice)
			}
			seen[d.Feature] = true
		}
		if len(f.Deps) > 0 && !seen[""] {
			f.checkFieldDeps(r, byKey, seen, prepared)
		}
	}
}

// nearestKey returns the feature that a mistyped key most likely means, or "". It looks at every feature, so
// only for problems that are listed; listed says how many there are already.
func (g *Graph) nearestKey(key FeatureKey, listed int) FeatureKey {
	if listed >= maxProblems {
		return ""
	}
	keys := make([]FeatureKey, len(g.Features))
	for i, f := range g.Features {
		keys[i] = f.Key
	}
	return nearest(string(key), keys)
}

func onLine(p Place) string {
	if p.Line == 0 {
		return ""
	}
	return fmt.Sprintf(" (line %d)", p.Line)
}

func (f *Feature) checkFieldsTwice(r *refusal) {
	seen := make(map[FieldKey]bool, len(f.Fields))
	for i, field := range f.Fields {
		if seen[field.Key] && field.Key != "" {
			f.spot(r).at("fields").index(i).fail("field %q is written twice; give one of them another key", string(field.Key))
		}
		seen[field.Key] = true
	}
}

// checkFieldDeps refuses explicit dependencies of fields on what is not there. (Those of a feature without
// dependencies are ignored, as by Metaxy.)
func (f *Feature) checkFieldDeps(r *refusal, byKey map[FeatureKey]*Feature, deps map[FeatureKey]bool, prepared upstreams) {
	for i, field := range f.Fields {
		for j, dep := range field.Deps.List {
			up := byKey[dep.Feature]
			switch {
			case dep.Feature == "" || r.full():
			case !deps[dep.Feature]:
				f.fieldDepSpot(r, i, j).fail("field %q reads %q, which is no dependency of the feature; add it to deps, or read one of %s",
					string(field.Key), string(dep.Feature), quoted(f.dependencyKeys()))
			case up == nil || prepared.get(up).fields[""]: // refused already
			default:
				f.checkFieldDep(r, prepared.get(up), i, j)
			}
		}
	}
}

func (f *Feature) checkFieldDep(r *refusal, up *upstream, i, j int) {
	field := f.Fields[i]
	for k, key := range field.Deps.List[j].Fields {
		if up.fields[key] || key == "" || r.full() {
			continue
		}
		s := f.fieldDepSpot(r, i, j)
		if s.n != nil && s.n.kind == nodeMap {
			s = s.at("fields")
		}
		s.index(k).fail("field %q reads field %q of %q, which has no such field; write one of %s",
			string(field.Key), string(key), string(up.key), quoted(up.all))
	}
}

// fieldDepSpot returns where the j-th dependency of the i-th field stands: an item of a list {feature, fields},
// or the fields themselves in the short form.
func (f *Feature) fieldDepSpot(r *refusal, i, j int) spot {
	s := f.spot(r).at("fields").index(i).at("deps")
	if s.n != nil && s.n.kind == nodeMap {
		return s.entry(j)
	}
	return s.index(j)
}

func (f *Feature) dependencyKeys() []FeatureKey {
	keys := make([]FeatureKey, len(f.Deps))
	for i, d := range f.Deps {
		keys[i] = d.Feature
	}
	return keys
}

func (f *Feature) fieldKeys() []FieldKey {
	keys := make([]FieldKey, len(f.Fields))
	for i, field := range f.Fields {
		keys[i] = field.Key
	}
	return keys
}

// checkCycles refuses each knot of features that read each other, once, with one way around it.
func (g *Graph) checkCycles(r *refusal) {
	for _, knot := range g.knots() {
		in := make(map[FeatureKey]bool, len(knot))
		for _, f := range knot {
			in[f.Key] = true
		}
		first := knot[0]
		for _, f := range knot {
			if f.Place.Line < first.Place.Line {
				first = f
			}
		}
		way := g.wayAround(first, in)
		names := make([]string, 0, len(way))
		for i, key := range way {
			if i == 10 && len(way) > 12 {
				names = append(names, fmt.Sprintf("(%d more)", len(way)-11), string(way[len(way)-1]))
				break
			}
			names = append(names, string(key))
		}
		at := slices.IndexFunc(first.Deps, func(d *Dependency) bool { return d.Feature == way[1] })
		first.spot(r).at("deps").index(at).fail("is part of a cycle, each reading the next: %s; take one of these dependencies out", strings.Join(names, " → "))
	}
}

// knots returns the strongly connected components of more than one feature (Tarjan).
func (g *Graph) knots() [][]*Feature {
	var (
		knots [][]*Feature
		stack []*Feature
		order = make(map[FeatureKey]int, len(g.Features)) // of first visit, from 1
		low   = make(map[FeatureKey]int, len(g.Features))
		on    = make(map[FeatureKey]bool)
		visit func(f *Feature)
	)
	visit = func(f *Feature) {
		order[f.Key] = len(order) + 1
		low[f.Key] = order[f.Key]
		stack, on[f.Key] = append(stack, f), true
		for _, d := range f.Deps {
			up := g.Feature(d.Feature)
			switch {
			case up == nil:
			case order[up.Key] == 0:
				visit(up)
				low[f.Key] = min(low[f.Key], low[up.Key])
			case on[up.Key]:
				low[f.Key] = min(low[f.Key], order[up.Key])
			}
		}
		if low[f.Key] != order[f.Key] {
			return
		}
		at := slices.Index(stack, f)
		knot := slices.Clone(stack[at:])
		stack = stack[:at]
		for _, member := range knot {
			on[member.Key] = false
		}
		if len(knot) > 1 {
			knots = append(knots, knot)
		}
	}
	for _, f := range g.Features {
		if order[f.Key] == 0 {
			visit(f)
		}
	}
	return knots
}

// wayAround returns a shortest way from a feature back to itself within a knot.
func (g *Graph) wayAround(first *Feature, in map[FeatureKey]bool) []FeatureKey {
	from := map[FeatureKey]FeatureKey{}
	queue := []FeatureKey{first.Key}
	for len(queue) > 0 {
		key := queue[0]
		queue = queue[1:]
		for _, d := range g.Feature(key).Deps {
			if d.Feature == first.Key {
				way := []FeatureKey{first.Key, key}
				for key != first.Key {
					key = from[key]
					way = append(way, key)
				}
				slices.Reverse(way)
				return way
			}
			if _, seen := from[d.Feature]; !seen && in[d.Feature] {
				from[d.Feature] = key
				queue = append(queue, d.Feature)
			}
		}
	}
	return []FeatureKey{first.Key, first.Key}
}

// checkParents refuses fields that find no parent by mapping, in a graph without other problems.
func (g *Graph) checkParents(r *refusal, top spot) {
	resolved, within := g.resolve(maxParents)
	if !within {
		top.fail("the fields have more than %d parents together; use narrower mappings", maxParents)
		return
	}
	for _, f := range resolved {
		for i, field := range f.Fields {
			d := field.Field.Deps
			if len(field.Parents) == 0 && len(f.Feature.Deps) > 0 && !d.All && d.List == nil {
				f.Feature.spot(r).at("fields").index(i).fail(
					"field %q maps to no field of %s; change fields_mapping there, or write the field's deps ({FEATURE: []} for none on purpose)",
					string(field.Field.Key), quoted(f.Feature.dependencyKeys()))
			}
		}
	}
}
