package schema

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"

	"github.com/freshline/freshline/graph"
)

// sampleNamespace is the Avro namespace of the records that SampleSchema writes, or begins it.
const sampleNamespace = "freshline.sample"

// SampleSchema writes the samples of one feature, with one set of user columns. It is immutable and safe for
// concurrent use.
type SampleSchema struct {
	schema   *Schema
	columns  []ColumnType // sorted by name
	children bool
}

// NewSampleSchema makes the schema of a feature's samples: the user columns, each nullable, then the system columns.
// children says whether there is a column freshline_children (S7).
// The record's name is that of the feature's table in Metaxy: video/face-crop is freshline.sample.video__face_crop.
// Where a user column has a logical type the namespace ends in a digest of these types, as in
// freshline.sample.t0123456789abcdef.video__face_crop: an Avro fingerprint covers names but not logical types.
func NewSampleSchema(feature graph.FeatureKey, columns []ColumnType, children bool) (*SampleSchema, error) {
	name := strings.ReplaceAll(strings.ReplaceAll(string(feature), "-", "_"), "/", "__")
	if !validName(name) {
		return nil, fmt.Errorf("feature key %q makes no Avro name", feature)
	}
	s := &SampleSchema{columns: slices.Clone(columns), children: children}
	slices.SortFunc(s.columns, func(a, b ColumnType) int { return strings.Compare(a.Name, b.Name) })
	var text strings.Builder
	var logicalTypes strings.Builder
	for i, column := range s.columns {
		switch {
		case !validName(column.Name):
			return nil, fmt.Errorf("column %q of %s: Avro takes the names [A-Za-z_][A-Za-z0-9_]* only; rename it", column.Name, feature)
		case roleOf(column.Name) != roleUser:
			return nil, fmt.Errorf("column %q of %s is a system column, which the schema has anyway", column.Name, feature)
		case i > 0 && s.columns[i-1].Name == column.Name:
			return nil, fmt.Errorf("column %q of %s stands twice", column.Name, feature)
		}
		avro, err := column.avro()
		if err != nil {
			return nil, fmt.Errorf("schema of %s: %w", feature, err)
		}
		fmt.Fprintf(&text, `{"name":%q,"type":["null",%s],"default":null},`, column.Name, avro)
		if strings.Contains(avro, "logicalType") {
			logicalTypes.WriteString(column.Name + avro)
		}
	}
	if children {
		fmt.Fprintf(&text, `{"name":%q,"type":["null","long"],"default":null},`, graph.ColumnChildren)
	}
	const stringMap = `["null",{"type":"map","values":"string"}]`
	fmt.Fprintf(&text, `{"name":%q,"type":%s,"default":null},`, graph.ColumnProvenance, stringMap)
	fmt.Fprintf(&text, `{"name":%q,"type":%s,"default":null},`, graph.ColumnDataVersion, stringMap)
	fmt.Fprintf(&text, `{"name":%q,"type":["null","string"],"default":null},`, graph.ColumnFeatureVersion)
	fmt.Fprintf(&text, `{"name":%q,"type":["null",{"type":"long","logicalType":"timestamp-micros"}],"default":null}]}`, graph.ColumnDeletedAt)
	namespace := sampleNamespace
	if logicalTypes.Len() > 0 {
		namespace = fmt.Sprintf("%s.t%016x", sampleNamespace, rabin(logicalTypes.String()))
	}
	head := fmt.Sprintf(`{"type":"record","name":%q,"namespace":%q,"fields":[`, name, namespace)
	schema, err := ParseSchema([]byte(head + text.String()))
	if err != nil {
		return nil, fmt.Errorf("schema of %s: %w", feature, err)
	}
	s.schema = schema
	return s, nil
}

// Schema is what a reader of the samples needs.
func (s *SampleSchema) Schema() *Schema { return s.schema }

// AppendSample appends a framed sample to dst. The frame is Schema().Frame(), or the one that the registry gave.
// A column that the record lacks is null. Errors: a column that the schema lacks, a value that is not of its
// column's type or range, text that is not UTF-8, a *_by_field entry that is no text.
func (s *SampleSchema) AppendSample(dst []byte, frame Frame, rec *graph.Record) ([]byte, error) {
	out, err := s.appendBody(frame.Append(dst), rec)
	if err != nil {
		return dst, fmt.Errorf("encode sample: %w", err)
	}
	return out, nil
}

func (s *SampleSchema) appendBody(dst []byte, rec *graph.Record) ([]byte, error) {
	given := rec.Columns // both are sorted by name: one pass
	for i := range s.columns {
		column := &s.columns[i]
		if len(given) == 0 || given[0].Name != column.Name {
			dst = append(dst, branchNull)
			continue
		}
		var err error
		if dst, err = column.append(dst, given[0].Value); err != nil {
			return nil, fmt.Errorf("column %q: %w", column.Name, err)
		}
		given = given[1:]
	}
	if len(given) > 0 {
		return nil, fmt.Errorf("column %q is not in the schema, or the columns are not sorted by name", given[0].Name)
	}
	if s.children {
		var err error
		if dst, err = (&ColumnType{Kind: graph.KindInt}).append(dst, rec.Children); err != nil {
			return nil, fmt.Errorf("column %s: %w", graph.ColumnChildren, err)
		}
	} else if rec.HasChildren {
		return nil, fmt.Errorf("column %s is not in the schema", graph.ColumnChildren)
	}
	var err error
	if dst, err = appendMapColumn(dst, rec.Provenance); err != nil {
		return nil, fmt.Errorf("column %s: %w", graph.ColumnProvenance, err)
	}
	if dst, err = appendMapColumn(dst, rec.DataVersion); err != nil {
		return nil, fmt.Errorf("column %s: %w", graph.ColumnDataVersion, err)
	}
	if dst, err = (&ColumnType{Kind: graph.KindString}).append(dst, rec.FeatureVersion); err != nil {
		return nil, fmt.Errorf("column %s: %w", graph.ColumnFeatureVersion, err)
	}
	if dst, err = (&ColumnType{Kind: graph.KindTimestamp}).append(dst, rec.DeletedAt); err != nil {
		return nil, fmt.Errorf("column %s: %w", graph.ColumnDeletedAt, err)
	}
	return dst, nil
}

// appendMapColumn leaves null entries out: R3 reads them as missing.
func appendMapColumn(dst []byte, m graph.MapColumn) ([]byte, error) {
	switch m.State {
	case graph.MapAbsent:
		return append(dst, branchNull), nil
	case graph.MapInvalid:
		return nil, errors.New("it is no map")
	}
	count := 0
	for _, entry := range m.Entries {
		if entry.Value.Kind() != graph.KindNull {
			count++
		}
	}
	dst = append(dst, 1<<1)
	if count > 0 {
		dst = appendLong(dst, int64(count))
	}
	for _, entry := range m.Entries {
		if entry.Value.Kind() == graph.KindNull {
			continue
		}
		text, ok := entry.Value.AsString()
		if !ok {
			return nil, fmt.Errorf("the entry %q holds %s, not text", entry.Name, entry.Value.Kind())
		}
		if err := checkText(entry.Name, text); err != nil {
			return nil, err
		}
		dst = appendString(appendString(dst, entry.Name), text)
	}
	return append(dst, 0), nil
}

// append appends a value with the branch of its union.
func (c *ColumnType) append(dst []byte, v graph.Value) ([]byte, error) {
	if v.IsNull() {
		return append(dst, branchNull), nil
	}
	if v.Kind() != c.Kind {
		return nil, fmt.Errorf("a value of kind %s in a column of kind %s", v.Kind(), c.Kind)
	}
	dst = append(dst, 1<<1)
	switch c.Kind {
	case graph.KindBool:
		b, _ := v.AsBool()
		return appendBoolean(dst, b), nil
	case graph.KindInt:
		i, _ := v.AsInt()
		return appendLong(dst, i), nil
	case graph.KindDouble:
		f, _ := v.AsDouble()
		return appendDouble(dst, f), nil
	case graph.KindBytes:
		b, _ := v.AsBytes()
		return appendString(dst, b), nil
	case graph.KindDate:
		days, _ := v.AsDate()
		return appendLong(dst, int64(days)), nil
	case graph.KindTimestamp:
		return c.appendTimestamp(dst, v)
	case graph.KindUUID:
		s, _ := v.AsUUID()
		return appendString(dst, s), nil
	case graph.KindDecimal:
		return c.appendDecimal(dst, v)
	case graph.KindOther:
		s, _ := v.AsOther()
		return appendString(dst, s), checkText(s)
	default:
		s, _ := v.AsString()
		return appendString(dst, s), checkText(s)
	}
}

func (c *ColumnType) appendTimestamp(dst []byte, v graph.Value) ([]byte, error) {
	micros, below, _ := v.AsTimestamp()
	if !c.Nanos {
		if below != 0 {
			return nil, errors.New("a timestamp with nanoseconds in a column of microseconds")
		}
		return appendLong(dst, micros), nil
	}
	if micros > math.MaxInt64/1000-1 || micros < math.MinInt64/1000+1 {
		return nil, errors.New("a timestamp outside 1677 to 2262 in a column of nanoseconds")
	}
	return appendLong(dst, micros*1000+int64(below)), nil
}

func (c *ColumnType) appendDecimal(dst []byte, v graph.Value) ([]byte, error) {
	text, _ := v.AsDecimal()
	whole, fraction, _ := strings.Cut(text, ".")
	digits := len(strings.TrimLeft(strings.TrimPrefix(whole, "-"), "0"))
	if len(fraction) > c.Scale || digits > c.Precision-c.Scale {
		return nil, fmt.Errorf("%s does not fit decimal(%d, %d)", text, c.Precision, c.Scale)
	}
	unscaled, ok := new(big.Int).SetString(whole+fraction+strings.Repeat("0", c.Scale-len(fraction)), 10)
	if !ok {
		return nil, fmt.Errorf("%q is no decimal", text)
	}
	return appendString(dst, appendTwosComplement(nil, unscaled)), nil
}
