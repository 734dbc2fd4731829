package schema

import (
	"errors"
	"fmt"
	"slices"

	"github.com/freshline/freshline/graph"
)

// Goavro decodes by the library goavro, behind the walker as its guard: goavro trusts block counts, recurses
// without bound and makes values of bytes that are no text.
type Goavro struct{}

// DecodeRecord implements RecordDecoder.
func (Goavro) DecodeRecord(writer *Schema, body []byte) (*graph.Record, error) {
	value, err := writer.native(body)
	if err != nil {
		return nil, err
	}
	top, value := unwrap(writer.root, value)
	shape := writer.shapes[top]
	if shape == nil {
		return nil, notRecord(top)
	}
	return nativeRecord(top, shape, value.(map[string]any))
}

// native returns what goavro makes of a body: of bare types, since it is given no logical ones.
func (s *Schema) native(body []byte) (value any, err error) {
	if err := skim(s.root, body); err != nil {
		return nil, err
	}
	defer func() {
		if p := recover(); p != nil {
			value, err = nil, badBytes("goavro: %v", p)
		}
	}()
	value, rest, err := s.codec.NativeFromBinary(body)
	if err != nil {
		return nil, badBytes("goavro: %w", err)
	}
	if len(rest) > 0 {
		return nil, badBytes("%d bytes follow the record", len(rest))
	}
	return value, nil
}

// unwrap takes a value out of the map that goavro puts a union's value in.
func unwrap(n *node, value any) (*node, any) {
	if n.kind != avroUnion {
		return n, value
	}
	name := "null"
	if wrapped, ok := value.(map[string]any); ok {
		for branch, inner := range wrapped {
			name, value = branch, inner
		}
	}
	i := slices.IndexFunc(n.branches, func(b *node) bool { return b.branchName() == name })
	return n.branches[i], value
}

func nativeRecord(n *node, shape *shape, fields map[string]any) (*graph.Record, error) {
	rec := &graph.Record{Columns: make([]graph.Column, shape.users)}
	for i, field := range n.fields {
		var err error
		value := fields[field.name]
		switch shape.roles[i] {
		case roleIgnored:
		case roleProvenance:
			rec.Provenance, err = nativeMapColumn(field.node, value)
		case roleDataVersion:
			rec.DataVersion, err = nativeMapColumn(field.node, value)
		case roleFeatureVersion:
			rec.HasVersion = true
			rec.FeatureVersion, err = nativeValue(field.node, value)
		case roleDeletedAt:
			rec.DeletedAt, err = nativeValue(field.node, value)
		case roleChildren:
			rec.Children, err = nativeValue(field.node, value)
			rec.HasChildren = !rec.Children.IsNull()
		default:
			column := &rec.Columns[shape.slots[i]]
			column.Name = field.name
			column.Value, err = nativeValue(field.node, value)
		}
		if err != nil {
			return nil, inField(field.name, err)
		}
	}
	return rec, nil
}

func nativeValue(n *node, value any) (v graph.Value, err error) {
	n, value = unwrap(n, value)
	switch value := value.(type) {
	case nil:
		return graph.Null(), nil
	case bool:
		return graph.Bool(value), nil
	case int32:
		v, err = integerValue(n, int64(value))
	case int64:
		v, err = integerValue(n, value)
	case float32:
		return graph.Double(float64(value)), nil
	case float64:
		return graph.Double(value), nil
	case string:
		return textValue(n, value), nil
	case []byte:
		v, err = bytesValue(n, value)
	case []any:
		text := []byte{'['}
		for i, item := range value {
			itemValue, err := nativeValue(n.item, item)
			if err != nil {
				return v, err
			}
			if i > 0 {
				text = append(text, ',')
			}
			text = graph.AppendJSON(text, itemValue)
		}
		return graph.Other(string(append(text, ']'))), nil
	case map[string]any:
		m, err := nativeMembers(n, value)
		if err != nil {
			return v, err
		}
		return m.json(), nil
	default:
		err = fmt.Errorf("goavro made a %T", value)
	}
	if err != nil {
		return v, badBytes("%w", err)
	}
	return v, nil
}

// nativeMembers returns the members of a map or a record, sorted.
func nativeMembers(n *node, value map[string]any) (members, error) {
	m := members{}
	add := func(name string, n *node, value any) error {
		v, err := nativeValue(n, value)
		m = append(m, graph.Column{Name: name, Value: v})
		return err
	}
	if n.kind == avroRecord {
		for _, field := range n.fields {
			if err := add(field.name, field.node, value[field.name]); err != nil {
				return nil, inField(field.name, err)
			}
		}
	} else {
		for name, inner := range value {
			if err := add(name, n.item, inner); err != nil {
				return nil, err
			}
		}
	}
	return m, m.sort()
}

func nativeMapColumn(n *node, value any) (graph.MapColumn, error) {
	n, value = unwrap(n, value)
	switch {
	case n.kind == avroNull:
		return graph.MapColumn{}, nil
	case n.kind == avroMap || n.kind == avroRecord:
		m, err := nativeMembers(n, value.(map[string]any))
		if err != nil {
			return graph.MapColumn{}, err
		}
		return graph.MapColumn{State: graph.MapPresent, Entries: m}, nil
	case n.kind == avroArray && listsPairs(n):
		m, valid := members{}, true
		for _, item := range value.([]any) {
			pair, err := nativePair(n.item, item)
			if errors.Is(err, errNoMap) {
				valid, err = false, nil
			}
			if err != nil {
				return graph.MapColumn{}, err
			}
			m = append(m, pair)
		}
		if valid {
			return m.mapColumn(), nil
		}
	}
	return graph.MapColumn{State: graph.MapInvalid}, nil
}

func nativePair(n *node, value any) (graph.Column, error) {
	n, value = unwrap(n, value)
	if !isPair(n) {
		return graph.Column{}, errNoMap
	}
	m, err := nativeMembers(n, value.(map[string]any))
	if err != nil {
		return graph.Column{}, err
	}
	return pairOf(m)
}
