package engine

import (
	"encoding/binary"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/freshline/freshline/graph"
)

// What is suspect (S3) is said by the task that judges the row, to all that wait for it: a flag
// lies beside the row on every edge on which somebody asks for it, with the fields that are
// suspect. What is still to come to a group is said likewise, beside the rows of the group. On the
// own edge of the feature they are kept at once; to other edges they go as records of rows:
//
//	'f' edge bytes(K) bytes(rest) log source matchhash   a flag; log is empty; source names the row as in the state
//	'c' edge bytes(K) bytes(rest) log shape match        what is still to come of a match key; rest is the group's
//
// The value is the struct names of the fields: each a bytes. A flag's key has a hash of its row's
// match key, so of a row that moves the old flag and the new one are two, each with one writer.
//
// What a task has said is kept beside the own row, so that it can be taken back: a byte, the kind of
// the record; bytes, what its key ends in (source and matchhash, or shape and match); a sequence of
// place, bytes(names).
const (
	recordFlag   = 'f'
	recordComing = 'c'

	sectionFlags  = 0x05
	sectionComing = 0x06
	sectionTold   = 0x07
)

// told is one flag that was set: where, and for which fields.
type told struct {
	place
	names string
}

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

func decodeTold(value []byte) (kind byte, record []byte, list []told) {
	r := byteReader{b: slices.Clone(value)}
	if k := r.take(1); k != nil {
		kind = k[0]
	}
	record = r.bytes()
	for len(r.b) > 0 && !r.bad {
		t := told{place: r.place()}
		t.names = string(r.bytes())
		list = append(list, t)
	}
	return kind, record, list
}

// untell takes back what was said of a feature or a shape that is not in force any more.
func (e *Engine) untell(value []byte) {
	kind, record, list := decodeTold(value)
	for _, t := range list {
		k := rowsKey{kind: kind, edge: t.edge, join: []byte(t.join), rest: []byte(t.rest), record: record}
		e.out.Rows = append(e.out.Rows, Row{Partition: graph.Partition(k.join, e.cfg.Partitions), Key: k.append(nil)})
	}
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
	for _, reader := range edge.Readers {
		d := reader.Feature.Deps[reader.Dep]
		if !d.Settle && !reader.Feature.Watched {
			continue
		}
		if head, _, ok := cut(k.rest, d.N-edge.K); ok {
			e.touchAll(r, reader.Feature, append(slices.Clone(k.join), head...), d.N, Origin{})
		}
	}
}

// say sets or (nil names) takes back a flag.
func (ev *evaluation) say(kind byte, p place, record, names []byte) {
	k := rowsKey{kind: kind, edge: p.edge, join: []byte(p.join), rest: []byte(p.rest), record: record}
	if p.edge == ev.f.Own.Name {
		ev.e.applyFlag(ev.r, &k, names)
		return
	}
	ev.e.out.Rows = append(ev.e.out.Rows, Row{
		Partition: graph.Partition(k.join, ev.e.cfg.Partitions), Key: k.append(nil), Value: names,
	})
}

// settle brings what was said under one key of told up to what is to be said now.
func (ev *evaluation) settle(kind byte, key, record []byte, want []told) {
	value, had := ev.e.get(key)
	if !had && len(want) == 0 {
		return
	}
	_, _, was := decodeTold(value)
	if slices.Equal(was, want) {
		return
	}
	for _, t := range was {
		if !slices.ContainsFunc(want, func(w told) bool { return w.place == t.place }) {
			ev.say(kind, t.place, record, nil)
		}
	}
	next := appendText([]byte{kind}, record)
	for _, t := range want {
		if !slices.Contains(was, t) {
			ev.say(kind, t.place, record, []byte(t.names))
		}
		next = appendText(appendPlace(next, t.place), t.names)
	}
	if len(want) == 0 {
		ev.e.st.Delete(key)
		return
	}
	ev.e.st.Set(key, next)
}

// toldKey is where it is kept what was said of the own rows with a suffix, and tail.
func (ev *evaluation) toldKey(name, suffix, tail []byte) []byte {
	key := append(joinedKey(nil, ev.r.q, ev.join(), sectionTold, name), ev.matchRest()...)
	return append(append(append(key, suffix...), tupleEnd), tail...)
}

// flag says in which fields an own row is suspect; of rows with the suffix that are not the one that
// counts (own, nil if there is none) it takes back what was said.
func (ev *evaluation) flag(suffix []byte, own *stored, suspect graph.FieldSet) {
	name := ev.f.Own.Name
	match := binary.BigEndian.AppendUint64(nil, xxhash.Sum64(ev.match))
	var keep []byte
	if own != nil {
		keep = binary.BigEndian.AppendUint64(nil, own.source)
	}
	prefix := ev.toldKey(name[:], suffix, nil)
	var gone [][]byte
	ev.e.scan(prefix, prefixAbove(prefix), func(key, _ []byte) bool {
		if tail := key[len(prefix):]; string(tail) != string(keep) {
			gone = append(gone, slices.Clone(tail))
		}
		return true
	})
	for _, tail := range gone {
		ev.settle(recordFlag, append(slices.Clone(prefix), tail...), append(slices.Clone(tail), match...), nil)
	}
	if own != nil {
		ev.settle(recordFlag, append(slices.Clone(prefix), keep...), append(slices.Clone(keep), match...), ev.placesOf(own, suspect))
	}
}

// placesOf returns where a row's flag lies: on each edge on which somebody asks for it.
func (ev *evaluation) placesOf(own *stored, suspect graph.FieldSet) (want []told) {
	if suspect.Empty() || own.row.Group {
		return nil
	}
	names := string(appendNames(ev.f.FieldNames(suspect)))
	row := &graph.Row{Columns: own.columns(nil), Children: -1}
	for _, edge := range ev.e.plan.Edges {
		if edge.Upstream != ev.f || !edge.Flagged {
			continue
		}
		key, ok := edge.Key(nil, row)
		if ok && (edge.Own || edge.View.Passes(row.Columns)) {
			want = append(want, told{placeOf(edge, key), names})
		}
	}
	return want
}

// coming says what is still to come of the match key to the groups of its readers.
func (ev *evaluation) coming(fields graph.FieldSet) {
	var want []told
	if !fields.Empty() && !ev.null {
		names := string(appendNames(ev.f.FieldNames(fields)))
		for _, edge := range ev.e.plan.Edges {
			if edge.Upstream == ev.f && edge.Coming {
				if at, ok := ev.groupOf(edge); ok {
					want = append(want, told{at, names})
				}
			}
		}
	}
	shape := nameOf(ev.f.Shape.Name)
	ev.settle(recordComing, ev.toldKey(shape[:], nil, nil), append(slices.Clone(shape[:]), ev.match...), want)
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
// key and its source, and what is still to come to its group.
func (ev *evaluation) flags(d *graph.DepPlan, exact bool) (byRow map[string]graph.FieldSet, coming graph.FieldSet) {
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
	if !exact && d.Edge.Coming {
		prefix = append(joinedKey(nil, ev.r.q, ev.join(), sectionComing, d.Edge.Name[:]), ev.rest(d.N)...)
		prefix = append(prefix, tupleEnd)
		ev.e.scan(prefix, prefixAbove(prefix), func(_, value []byte) bool {
			more := d.Upstream.FieldsNamed(readNames(value))
			coming.Union(&more)
			return true
		})
	}
	return byRow, coming
}

// doubt adds to the unsure fields of a dependency those of one row: not in force, or suspect.
func (ev *evaluation) doubt(dep int, s *stored, flags map[string]graph.FieldSet, row []byte) {
	d := ev.f.Deps[dep]
	set := flags[string(row)]
	for _, field := range d.Reads {
		if set.Has(field) || !d.Upstream.Current(&s.row, field) {
			ev.unsure[dep].Add(field)
		}
	}
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
