package graph

// Record is one write as it came: decoded, and not yet checked against a graph.
// Decoders of every format (Avro, JSON) produce it; the rules R1 to R7 read it.
type Record struct {
	Columns        []Column  // user columns, ids among them, sorted by name; no metaxy_ system column
	Provenance     MapColumn // metaxy_provenance_by_field
	DataVersion    MapColumn // metaxy_data_version_by_field
	FeatureVersion Value     // metaxy_feature_version
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
