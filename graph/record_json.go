// Records as JSON objects: the rows of a replay file, and what the command put writes.
package graph

import (
	"errors"
	"fmt"
)

// ErrNotRecord says that a value is JSON but no object, so that it cannot be a row (R7, BAD_ROW).
var ErrNotRecord = errors.New("not a record")

// RecordOptions say how ParseRecordJSON reads. The zero value is that of replay.
type RecordOptions struct {
	// TypedObjects reads {"bytes":"…"}, {"date":"…"}, {"timestamp":"…"}, {"uuid":"…"} and {"decimal":"…"} as values of
	// those types (AppendJSON). Without it they are objects like any other, which are no ids.
	TypedObjects bool
}

// ParseRecordJSON reads one JSON object as a record. A number with a point or an exponent is a double, any other an
// integer, outside int64 a double; an array or object is Other, but for the two metaxy_*_by_field maps. System columns
// that the rules do not read are dropped. It refuses what is no JSON (NaN is none), a name twice in one object, text
// that is not UTF-8, and more than 64 arrays and objects in each other; the error names the byte. JSON that is no object
// is ErrNotRecord.
func ParseRecordJSON(raw []byte, options RecordOptions) (*Record, error) {
	r := jsonReader{text: raw}
	if r.peek() != '{' {
		_, err := r.canonical(nil)
		if err == nil {
			err = r.end()
		}
		if err == nil {
			err = ErrNotRecord
		}
		return nil, err
	}
	record := &Record{}
	err := r.object(func(name string) (err error) {
		switch name {
		case ColumnProvenance:
			record.Provenance, err = r.mapColumn(options)
		case ColumnDataVersion:
			record.DataVersion, err = r.mapColumn(options)
		case ColumnFeatureVersion:
			record.HasVersion = true
			record.FeatureVersion, err = r.value(options.TypedObjects)
		case ColumnDeletedAt:
			record.DeletedAt, err = r.value(options.TypedObjects)
		case ColumnChildren:
			record.HasChildren = true
			record.Children, err = r.value(options.TypedObjects)
		default:
			v, err := r.value(options.TypedObjects)
			if err != nil {
				return fmt.Errorf("column %q: %w", shorten(name), err)
			}
			if !IsSystemColumn(name) {
				record.Columns = append(record.Columns, Column{name, v})
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("column %q: %w", name, err)
		}
		return nil
	})
	if err == nil {
		err = r.end()
	}
	if err != nil {
		return nil, err
	}
	sortColumns(record.Columns)
	return record, nil
}

// mapColumn reads what should be a map of text by name.
func (r *jsonReader) mapColumn(options RecordOptions) (MapColumn, error) {
	if r.peek() != '{' {
		v, err := r.value(false)
		if v.IsNull() {
			return MapColumn{}, err
		}
		return MapColumn{State: MapInvalid}, err
	}
	m := MapColumn{State: MapPresent}
	err := r.object(func(name string) error {
		v, err := r.value(options.TypedObjects)
		m.Entries = append(m.Entries, Column{name, v})
		return err
	})
	sortColumns(m.Entries)
	return m, err
}
