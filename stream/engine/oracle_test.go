package engine_test

import (
	"cmp"
	"maps"
	"slices"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream/engine"
)

// oracle answers for every key from the latest usable rows and the newest graph, straight from
// SEMANTICS (gate immediate) and as naively as can be: it keeps no index, and nothing of an
// earlier answer. It shares with the engine only what graphs are parsed into and what has golden
// vectors of its own: versions, parents of fields, filters, values and hashes.
type oracle struct {
	defaults graph.Defaults
	graphs   []*oracleGraph
	rows     map[graph.FeatureKey]map[oracleKey]*oracleRow
	failures map[answerKey]*oracleFailure // the newest of each key (S12)
}

// tooLarge is more text, in bytes, than a row may have. Nothing that is tried is a little less.
const tooLarge = 1 << 20

type oracleGraph struct {
	*graph.Graph
	versions graph.Versions
}

// oracleKey is one record key of one log.
type oracleKey struct {
	partition int32
	record    string
}

// oracleRow is the latest usable write of a record key (R1).
type oracleRow struct {
	partition  int32
	offset     int64
	columns    map[string]graph.Value // no nulls
	hasVersion bool
	version    string
	provenance map[string]string // by struct name
	data       map[string]string
	children   int64 // of a group record (S7); -1 where it does not say
	marked     bool  // a request holds for it (S10)
}

func newOracle(defaults graph.Defaults) *oracle {
	return &oracle{defaults: defaults, rows: map[graph.FeatureKey]map[oracleKey]*oracleRow{}, failures: map[answerKey]*oracleFailure{}}
}

func (o *oracle) push(g *graph.Graph) {
	o.graphs = append(o.graphs, &oracleGraph{g, g.Versions()})
}

// newest returns the graph in force, nil before the first.
func (o *oracle) newest() *oracleGraph {
	if len(o.graphs) == 0 {
		return nil
	}
	return o.graphs[len(o.graphs)-1]
}

// write takes one record of the log of a feature, judged when the first n graphs had been pushed.
// It returns why it cannot be used (R7), "" if it can.
func (o *oracle) write(n int, feature graph.FeatureKey, partition int32, w *engine.Write) graph.Reason {
	if n == 0 || o.graphs[n-1].Feature(feature) == nil {
		return graph.UnknownFeature
	}
	spec := o.graphs[n-1].Feature(feature)
	key := oracleKey{partition, string(w.Key)}
	if w.Record == nil {
		if !w.Delete {
			return graph.BadRow
		}
		delete(o.rows[feature], key)
		return ""
	}
	ids, join, group := spec.IDColumns, joinOf(o.graphs[n-1].Graph, spec), false
	if join.expands && !slices.ContainsFunc(join.suffix, func(id string) bool { return !w.Record.Column(id).IsNull() }) {
		ids, group = join.match, true // S7
	}
	for _, id := range ids {
		if !w.Record.Column(id).Usable() {
			return graph.BadID
		}
	}
	if w.Delete || !w.Record.DeletedAt.IsNull() {
		delete(o.rows[feature], key)
		return ""
	}
	row := &oracleRow{
		partition: partition, offset: w.Offset, columns: map[string]graph.Value{},
		provenance: map[string]string{}, data: map[string]string{}, children: -1,
	}
	for _, c := range w.Record.Columns {
		if !c.Value.IsNull() {
			row.columns[c.Name] = c.Value
		}
	}
	required := spec.Fields
	if version := w.Record.FeatureVersion; !version.IsNull() {
		row.version, row.hasVersion = version.AsString()
		fields := o.fieldsOf(n, feature, row.version)
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
		row.columns[graph.ColumnChildren] = children
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
	if size >= tooLarge {
		return graph.TooLarge
	}
	if o.rows[feature] == nil {
		o.rows[feature] = map[oracleKey]*oracleRow{}
	}
	o.rows[feature][key] = row
	return ""
}

// takeMaps reads provenance and data versions (R3).
func (row *oracleRow) takeMaps(record *graph.Record, required []*graph.Field) bool {
	if record.Provenance.State != graph.MapPresent || record.DataVersion.State == graph.MapInvalid {
		return false
	}
	for _, entry := range record.Provenance.Entries {
		if text, ok := entry.Value.AsString(); ok {
			row.provenance[entry.Name], row.data[entry.Name] = text, text
			if text, ok := record.DataVersion.Entry(entry.Name).AsString(); ok {
				row.data[entry.Name] = text
			}
		}
	}
	for _, field := range required {
		name := field.Key.StructName()
		if _, ok := row.provenance[name]; !ok {
			return false
		}
		if data := record.DataVersion.Entry(name); !data.IsNull() && data.Kind() != graph.KindString {
			return false
		}
	}
	return true
}

// fieldsOf returns the field versions of a feature version (G4), of the first n graphs.
func (o *oracle) fieldsOf(n int, feature graph.FeatureKey, version string) map[graph.FieldKey]string {
	for _, g := range o.graphs[:n] {
		if v, ok := g.versions[feature]; ok && v.Feature == version {
			return v.Fields
		}
	}
	return nil
}

// oracleSample is one sample of a feature under the newest graph (R2).
type oracleSample struct {
	*oracleRow
	ids []graph.Value
}

// samples returns the samples of a feature in the order of their ids: of several record keys that
// are one sample the latest write counts, and a row without an id counts for nothing (R1).
func (o *oracle) samples(spec *graph.Feature) []oracleSample {
	return o.latest(spec, spec.IDColumns, func(*oracleRow) bool { return true })
}

// groups returns the group records of an expansion feature (S7), whose ids are the columns of M.
func (o *oracle) groups(spec *graph.Feature, join *oracleJoin) []oracleSample {
	return o.latest(spec, join.match, func(row *oracleRow) bool {
		return join.expands && row.children >= 0 && !slices.ContainsFunc(join.suffix, func(id string) bool { return !row.columns[id].IsNull() })
	})
}

// latest returns the rows of a feature that fn wants and that have some columns, of those that are
// equal in them the latest.
func (o *oracle) latest(spec *graph.Feature, columns []string, fn func(*oracleRow) bool) []oracleSample {
	byID := map[string]oracleSample{}
	for _, row := range o.rows[spec.Key] {
		if !fn(row) {
			continue
		}
		s := oracleSample{row, row.values(columns)}
		if slices.ContainsFunc(s.ids, func(v graph.Value) bool { return !v.Usable() }) {
			continue
		}
		name := string(graph.AppendTuple(nil, s.ids...))
		if other, ok := byID[name]; !ok || cmp.Or(cmp.Compare(row.offset, other.offset), cmp.Compare(row.partition, other.partition)) > 0 {
			byID[name] = s
		}
	}
	return slices.SortedFunc(maps.Values(byID), func(a, b oracleSample) int { return slices.CompareFunc(a.ids, b.ids, graph.Compare) })
}

func (row *oracleRow) values(columns []string) []graph.Value {
	values := make([]graph.Value, len(columns))
	for i, c := range columns {
		values[i] = row.columns[c]
	}
	return values
}

// current reports whether a row's version of a field is in force (G4, R5).
func (o *oracle) current(spec *graph.Feature, row *oracleRow, field graph.FieldKey) bool {
	if !row.hasVersion {
		_, named := row.provenance[field.StructName()]
		return named
	}
	version, ok := o.fieldsOf(len(o.graphs), spec.Key, row.version)[field]
	return ok && version == o.newest().versions[spec.Key].Fields[field]
}

func (o *oracle) hash(text string) string {
	g := o.newest()
	algorithm := cmp.Or(g.HashAlgorithm, o.defaults.Hash, graph.DefaultAlgorithm)
	length := cmp.Or(g.TruncationLength, o.defaults.Length, graph.DefaultLength)
	return string(algorithm.AppendSum(nil, []byte(text), length))
}
