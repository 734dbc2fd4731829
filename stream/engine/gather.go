package engine

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/freshline/freshline/graph"
)

// inputLog remembers the inputs of the match key at hand: the digest of all of them, which goes
// into the id of the work (E3), and the first of them, which an event lists (E6).
type inputLog struct {
	sum   setDigest
	text  []byte // of the row at hand
	rows  []inputRow
	bytes int
	total int
}

// inputRow is one row of a dependency, as it is in the state.
type inputRow struct {
	dep    int
	key    []byte // the tuple behind the join key
	source uint64
	value  []byte
}

// Limits of what an event lists of its inputs (E6).
const (
	maxInputs     = 100
	maxInputBytes = 64 << 10
	maxInputSize  = 4 << 10
)

func (l *inputLog) reset() {
	l.sum = setDigest{}
	l.rows, l.bytes, l.total = l.rows[:0], 0, 0
}

// gather reads the rows of one dependency at the match key.
func (ev *evaluation) gather(dep int) {
	d := ev.f.Deps[dep]
	in := &ev.inputs[dep]
	in.Present = false
	rest := ev.rest(d.N)
	prefix := append(joinedKey(nil, ev.r.q, ev.join(), sectionRows, d.Edge.Name[:]), rest...)
	skip := len(prefix) - len(rest)
	ev.single[dep] = nil
	ev.unsure[dep] = graph.FieldSet{}
	if d.Spec.Lineage.Kind == graph.Aggregation {
		ev.gatherGroup(dep, prefix, skip)
		return
	}
	prefix = append(prefix, tupleEnd)
	var best stored
	var key, value []byte
	ev.e.scan(prefix, prefixAbove(prefix), func(k, v []byte) bool {
		var s stored
		if err := s.decodeState(v); err != nil {
			ev.e.fail(err)
			return false
		}
		s.source = sourceOf(k)
		if value == nil || s.later(&best) {
			best, key, value = s, append(key[:0], k[skip:len(k)-8-1]...), append(value[:0], v...)
		}
		return true
	})
	if value == nil {
		return
	}
	best.rest = value[len(value)-len(best.rest):]
	if best.row.Group || !ev.passes(d, &best) {
		return
	}
	d.RowInput(&best.row, in)
	ev.note(dep, d, key, value, &best)
	if d.Edge.Flagged && (d.Settle || ev.f.Watched) {
		flags, _ := ev.flags(d, true)
		ev.doubt(dep, &best, flags, binary.BigEndian.AppendUint64(append(slices.Clone(key), tupleEnd), best.source))
		ev.single[dep] = slices.Clone(value)
	}
}

// gatherGroup reads a group in the order of J5.
func (ev *evaluation) gatherGroup(dep int, prefix []byte, skip int) {
	d := ev.f.Deps[dep]
	ev.group.Reset(d)
	asked := d.Edge.Flagged && (d.Settle || ev.f.Watched)
	var flags map[string]graph.FieldSet
	var coming graph.FieldSet
	if asked {
		flags, coming = ev.flags(d, false)
	}
	add := func(key, value []byte, s *stored) {
		if !s.row.Group && ev.passes(d, s) {
			ev.group.Add(d, &s.row)
			ev.note(dep, d, key, value, s)
			if asked {
				ev.doubt(dep, s, flags, binary.BigEndian.AppendUint64(append(slices.Clone(key), tupleEnd), s.source))
			}
		}
	}
	var s, held stored
	var heldKey, heldValue []byte
	ev.e.scan(prefix, append(slices.Clone(prefix), tupleTop), func(k, v []byte) bool {
		if err := s.decodeState(v); err != nil {
			ev.e.fail(err)
			return false
		}
		s.source = sourceOf(k)
		key := k[skip : len(k)-8-1]
		if !d.Upstream.ManyKeys {
			add(key, v, &s)
			return true
		}
		// Of several record keys that are one sample, side by side here, the latest counts (R2).
		if heldValue != nil && bytes.Equal(key, heldKey) {
			if !s.later(&held) {
				return true
			}
		} else if heldValue != nil {
			add(heldKey, heldValue, &held)
		}
		heldKey, heldValue = slices.Clone(key), slices.Clone(v)
		held = stored{}
		ev.e.fail(held.decodeState(heldValue))
		held.source = s.source
		return true
	})
	if heldValue != nil {
		add(heldKey, heldValue, &held)
	}
	ev.group.Input(d, &ev.e.hasher, &ev.inputs[dep])
	if ev.inputs[dep].Present {
		for _, field := range d.Reads {
			if coming.Has(field) {
				ev.unsure[dep].Add(field)
			}
		}
	}
}

// passes applies the filters of a view to a row of an own edge; on other edges they were applied
// when the row was filed.
func (ev *evaluation) passes(d *graph.DepPlan, s *stored) bool {
	if !d.View.Shared() || !d.View.Filters() {
		return true
	}
	ev.columns = s.columns(ev.columns[:0])
	return d.View.Passes(ev.columns)
}

// note adds a row to the inputs.
func (ev *evaluation) note(dep int, d *graph.DepPlan, key, value []byte, s *stored) {
	l := &ev.seen
	l.total++
	l.text = ev.describe(l.text[:0], d, key, s)
	l.sum.add(l.text)
	if len(l.rows) < maxInputs && l.bytes+len(value) <= 4*maxInputBytes {
		l.bytes += len(value)
		l.rows = append(l.rows, inputRow{dep: dep, key: slices.Clone(key), source: s.source, value: slices.Clone(value)})
	}
}

// describe appends what E3 says of an input: the same bytes for the same input, on whatever edge it lies.
func (ev *evaluation) describe(dst []byte, d *graph.DepPlan, key []byte, s *stored) []byte {
	dst = appendText(dst, string(d.Upstream.Key))
	dst = binary.AppendUvarint(dst, uint64(len(d.IDs)))
	for _, id := range d.IDs {
		dst = appendText(dst, id.Name)
		if id.At < d.Edge.K {
			dst = append(dst, tupleValue(ev.join(), id.At)...)
		} else {
			dst = append(dst, tupleValue(key, id.At-d.Edge.K)...)
		}
	}
	dst = binary.AppendUvarint(dst, uint64(len(s.row.Fields)))
	for i := range s.row.Fields {
		dst = appendText(appendText(dst, s.row.Fields[i].Name), s.row.Fields[i].DataVersion)
	}
	if d.View.Shared() && d.View.Changes() {
		ev.columns = s.columns(ev.columns[:0])
		for _, c := range d.View.Select(nil, ev.columns) {
			dst = graph.AppendValue(appendText(dst, c.Name), c.Value)
		}
		return dst
	}
	// As they are stored, but for those that are null: on an edge of their own rows have none.
	r := byteReader{b: s.rest}
	for range r.uvarint() {
		column := r.b
		r.bytes()
		rest, err := graph.SkipValue(r.b)
		if err != nil {
			return dst
		}
		if !graph.IsNull(r.b) {
			dst = append(dst, column[:len(column)-len(rest)]...)
		}
		r.b = rest
	}
	return dst
}
