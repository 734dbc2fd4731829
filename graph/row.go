package graph

// Row is one usable write of one sample (R1 to R6): what is filed, judged and read.
// Its texts may point into the bytes that it was read from.
type Row struct {
	Version    string // feature version; meaningful when HasVersion (R5)
	HasVersion bool
	Fields     []RowField // by struct name, no name twice
	Columns    []Column   // user columns, ids among them, by name; nulls left out
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

// Current reports whether the row's version of a field of f is in force (G4, R5):
// of a row without a version, whether it names the field.
func (f *FeaturePlan) Current(r *Row, field int) bool {
	if !r.HasVersion {
		return r.Field(f.Fields[field].Struct) != nil
	}
	match := f.inForce[r.Version]
	return match != nil && match[field]
}

// RowIDs appends the values of the id columns of a row, null where it has none.
func (f *FeaturePlan) RowIDs(dst []Value, row *Row) []Value {
	for _, id := range f.IDs {
		dst = append(dst, columnValue(row.Columns, id))
	}
	return dst
}
