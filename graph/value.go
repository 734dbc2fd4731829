package graph

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

// Value is one typed value of a column. The zero Value is null. Values are comparable with ==.
type Value struct {
	kind Kind
	num  int64
	str  string
}
