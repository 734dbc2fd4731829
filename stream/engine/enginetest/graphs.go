package enginetest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/freshline/freshline/graph"
)

// SpecGraph is a graph as JSON, made at random.
type SpecGraph struct {
	Features []*SpecFeature `json:"features"`
	Hash     string         `json:"hash_algorithm,omitempty"`
	Length   int            `json:"hash_truncation_length,omitempty"`
	Gate     string         `json:"gate,omitempty"`
}

// SpecFeature is a feature of a SpecGraph.
type SpecFeature struct {
	Key    string       `json:"key"`
	IDs    []string     `json:"id_columns"`
	Deps   []*SpecDep   `json:"deps,omitempty"`
	Fields []*SpecField `json:"fields"`
}

// SpecField is a field of a SpecFeature.
type SpecField struct {
	Key  string `json:"key"`
	Code string `json:"code_version"`
	Deps any    `json:"deps,omitempty"`
}

// SpecDep is a dependency of a SpecFeature.
type SpecDep struct {
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

func (g *SpecGraph) clone() *SpecGraph {
	next := &SpecGraph{}
	if err := json.Unmarshal(g.Text(), next); err != nil {
		panic(err)
	}
	return next
}

// Text is the graph as a file has it.
func (g *SpecGraph) Text() []byte {
	b, err := json.Marshal(g)
	if err != nil {
		panic(err)
	}
	return b
}

// Feature returns a feature of the graph, nil where there is none of that key.
func (g *SpecGraph) Feature(key string) *SpecFeature {
	for _, f := range g.Features {
		if f.Key == key {
			return f
		}
	}
	return nil
}

// The keys sort otherwise part by part than as text, and so do those of the fields.
var (
	// FeatureKeys are the keys that features of random graphs have.
	FeatureKeys = []string{"m/a", "m-b", "c", "d/x/y", "e", "m/f"}
	specIDs     = []string{"a", "b", "c"}
	specUser    = []string{"n", "s"}
	specFields  = []string{"x", "q/x", "y", "q/y", "z-1"}
)

// GraphMaker makes graphs, and changes them.
type GraphMaker struct {
	R     *rand.Rand
	Fixed map[string][]string     // the id columns of features that keep them
	Keep  func(key string) bool   // whether a feature keeps its id columns
	Gone  map[string]*SpecFeature // features that have left
	past  []*SpecGraph
	Now   *SpecGraph
	Check func(*graph.Graph) bool // whether the graph compiles

	Still   bool // features keep their ids and what they depend on
	Settled bool // graphs may set a gate, dependencies may not settle
}

// Chance is true so many times in a hundred.
func Chance(r *rand.Rand, percent int) bool { return r.IntN(100) < percent }

// Pick returns an element of a list that is not empty.
func Pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// Some returns n of a list, in random order; n is cut to its length.
func Some[T any](r *rand.Rand, list []T, n int) []T {
	list = slices.Clone(list)
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list[:min(n, len(list))]
}

// First makes the first graph, of up to n features.
func (m *GraphMaker) First(n int) *graph.Graph {
	keys := Some(m.R, FeatureKeys, n)
	for {
		g := &SpecGraph{}
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

func (m *GraphMaker) settings(g *SpecGraph) {
	g.Hash, g.Length = "", 0
	if Chance(m.R, 25) {
		g.Hash = string(Pick(m.R, []graph.Algorithm{graph.XXHash32, graph.XXHash64, graph.SHA256, graph.MD5}))
	}
	if Chance(m.R, 25) {
		g.Length = 8 + m.R.IntN(24)
	}
	if g.Gate = ""; m.Settled && Chance(m.R, 10) {
		g.Gate = Pick(m.R, []string{"settled", "immediate"})
	}
}

// accept puts a graph in force if it is one, and returns it.
func (m *GraphMaker) accept(g *SpecGraph) *graph.Graph {
	parsed, err := graph.Parse(g.Text(), "random")
	if err != nil || parsed.Check() != nil || !m.Check(parsed) {
		return nil
	}
	m.Now = g
	m.past = append(m.past, g)
	for _, f := range g.Features {
		delete(m.Gone, f.Key)
		if m.Keep(f.Key) {
			m.Fixed[f.Key] = f.IDs
		}
	}
	return parsed
}

// fitting makes a feature that the graph takes as its last, nil after many vain attempts.
func (m *GraphMaker) fitting(g *SpecGraph, key string) *SpecFeature {
	for range 12 {
		f := m.feature(key, g.Features)
		trial := &SpecGraph{Features: append(slices.Clone(g.Features), f)}
		if parsed, err := graph.Parse(trial.Text(), "random"); err == nil && parsed.Check() == nil && m.Check(parsed) {
			return f
		}
	}
	return nil
}

// Feature makes a feature that may depend on others.
func (m *GraphMaker) feature(key string, ups []*SpecFeature) *SpecFeature {
	r := m.R
	f := &SpecFeature{Key: key}
	fixed := m.Fixed[key]
	if len(ups) == 0 || Chance(r, 12) {
		f.IDs = Some(r, specIDs, 1+r.IntN(2))
	} else {
		// Input ids should be a chain (J3): those of each dependency are the first so many of these.
		chain := Some(r, specIDs, 1+r.IntN(3))
		if fixed != nil && Chance(r, 70) {
			chain = Some(r, fixed, len(fixed))
		}
		expansion := Chance(r, 45)
		match := 0
		for i, up := range Some(r, ups, 1+min(r.IntN(3), r.IntN(3))) {
			d, width := m.dep(up, chain, expansion && i == 0)
			f.Deps = append(f.Deps, d)
			match = max(match, width)
		}
		f.IDs = slices.Clone(chain[:min(match, len(chain))])
		if expansion {
			f.IDs = append(Some(r, f.IDs, r.IntN(len(f.IDs)+1)), "k")
		} else if Chance(r, 15) {
			f.IDs = append(f.IDs, "k")
		}
		f.IDs = Some(r, f.IDs, len(f.IDs))
	}
	if fixed != nil {
		f.IDs = fixed
	}
	for _, name := range Some(r, specFields, 1+r.IntN(3)) {
		f.Fields = append(f.Fields, &SpecField{Key: name, Code: "1"})
	}
	for _, field := range f.Fields {
		m.fieldDeps(f, field, ups)
	}
	return f
}

// dep makes a dependency whose input ids are some first columns of chain, and returns how many.
func (m *GraphMaker) dep(up *SpecFeature, chain []string, expands bool) (*SpecDep, int) {
	r := m.R
	d := &SpecDep{Feature: up.Key, Rename: map[string]string{}}
	ids := slices.Clone(up.IDs)
	if len(ids) <= len(chain) && (expands || Chance(r, 90)) {
		targets := Some(r, chain[:len(ids)], len(ids))
		same := slices.Clone(ids)
		slices.Sort(same)
		if want := slices.Sorted(slices.Values(targets)); !slices.Equal(same, want) || Chance(r, 10) {
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
		if len(on) < len(chain) && Chance(r, 20) {
			on, width = append(on, chain[len(on)]), width+1
		}
		d.Lineage = map[string]any{"expansion": on}
	case Chance(r, 35):
		width = 1 + r.IntN(len(chain))
		d.Lineage = map[string]any{"aggregation": chain[:width]}
		if Chance(r, 25) {
			d.Lineage["aggregation"] = true
			width = len(chain)
		}
	}
	m.view(d)
	return d, width
}

// view gives a dependency filters, a select, renames of user columns, a mapping, and makes it optional.
func (m *GraphMaker) view(d *SpecDep) {
	r := m.R
	d.Filters, d.Select, d.Mapping, d.Optional, d.Receipts = nil, nil, nil, Chance(r, 25), ""
	if _, ok := d.Lineage["expansion"]; ok && Chance(r, 20) {
		d.Receipts = "required"
	}
	if d.Settle = nil; m.Settled && Chance(r, 12) {
		settle := Chance(r, 20)
		d.Settle = &settle
	}
	for range r.IntN(3) * r.IntN(2) {
		d.Filters = append(d.Filters, Pick(r, []string{
			"n > 1", "s = '2'", "a = 1", "n IS NOT NULL", "b != 2", "n IN (1, 2.0)", "NOT s = '1'", "n = 1 OR k = 2", "c <= 2 AND TRUE",
		}))
	}
	if Chance(r, 30) {
		selected := Some(r, append(slices.Clone(specUser), specIDs...), r.IntN(3))
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
		d.Rename["s"] = Pick(r, []string{"n", "c", "k"})
	}
	switch r.IntN(10) {
	case 0:
		d.Mapping = mapping("all")
	case 1:
		d.Mapping = mapping("none")
	case 2:
		d.Mapping = mapping("default", "match_suffix", true)
	case 3:
		d.Mapping = mapping("default", "exclude_fields", Some(r, specFields, 2))
	case 4:
		d.Mapping = mapping("specific", "mapping", map[string][]string{
			Pick(r, specFields): Some(r, specFields, 3), Pick(r, specFields): Some(r, specFields, 2),
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
func (m *GraphMaker) fieldDeps(f *SpecFeature, field *SpecField, ups []*SpecFeature) {
	r := m.R
	field.Deps = nil
	if len(f.Deps) == 0 || Chance(r, 60) {
		return
	}
	if Chance(r, 20) {
		field.Deps = graph.AllFields
		return
	}
	of := func(d *SpecDep) any {
		for _, up := range ups {
			if up.Key != d.Feature {
				continue
			}
			var keys []string
			for _, f := range up.Fields {
				keys = append(keys, f.Key)
			}
			if Chance(r, 20) {
				return graph.AllFields
			}
			return Some(r, keys, r.IntN(len(keys)+1))
		}
		return []string{}
	}
	long, short := []map[string]any{}, map[string]any{}
	for _, d := range Some(r, f.Deps, 1+r.IntN(len(f.Deps))) {
		fields := of(d)
		long = append(long, map[string]any{"feature": d.Feature, "fields": fields})
		short[d.Feature] = fields
	}
	if field.Deps = short; Chance(r, 50) {
		field.Deps = long
	}
}

// Next changes the graph in force; nil if what was tried is no graph.
func (m *GraphMaker) Next() *graph.Graph {
	for range 8 {
		var g *SpecGraph
		if Chance(m.R, 12) {
			g = Pick(m.R, m.past).clone() // also the very graph that is in force
		} else {
			g = m.Now.clone()
			for range 1 + m.R.IntN(2) {
				m.change(g)
			}
		}
		var gone []*SpecFeature
		for _, f := range m.Now.Features {
			if g.Feature(f.Key) == nil {
				gone = append(gone, f)
			}
		}
		if parsed := m.accept(g); parsed != nil {
			for _, f := range gone {
				m.Gone[f.Key] = f
			}
			return parsed
		}
	}
	return nil
}

func (m *GraphMaker) change(g *SpecGraph) {
	r := m.R
	if len(g.Features) == 0 {
		return
	}
	at := r.IntN(len(g.Features))
	f := g.Features[at]
	n := r.IntN(100)
	if m.Still {
		n %= 62
	}
	switch {
	case n < 35:
		Pick(r, f.Fields).Code = fmt.Sprint(1 + r.IntN(3))
	case n < 43:
		f.Fields = append(f.Fields, &SpecField{Key: Pick(r, specFields), Code: "1"})
	case n < 48:
		f.Fields = Some(r, f.Fields, max(1, len(f.Fields)-1))
	case n < 62:
		if len(f.Deps) > 0 {
			m.view(Pick(r, f.Deps))
		}
	case n < 66:
		m.fieldDeps(f, Pick(r, f.Fields), g.Features[:at])
	case n < 74:
		if other := m.feature(f.Key, g.Features[:at]); Chance(r, 50) {
			g.Features[at] = other
		} else {
			f.Deps = other.Deps
		}
	case n < 80:
		m.leave(g, f.Key)
	case n < 86:
		for _, key := range FeatureKeys {
			if back := m.Gone[key]; back != nil && g.Feature(key) == nil {
				g.Features = append(g.Features, back)
				return
			}
		}
	case n < 90:
		if key := Pick(r, FeatureKeys); g.Feature(key) == nil {
			g.Features = append(g.Features, m.feature(key, g.Features))
		}
	case n < 96:
		if !m.Keep(f.Key) {
			m.changeIDs(f)
		}
	default:
		m.settings(g)
	}
}

func (m *GraphMaker) changeIDs(f *SpecFeature) {
	r := m.R
	switch n := len(f.IDs); {
	case n > 1 && Chance(r, 50):
		f.IDs = Some(r, f.IDs, n-1)
	case Chance(r, 70):
		for _, id := range Some(r, append(slices.Clone(specIDs), "k"), 4) {
			if !slices.Contains(f.IDs, id) {
				f.IDs = append(f.IDs, id)
				return
			}
		}
	default:
		f.IDs = Some(r, f.IDs, n)
	}
}

// leave takes a feature out, and with it what depends on nothing else.
func (m *GraphMaker) leave(g *SpecGraph, key string) {
	g.Features = slices.DeleteFunc(g.Features, func(f *SpecFeature) bool { return f.Key == key })
	for _, f := range slices.Clone(g.Features) {
		before := len(f.Deps)
		f.Deps = slices.DeleteFunc(f.Deps, func(d *SpecDep) bool { return d.Feature == key })
		if before > 0 && len(f.Deps) == 0 {
			m.leave(g, f.Key)
		}
	}
}
