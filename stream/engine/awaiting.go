package engine

import (
	"encoding/binary"
	"slices"

	"github.com/freshline/freshline/graph"
)

// maxAwaiting is how many keys an AWAITING event names (E6).
const maxAwaiting = 10

// awaited are the inputs that a key waits for, as far as an event names them.
type awaited struct{ keys []string }

func (a *awaited) add(feature graph.FeatureKey, key []byte) {
	a.keys = append(a.keys, string(feature)+" "+string(key))
}

// await notes an input that is waited for, if somebody asks: it is not ready (S2), or on a settle edge suspect (S3).
func (ev *evaluation) await(dep int, key []byte, s *stored, suspect bool) {
	if ev.awaited == nil || len(ev.awaited.keys) >= maxAwaiting {
		return
	}
	d := ev.f.Deps[dep]
	if suspect && d.Settle || slices.ContainsFunc(d.Reads, func(field int) bool { return !d.Upstream.Current(&s.row, field) }) {
		ev.awaited.add(d.Upstream.Key, ev.upstreamKey(d, &inputRow{dep: dep, key: key}, s))
	}
}

// listAwaiting names what the match key waits for: feature, a blank, and the key that the own event of that
// has (E2), or its ids where the view leaves out columns of that key. Behind the rows come the samples that are
// still to come to a group.
func (ev *evaluation) listAwaiting() []string {
	list := &awaited{keys: []string{}}
	ev.awaited = list
	ev.readGroups()
	ev.awaited = nil
	for i, d := range ev.f.Deps {
		if !d.Settle || !ev.inputs[i].Present {
			continue
		}
		ev.scanComing(d, func(shape *graph.Shape, match []graph.Value, fields graph.FieldSet) bool {
			if len(list.keys) < maxAwaiting {
				list.add(d.Upstream.Key, shape.InputKey(nil, match))
			}
			return len(list.keys) < maxAwaiting
		})
	}
	return list.keys
}

// scanComing calls fn for what is still to come to the group of a dependency at the match key, in a field that it
// reads, until it returns false.
func (ev *evaluation) scanComing(d *graph.DepPlan, fn func(shape *graph.Shape, match []graph.Value, fields graph.FieldSet) bool) {
	if !d.Edge.Coming {
		return
	}
	prefix := append(joinedKey(nil, ev.r.q, ev.join(), sectionComing, d.Edge.Name[:]), ev.rest(d.N)...)
	prefix = append(prefix, tupleEnd)
	ev.e.scan(prefix, prefixAbove(prefix), func(key, value []byte) bool {
		record := key[len(prefix):]
		var fields graph.FieldSet
		named := d.Upstream.FieldsNamed(readNames(value))
		for _, field := range d.Reads {
			if named.Has(field) {
				fields.Add(field)
			}
		}
		if len(record) < nameSize || fields.Empty() {
			return true
		}
		shape := ev.e.shapes[binary.BigEndian.Uint64(record)]
		match := values(nil, record[nameSize:])
		if shape == nil || len(match) != len(shape.Layout) {
			return true
		}
		return fn(shape, match, fields)
	})
}

// upstreamKey makes the key that the upstream's own event has for a row.
func (ev *evaluation) upstreamKey(d *graph.DepPlan, in *inputRow, s *stored) []byte {
	columns := s.columns(nil)
	key := values(values(nil, ev.join()), in.key)
	find := func(name string) (graph.Value, bool) {
		if at := slices.Index(d.Edge.Source, name); at >= 0 && at < len(key) {
			return key[at], true
		}
		if !d.View.Shared() {
			name = d.View.Renamed(name)
		}
		at, ok := slices.BinarySearchFunc(columns, name, func(c graph.Column, name string) int {
			switch {
			case c.Name < name:
				return -1
			case c.Name > name:
				return 1
			}
			return 0
		})
		if !ok {
			return graph.Null(), false
		}
		return columns[at].Value, true
	}
	for _, names := range [][]string{d.Upstream.Shape.SampleColumns, d.Upstream.IDs} {
		list := make([]graph.Value, 0, len(names))
		for _, name := range names {
			if v, ok := find(name); ok {
				list = append(list, v)
			}
		}
		if len(list) == len(names) {
			return graph.AppendKeyJSON(nil, names, list)
		}
	}
	return []byte("{}")
}
