package engine

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/freshline/freshline/graph"
)

// maxAwaiting is how many keys an AWAITING event names (E6).
const maxAwaiting = 10

// listAwaiting names inputs that are not ready, or suspect: feature, a blank, and the key that their own
// event has (E2), or their ids where the view leaves out columns of that key. It looks at the inputs that
// an event would list. Then it names what is still to come to a group.
func (ev *evaluation) listAwaiting() []string {
	list := []string{}
	flags := make([]map[string]graph.FieldSet, len(ev.f.Deps))
	for i, d := range ev.f.Deps {
		if d.Settle && d.Edge.Flagged {
			flags[i], _ = ev.flags(d, d.Spec.Lineage.Kind != graph.Aggregation)
		}
	}
	for i := range ev.seen.rows {
		in := &ev.seen.rows[i]
		d := ev.f.Deps[in.dep]
		var s stored
		if err := s.decodeState(in.value); err != nil {
			ev.e.fail(err)
			return list
		}
		suspect := flags[in.dep][string(binary.BigEndian.AppendUint64(append(slices.Clone(in.key), tupleEnd), in.source))]
		if !slices.ContainsFunc(d.Reads, func(field int) bool { return suspect.Has(field) || !d.Upstream.Current(&s.row, field) }) {
			continue
		}
		list = append(list, string(d.Upstream.Key)+" "+string(ev.upstreamKey(d, in, &s)))
		if len(list) == maxAwaiting {
			return list
		}
	}
	for i, d := range ev.f.Deps {
		if d.Settle && ev.inputs[i].Present {
			list = ev.listComing(d, list)
		}
	}
	return list
}

// listComing adds the keys that have samples still to come to the group of a dependency.
func (ev *evaluation) listComing(d *graph.DepPlan, list []string) []string {
	if d.Spec.Lineage.Kind != graph.Aggregation || !d.Edge.Coming {
		return list
	}
	prefix := append(joinedKey(nil, ev.r.q, ev.join(), sectionComing, d.Edge.Name[:]), ev.rest(d.N)...)
	prefix = append(prefix, tupleEnd)
	shape := nameOf(d.Upstream.Shape.Name)
	ev.e.scan(prefix, prefixAbove(prefix), func(key, value []byte) bool {
		fields := d.Upstream.FieldsNamed(readNames(value))
		match, ok := bytes.CutPrefix(key[len(prefix):], shape[:])
		if !ok || !slices.ContainsFunc(d.Reads, fields.Has) {
			return true
		}
		list = append(list, string(d.Upstream.Key)+" "+string(d.Upstream.Shape.InputKey(nil, values(nil, match))))
		return len(list) < maxAwaiting
	})
	return list
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
