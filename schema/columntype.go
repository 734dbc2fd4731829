package schema

import (
	"fmt"
	"strconv"

	"github.com/freshline/freshline/graph"
)

// ColumnType is the type of a user column in a SampleSchema. Every column may be null.
type ColumnType struct {
	Name string     // an Avro name: [A-Za-z_][A-Za-z0-9_]*
	Kind graph.Kind // KindNull: nothing is known of it, and it can hold null only

	// Of KindDecimal: how many digits there may be in all, 1 to graph.MaxDecimalDigits, and after the point.
	Precision, Scale int
	// Of KindTimestamp: nanoseconds instead of microseconds. That reaches from 1677 to 2262 only.
	Nanos bool
}

// avro is the type as JSON, without the null beside it.
func (c ColumnType) avro() (string, error) {
	switch c.Kind {
	case graph.KindNull, graph.KindString:
		return `"string"`, nil // some type must stand beside null
	case graph.KindBool:
		return `"boolean"`, nil
	case graph.KindInt:
		return `"long"`, nil
	case graph.KindDouble:
		return `"double"`, nil
	case graph.KindBytes:
		return `"bytes"`, nil
	case graph.KindDate:
		return `{"type":"int","logicalType":"date"}`, nil
	case graph.KindTimestamp:
		if c.Nanos {
			return `{"type":"long","logicalType":"timestamp-nanos"}`, nil
		}
		return `{"type":"long","logicalType":"timestamp-micros"}`, nil
	case graph.KindUUID:
		return `{"type":"string","logicalType":"uuid"}`, nil
	case graph.KindOther:
		return `{"type":"string","logicalType":"json"}`, nil
	case graph.KindDecimal:
		if c.Precision < 1 || c.Precision > graph.MaxDecimalDigits || c.Scale < 0 || c.Scale > c.Precision {
			return "", fmt.Errorf("column %q: decimal(%d, %d) is outside precision 1 to %d and scale 0 to the precision",
				c.Name, c.Precision, c.Scale, graph.MaxDecimalDigits)
		}
		return `{"type":"bytes","logicalType":"decimal","precision":` + strconv.Itoa(c.Precision) +
			`,"scale":` + strconv.Itoa(c.Scale) + `}`, nil
	}
	return "", fmt.Errorf("column %q: no Avro type for kind %d", c.Name, c.Kind)
}
