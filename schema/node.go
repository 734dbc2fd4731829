package schema

// avroKind is one of Avro's types.
type avroKind uint8

const (
	avroNull avroKind = iota
	avroBoolean
	avroInt
	avroLong
	avroFloat
	avroDouble
	avroBytes
	avroString
	avroFixed
	avroEnum
	avroArray
	avroMap
	avroRecord
	avroUnion
)

// primitives are the types that a schema names without defining them.
var primitives = map[string]avroKind{
	"null": avroNull, "boolean": avroBoolean, "int": avroInt, "long": avroLong,
	"float": avroFloat, "double": avroDouble, "bytes": avroBytes, "string": avroString,
}

var primitiveNames = [...]string{
	avroNull: "null", avroBoolean: "boolean", avroInt: "int", avroLong: "long",
	avroFloat: "float", avroDouble: "double", avroBytes: "bytes", avroString: "string",
}

// logical is a logical type that a column's Value depends on. Others are ignored, as the specification asks.
type logical uint8

const (
	logicalNone logical = iota
	logicalDate
	logicalTimeMillis
	logicalTimeMicros
	logicalTimestampMillis
	logicalTimestampMicros
	logicalTimestampNanos
	logicalUUID
	logicalDecimal
	logicalJSON // our own, on a string: the canonical JSON of a graph.KindOther
)

// node is one type of a schema. A named type that is used again is the same node, so a recursive schema is a
// graph with a cycle. Nodes are not changed once parsed.
type node struct {
	kind    avroKind
	logical logical

	name   string // full name of a record, enum or fixed
	goavro string // its name in the schema that goavro is given: T0, T1, …

	size     int         // of avroFixed, bytes
	scale    int         // of logicalDecimal: digits after the point
	symbols  []string    // of avroEnum
	item     *node       // of avroArray and avroMap
	fields   []nodeField // of avroRecord
	branches []*node     // of avroUnion
}

type nodeField struct {
	name string
	node *node
}

// branchName is the key under which goavro hands out a value of this branch of a union.
func (n *node) branchName() string {
	switch n.kind {
	case avroArray:
		return "array"
	case avroMap:
		return "map"
	case avroFixed, avroEnum, avroRecord:
		return n.goavro
	default:
		return primitiveNames[n.kind]
	}
}
