package stream

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/freshline/freshline/graph"
)

// Sample is one write of one sample of a feature, as Go has it.
type Sample struct {
	// Columns are the user columns by name, the id columns among them: booleans, integers,
	// strings, []byte, time.Time (a timestamp), floats, nil (null), graph.Value for all other
	// kinds, and types made of these. A floating-point number cannot be in an id column (R6).
	Columns map[string]any

	// Provenance names, by field key, what each field was made of. Every field of the feature is
	// in it (R3). Of a feature with dependencies it is what the staleness event expected.
	Provenance map[string]string

	// DataVersion is, by field key, what readers see of a field instead of its provenance, where
	// a new write may leave the data as they were. Optional, field by field.
	DataVersion map[string]string

	// FeatureVersion is the version of the code that made the sample; of a worker, that of the
	// event that it answers. Nil: the version in force.
	FeatureVersion *string

	// Children makes the sample the group record of one expansion (S7): how many samples came of
	// it, 0 included. Columns then has the columns that name the parent and no id columns of the
	// samples' own. It is written behind the samples that it counts.
	Children *int64
}

// record checks the sample by itself, without a graph.
func (s Sample) record() (*graph.Record, error) {
	columns, err := columnsOf(s.Columns)
	if err != nil {
		return nil, err
	}
	rec := &graph.Record{Columns: columns}
	if rec.Provenance, err = byField("Provenance", s.Provenance); err != nil {
		return nil, err
	}
	if rec.DataVersion, err = byField("DataVersion", s.DataVersion); err != nil {
		return nil, err
	}
	if s.FeatureVersion != nil {
		rec.FeatureVersion = graph.String(*s.FeatureVersion)
	}
	if s.Children != nil {
		if *s.Children < 0 {
			return nil, fmt.Errorf("a group record with Children %d: write how many samples came of the expansion, from 0 on", *s.Children)
		}
		rec.HasChildren, rec.Children = true, graph.Int(*s.Children)
	}
	return rec, nil
}

// columnsOf makes columns of Go values, sorted by name.
func columnsOf(values map[string]any) ([]graph.Column, error) {
	columns := make([]graph.Column, 0, len(values))
	for name, v := range values {
		if strings.HasPrefix(name, "metaxy_") || name == "freshline_children" {
			return nil, fmt.Errorf("column %q is a system column: set the field of Sample that is for it", name)
		}
		value, err := valueOf(v)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", name, err)
		}
		columns = append(columns, graph.Column{Name: name, Value: value})
	}
	slices.SortFunc(columns, func(a, b graph.Column) int { return strings.Compare(a.Name, b.Name) })
	return columns, nil
}

// byField makes a *_by_field column: field keys become struct names.
func byField(what string, texts map[string]string) (graph.MapColumn, error) {
	m := graph.MapColumn{}
	if len(texts) == 0 {
		return m, nil
	}
	m.State = graph.MapPresent
	for key, text := range texts {
		m.Entries = append(m.Entries, graph.Column{Name: graph.FieldKey(key).StructName(), Value: graph.String(text)})
	}
	slices.SortFunc(m.Entries, func(a, b graph.Column) int { return strings.Compare(a.Name, b.Name) })
	for i := 1; i < len(m.Entries); i++ {
		if m.Entries[i].Name == m.Entries[i-1].Name {
			return m, fmt.Errorf("%s names field %q twice, once with '/' and once with '_'", what, m.Entries[i].Name)
		}
	}
	return m, nil
}

// valueOf makes a value of a Go scalar.
func valueOf(v any) (graph.Value, error) {
	switch v := v.(type) {
	case nil:
		return graph.Null(), nil
	case graph.Value:
		return v, nil
	case time.Time:
		// Not UnixNano: it overflows outside the years 1678 to 2262.
		return graph.Timestamp(v.Unix()*1e6+int64(v.Nanosecond()/1000), v.Nanosecond()%1000), nil
	case []byte:
		if v == nil {
			return graph.Null(), nil
		}
		return graph.Bytes(v), nil
	case json.Number:
		return graph.Null(), fmt.Errorf("%T is not known to be an integer or a floating-point number; convert it", v)
	}
	r := reflect.ValueOf(v)
	switch {
	case r.Kind() == reflect.Bool:
		return graph.Bool(r.Bool()), nil
	case r.CanInt():
		return graph.Int(r.Int()), nil
	case r.CanUint():
		if r.Uint() > math.MaxInt64 {
			return graph.Null(), fmt.Errorf("%d is beyond the range of a 64-bit integer", r.Uint())
		}
		return graph.Int(int64(r.Uint())), nil
	case r.CanFloat():
		return graph.Double(r.Float()), nil
	case r.Kind() == reflect.String:
		return graph.String(r.String()), nil
	}
	return graph.Null(), fmt.Errorf("a column cannot hold a %T; use a boolean, an integer, a floating-point number, a string, []byte, time.Time or graph.Value", v)
}
