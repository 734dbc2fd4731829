package schema

import (
	"encoding/binary"
	"math"

	"github.com/freshline/freshline/graph"
)

// The functions here append Avro's binary form. Nothing is between two values, so what is appended one after
// the other is a record: that is what lets a SharedEvent be encoded once for many events.

func appendLong(dst []byte, v int64) []byte { return binary.AppendVarint(dst, v) }

func appendString[T ~string | ~[]byte](dst []byte, s T) []byte {
	return append(appendLong(dst, int64(len(s))), s...)
}

func appendStrings(dst []byte, texts []string) []byte {
	if len(texts) > 0 {
		dst = appendLong(dst, int64(len(texts)))
		for _, s := range texts {
			dst = appendString(dst, s)
		}
	}
	return append(dst, 0)
}

func appendFieldTexts(dst []byte, texts FieldTexts) []byte {
	if len(texts) > 0 {
		dst = appendLong(dst, int64(len(texts)))
		for _, t := range texts {
			dst = appendString(appendString(dst, t.Field), t.Text)
		}
	}
	return append(dst, 0)
}

// The branches of the union that staleness.avsc has for a value, as they are encoded.
const (
	branchNull    = 0 << 1
	branchBoolean = 1 << 1
	branchLong    = 2 << 1
	branchDouble  = 3 << 1
	branchString  = 4 << 1
	branchBytes   = 5 << 1
)

func appendColumns(dst []byte, columns []graph.Column) []byte {
	if len(columns) > 0 {
		dst = appendLong(dst, int64(len(columns)))
		for _, c := range columns {
			dst = appendPrimitive(appendString(dst, c.Name), c.Value)
		}
	}
	return append(dst, 0)
}

// appendPrimitive appends a value as staleness.avsc has it: types beyond Avro's primitives as text.
func appendPrimitive(dst []byte, v graph.Value) []byte {
	switch v.Kind() {
	case graph.KindNull:
		return append(dst, branchNull)
	case graph.KindBool:
		b, _ := v.AsBool()
		return appendBoolean(append(dst, branchBoolean), b)
	case graph.KindInt:
		i, _ := v.AsInt()
		return appendLong(append(dst, branchLong), i)
	case graph.KindDouble:
		f, _ := v.AsDouble()
		return appendDouble(append(dst, branchDouble), f)
	case graph.KindBytes:
		b, _ := v.AsBytes()
		return appendString(append(dst, branchBytes), b)
	}
	var scratch [64]byte
	return appendString(append(dst, branchString), appendText(scratch[:0], v))
}

// appendText appends the text that a value of no primitive type is written as: RFC 3339, a UUID, a decimal, JSON.
func appendText(dst []byte, v graph.Value) []byte {
	switch v.Kind() {
	case graph.KindString:
		s, _ := v.AsString()
		return append(dst, s...)
	case graph.KindUUID:
		s, _ := v.AsUUID()
		return append(dst, s...)
	case graph.KindDecimal:
		s, _ := v.AsDecimal()
		return append(dst, s...)
	case graph.KindDate, graph.KindTimestamp: // {"date":"…"}
		start := len(dst)
		dst = graph.AppendJSON(dst, v)
		head := len(`{"date":"`)
		if v.Kind() == graph.KindTimestamp {
			head = len(`{"timestamp":"`)
		}
		return append(dst[:start], dst[start+head:len(dst)-len(`"}`)]...)
	}
	return graph.AppendJSON(dst, v)
}

func appendBoolean(dst []byte, b bool) []byte {
	if b {
		return append(dst, 1)
	}
	return append(dst, 0)
}

func appendDouble(dst []byte, f float64) []byte {
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(f))
}
