package graph

import (
	"fmt"
	"slices"
	"strings"
)

// Reason says why a record cannot be used (R7). The order is that of the checks.
type Reason string

const (
	BadBytes       Reason = "BAD_BYTES"
	UnknownFeature Reason = "UNKNOWN_FEATURE"
	BadRow         Reason = "BAD_ROW"
	BadID          Reason = "BAD_ID"
	UnknownVersion Reason = "UNKNOWN_VERSION"
	BadProvenance  Reason = "BAD_PROVENANCE"
	TooLarge       Reason = "TOO_LARGE"
)

// Refusal is a record that cannot be used: the reason, the column at fault, and words for people.
type Refusal struct {
	Reason Reason
	Column string // "" where no one column is at fault
	Detail string
}

func (r *Refusal) Error() string { return string(r.Reason) + ": " + r.Detail }

// CheckIDs checks the id columns of a record (R6): all that a delete needs. Of the record of an
// expansion (S7) these are the columns of M.
func (f *FeaturePlan) CheckIDs(rec *Record) *Refusal {
	ids := f.IDs
	if f.withoutOwnIDs(rec.Columns) {
		ids = f.Match
	}
	for _, id := range ids {
		value := rec.Column(id)
		if value.Usable() {
			continue
		}
		what := "is missing or null"
		if value.Kind() != KindNull {
			what = fmt.Sprintf("holds %s, which is no id", value.Kind())
		}
		return &Refusal{BadID, id, fmt.Sprintf("id column %q of %s %s; write a boolean, an integer (int64), a string, bytes, a date, a timestamp, a uuid or a decimal", id, f.Key, what)}
	}
	return nil
}

// CheckRecord checks a record against the graph in force (R3, R5, R6) and makes the row of it.
// Columns of the row are those of the record, without nulls; the slices are the record's own.
func (f *FeaturePlan) CheckRecord(rec *Record, h *History) (*Row, *Refusal) {
	if refusal := f.CheckIDs(rec); refusal != nil {
		return nil, refusal
	}
	row := &Row{}
	if rec.FeatureVersion.Kind() != KindNull {
		text, ok := rec.FeatureVersion.AsString()
		if !ok || h.FieldVersions(f.Key, text) == nil {
			return nil, &Refusal{UnknownVersion, "metaxy_feature_version", fmt.Sprintf("no graph had version %s of %s; write the version of the event that was answered, or none", AppendJSON(nil, rec.FeatureVersion), f.Key)}
		}
		row.Version, row.HasVersion = text, true
	}
	if refusal := f.checkMaps(rec, row, h); refusal != nil {
		return nil, refusal
	}
	row.Children = -1
	if n, ok := rec.Children.AsInt(); ok && n >= 0 {
		row.Children = n
	}
	if row.Group = f.withoutOwnIDs(rec.Columns); row.Group && row.Children < 0 {
		return nil, &Refusal{BadRow, ColumnChildren, fmt.Sprintf("the row has no own ids, so it is the record of one expansion of %s, but %s is %s; write how many samples came of it, an integer from 0 on", f.Key, ColumnChildren, AppendJSON(nil, rec.Children))}
	}
	row.Columns = slices.DeleteFunc(slices.Clone(rec.Columns), func(c Column) bool { return c.Value.Kind() == KindNull })
	if rec.Children.Kind() != KindNull { // to filters it is a column like any other
		row.Columns = append(row.Columns, Column{ColumnChildren, rec.Children})
		slices.SortFunc(row.Columns, func(a, b Column) int { return strings.Compare(a.Name, b.Name) })
	}
	return row, nil
}

// checkMaps reads provenance and data versions (R3).
func (f *FeaturePlan) checkMaps(rec *Record, row *Row, h *History) *Refusal {
	const provenance, dataVersion = "metaxy_provenance_by_field", "metaxy_data_version_by_field"
	switch rec.Provenance.State {
	case MapAbsent:
		return &Refusal{BadProvenance, provenance, provenance + " is missing or null; every row names the provenance of each of its fields"}
	case MapInvalid:
		return &Refusal{BadProvenance, provenance, provenance + " is no map of field name to text"}
	}
	if rec.DataVersion.State == MapInvalid {
		return &Refusal{BadProvenance, dataVersion, dataVersion + " is no map of field name to text"}
	}
	for _, name := range f.requiredFields(row, h) {
		text, ok := mapText(rec.Provenance.Entries, name)
		if !ok {
			return &Refusal{BadProvenance, provenance, fmt.Sprintf("%s has no text for field %q of %s", provenance, name, f.Key)}
		}
		field := RowField{Name: name, Provenance: text, DataVersion: text}
		if override := columnValue(rec.DataVersion.Entries, name); override.Kind() != KindNull {
			if field.DataVersion, ok = override.AsString(); !ok {
				return &Refusal{BadProvenance, dataVersion, fmt.Sprintf("%s of field %q of %s is no text", dataVersion, name, f.Key)}
			}
		}
		row.Fields = append(row.Fields, field)
	}
	f.keepFurther(rec, row)
	slices.SortFunc(row.Fields, func(a, b RowField) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// keepFurther keeps names that the row need not have (R3): a later graph may have such a field.
func (f *FeaturePlan) keepFurther(rec *Record, row *Row) {
	for _, entry := range rec.Provenance.Entries {
		text, ok := entry.Value.AsString()
		if !ok || row.Field(entry.Name) != nil {
			continue
		}
		field := RowField{Name: entry.Name, Provenance: text, DataVersion: text}
		if override, ok := columnValue(rec.DataVersion.Entries, entry.Name).AsString(); ok {
			field.DataVersion = override
		}
		row.Fields = append(row.Fields, field)
	}
}

// requiredFields returns the struct names that a row must name: those of its feature version,
// or of the graph in force if it has none.
func (f *FeaturePlan) requiredFields(row *Row, h *History) []string {
	var names []string
	if row.HasVersion {
		for key := range h.FieldVersions(f.Key, row.Version) {
			names = append(names, key.StructName())
		}
		slices.Sort(names)
		return names
	}
	for _, field := range f.Fields {
		names = append(names, field.Struct)
	}
	return names
}

func mapText(entries []Column, name string) (string, bool) {
	return columnValue(entries, name).AsString()
}

// RecordKey returns the record key under which our own producers write a record: canonical JSON of
// its ids, of the record of an expansion of the columns of M (S7).
func (f *FeaturePlan) RecordKey(rec *Record) []byte {
	names := f.IDs
	if f.withoutOwnIDs(rec.Columns) {
		names = f.Match
	}
	values := make([]Value, len(names))
	for i, name := range names {
		values[i] = rec.Column(name)
	}
	return AppendKeyJSON(nil, names, values)
}
