package engine

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"

	"github.com/freshline/freshline/graph"
)

// A group of an aggregation is counted as long as it waits: how many rows it has, and of each field how many of them
// are not in force (S2), and how many flags say that one is suspect (S3). While a field that is read has
// any, the expectation is not computed, so a change to one row of a waiting group costs no look at the others. A
// count is made by whoever reads a group whole (gatherGroup), and kept up by the rows and flags that come; it is a
// view of those, and where it is not there, or of other field versions, the group is read.
//
//	'S' q 'K' K 0x00 0x08 edge rest 0x00   rest is the group's; 8 bytes: of which field versions; uvarint rows; for each
//	                                       field of the upstream uvarint not in force, uvarint flagged
//
// Filters that are applied on reading, and samples with several record keys, are not counted.
const sectionGroups = 0x08

// groupCount is what is counted of a group.
type groupCount struct {
	rows   int64
	fields []fieldCount // by field of the upstream
}

type fieldCount struct{ stale, flagged int64 }

// counted reports whether groups of an edge are counted.
func counted(edge *graph.Edge) bool { return edge.Group > 0 && !edge.Upstream.ManyKeys }

// groupKey is where the count of the group is kept that a row with this rest belongs to.
func groupKey(r *resolver, edge *graph.Edge, join, rest []byte) ([]byte, bool) {
	head, _, ok := cut(rest, edge.Group-edge.K)
	return append(append(joinedKey(nil, r.q, join, sectionGroups, edge.Name[:]), head...), tupleEnd), ok
}

// fieldVersions names the field versions that a count is of.
func fieldVersions(f *graph.FeaturePlan) uint64 {
	var b []byte
	for _, field := range f.Fields {
		b = appendText(appendText(b, field.Struct), field.Version)
	}
	return xxhash.Sum64(b)
}

// readGroup reads a count; ok is false where there is none that holds now.
func (e *Engine) readGroup(edge *graph.Edge, key []byte) (c groupCount, ok bool) {
	value, ok := e.get(key)
	if !ok || len(value) < 8 || binary.BigEndian.Uint64(value) != fieldVersions(edge.Upstream) {
		return c, false
	}
	b := byteReader{b: value[8:]}
	c.rows = int64(b.uvarint())
	c.fields = make([]fieldCount, len(edge.Upstream.Fields))
	for i := range c.fields {
		c.fields[i] = fieldCount{int64(b.uvarint()), int64(b.uvarint())}
	}
	return c, !b.bad
}

// changingGroup reads a count to change it. One that does not hold now goes: it might again, under another graph.
func (e *Engine) changingGroup(edge *graph.Edge, key []byte) (c groupCount, ok bool) {
	if c, ok = e.readGroup(edge, key); !ok {
		if _, had := e.get(key); had {
			e.st.Delete(key)
		}
	}
	return c, ok
}

func (e *Engine) writeGroup(edge *graph.Edge, key []byte, c *groupCount) {
	value := binary.BigEndian.AppendUint64(nil, fieldVersions(edge.Upstream))
	value = binary.AppendUvarint(value, uint64(c.rows))
	for _, f := range c.fields {
		value = binary.AppendUvarint(binary.AppendUvarint(value, uint64(f.stale)), uint64(f.flagged))
	}
	e.st.Set(key, value)
}

// addRow counts a row in or out.
func (c *groupCount) addRow(f *graph.FeaturePlan, row *graph.Row, by int64) {
	c.rows += by
	for i := range c.fields {
		if !f.Current(row, i) {
			c.fields[i].stale += by
		}
	}
}

// addFlag counts the fields of a flag in or out.
func (c *groupCount) addFlag(fields graph.FieldSet, by int64) {
	for i := range c.fields {
		if fields.Has(i) {
			c.fields[i].flagged += by
		}
	}
}

// countRow keeps the count of a group up to a change of one of its rows, given as the state has them.
func (e *Engine) countRow(r *resolver, edge *graph.Edge, k *rowsKey, old, next []byte) {
	if !counted(edge) {
		return
	}
	key, ok := groupKey(r, edge, k.join, k.rest)
	if !ok {
		return
	}
	c, ok := e.changingGroup(edge, key)
	if !ok {
		return
	}
	before := 0
	for i, value := range [][]byte{old, next} {
		if value == nil {
			continue
		}
		var s stored
		if err := s.decodeState(value); err != nil {
			e.fail(err)
			return
		}
		if s.row.Group {
			continue
		}
		by := int64(2*i - 1)
		before += int(by)
		c.addRow(edge.Upstream, &s.row, by)
	}
	if before != 0 && edge.Flagged { // it came or went: so do its flags
		prefix := append(joinedKey(nil, r.q, k.join, sectionFlags, edge.Name[:]), k.rest...)
		prefix = binary.BigEndian.AppendUint64(append(prefix, tupleEnd), k.hash())
		e.scan(prefix, append(prefix[:len(prefix):len(prefix)], 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF), func(_, value []byte) bool {
			c.addFlag(edge.Upstream.FieldsNamed(readNames(value)), int64(before))
			return true
		})
	}
	e.writeGroup(edge, key, &c)
}

// countFlag keeps the count of a group up to a change of a flag of one of its rows; nil: there is none.
func (e *Engine) countFlag(r *resolver, edge *graph.Edge, k *rowsKey, old, next []byte) {
	if !counted(edge) || k.kind != recordFlag || len(k.record) < 8 {
		return
	}
	key, ok := groupKey(r, edge, k.join, k.rest)
	if !ok {
		return
	}
	c, ok := e.changingGroup(edge, key)
	if !ok {
		return
	}
	value, there := e.get(rowKey(nil, r.q, k.edge, k.join, k.rest, binary.BigEndian.Uint64(k.record)))
	if !there {
		return
	}
	var s stored
	if err := s.decodeState(value); err != nil {
		e.fail(err)
		return
	}
	if s.row.Group {
		return
	}
	c.addFlag(edge.Upstream.FieldsNamed(readNames(old)), -1)
	c.addFlag(edge.Upstream.FieldsNamed(readNames(next)), 1)
	e.writeGroup(edge, key, &c)
}

// waitsByCount finds by the count of a group what is unsure in it; known is false where the group is to be read.
func (ev *evaluation) waitsByCount(dep int, key []byte) (known bool) {
	d := ev.f.Deps[dep]
	c, ok := ev.e.readGroup(d.Edge, key)
	if !ok {
		return false
	}
	in := &ev.inputs[dep]
	in.Present, in.Ready = c.rows > 0, true
	if !in.Present {
		return true
	}
	asked := ev.f.Asks(d)
	for _, field := range d.Reads {
		in.Ready = in.Ready && c.fields[field].stale == 0
		if asked && c.fields[field] != (fieldCount{}) {
			ev.unsure[dep].Add(field)
		}
	}
	return !in.Ready || d.Settle && !ev.unsure[dep].Empty()
}

// keepCount keeps the count of a group that was read whole. Flags are counted from the state: those of
// rows that are not there do not count.
func (ev *evaluation) keepCount(dep int, key []byte, c *groupCount) {
	edge := ev.f.Deps[dep].Edge
	if _, had := ev.e.readGroup(edge, key); had {
		return
	}
	if edge.Flagged {
		base := joinedKey(nil, ev.r.q, ev.join(), sectionFlags, edge.Name[:])
		prefix := append(append([]byte{}, base...), ev.rest(edge.Group)...)
		ev.e.scan(prefix, append(append([]byte{}, prefix...), tupleTop), func(flag, value []byte) bool {
			row := append([]byte{}, flag[:len(flag)-8]...)
			row[len(base)-nameSize-1] = sectionRows
			if _, there := ev.e.get(row); there {
				c.addFlag(edge.Upstream.FieldsNamed(readNames(value)), 1)
			}
			return true
		})
	}
	ev.e.writeGroup(edge, key, c)
}
