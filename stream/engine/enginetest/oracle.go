package enginetest

import (
	"cmp"
	"maps"
	"slices"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream/engine"
)

// Oracle answers for every key from the latest usable rows and the newest graph, straight from
// SEMANTICS (both gates) and as naively as can be: it keeps no index, and nothing of an
// earlier answer. It shares with the engine only what graphs are parsed into and what has golden
// vectors of its own: versions, parents of fields, filters, values and hashes.
type Oracle struct {
	defaults graph.Defaults
	Graphs   []*Graph
	Rows     map[graph.FeatureKey]map[RecordKey]*Row
	Failures map[AnswerKey]*Failure // the newest of each key (S12)
}

// TooLarge is more text, in bytes, than a row may have. Nothing that is tried is a little less.
const TooLarge = 1 << 20

// Graph is a graph with its versions.
type Graph struct {
	*graph.Graph
	Versions graph.Versions
}

// RecordKey is one record key of one log.
type RecordKey struct {
	Partition int32
	Record    string
}

// Row is the latest usable write of a record key (R1).
type Row struct {
	Partition  int32
	Offset     int64
	Columns    map[string]graph.Value // no nulls
	hasVersion bool
	version    string
	Provenance map[string]string // by struct name
	Data       map[string]string
	children   int64 // of a group record (S7); -1 where it does not say
	marked     bool  // a request holds for it (S10)
}

// NewOracle returns an oracle that has seen nothing.
func NewOracle(defaults graph.Defaults) *Oracle {
	return &Oracle{defaults: defaults, Rows: map[graph.FeatureKey]map[RecordKey]*Row{}, Failures: map[AnswerKey]*Failure{}}
}

// Push puts a graph in force.
func (o *Oracle) Push(g *graph.Graph) {
	o.Graphs = append(o.Graphs, &Graph{g, g.Versions()})
}

// Newest returns the graph in force, nil before the first.
func (o *Oracle) Newest() *Graph {
	if len(o.Graphs) == 0 {
		return nil
	}
	return o.Graphs[len(o.Graphs)-1]
}

// Write takes one record of the log of a feature, judged when the first n graphs had been pushed.
// It returns why it cannot be used (R7), "" if it can.
func (o *Oracle) Write(n int, feature graph.FeatureKey, partition int32, w *engine.Write) graph.Reason {
	if n == 0 || o.Graphs[n-1].Feature(feature) == nil {
		return graph.UnknownFeature
	}
	spec := o.Graphs[n-1].Feature(feature)
	key := RecordKey{partition, string(w.Key)}
	if w.Record == nil {
		if !w.Delete {
			return graph.BadRow
		}
		delete(o.Rows[feature], key)
		return ""
	}
	ids, join, group := spec.IDColumns, JoinOf(o.Graphs[n-1].Graph, spec), false
	if join.Expands && !slices.ContainsFunc(join.Suffix, func(id string) bool { return !w.Record.Column(id).IsNull() }) {
		ids, group = join.Match, true // S7
	}
	for _, id := range ids {
		if !w.Record.Column(id).Usable() {
			return graph.BadID
		}
	}
	if w.Delete || !w.Record.DeletedAt.IsNull() {
		delete(o.Rows[feature], key)
		return ""
	}
	row := &Row{
		Partition: partition, Offset: w.Offset, Columns: map[string]graph.Value{},
		Provenance: map[string]string{}, Data: map[string]string{}, children: -1,
	}
	for _, c := range w.Record.Columns {
		if !c.Value.IsNull() {
			row.Columns[c.Name] = c.Value
		}
	}
	required := spec.Fields
	if version := w.Record.FeatureVersion; !version.IsNull() {
		row.version, row.hasVersion = version.AsString()
		fields := o.FieldsOf(n, feature, row.version)
		if !row.hasVersion || fields == nil {
			return graph.UnknownVersion
		}
		required = nil
		for key := range fields {
			required = append(required, &graph.Field{Key: key})
		}
	}
	if !row.takeMaps(w.Record, required) {
		return graph.BadProvenance
	}
	if children := w.Record.Children; !children.IsNull() {
		row.Columns[graph.ColumnChildren] = children
		if n, ok := children.AsInt(); ok && n >= 0 {
			row.children = n
		}
	}
	if group && row.children < 0 {
		return graph.BadRow
	}
	size := 0
	for _, c := range w.Record.Columns {
		text, _ := c.Value.AsString()
		size += len(text)
	}
	if size >= TooLarge {
		return graph.TooLarge
	}
	if o.Rows[feature] == nil {
		o.Rows[feature] = map[RecordKey]*Row{}
	}
	o.Rows[feature][key] = row
	return ""
}

// takeMaps reads provenance and data versions (R3).
func (row *Row) takeMaps(record *graph.Record, required []*graph.Field) bool {
	if record.Provenance.State != graph.MapPresent || record.DataVersion.State == graph.MapInvalid {
		return false
	}
	for _, entry := range record.Provenance.Entries {
		if text, ok := entry.Value.AsString(); ok {
			row.Provenance[entry.Name], row.Data[entry.Name] = text, text
			if text, ok := record.DataVersion.Entry(entry.Name).AsString(); ok {
				row.Data[entry.Name] = text
			}
		}
	}
	for _, field := range required {
		name := field.Key.StructName()
		if _, ok := row.Provenance[name]; !ok {
			return false
		}
		if data := record.DataVersion.Entry(name); !data.IsNull() && data.Kind() != graph.KindString {
			return false
		}
	}
	return true
}

// FieldsOf returns the field versions of a feature version (G4), of the first n graphs.
func (o *Oracle) FieldsOf(n int, feature graph.FeatureKey, version string) map[graph.FieldKey]string {
	for _, g := range o.Graphs[:n] {
		if v, ok := g.Versions[feature]; ok && v.Feature == version {
			return v.Fields
		}
	}
	return nil
}

// Sample is one sample of a feature under the newest graph (R2).
type Sample struct {
	*Row
	IDs []graph.Value
}

// Samples returns the samples of a feature in the order of their ids: of several record keys that
// are one sample the latest write counts, and a row without an id counts for nothing (R1).
func (o *Oracle) Samples(spec *graph.Feature) []Sample {
	return o.latest(spec, spec.IDColumns, func(*Row) bool { return true })
}

// Groups returns the group records of an expansion feature (S7), whose ids are the columns of M.
func (o *Oracle) Groups(spec *graph.Feature, join *Join) []Sample {
	return o.latest(spec, join.Match, func(row *Row) bool {
		return join.Expands && row.children >= 0 && !slices.ContainsFunc(join.Suffix, func(id string) bool { return !row.Columns[id].IsNull() })
	})
}

// latest returns the rows of a feature that fn wants and that have some columns, of those that are
// equal in them the latest.
func (o *Oracle) latest(spec *graph.Feature, columns []string, fn func(*Row) bool) []Sample {
	byID := map[string]Sample{}
	for _, row := range o.Rows[spec.Key] {
		if !fn(row) {
			continue
		}
		s := Sample{row, row.Values(columns)}
		if slices.ContainsFunc(s.IDs, func(v graph.Value) bool { return !v.Usable() }) {
			continue
		}
		name := string(graph.AppendTuple(nil, s.IDs...))
		if other, ok := byID[name]; !ok || cmp.Or(cmp.Compare(row.Offset, other.Offset), cmp.Compare(row.Partition, other.Partition)) > 0 {
			byID[name] = s
		}
	}
	return slices.SortedFunc(maps.Values(byID), func(a, b Sample) int { return slices.CompareFunc(a.IDs, b.IDs, graph.Compare) })
}

// Values returns the values of some columns, null where the row has none.
func (row *Row) Values(columns []string) []graph.Value {
	values := make([]graph.Value, len(columns))
	for i, c := range columns {
		values[i] = row.Columns[c]
	}
	return values
}

// current reports whether a row's version of a field is in force (G4, R5).
func (o *Oracle) current(spec *graph.Feature, row *Row, field graph.FieldKey) bool {
	if !row.hasVersion {
		_, named := row.Provenance[field.StructName()]
		return named
	}
	version, ok := o.FieldsOf(len(o.Graphs), spec.Key, row.version)[field]
	return ok && version == o.Newest().Versions[spec.Key].Fields[field]
}

func (o *Oracle) hash(text string) string {
	g := o.Newest()
	algorithm := cmp.Or(g.HashAlgorithm, o.defaults.Hash, graph.DefaultAlgorithm)
	length := cmp.Or(g.TruncationLength, o.defaults.Length, graph.DefaultLength)
	return string(algorithm.AppendSum(nil, []byte(text), length))
}
