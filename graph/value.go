// The typed values of columns: what may be an id (R6), in one order, comparable with ==.
package graph

import (
	"cmp"
	"errors"
	"math"
	"strings"
	"unicode/utf8"
)

// Kind is the type of a Value. The order of the constants is the typed order of R6.
type Kind uint8

const (
	KindNull      Kind = iota // no value
	KindBool                  // num is 0 or 1
	KindInt                   // num
	KindString                // str, UTF-8
	KindBytes                 // str, any bytes
	KindDate                  // num: days since 1970-01-01
	KindTimestamp             // num: microseconds since 1970-01-01T00:00:00Z; str: "" or the three digits of nanoseconds below them
	KindUUID                  // str: 36 characters, lower case
	KindDecimal               // str: canonical decimal text, no trailing zeros
	KindDouble                // num: bits of the IEEE 754 double; no id
	KindOther                 // str: canonical JSON of an array, map or record; no id, and null to filters
)

var kindNames = [...]string{"null", "boolean", "integer", "string", "bytes", "date", "timestamp", "uuid", "decimal", "double", "other"}

// String names the kind for messages.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// Value is one typed value of a column. The zero Value is null. Values are comparable with ==.
type Value struct {
	kind Kind
	num  int64
	str  string
}

// Null is the value that is none.
func Null() Value { return Value{} }

// Bool is a boolean value.
func Bool(b bool) Value {
	if b {
		return Value{kind: KindBool, num: 1}
	}
	return Value{kind: KindBool}
}

// Int is an integer value, of whatever width it was written in.
func Int(i int64) Value { return Value{kind: KindInt, num: i} }

// String is a text value. It should be UTF-8; one that is not is kept as it is and is not Usable.
func String(s string) Value { return Value{kind: KindString, str: s} }

// Bytes is a value of any bytes, which it copies.
func Bytes(b []byte) Value { return Value{kind: KindBytes, str: string(b)} }

// Date is a day of the proleptic Gregorian calendar, counted from 1970-01-01.
func Date(days int32) Value { return Value{kind: KindDate, num: int64(days)} }

// Timestamp is an instant: microseconds since 1970-01-01T00:00:00Z, and nanoseconds (0 to 999) after them.
// Nanoseconds outside the range are cut to it.
func Timestamp(micros int64, nanosBelow int) Value {
	v := Value{kind: KindTimestamp, num: micros}
	if n := min(nanosBelow, 999); n > 0 {
		v.str = string([]byte{'0' + byte(n/100), '0' + byte(n/10%10), '0' + byte(n%10)})
	}
	return v
}

var errUUID = errors.New("a uuid is 8-4-4-4-12 hexadecimal digits")

// UUID reads a UUID of 36 characters in either case; its value is the lower-case text.
func UUID(text string) (Value, error) {
	if len(text) != 36 {
		return Value{}, errUUID
	}
	for i := range len(text) {
		c := text[i]
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return Value{}, errUUID
			}
		default:
			if _, ok := hexDigit(c); !ok {
				return Value{}, errUUID
			}
		}
	}
	return Value{kind: KindUUID, str: strings.ToLower(text)}, nil
}

// Double is an IEEE 754 double. All NaN are one value. It is never an id.
func Double(f float64) Value {
	if f != f {
		f = math.NaN()
	}
	return Value{kind: KindDouble, num: int64(math.Float64bits(f))}
}

// Other is an array, map or record, as JSON text that the caller has made canonical: it is compared as text.
func Other(jsonText string) Value { return Value{kind: KindOther, str: jsonText} }

// Kind is the type of the value.
func (v Value) Kind() Kind { return v.kind }

// IsNull says whether the value is none.
func (v Value) IsNull() bool { return v.kind == KindNull }

// AsBool is the boolean, if the value is one.
func (v Value) AsBool() (b, ok bool) { return v.num == 1, v.kind == KindBool }

// AsInt is the integer, if the value is one; else 0.
func (v Value) AsInt() (i int64, ok bool) { return v.numIf(KindInt) }

// AsString is the text, if the value is one; else "".
func (v Value) AsString() (s string, ok bool) { return v.strIf(KindString) }

// AsBytes is the bytes as a string, which spares a copy, if the value is bytes; else "".
func (v Value) AsBytes() (b string, ok bool) { return v.strIf(KindBytes) }

// AsDate is the number of days since 1970-01-01, if the value is a date; else 0.
func (v Value) AsDate() (days int32, ok bool) {
	n, ok := v.numIf(KindDate)
	return int32(n), ok
}

// AsTimestamp is the microseconds since 1970-01-01T00:00:00Z and the nanoseconds (0 to 999) after them,
// if the value is a timestamp; else 0, 0.
func (v Value) AsTimestamp() (micros int64, nanosBelow int, ok bool) {
	if v.kind != KindTimestamp {
		return 0, 0, false
	}
	for i := range len(v.str) {
		nanosBelow = nanosBelow*10 + int(v.str[i]-'0')
	}
	return v.num, nanosBelow, true
}

// AsUUID is the lower-case text of 36 characters, if the value is a UUID; else "".
func (v Value) AsUUID() (text string, ok bool) { return v.strIf(KindUUID) }

// AsDecimal is the canonical text (Decimal), if the value is a decimal; else "".
func (v Value) AsDecimal() (text string, ok bool) { return v.strIf(KindDecimal) }

// AsDouble is the double, if the value is one; else 0.
func (v Value) AsDouble() (f float64, ok bool) {
	n, ok := v.numIf(KindDouble)
	return math.Float64frombits(uint64(n)), ok
}

// AsOther is the JSON text, if the value is an array, map or record; else "".
func (v Value) AsOther() (jsonText string, ok bool) { return v.strIf(KindOther) }

func (v Value) numIf(k Kind) (int64, bool) {
	if v.kind != k {
		return 0, false
	}
	return v.num, true
}

func (v Value) strIf(k Kind) (string, bool) {
	if v.kind != k {
		return "", false
	}
	return v.str, true
}

// Usable says whether the value may be an id (R6): it is not null, of a type that R6 allows, and a text is UTF-8.
func (v Value) Usable() bool {
	switch v.kind {
	case KindNull, KindDouble, KindOther:
		return false
	case KindString:
		return utf8.ValidString(v.str)
	}
	return true
}

// String is the value as JSON (AppendJSON), for messages.
func (v Value) String() string { return string(AppendJSON(nil, v)) }

// Compare orders values: null first, then by type and within it as R6 has it; decimals as numbers, doubles in the
// total order of IEEE 754 (-0 before 0, NaN last), others as text. It is 0 only for values that are ==.
func Compare(a, b Value) int {
	if a.kind != b.kind {
		return cmp.Compare(a.kind, b.kind)
	}
	switch a.kind {
	case KindNull:
		return 0
	case KindBool, KindInt, KindDate:
		return cmp.Compare(a.num, b.num)
	case KindTimestamp:
		if a.num != b.num {
			return cmp.Compare(a.num, b.num)
		}
	case KindDecimal:
		return compareDecimal(a.str, b.str)
	case KindDouble:
		return cmp.Compare(orderedBits(a.num), orderedBits(b.num))
	}
	return strings.Compare(a.str, b.str)
}

// orderedBits maps the bits of a double to a number that orders as the doubles do.
func orderedBits(bits int64) uint64 {
	if bits < 0 {
		return ^uint64(bits)
	}
	return uint64(bits) | 1<<63
}

// hexDigit is the value of a hexadecimal digit in either case.
func hexDigit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
