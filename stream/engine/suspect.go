package engine

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/freshline/freshline/graph"
)

// What is suspect (S3) is said by the task that judges the row, to all that wait for it: a flag
// lies beside the row on every edge on which somebody asks for it, with the fields that are
// suspect. What is still to come to a group is said likewise, beside the rows of the group. On the
// own edge of the feature, which lies in the same partition, they are kept at once, and the state
// is the memory of them; to other edges they go as records of rows, of which told.go keeps what was said:
//
//	'f' edge bytes(K) bytes(rest) log source matchhash   a flag; log is empty; source names the row as in the state
//	'c' edge bytes(K) bytes(rest) log shape match        what is still to come of a match key; rest is the group's
//
// The value is the struct names of the fields: each a bytes. A flag's key has a hash of its row's
// match key, so of a row that moves the old flag and the new one are two, each with one writer.
//
// The first page of a match key remembers whether anything is said of it (pageSaid), so that what is
// settled costs no read.
const (
	recordFlag   = 'f'
	recordComing = 'c'

	sectionFlags  = 0x05
	sectionComing = 0x06
)

func appendNames(names []string) []byte {
	var b []byte
	for _, name := range names {
		b = appendText(b, name)
	}
	return b
}

func readNames(value []byte) (names []string) {
	for r := (byteReader{b: value}); len(r.b) > 0 && !r.bad; {
		names = append(names, string(r.bytes()))
	}
	return names
}

// applyFlag keeps or takes back a flag, or what is still to come, and touches who asks for it.
func (e *Engine) applyFlag(r *resolver, k *rowsKey, value []byte) {
	edge := e.plan.Edge(k.edge)
	if edge == nil {
		return // it goes with the sweep
	}
	section := byte(sectionFlags)
	if k.kind == recordComing {
		section = sectionComing
	}
	key := append(joinedKey(nil, r.q, k.join, section, k.edge[:]), k.rest...)
	key = append(append(key, tupleEnd), k.record...)
	old, had := e.get(key)
	old = slices.Clone(old) // it is looked at again below other reads
	if value == nil {
		if !had {
			return
		}
		e.st.Delete(key)
	} else {
		if had && string(old) == string(value) {
			return
		}
		e.st.Set(key, value)
	}
	e.countFlag(r, edge, k, old, value)
	for _, reader := range edge.Readers {
		d := reader.Feature.Deps[reader.Dep]
		if !d.Settle && !reader.Feature.Watched {
			continue
		}
		if head, _, ok := cut(k.rest, d.N-edge.K); ok {
			e.touchAll(r, reader.Feature, append(slices.Clone(k.join), head...), d.N, Origin{}).flagged = true
		}
	}
}

// flag says in which fields an own row is suspect; of rows with the suffix that are not the one that
// counts (own, nil if there is none) it takes back what was said.
func (ev *evaluation) flag(suffix []byte, own *stored, suspect graph.FieldSet) {
	if own != nil && own.row.Group {
		suspect = graph.FieldSet{}
	}
	if suspect.Empty() && !ev.said() {
		return
	}
	var here []byte // names, on the own edge
	var want []told
	var keep []byte
	if own != nil {
		here, want = ev.placesOf(own, suspect)
		keep = binary.BigEndian.AppendUint64(nil, own.source)
	}
	match := binary.BigEndian.AppendUint64(nil, xxhash.Sum64(ev.match))
	rest := append(slices.Clone(ev.matchRest()), suffix...)
	k := rowsKey{kind: recordFlag, edge: ev.f.Own.Name, join: ev.join(), rest: rest}
	if ev.said() {
		for _, tail := range ev.tails(sectionFlags, ev.f.Own.Name[:], rest) {
			if !bytes.Equal(tail[:8], keep) {
				k.record = tail
				ev.e.applyFlag(ev.r, &k, nil)
			}
		}
		for _, tail := range ev.tails(sectionTold, ev.f.Own.Name[:], rest) {
			if !bytes.Equal(tail, keep) {
				ev.inform(recordFlag, ev.f.Own.Name, rest, tail, append(slices.Clone(tail), match...), nil)
			}
		}
	}
	if own == nil {
		return
	}
	if ev.f.Own.Flagged {
		k.record = append(slices.Clone(keep), match...)
		ev.e.applyFlag(ev.r, &k, here)
	}
	ev.inform(recordFlag, ev.f.Own.Name, rest, keep, append(slices.Clone(keep), match...), want)
	if !suspect.Empty() {
		ev.says = true
	}
}

// tails returns what the keys of a section end in, under a name and a rest.
func (ev *evaluation) tails(section byte, name, rest []byte) (tails [][]byte) {
	prefix := append(joinedKey(nil, ev.r.q, ev.join(), section, name), rest...)
	prefix = append(prefix, tupleEnd)
	ev.e.scan(prefix, prefixAbove(prefix), func(key, _ []byte) bool {
		tails = append(tails, slices.Clone(key[len(prefix):]))
		return true
	})
	return tails
}

// said reports whether anything was said of the match key, by what its first page remembers. That
// page must have been looked at.
func (ev *evaluation) said() bool { return ev.says || ev.e.flags&pageSaid != 0 }

// placesOf returns where a row's flag lies: the names of its fields where somebody asks on the own edge, and
// the places on other edges.
func (ev *evaluation) placesOf(own *stored, suspect graph.FieldSet) (here []byte, want []told) {
	if suspect.Empty() {
		return nil, nil
	}
	names := appendNames(ev.f.FieldNames(suspect))
	if ev.f.Own.Flagged {
		here = names
	}
	var row *graph.Row
	for _, edge := range ev.e.plan.Edges {
		if edge.Upstream != ev.f || !edge.Flagged || edge.Own {
			continue
		}
		if row == nil {
			row = &graph.Row{Columns: own.columns(nil), Children: -1}
		}
		if key, ok := edge.Key(nil, row); ok && edge.View.Passes(row.Columns) {
			want = append(want, told{placeOf(edge, key), string(names)})
		}
	}
	return here, want
}

// coming says what is still to come of the match key to the groups of its readers.
func (ev *evaluation) coming(fields graph.FieldSet) {
	if ev.null {
		fields = graph.FieldSet{}
	}
	if fields.Empty() && !ev.said() {
		return
	}
	names := appendNames(ev.f.FieldNames(fields))
	shape := nameOf(ev.f.Shape.Name)
	tail := append(slices.Clone(shape[:]), ev.match...)
	var want []told
	for _, edge := range ev.e.plan.Edges {
		if edge.Upstream != ev.f || !edge.Coming {
			continue
		}
		if edge.Own { // a group there is a whole join key
			k := rowsKey{kind: recordComing, edge: edge.Name, join: ev.join(), record: tail}
			if fields.Empty() {
				ev.e.applyFlag(ev.r, &k, nil)
			} else {
				ev.e.applyFlag(ev.r, &k, names)
			}
		} else if !fields.Empty() {
			if at, ok := ev.groupOf(edge); ok {
				want = append(want, told{at, string(names)})
			}
		}
	}
	ev.inform(recordComing, shape, ev.matchRest(), nil, tail, want)
	if !fields.Empty() {
		ev.says = true
	}
}

// remember keeps in the first page of the match key whether anything is said of it.
func (ev *evaluation) remember() {
	had := ev.e.flags&pageSaid != 0
	if !ev.f.Watched || !had && !ev.says {
		return
	}
	says := ev.says
	if !says { // what was said may all have been taken back
		shape := nameOf(ev.f.Shape.Name)
		says = ev.anySaid(sectionFlags, ev.f.Own.Name[:], ev.matchRest(), nil) ||
			ev.anySaid(sectionTold, ev.f.Own.Name[:], ev.matchRest(), nil) ||
			ev.anySaid(sectionTold, shape[:], ev.matchRest(), nil) ||
			ev.f.Own.Coming && ev.anySaid(sectionComing, ev.f.Own.Name[:], nil, append(append([]byte{tupleEnd}, shape[:]...), ev.match...))
	}
	if says == had {
		return
	}
	ev.e.markSaid(ev.pagePrefix(), says)
}

func (ev *evaluation) anySaid(section byte, name, rest, tail []byte) bool {
	key := append(joinedKey(nil, ev.r.q, ev.join(), section, name), rest...)
	if tail != nil {
		_, ok := ev.e.get(append(key, tail...))
		return ok
	}
	return ev.e.first(key, append(slices.Clone(key), tupleTop)) != nil
}

// markSaid sets the flag of a match key, or clears it.
func (e *Engine) markSaid(prefix []byte, says bool) {
	p := e.page(prefix, nil)
	flags := p.flags &^ pageSaid
	if says {
		flags |= pageSaid
	}
	if flags == p.flags {
		return
	}
	p.flags = flags
	e.writePage(prefix, &p, p.entries)
	e.flags = flags
}

// groupOf returns the group on an edge that a sample of the match key would belong to, if the
// columns that the group is made of are known.
func (ev *evaluation) groupOf(edge *graph.Edge) (place, bool) {
	n := 0
	for _, reader := range edge.Readers {
		if d := reader.Feature.Deps[reader.Dep]; d.Spec.Lineage.Kind == graph.Aggregation {
			n = d.N
		}
	}
	values := make([]graph.Value, n)
	for i, column := range edge.Source[:n] {
		if values[i] = ev.known(column); !values[i].Usable() {
			return place{}, false
		}
	}
	return place{
		edge: edge.Name,
		join: string(graph.AppendTuple(nil, values[:edge.K]...)),
		rest: string(graph.AppendTuple(nil, values[edge.K:]...)),
	}, true
}

// known returns the value that a column of a sample of the match key will have, null if that is not
// known: a column of M, or of a present input that is no group, of the first dependency that has it.
func (ev *evaluation) known(column string) graph.Value {
	if at := slices.Index(ev.f.Layout, column); at >= 0 {
		return values(nil, ev.match)[at]
	}
	for i, d := range ev.f.Deps {
		if d.Spec.Lineage.Kind == graph.Aggregation || !ev.inputs[i].Present || ev.single[i] == nil {
			continue
		}
		var s stored
		if ev.e.fail(s.decodeState(ev.single[i])); ev.e.err != nil {
			return graph.Null()
		}
		columns := s.columns(nil)
		if d.View.Shared() {
			columns = d.View.Select(nil, columns)
		}
		if v := (&graph.Row{Columns: columns}).Values(nil, []string{column})[0]; !v.IsNull() {
			return v
		}
	}
	return graph.Null()
}

// flags reads the flags beside the rows of a dependency at the match key, by the rest of the row's
// key and its source.
func (ev *evaluation) flags(d *graph.DepPlan, exact bool) (byRow map[string]graph.FieldSet) {
	base := joinedKey(nil, ev.r.q, ev.join(), sectionFlags, d.Edge.Name[:])
	prefix := append(slices.Clone(base), ev.rest(d.N)...)
	end := append(slices.Clone(prefix), tupleTop)
	if exact {
		prefix = append(prefix, tupleEnd)
		end = prefixAbove(prefix)
	}
	ev.e.scan(prefix, end, func(key, value []byte) bool {
		if byRow == nil {
			byRow = map[string]graph.FieldSet{}
		}
		row := string(key[len(base) : len(key)-8]) // without the hash of the match key
		set := byRow[row]
		more := d.Upstream.FieldsNamed(readNames(value))
		set.Union(&more)
		byRow[row] = set
		return true
	})
	return byRow
}

// comingTo finds in which fields that are read something is still to come to the group of a dependency at the
// match key.
func (ev *evaluation) comingTo(d *graph.DepPlan) (coming graph.FieldSet) {
	ev.scanComing(d, func(_ *graph.Shape, _ []graph.Value, fields graph.FieldSet) bool {
		coming.Union(&fields)
		return slices.ContainsFunc(d.Reads, func(field int) bool { return !coming.Has(field) })
	})
	return coming
}

// doubt adds to the unsure fields of a dependency those of one row: not in force, or suspect. It reports whether
// it is suspect in one that is read.
func (ev *evaluation) doubt(dep int, s *stored, flags map[string]graph.FieldSet, row string) (suspect bool) {
	d := ev.f.Deps[dep]
	set := flags[row]
	for _, field := range d.Reads {
		if set.Has(field) || !d.Upstream.Current(&s.row, field) {
			ev.unsure[dep].Add(field)
		}
		suspect = suspect || set.Has(field)
	}
	return suspect
}

// settles takes what is unsure into account: what somebody waits for is not ready (S3).
func (ev *evaluation) settles() {
	if !ev.asks() {
		return
	}
	ev.unsettled = ev.f.Unsettled(ev.unsure[:len(ev.f.Deps)])
	if ev.presence != graph.Ready {
		return
	}
	for i, d := range ev.f.Deps {
		if d.Settle && ev.inputs[i].Present && !ev.unsure[i].Empty() {
			ev.presence = graph.Pending
		}
	}
}

// asks reports whether the evaluation has to know what is suspect.
func (ev *evaluation) asks() bool {
	if ev.f.Watched {
		return true
	}
	return slices.ContainsFunc(ev.f.Deps, func(d *graph.DepPlan) bool { return d.Settle })
}
