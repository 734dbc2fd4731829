package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/freshline/freshline/graph"
)

const (
	maxSchemaDepth    = 64 // types within types in a schema's text
	maxSchemaNodes    = 100_000
	maxSchemaFullName = 1024 // bytes
)

// nodeParser reads the JSON of one schema into nodes.
// It is written out here, though goavro parses too, because goavro has no canonical form that agrees with
// other implementations (it keeps {"type":"string"} where a logical type stood) and no way to look at a codec.
type nodeParser struct {
	named map[string]*node // by full name
	nodes int
}

func parseNodes(text []byte) (*node, error) {
	var raw any
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, fmt.Errorf("read JSON: %w", err)
	}
	p := nodeParser{named: make(map[string]*node)}
	return p.parse(raw, "", 0)
}

func (p *nodeParser) parse(raw any, namespace string, depth int) (*node, error) {
	if depth > maxSchemaDepth {
		return nil, fmt.Errorf("types lie more than %d deep", maxSchemaDepth)
	}
	if p.nodes++; p.nodes > maxSchemaNodes {
		return nil, fmt.Errorf("more than %d types", maxSchemaNodes)
	}
	switch raw := raw.(type) {
	case string:
		return p.reference(raw, namespace)
	case []any:
		return p.union(raw, namespace, depth)
	case map[string]any:
		return p.definition(raw, namespace, depth)
	default:
		return nil, fmt.Errorf("a type is text, an array or an object, not %T", raw)
	}
}

func (p *nodeParser) reference(name, namespace string) (*node, error) {
	if kind, ok := primitives[name]; ok {
		return &node{kind: kind}, nil
	}
	if !strings.Contains(name, ".") && namespace != "" {
		if n, ok := p.named[namespace+"."+name]; ok {
			return n, nil
		}
	}
	if n, ok := p.named[name]; ok {
		return n, nil
	}
	return nil, fmt.Errorf("unknown type %q", name)
}

func (p *nodeParser) union(raw []any, namespace string, depth int) (*node, error) {
	if len(raw) == 0 {
		return nil, errors.New("a union has no branch")
	}
	n := &node{kind: avroUnion, branches: make([]*node, len(raw))}
	seen := make(map[string]bool, len(raw))
	for i, r := range raw {
		branch, err := p.parse(r, namespace, depth+1)
		if err != nil {
			return nil, fmt.Errorf("branch %d of a union: %w", i, err)
		}
		if branch.kind == avroUnion {
			return nil, errors.New("a union stands directly in a union")
		}
		if name := branch.branchName(); seen[name] {
			return nil, fmt.Errorf("a union has %s twice", name)
		} else {
			seen[name] = true
		}
		n.branches[i] = branch
	}
	return n, nil
}

func (p *nodeParser) definition(raw map[string]any, namespace string, depth int) (*node, error) {
	typeName, ok := raw["type"].(string)
	if !ok {
		inner, ok := raw["type"]
		if !ok {
			return nil, errors.New(`an object has no "type"`)
		}
		return p.parse(inner, namespace, depth+1) // {"type": {"type": …}}, which the specification does not have but libraries write
	}
	switch typeName {
	case "record", "error":
		return p.record(raw, namespace, depth)
	case "enum":
		return p.enum(raw, namespace)
	case "fixed":
		return p.fixed(raw, namespace)
	case "array", "map":
		kind, part := avroArray, "items"
		if typeName == "map" {
			kind, part = avroMap, "values"
		}
		item, err := p.parse(raw[part], namespace, depth+1)
		if err != nil {
			return nil, fmt.Errorf("%s of %s: %w", part, typeName, err)
		}
		return &node{kind: kind, item: item}, nil
	}
	n, err := p.reference(typeName, namespace)
	if err != nil || n.name != "" {
		return n, err // a reference takes no attributes
	}
	n.setLogical(raw)
	return n, nil
}

// setLogical takes the logical type over if it fits the type; if not it is ignored, as the specification asks.
func (n *node) setLogical(raw map[string]any) {
	name, _ := raw["logicalType"].(string)
	switch {
	case name == "date" && n.kind == avroInt:
		n.logical = logicalDate
	case name == "time-millis" && n.kind == avroInt:
		n.logical = logicalTimeMillis
	case name == "time-micros" && n.kind == avroLong:
		n.logical = logicalTimeMicros
	case (name == "timestamp-millis" || name == "local-timestamp-millis") && n.kind == avroLong:
		n.logical = logicalTimestampMillis
	case (name == "timestamp-micros" || name == "local-timestamp-micros") && n.kind == avroLong:
		n.logical = logicalTimestampMicros
	case (name == "timestamp-nanos" || name == "local-timestamp-nanos") && n.kind == avroLong:
		n.logical = logicalTimestampNanos
	case name == "uuid" && (n.kind == avroString || n.kind == avroFixed && n.size == 16):
		n.logical = logicalUUID
	case name == "json" && n.kind == avroString:
		n.logical = logicalJSON
	case name == "decimal" && (n.kind == avroBytes || n.kind == avroFixed):
		precision, _ := raw["precision"].(float64)
		scale, given := raw["scale"].(float64)
		if _, any := raw["scale"]; any != given || precision < 1 || scale < 0 || scale > precision ||
			scale != math.Trunc(scale) || scale > graph.MaxDecimalDigits {
			return
		}
		n.logical, n.scale = logicalDecimal, int(scale)
	}
}

// define registers a named type before its parts are read, so that they can refer to it.
func (p *nodeParser) define(kind avroKind, raw map[string]any, namespace string) (n *node, inner string, err error) {
	name, _ := raw["name"].(string)
	if own, ok := raw["namespace"].(string); ok {
		namespace = own
	}
	full := name
	if !strings.Contains(name, ".") && namespace != "" {
		full = namespace + "." + name
	}
	if len(full) > maxSchemaFullName {
		return nil, "", fmt.Errorf("a name of %d bytes, more than %d", len(full), maxSchemaFullName)
	}
	for part := range strings.SplitSeq(full, ".") {
		if !validName(part) {
			return nil, "", fmt.Errorf("%q is no Avro name ([A-Za-z_][A-Za-z0-9_]*, parted by dots)", full)
		}
	}
	if _, ok := primitives[full]; ok {
		return nil, "", fmt.Errorf("a type takes the name of the primitive %q", full)
	}
	if _, ok := p.named[full]; ok {
		return nil, "", fmt.Errorf("type %q is defined twice", full)
	}
	n = &node{kind: kind, name: full, goavro: fmt.Sprintf("T%d", len(p.named))}
	p.named[full] = n
	inner, _, _ = cutLast(full, ".")
	return n, inner, nil
}

func (p *nodeParser) record(raw map[string]any, namespace string, depth int) (*node, error) {
	n, inner, err := p.define(avroRecord, raw, namespace)
	if err != nil {
		return nil, err
	}
	fields, ok := raw["fields"].([]any)
	if !ok {
		return nil, fmt.Errorf("record %q has no array of fields", n.name)
	}
	seen := make(map[string]bool, len(fields))
	for i, f := range fields {
		field, _ := f.(map[string]any)
		name, _ := field["name"].(string)
		if !validName(name) {
			return nil, fmt.Errorf("field %d of record %q: %q is no Avro name ([A-Za-z_][A-Za-z0-9_]*)", i, n.name, name)
		}
		if seen[name] {
			return nil, fmt.Errorf("record %q has field %q twice", n.name, name)
		}
		seen[name] = true
		fieldNode, err := p.parse(field["type"], inner, depth+1)
		if err != nil {
			return nil, fmt.Errorf("field %q of record %q: %w", name, n.name, err)
		}
		n.fields = append(n.fields, nodeField{name: name, node: fieldNode})
	}
	return n, nil
}

func (p *nodeParser) enum(raw map[string]any, namespace string) (*node, error) {
	n, _, err := p.define(avroEnum, raw, namespace)
	if err != nil {
		return nil, err
	}
	symbols, _ := raw["symbols"].([]any)
	if len(symbols) == 0 {
		return nil, fmt.Errorf("enum %q has no symbols", n.name)
	}
	for _, s := range symbols {
		symbol, _ := s.(string)
		if !validName(symbol) {
			return nil, fmt.Errorf("enum %q: %q is no Avro name", n.name, symbol)
		}
		n.symbols = append(n.symbols, symbol)
	}
	return n, nil
}

func (p *nodeParser) fixed(raw map[string]any, namespace string) (*node, error) {
	n, _, err := p.define(avroFixed, raw, namespace)
	if err != nil {
		return nil, err
	}
	size, _ := raw["size"].(float64)
	if size < 1 || size > math.MaxInt32 || size != math.Trunc(size) {
		return nil, fmt.Errorf("fixed %q has the size %v, not from 1 to %d", n.name, raw["size"], math.MaxInt32)
	}
	n.size = int(size)
	n.setLogical(raw)
	return n, nil
}

func validName(name string) bool {
	for i := range len(name) {
		c := name[i]
		letter := c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '_'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return "", s, false
}
