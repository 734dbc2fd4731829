package graph

import (
	"cmp"
	"sort"
)

// Plan is a graph compiled (G3): parents of each field, edges, join keys, in
// topological order. Everything after loading runs on it. A Plan is immutable.
type Plan struct {
	Number   int64 // of the graph: its offset in the graph topic, or any growing number
	Graph    *Graph
	Hash     Algorithm
	Length   int            // characters of a sample hash (G5)
	Gate     Gate           // never GateUnset
	Features []*FeaturePlan // dependencies first
	Edges    []*Edge

	byKey  map[FeatureKey]*FeaturePlan
	byEdge map[EdgeName]*Edge
}

// FeaturePlan is one compiled feature.
type FeaturePlan struct {
	Key     FeatureKey
	Spec    *Feature
	Version string       // feature version
	Fields  []*FieldPlan // by struct name
	IDs     []string
	Deps    []*DepPlan // empty: a root

	Match      []string // M of J3, in the order in which the dependencies first mention them; of a root its ids
	Layout     []string // the columns of M in the order in which state has them: every dependency's input ids are a prefix
	K          int      // so many leading columns of Layout are the join key of J2
	Suffix     []string // the id columns outside M, in the feature's order
	MatchIsIDs bool     // M and the id columns are one set
	Expands    bool     // a dependency is an expansion
	Hops       int      // how often the flags that it asks for go through the rows topic before it sees them; 0: never (S3)
	Watched    bool     // something waits for it, or for what reads it: it says which of its rows are suspect (S3)
	Receipts   bool     // a group without a record is still to be expanded (S7)
	InputOrder []int    // indexes of Deps by key of the upstream: an order that no edit of the graph file changes

	Own      *Edge  // where its own rows are filed
	Shape    *Shape // of its keys
	Moved    uint64 // not 0: an earlier graph had another join key; the name of the marks to wait for (E4)
	Judged   uint64 // of a Watched feature: what a partition says once it has judged all its rows (E4)
	ManyKeys bool   // its id columns have changed in a push, so several record keys may be one sample (R2)

	plan     *Plan
	position int
	above    []bool            // by position: the feature itself and its ancestors
	inForce  map[string][]bool // feature version → by field whether its version is in force
	text     []*FieldPlan      // Fields by key as text
}

// FieldPlan is one compiled field.
type FieldPlan struct {
	Key         FieldKey
	Struct      string
	CodeVersion string
	Version     string
	Parents     []ParentPlan // by fully qualified text

	prefix string // what every text that is hashed for the field begins with
}

// ParentPlan is one upstream field that a field reads.
type ParentPlan struct {
	Dep   int // index into FeaturePlan.Deps
	Field int // index into the upstream's Fields
	infix string
}

// DepPlan is one compiled dependency.
type DepPlan struct {
	Spec     *Dependency
	Upstream *FeaturePlan
	N        int   // input ids: so many leading columns of the reader's Layout
	Full     bool  // it has all columns of M
	Settle   bool  // a settle edge: the reader waits while rows are suspect (S3)
	Reads    []int // indexes of the upstream's fields that some field reads, ascending
	Edge     *Edge // where it finds its rows
	View     *View // what it sees of them
	IDs      []ID  // the upstream's id columns, by name
}

// ID is an id column of an upstream.
type ID struct {
	Name string // as readers call it
	At   int    // its place in Edge.Columns
}

// Feature returns the plan of a feature, nil if the graph has none.
func (p *Plan) Feature(key FeatureKey) *FeaturePlan {
	if p == nil {
		return nil
	}
	return p.byKey[key]
}

// Edge returns the edge of that name, nil if the graph has none.
func (p *Plan) Edge(name EdgeName) *Edge { return p.byEdge[name] }

// Position is the place of f in topological order.
func (f *FeaturePlan) Position() int { return f.position }

// Plan returns the plan that f belongs to.
func (f *FeaturePlan) Plan() *Plan { return f.plan }

// Root reports whether f has no dependencies (S5).
func (f *FeaturePlan) Root() bool { return len(f.Deps) == 0 }

// FieldsByKey returns the fields of f sorted by key as text.
func (f *FeaturePlan) FieldsByKey() []*FieldPlan { return f.text }

// compile makes the plan of g. Names that depend on earlier graphs are left to History.Push.
func compile(number int64, g *Graph, h *History) (*Plan, error) {
	p := &Plan{Number: number, Graph: g, Hash: g.HashAlgorithm, Length: g.TruncationLength}
	p.Hash = cmp.Or(p.Hash, h.defaults.Hash, DefaultAlgorithm)
	p.Length = cmp.Or(p.Length, h.defaults.Length, DefaultLength)
	p.Gate = cmp.Or(g.Gate, h.defaults.Gate, GateSettled)
	p.byKey = make(map[FeatureKey]*FeaturePlan, len(g.Features))
	versions := g.Versions()
	parents := map[FeatureKey][]ResolvedField{}
	for _, r := range g.Resolve() {
		parents[r.Feature.Key] = r.Fields
	}
	var faults []error
	for _, spec := range g.Topological() {
		f := &FeaturePlan{
			Key: spec.Key, Spec: spec, IDs: spec.IDColumns, plan: p,
			Version: versions[spec.Key].Feature, position: len(p.Features),
		}
		p.Features = append(p.Features, f)
		p.byKey[f.Key] = f
		for i, dep := range spec.Deps {
			d := &DepPlan{Spec: dep, Upstream: p.byKey[dep.Feature]}
			f.InputOrder = append(f.InputOrder, i)
			f.Deps = append(f.Deps, d)
			f.Expands = f.Expands || dep.Lineage.Kind == Expansion
			f.Receipts = f.Receipts || dep.Receipts != ""
		}
		sort.Slice(f.InputOrder, func(i, j int) bool {
			return f.Deps[f.InputOrder[i]].Upstream.Key < f.Deps[f.InputOrder[j]].Upstream.Key
		})
		if err := f.join(); err != nil {
			faults = append(faults, err)
			continue
		}
		f.compileFields(versions[f.Key], parents[f.Key])
		f.compileVersions(h)
	}
	if len(faults) > 0 {
		return nil, joinFaults(faults)
	}
	p.compileEdges()
	p.compileSettling()
	return p, nil
}

// compileFields resolves what each field reads.
func (f *FeaturePlan) compileFields(versions FeatureVersions, resolved []ResolvedField) {
	deps := make(map[FeatureKey]int, len(f.Deps))
	for i, d := range f.Deps {
		deps[d.Upstream.Key] = i
	}
	for _, r := range resolved {
		spec := r.Field
		field := &FieldPlan{
			Key: spec.Key, Struct: spec.Key.StructName(), CodeVersion: spec.CodeVersion,
			Version: versions.Fields[spec.Key],
			prefix:  string(spec.Key) + "|" + spec.CodeVersion,
		}
		for _, parent := range r.Parents {
			at := deps[parent.Feature]
			field.Parents = append(field.Parents, ParentPlan{
				Dep:   at,
				Field: f.Deps[at].Upstream.fieldIndex(parent.Field.StructName()),
				infix: "|" + string(parent.Feature) + "." + string(parent.Field) + "|",
			})
		}
		f.Fields = append(f.Fields, field)
		f.text = append(f.text, field)
	}
	sort.Slice(f.Fields, func(i, j int) bool { return f.Fields[i].Struct < f.Fields[j].Struct })
	sort.Slice(f.text, func(i, j int) bool { return f.text[i].Key < f.text[j].Key })
	read := make([]map[int]bool, len(f.Deps))
	for _, field := range f.Fields {
		for _, parent := range field.Parents {
			if read[parent.Dep] == nil {
				read[parent.Dep] = map[int]bool{}
			}
			read[parent.Dep][parent.Field] = true
		}
	}
	for i, d := range f.Deps {
		for field := range read[i] {
			d.Reads = append(d.Reads, field)
		}
		sort.Ints(d.Reads)
	}
}

// compileVersions looks up, for every version that f has ever had, which fields are in force.
func (f *FeaturePlan) compileVersions(h *History) {
	f.inForce = make(map[string][]bool, len(h.versions[f.Key]))
	for version, fields := range h.versions[f.Key] {
		match := make([]bool, len(f.Fields))
		for i, field := range f.Fields {
			v, ok := fields[field.Key]
			match[i] = ok && v == field.Version
		}
		f.inForce[version] = match
	}
}

// fieldIndex returns the place of a field in Fields by its struct name, -1 if there is none.
func (f *FeaturePlan) fieldIndex(name string) int {
	i := sort.Search(len(f.Fields), func(i int) bool { return f.Fields[i].Struct >= name })
	if i < len(f.Fields) && f.Fields[i].Struct == name {
		return i
	}
	return -1
}

// index makes the lookups that need the names of the edges.
func (p *Plan) index() {
	p.byEdge = make(map[EdgeName]*Edge, len(p.Edges))
	for _, e := range p.Edges {
		p.byEdge[e.Name] = e
	}
}
