package schema

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/freshline/freshline/graph"
)

// Direct decodes straight into graph values, without the maps and boxes of a general library. Goavro is the
// oracle that its tests compare it with.
type Direct struct{}

// DecodeRecord implements RecordDecoder.
func (Direct) DecodeRecord(writer *Schema, body []byte) (*graph.Record, error) {
	d := direct{walker: walker{buf: body}, text: string(body)}
	top, err := d.enter(writer.root)
	if err != nil {
		return nil, err
	}
	shape := writer.shapes[top]
	if shape == nil {
		if err := skim(writer.root, body); err != nil { // R7 asks first whether the bytes decode
			return nil, err
		}
		return nil, notRecord(top)
	}
	rec, err := d.record(top, shape)
	if err != nil {
		return nil, err
	}
	if err := d.end(); err != nil {
		return nil, err
	}
	return rec, nil
}

// direct is a walker that keeps what it reads.
type direct struct {
	walker
	text string // the body once more: the values' texts are cut from it, one allocation for all
}

// enter goes into a value whose type a decoder looks at: through its union, if it is one.
func (d *direct) enter(n *node) (*node, error) {
	err := d.charge(1)
	if err == nil && n.kind == avroUnion {
		if n, err = d.branch(n); err == nil {
			err = d.charge(1)
		}
	}
	return n, err
}

func (d *direct) record(n *node, shape *shape) (*graph.Record, error) {
	if err := d.charge(costOfRecord + len(n.fields)); err != nil {
		return nil, err
	}
	rec := &graph.Record{Columns: make([]graph.Column, shape.users)}
	for i := range n.fields {
		field := &n.fields[i]
		var err error
		switch shape.roles[i] {
		case roleIgnored:
			err = d.skip(field.node, 1)
		case roleProvenance:
			rec.Provenance, err = d.mapColumn(field.node)
		case roleDataVersion:
			rec.DataVersion, err = d.mapColumn(field.node)
		case roleFeatureVersion:
			rec.HasVersion = true
			rec.FeatureVersion, err = d.value(field.node, 1)
		case roleDeletedAt:
			rec.DeletedAt, err = d.value(field.node, 1)
		case roleChildren:
			rec.Children, err = d.value(field.node, 1)
			rec.HasChildren = !rec.Children.IsNull()
		default:
			column := &rec.Columns[shape.slots[i]]
			column.Name = field.name
			column.Value, err = d.value(field.node, 1)
		}
		if err != nil {
			return nil, inField(field.name, err)
		}
	}
	return rec, nil
}

func (d *direct) value(n *node, depth int) (v graph.Value, err error) {
	if depth > maxValueDepth {
		return v, d.fault("values lie more than %d deep", maxValueDepth)
	}
	if err := d.charge(1); err != nil {
		return v, err
	}
	start := d.pos
	switch n.kind {
	case avroNull:
		return v, nil
	case avroUnion:
		branch, err := d.branch(n)
		if err != nil {
			return v, err
		}
		return d.value(branch, depth)
	case avroBoolean:
		b, err := d.boolean()
		return graph.Bool(b), err
	case avroInt, avroLong:
		read := d.long
		if n.kind == avroInt {
			read = d.int
		}
		i, err := read()
		if err != nil {
			return v, err
		}
		v, err = integerValue(n, i)
		return v, d.at(start, err)
	case avroFloat:
		b, err := d.take(4)
		if err != nil {
			return v, err
		}
		return graph.Double(float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))), nil
	case avroDouble:
		b, err := d.take(8)
		if err != nil {
			return v, err
		}
		return graph.Double(math.Float64frombits(binary.LittleEndian.Uint64(b))), nil
	case avroString:
		s, err := d.string()
		if err != nil {
			return v, err
		}
		return textValue(n, s), nil
	case avroBytes, avroFixed:
		var b []byte
		if n.kind == avroBytes {
			b, err = d.bytes()
		} else {
			b, err = d.take(n.size)
		}
		if err != nil {
			return v, err
		}
		v, err = bytesValue(n, b)
		return v, d.at(start, err)
	case avroEnum:
		symbol, err := d.symbol(n)
		return graph.String(symbol), err
	case avroArray:
		return d.array(n, depth)
	default:
		m, err := d.members(n, depth)
		if err != nil {
			return v, err
		}
		if err := m.sort(); err != nil {
			return v, d.at(start, err)
		}
		return m.json(), nil
	}
}

// at classes an error of making a value, which stood at byte start.
func (d *direct) at(start int, err error) error {
	if err == nil {
		return nil
	}
	return badBytes("at byte %d of the body: %w", start, err)
}

func (d *direct) string() (string, error) {
	b, err := d.walker.text()
	if err != nil {
		return "", err
	}
	return d.text[d.pos-len(b) : d.pos], nil
}

func (d *direct) array(n *node, depth int) (graph.Value, error) {
	text := []byte{'['}
	err := d.items(n, func() error {
		item, err := d.value(n.item, depth+1)
		if err != nil {
			return err
		}
		if len(text) > 1 {
			text = append(text, ',')
		}
		text = graph.AppendJSON(text, item)
		return nil
	})
	return graph.Other(string(append(text, ']'))), err
}

// items calls each where an item of an array or a map begins.
func (d *direct) items(n *node, each func() error) error {
	if err := d.charge(costOfRecord); err != nil {
		return err
	}
	for {
		count, err := d.block()
		if err != nil || count == 0 {
			return err
		}
		for range count {
			if n.kind == avroMap {
				if err := d.charge(costOfRecord); err != nil {
					return err
				}
			}
			if err := each(); err != nil {
				return err
			}
		}
	}
}

// members reads a map or a record.
func (d *direct) members(n *node, depth int) (members, error) {
	if n.kind == avroRecord {
		if err := d.charge(costOfRecord + len(n.fields)); err != nil {
			return nil, err
		}
		m := make(members, len(n.fields))
		for i := range n.fields {
			v, err := d.value(n.fields[i].node, depth+1)
			if err != nil {
				return nil, inField(n.fields[i].name, err)
			}
			m[i] = graph.Column{Name: n.fields[i].name, Value: v}
		}
		return m, nil
	}
	m := members{}
	err := d.items(n, func() error {
		key, err := d.string()
		if err != nil {
			return err
		}
		v, err := d.value(n.item, depth+1)
		m = append(m, graph.Column{Name: key, Value: v})
		return err
	})
	return m, err
}

// errNoMap: the pairs are no map. What follows them is still to be read.
var errNoMap = errors.New("no map")

// mapColumn reads a *_by_field column: a map, a record of the fields' struct names, or a list of pairs.
func (d *direct) mapColumn(n *node) (graph.MapColumn, error) {
	n, err := d.enter(n)
	if err != nil {
		return graph.MapColumn{}, err
	}
	start := d.pos
	switch {
	case n.kind == avroNull:
		return graph.MapColumn{}, nil
	case n.kind == avroMap || n.kind == avroRecord:
		m, err := d.members(n, 1)
		if err != nil {
			return graph.MapColumn{}, err
		}
		if err := m.sort(); err != nil {
			return graph.MapColumn{}, d.at(start, err)
		}
		return graph.MapColumn{State: graph.MapPresent, Entries: m}, nil
	case n.kind == avroArray && listsPairs(n):
		m, valid := members{}, true
		err := d.items(n, func() error {
			pair, err := d.pair(n.item)
			if errors.Is(err, errNoMap) {
				valid, err = false, nil
			}
			m = append(m, pair)
			return err
		})
		if err != nil {
			return graph.MapColumn{}, err
		}
		if valid {
			return m.mapColumn(), nil
		}
	default:
		d.cost-- // skip takes it again
		if err := d.skip(n, 1); err != nil {
			return graph.MapColumn{}, err
		}
	}
	return graph.MapColumn{State: graph.MapInvalid}, nil
}

// pair reads one item of a list that should be pairs.
func (d *direct) pair(n *node) (graph.Column, error) {
	n, err := d.enter(n)
	if err != nil {
		return graph.Column{}, err
	}
	if !isPair(n) {
		d.cost-- // skip takes it again
		if err := d.skip(n, 2); err != nil {
			return graph.Column{}, err
		}
		return graph.Column{}, errNoMap
	}
	m, err := d.members(n, 2)
	if err != nil {
		return graph.Column{}, err
	}
	return pairOf(m)
}

// pairOf makes an entry of the fields key and value, in either order.
func pairOf(m members) (graph.Column, error) {
	key, value := m[0], m[1]
	if key.Name != "key" {
		key, value = value, key
	}
	name, ok := key.Value.AsString()
	if !ok {
		return graph.Column{}, errNoMap
	}
	return graph.Column{Name: name, Value: value.Value}, nil
}
