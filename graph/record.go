// Records: one write as it came, with the system columns of Metaxy told apart from those of the user.
package graph

import (
	"cmp"
	"slices"
)

// Record is one write as it came: decoded, and not yet checked against a graph.
// Decoders of every format (Avro, JSON) produce it; the rules R1 to R7 read it.
type Record struct {
	Columns        []Column  // user columns, ids among them, sorted by name; no metaxy_ system column
	Provenance     MapColumn // metaxy_provenance_by_field
	DataVersion    MapColumn // metaxy_data_version_by_field
	FeatureVersion Value     // metaxy_feature_version
	HasVersion     bool      // whether metaxy_feature_version is there, null or not: a null one means none (R5)
	DeletedAt      Value     // metaxy_deleted_at
	Children       Value     // freshline_children (S7)
	HasChildren    bool      // whether freshline_children is there
}

// Column is one named value.
type Column struct {
	Name  string
	Value Value
}

// MapColumn is a column that should hold a map of text by name.
type MapColumn struct {
	State   MapState
	Entries []Column // sorted by name; a value that is no text is an error of R3
}

// MapState says what stands in a MapColumn.
type MapState uint8

const (
	MapAbsent  MapState = iota // the record has no such column, or it is null
	MapPresent                 // Entries hold it
	MapInvalid                 // something that is no map
)

// Column is the value of a user column, null when the record lacks it.
func (r *Record) Column(name string) Value { return columnOf(r.Columns, name) }

// Entry is the value under a name, null when the map lacks it or is not there.
func (m *MapColumn) Entry(name string) Value { return columnOf(m.Entries, name) }

// columnOf searches columns that are sorted by name.
func columnOf(columns []Column, name string) Value {
	if i, ok := slices.BinarySearchFunc(columns, name, func(c Column, name string) int { return cmp.Compare(c.Name, name) }); ok {
		return columns[i].Value
	}
	return Value{}
}

// sortColumns sorts columns by name, as Column and Entry need them.
func sortColumns(columns []Column) {
	slices.SortFunc(columns, func(a, b Column) int { return cmp.Compare(a.Name, b.Name) })
}

// The system columns of a record that the rules read. Those of Metaxy that they do not read are in systemColumns only.
const (
	ColumnProvenance     = "metaxy_provenance_by_field"
	ColumnDataVersion    = "metaxy_data_version_by_field"
	ColumnFeatureVersion = "metaxy_feature_version"
	ColumnDeletedAt      = "metaxy_deleted_at"
	ColumnChildren       = "freshline_children"
)

var systemColumns = []string{
	ColumnChildren, // ours
	"metaxy_created_at",
	ColumnDataVersion,
	"metaxy_data_version",
	"metaxy_definition_version", // of system tables only, but no name for a user column either
	ColumnDeletedAt,
	ColumnFeatureVersion,
	"metaxy_materialization_id",
	"metaxy_project_version",
	ColumnProvenance,
	"metaxy_provenance",
	"metaxy_updated_at",
}

// SystemColumns lists the names that no user column may have (metaxy-semantics 1.2, and freshline_children), sorted.
func SystemColumns() []string { return slices.Sorted(slices.Values(systemColumns)) }

// IsSystemColumn says whether SystemColumns has the name. Other names that begin with metaxy_ are user columns.
func IsSystemColumn(name string) bool { return slices.Contains(systemColumns, name) }
