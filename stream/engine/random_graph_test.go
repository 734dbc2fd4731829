package engine_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/freshline/freshline/graph"
)

// specGraph is a graph as JSON, made at random.
type specGraph struct {
	Features []*specFeature `json:"features"`
	Hash     string         `json:"hash_algorithm,omitempty"`
	Length   int            `json:"hash_truncation_length,omitempty"`
	Gate     string         `json:"gate,omitempty"`
}

type specFeature struct {
	Key    string       `json:"key"`
	IDs    []string     `json:"id_columns"`
	Deps   []*specDep   `json:"deps,omitempty"`
	Fields []*specField `json:"fields"`
}

type specField struct {
	Key  string `json:"key"`
	Code string `json:"code_version"`
	Deps any    `json:"deps,omitempty"`
}

type specDep struct {
	Feature  string            `json:"feature"`
	Select   *[]string         `json:"select,omitempty"`
	Rename   map[string]string `json:"rename,omitempty"`
	Filters  []string          `json:"filters,omitempty"`
	Lineage  map[string]any    `json:"lineage,omitempty"`
	Optional bool              `json:"optional,omitempty"`
	Mapping  map[string]any    `json:"fields_mapping,omitempty"`
	Receipts string            `json:"receipts,omitempty"`
	Settle   *bool             `json:"settle,omitempty"`
}

func (g *specGraph) clone() *specGraph {
	next := &specGraph{}
	if err := json.Unmarshal(g.text(), next); err != nil {
		panic(err)
	}
	return next
}

func (g *specGraph) text() []byte {
	b, err := json.Marshal(g)
	if err != nil {
		panic(err)
	}
	return b
}

func (g *specGraph) feature(key string) *specFeature {
	for _, f := range g.Features {
		if f.Key == key {
			return f
		}
	}
	return nil
}

// The keys sort otherwise part by part than as text, and so do those of the fields.
var (
	specKeys   = []string{"m/a", "m-b", "c", "d/x/y", "e", "m/f"}
	specIDs    = []string{"a", "b", "c"}
	specUser   = []string{"n", "s"}
	specFields = []string{"x", "q/x", "y", "q/y", "z-1"}
)

// graphMaker makes graphs, and changes them.
type graphMaker struct {
	r     *rand.Rand
	fixed map[string][]string     // the id columns of features that keep them
	keep  func(key string) bool   // whether a feature keeps its id columns
	gone  map[string]*specFeature // features that have left
	past  []*specGraph
	now   *specGraph
	check func(*graph.Graph) bool // whether the graph compiles

	still   bool // features keep their ids and what they depend on
	settled bool // graphs may set a gate, dependencies may not settle
}

func chance(r *rand.Rand, percent int) bool { return r.IntN(100) < percent }

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// some returns n of a list, in random order; n is cut to its length.
func some[T any](r *rand.Rand, list []T, n int) []T {
	list = slices.Clone(list)
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list[:min(n, len(list))]
}

// first makes the first graph, of up to n features.
func (m *graphMaker) first(n int) *graph.Graph {
	keys := some(m.r, specKeys, n)
	for {
		g := &specGraph{}
		m.settings(g)
		for _, key := range keys {
			if f := m.fitting(g, key); f != nil {
				g.Features = append(g.Features, f)
			}
		}
		if parsed := m.accept(g); parsed != nil {
			return parsed
		}
	}
}

func (m *graphMaker) settings(g *specGraph) {
	g.Hash, g.Length = "", 0
	if chance(m.r, 25) {
		g.Hash = string(pick(m.r, []graph.Algorithm{graph.XXHash32, graph.XXHash64, graph.SHA256, graph.MD5}))
	}
	if chance(m.r, 25) {
		g.Length = 8 + m.r.IntN(24)
	}
	if g.Gate = ""; m.settled && chance(m.r, 10) {
		g.Gate = pick(m.r, []string{"settled", "immediate"})
	}
}

// accept puts a graph in force if it is one, and returns it.
func (m *graphMaker) accept(g *specGraph) *graph.Graph {
	parsed, err := graph.Parse(g.text(), "random")
	if err != nil || parsed.Check() != nil || !m.check(parsed) {
		return nil
	}
	m.now = g
	m.past = append(m.past, g)
	for _, f := range g.Features {
		delete(m.gone, f.Key)
		if m.keep(f.Key) {
			m.fixed[f.Key] = f.IDs
		}
	}
	return parsed
}

// fitting makes a feature that the graph takes as its last, nil after many vain attempts.
func (m *graphMaker) fitting(g *specGraph, key string) *specFeature {
	for range 12 {
		f := m.feature(key, g.Features)
		trial := &specGraph{Features: append(slices.Clone(g.Features), f)}
		if parsed, err := graph.Parse(trial.text(), "random"); err == nil && parsed.Check() == nil && m.check(parsed) {
			return f
		}
	}
	return nil
}

// feature makes a feature that may depend on others.
func (m *graphMaker) feature(key string, ups []*specFeature) *specFeature {
	r := m.r
	f := &specFeature{Key: key}
	fixed := m.fixed[key]
	if len(ups) == 0 || chance(r, 12) {
		f.IDs = some(r, specIDs, 1+r.IntN(2))
	} else {
		// Input ids should be a chain (J3): those of each dependency are the first so many of these.
		chain := some(r, specIDs, 1+r.IntN(3))
		if fixed != nil && chance(r, 70) {
			chain = some(r, fixed, len(fixed))
		}
		expansion := chance(r, 45)
		match := 0
		for i, up := range some(r, ups, 1+min(r.IntN(3), r.IntN(3))) {
			d, width := m.dep(up, chain, expansion && i == 0)
			f.Deps = append(f.Deps, d)
			match = max(match, width)
		}
		f.IDs = slices.Clone(chain[:min(match, len(chain))])
		if expansion {
			f.IDs = append(some(r, f.IDs, r.IntN(len(f.IDs)+1)), "k")
		} else if chance(r, 15) {
			f.IDs = append(f.IDs, "k")
		}
		f.IDs = some(r, f.IDs, len(f.IDs))
	}
	if fixed != nil {
		f.IDs = fixed
	}
	for _, name := range some(r, specFields, 1+r.IntN(3)) {
		f.Fields = append(f.Fields, &specField{Key: name, Code: "1"})
	}
	for _, field := range f.Fields {
		m.fieldDeps(f, field, ups)
	}
	return f
}

// dep makes a dependency whose input ids are some first columns of chain, and returns how many.
func (m *graphMaker) dep(up *specFeature, chain []string, expands bool) (*specDep, int) {
	r := m.r
	d := &specDep{Feature: up.Key, Rename: map[string]string{}}
	ids := slices.Clone(up.IDs)
	if len(ids) <= len(chain) && (expands || chance(r, 90)) {
		targets := some(r, chain[:len(ids)], len(ids))
		same := slices.Clone(ids)
		slices.Sort(same)
		if want := slices.Sorted(slices.Values(targets)); !slices.Equal(same, want) || chance(r, 10) {
			for i, id := range ids {
				if id != targets[i] {
					d.Rename[id] = targets[i]
				}
				ids[i] = targets[i]
			}
		}
	}
	width := len(ids)
	switch {
	case expands:
		on := slices.Clone(ids)
		if len(on) < len(chain) && chance(r, 20) {
			on, width = append(on, chain[len(on)]), width+1
		}
		d.Lineage = map[string]any{"expansion": on}
	case chance(r, 35):
		width = 1 + r.IntN(len(chain))
		d.Lineage = map[string]any{"aggregation": chain[:width]}
		if chance(r, 25) {
			d.Lineage["aggregation"] = true
			width = len(chain)
		}
	}
	m.view(d)
	return d, width
}

// view gives a dependency filters, a select, renames of user columns, a mapping, and makes it optional.
func (m *graphMaker) view(d *specDep) {
	r := m.r
	d.Filters, d.Select, d.Mapping, d.Optional, d.Receipts = nil, nil, nil, chance(r, 25), ""
	if _, ok := d.Lineage["expansion"]; ok && chance(r, 20) {
		d.Receipts = "required"
	}
	if d.Settle = nil; m.settled && chance(r, 12) {
		settle := chance(r, 20)
		d.Settle = &settle
	}
	for range r.IntN(3) * r.IntN(2) {
		d.Filters = append(d.Filters, pick(r, []string{
			"n > 1", "s = '2'", "a = 1", "n IS NOT NULL", "b != 2", "n IN (1, 2.0)", "NOT s = '1'", "n = 1 OR k = 2", "c <= 2 AND TRUE",
		}))
	}
	if chance(r, 30) {
		selected := some(r, append(slices.Clone(specUser), specIDs...), r.IntN(3))
		d.Select = &selected
	}
	if d.Rename == nil {
		d.Rename = map[string]string{}
	}
	delete(d.Rename, "n")
	delete(d.Rename, "s")
	switch r.IntN(12) {
	case 0:
		d.Rename["n"], d.Rename["s"] = "s", "n"
	case 1:
		d.Rename["n"] = "w"
	case 2:
		d.Rename["s"] = pick(r, []string{"n", "c", "k"})
	}
	switch r.IntN(10) {
	case 0:
		d.Mapping = mapping("all")
	case 1:
		d.Mapping = mapping("none")
	case 2:
		d.Mapping = mapping("default", "match_suffix", true)
	case 3:
		d.Mapping = mapping("default", "exclude_fields", some(r, specFields, 2))
	case 4:
		d.Mapping = mapping("specific", "mapping", map[string][]string{
			pick(r, specFields): some(r, specFields, 3), pick(r, specFields): some(r, specFields, 2),
		})
	}
}

func mapping(kind string, more ...any) map[string]any {
	inner := map[string]any{"type": kind}
	for i := 0; i < len(more); i += 2 {
		inner[more[i].(string)] = more[i+1]
	}
	return map[string]any{"mapping": inner}
}

// fieldDeps gives a field dependencies of its own, in every form.
func (m *graphMaker) fieldDeps(f *specFeature, field *specField, ups []*specFeature) {
	r := m.r
	field.Deps = nil
	if len(f.Deps) == 0 || chance(r, 60) {
		return
	}
	if chance(r, 20) {
		field.Deps = graph.AllFields
		return
	}
	of := func(d *specDep) any {
		for _, up := range ups {
			if up.Key != d.Feature {
				continue
			}
			var keys []string
			for _, f := range up.Fields {
				keys = append(keys, f.Key)
			}
			if chance(r, 20) {
				return graph.AllFields
			}
			return some(r, keys, r.IntN(len(keys)+1))
		}
		return []string{}
	}
	long, short := []map[string]any{}, map[string]any{}
	for _, d := range some(r, f.Deps, 1+r.IntN(len(f.Deps))) {
		fields := of(d)
		long = append(long, map[string]any{"feature": d.Feature, "fields": fields})
		short[d.Feature] = fields
	}
	if field.Deps = short; chance(r, 50) {
		field.Deps = long
	}
}

// next changes the graph in force; nil if what was tried is no graph.
func (m *graphMaker) next() *graph.Graph {
	for range 8 {
		var g *specGraph
		if chance(m.r, 12) {
			g = pick(m.r, m.past).clone() // also the very graph that is in force
		} else {
			g = m.now.clone()
			for range 1 + m.r.IntN(2) {
				m.change(g)
			}
		}
		var gone []*specFeature
		for _, f := range m.now.Features {
			if g.feature(f.Key) == nil {
				gone = append(gone, f)
			}
		}
		if parsed := m.accept(g); parsed != nil {
			for _, f := range gone {
				m.gone[f.Key] = f
			}
			return parsed
		}
	}
	return nil
}

func (m *graphMaker) change(g *specGraph) {
	r := m.r
	if len(g.Features) == 0 {
		return
	}
	at := r.IntN(len(g.Features))
	f := g.Features[at]
	n := r.IntN(100)
	if m.still {
		n %= 62
	}
	switch {
	case n < 35:
		pick(r, f.Fields).Code = fmt.Sprint(1 + r.IntN(3))
	case n < 43:
		f.Fields = append(f.Fields, &specField{Key: pick(r, specFields), Code: "1"})
	case n < 48:
		f.Fields = some(r, f.Fields, max(1, len(f.Fields)-1))
	case n < 62:
		if len(f.Deps) > 0 {
			m.view(pick(r, f.Deps))
		}
	case n < 66:
		m.fieldDeps(f, pick(r, f.Fields), g.Features[:at])
	case n < 74:
		if other := m.feature(f.Key, g.Features[:at]); chance(r, 50) {
			g.Features[at] = other
		} else {
			f.Deps = other.Deps
		}
	case n < 80:
		m.leave(g, f.Key)
	case n < 86:
		for _, key := range specKeys {
			if back := m.gone[key]; back != nil && g.feature(key) == nil {
				g.Features = append(g.Features, back)
				return
			}
		}
	case n < 90:
		if key := pick(r, specKeys); g.feature(key) == nil {
			g.Features = append(g.Features, m.feature(key, g.Features))
		}
	case n < 96:
		if !m.keep(f.Key) {
			m.changeIDs(f)
		}
	default:
		m.settings(g)
	}
}

func (m *graphMaker) changeIDs(f *specFeature) {
	r := m.r
	switch n := len(f.IDs); {
	case n > 1 && chance(r, 50):
		f.IDs = some(r, f.IDs, n-1)
	case chance(r, 70):
		for _, id := range some(r, append(slices.Clone(specIDs), "k"), 4) {
			if !slices.Contains(f.IDs, id) {
				f.IDs = append(f.IDs, id)
				return
			}
		}
	default:
		f.IDs = some(r, f.IDs, n)
	}
}

// leave takes a feature out, and with it what depends on nothing else.
func (m *graphMaker) leave(g *specGraph, key string) {
	g.Features = slices.DeleteFunc(g.Features, func(f *specFeature) bool { return f.Key == key })
	for _, f := range slices.Clone(g.Features) {
		before := len(f.Deps)
		f.Deps = slices.DeleteFunc(f.Deps, func(d *specDep) bool { return d.Feature == key })
		if before > 0 && len(f.Deps) == 0 {
			m.leave(g, f.Key)
		}
	}
}
