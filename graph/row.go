package graph

// Row is one usable write of one sample (R1 to R6): what is filed, judged and read.
// Its texts may point into the bytes that it was read from.
type Row struct {
	Version    string // feature version; meaningful when HasVersion (R5)
	HasVersion bool
	Fields     []RowField // by struct name, no name twice
	Columns    []Column   // user columns, ids among them, by name; nulls left out
	Group      bool       // the record of one expansion (S7), under the graph that it was filed under
	Children   int64      // of a group record: how many samples came of it; -1 where the row does not say
	Marked     bool       // a request asks for it again (S10)
}

// RowField is what a row says of one field.
type RowField struct {
	Name        string // struct name
	Provenance  string
	DataVersion string // what readers hash: the provenance unless the producer says otherwise (R3)
}

// Field finds a field by its struct name, nil if the row does not name it.
func (r *Row) Field(name string) *RowField {
	// Rows have few fields: a linear search beats a binary one, and needs no closure.
	for i := range r.Fields {
		if r.Fields[i].Name == name {
			return &r.Fields[i]
		}
	}
	return nil
}

// IsGroup reports whether a row is the record of one expansion (S7): in an expansion feature its own
// ids, those outside M, are all null, and it says how many children there are.
func (f *FeaturePlan) IsGroup(row *Row) bool {
	return row.Children >= 0 && f.withoutOwnIDs(row.Columns)
}

// withoutOwnIDs reports whether the id columns outside M of an expansion feature are all null.
func (f *FeaturePlan) withoutOwnIDs(columns []Column) bool {
	if !f.Expands {
		return false
	}
	for _, column := range f.Suffix {
		if columnValue(columns, column).Kind() != KindNull {
			return false
		}
	}
	return true
}

// Current reports whether the row's version of a field of f is in force (G4, R5):
// of a row without a version, whether it names the field.
func (f *FeaturePlan) Current(r *Row, field int) bool {
	if !r.HasVersion {
		return r.Field(f.Fields[field].Struct) != nil
	}
	match := f.inForce[r.Version]
	return match != nil && match[field]
}

// Values appends the values of some columns of the row, null where it has none.
func (r *Row) Values(dst []Value, columns []string) []Value {
	for _, column := range columns {
		dst = append(dst, columnValue(r.Columns, column))
	}
	return dst
}
