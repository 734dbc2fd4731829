package graph

// The types of a graph as it is written. load.go reads them from a file, check.go says what is refused,
// snapshot.go writes them.

// Graph is a list of feature specs with the settings of G1, as they were written:
// parsed and normalised, not yet compiled (Compile) into a plan.
type Graph struct {
	Features         []*Feature // in the order of the file
	HashAlgorithm    Algorithm  // "" where the graph sets none
	TruncationLength int        // characters; 0 where the graph sets none (G5)
	Gate             Gate       // GateUnset where the graph sets none
	Name             string     // of the file, for messages; may be ""

	byKey map[FeatureKey]*Feature // nil in a graph that was not parsed
}

// Feature returns the feature of a key, or nil.
func (g *Graph) Feature(key FeatureKey) *Feature {
	if g.byKey != nil {
		return g.byKey[key]
	}
	for _, f := range g.Features {
		if f.Key == key {
			return f
		}
	}
	return nil
}

// Field returns the field of a key, or nil.
func (f *Feature) Field(key FieldKey) *Field {
	for _, field := range f.Fields {
		if field.Key == key {
			return field
		}
	}
	return nil
}

// Gate says when work whose inputs may still change is offered (S3).
type Gate uint8

const (
	GateUnset Gate = iota
	GateImmediate
	GateSettled
)

// Feature is one feature spec (metaxy-semantics 8.1).
type Feature struct {
	Key       FeatureKey
	IDColumns []string
	Deps      []*Dependency
	Fields    []*Field
	Topic     string // where its samples are; "" = the default topic of the namespace
	Metadata  []byte // JSON object as metaxy-semantics 2 hashes it (sorted, ASCII); nil if it is empty
	Place     Place

	Description    string
	HasDescription bool // false: null, which hashes differently from ""

	source *node // nil in a graph that was not parsed
}

// Field is one field spec of a feature.
type Field struct {
	Key         FieldKey
	CodeVersion string
	Deps        FieldDeps
	Place       Place
}

// InitialCodeVersion is the code version of a field that sets none.
const InitialCodeVersion = "__metaxy_initial__"

// AllFields is how a graph writes "every field" where fields are listed.
const AllFields = "__METAXY_ALL_DEP__"

// FieldDeps are the explicit dependencies of a field. The zero value takes them from the mappings.
type FieldDeps struct {
	All  bool       // the sentinel "__METAXY_ALL_DEP__": every field of every upstream
	List []FieldDep // explicit; nil with All false = by mapping
}

// FieldDep is what a field reads of one upstream.
type FieldDep struct {
	Feature FeatureKey
	All     bool // the sentinel for all fields of that feature
	Fields  []FieldKey
	Place   Place
}

// Dependency is one upstream of a feature.
type Dependency struct {
	Feature   FeatureKey
	Select    []string // columns after rename; meaningful when HasSelect
	HasSelect bool
	Rename    []Rename // sorted by From; nil: null, which hashes differently from an empty one
	Mapping   Mapping
	Filters   []string // SQL filter texts (metaxy-semantics 7), all of them must hold; nil: null, as for Rename
	Lineage   Lineage
	Optional  bool
	Settle    *bool  // S3; nil where not written
	Receipts  string // S7; "" or "required"
	Place     Place
}

// Rename gives an upstream column another name.
type Rename struct{ From, To string }

// LineageKind is the relation between the rows of a feature and those of its upstream.
type LineageKind uint8

const (
	Identity    LineageKind = iota // 1:1
	Aggregation                    // N:1
	Expansion                      // 1:N
)

// Lineage is the relation to one upstream. On holds column names after rename;
// an Aggregation with nil On groups by the id columns of the feature itself.
type Lineage struct {
	Kind LineageKind
	On   []string

	// IDGenerationPattern of an Expansion is kept for its spec version and means nothing else.
	IDGenerationPattern *string
}

// MappingKind says how fields without explicit dependencies find their parents.
type MappingKind uint8

const (
	MapDefault  MappingKind = iota // the field of the same name, else all
	MapSpecific                    // as listed
	MapAll                         // every upstream field
	MapNone                        // nothing
)

// Mapping is the fields_mapping of a dependency (metaxy-semantics 3).
type Mapping struct {
	Kind          MappingKind
	MatchSuffix   bool                    // MapDefault
	ExcludeFields []FieldKey              // MapDefault
	Specific      map[FieldKey][]FieldKey // MapSpecific: downstream field to upstream fields, sorted part by part
}

// Place is where something stands in a graph file, for messages. The zero Place is unknown.
type Place struct {
	Line, Column int    // from 1
	Path         string // such as features[2].deps[0].rename
}
