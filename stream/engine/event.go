package engine

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"slices"

	"github.com/cespare/xxhash/v2"
	"github.com/zeebo/xxh3"

	"github.com/freshline/freshline/graph"
)

// Event is one record of a staleness topic.
type Event struct {
	Partition int32
	Feature   graph.FeatureKey
	Scope     graph.Scope
	Key       []byte // E2
	Digest    uint64 // of what E1 compares; 0: fresh again, a tombstone
	Body      *Body  // nil for a tombstone
}

// Body is what an event says besides its key. What siblings share is shared by pointer.
type Body struct {
	Feature    *graph.FeaturePlan
	Judgement  graph.Judgement
	Expected   *graph.Expectation // of NEW and STALE
	ID         []graph.Value      // in the order of the shape's IDColumns, or InputColumns for scope INPUT
	EventID    string             // 32 hex digits (E3)
	Recorded   *graph.Row         // of the own row, nil without one
	Inputs     *Inputs            // nil for a child of an expansion
	Awaiting   []string           // of AWAITING: up to ten inputs that are not ready, as feature, a blank, key
	Failure    *Failure           // of FAILED
	Children   int64              // of scope INPUT
	NotCurrent int64
	Origin     Origin
}

// Inputs is the list of inputs of an event, cut to the limits of E6.
type Inputs struct {
	List   []EventInput
	Total  int
	Digest string // of all, 32 hex digits
}

// EventInput is one input of an event.
type EventInput struct {
	Feature graph.FeatureKey
	ID      []graph.Column
	Fields  []graph.RowField
	Columns []graph.Column
}

// judged keeps what siblings share while they are judged one after another.
type judged struct {
	bytes      []byte // what was judged last
	judgement  graph.Judgement
	row        *graph.Row
	known      bool
	content    graph.Judgement // for which digest and work hold
	scope      graph.Scope
	digest     uint64
	work       [16]byte
	key        setDigest // of the columns of M by name
	worded     bool
	inputs     *Inputs
	inputBytes int
	awaiting   []string
	children   int64
	notCurrent int64
}

func (l *judged) reset() {
	l.bytes, l.known, l.row, l.worded, l.inputs = l.bytes[:0], false, nil, false, nil
	l.awaiting, l.inputBytes = nil, 0
	l.children, l.notCurrent = 0, 0
}

// judge gives the status of an own row of which only the head has been decoded: rows that are
// equal in what is judged are judged once.
func (ev *evaluation) judge(s *stored) graph.Judgement {
	l := &ev.last
	if l.known && bytes.Equal(l.bytes, s.judged) {
		return l.judgement
	}
	l.bytes, l.known, l.row = append(l.bytes[:0], s.judged...), true, nil
	var own stored
	if err := own.decodeJudged(s.judged); err != nil {
		ev.e.fail(err)
		return graph.Judgement{}
	}
	l.row = &own.row
	if !own.row.Group { // the event of the parent speaks for a group record
		l.judgement = ev.family.JudgeChild(ev.f.Judge(&own.row, ev.presence, ev.expected))
	} else {
		l.judgement = graph.Judgement{}
	}
	return l.judgement
}

// emit answers for one key and remembers the answer.
func (ev *evaluation) emit(suffix []byte, scope graph.Scope, j graph.Judgement, own *stored) {
	ev.e.setEntry(ev.pagePrefix(), suffix, func(old uint64) uint64 {
		return ev.answer(suffix, scope, j, own, old)
	})
}

// answer emits the answer for one key if it differs from the one last emitted (E1), and returns
// its digest, 0 for fresh.
func (ev *evaluation) answer(suffix []byte, scope graph.Scope, j graph.Judgement, own *stored, old uint64) uint64 {
	ev.e.failed = false
	if j.Status == graph.Fresh {
		if old != 0 {
			ev.e.out.Events = append(ev.e.out.Events, Event{
				Partition: ev.r.q, Feature: ev.f.Key, Scope: scope, Key: ev.key(suffix, scope),
			})
		}
		return 0
	}
	ev.word(scope, j)
	l := &ev.last
	id, digest := l.work, l.digest
	var failure *Failure
	if j.Status.Work() {
		id = ev.workID(suffix, own)
		digest = xxhash.Sum64(append(binary.BigEndian.AppendUint64(make([]byte, 0, 24), digest), id[:]...))
		if failure = ev.failureOf(suffix, id); failure != nil {
			ev.e.failed = true
			digest = failure.digest(binary.BigEndian.AppendUint64(nil, digest))
		}
	}
	if digest = markWork(digest, j.Status); digest == old {
		return old
	}
	switch {
	case ev.holdsBack(j):
		ev.holds = true
		return old
	case j.Status == graph.Awaiting && old&workBit != 0 && ev.job.flagged && !ev.job.live:
		ev.e.out.Slipped++
	}
	ev.tell(suffix, scope, j, own, id, digest, failure)
	return digest
}

// workBit of a digest says that the event offers work.
const workBit = 1

// markWork makes a digest of the hash of what an event says: never 0, which stands for fresh.
func markWork(hash uint64, status graph.Status) uint64 {
	switch hash &^= workBit; {
	case status.Work():
		return hash | workBit
	case hash == 0:
		return 2
	}
	return hash
}

// workID names a piece of work (E3), of which word has been called. Of the key its columns count by name: which
// of them are the match key, and in what order, is the plan's affair.
func (ev *evaluation) workID(suffix []byte, own *stored) [16]byte {
	key := ev.last.key
	key.addTuple(ev.f.Suffix, suffix)
	var b [256]byte
	text := key.append(append(b[:0], ev.last.work[:]...))
	if own != nil {
		text = appendText(text, ev.e.cfg.Topic(ev.f))
		text = binary.BigEndian.AppendUint32(text, uint32(own.partition))
		text = binary.BigEndian.AppendUint64(text, uint64(own.offset))
	}
	return hash128(text)
}

// workFailed reports whether a worker could not do the work of a key.
func (ev *evaluation) workFailed(suffix []byte, scope graph.Scope, j graph.Judgement, own *stored) bool {
	ev.word(scope, j)
	return ev.failureOf(suffix, ev.workID(suffix, own)) != nil
}

// word finds what all keys of the match key with this answer share: the digest of what E1 compares,
// but for the event id, and the beginning of what the event id is a hash of (E3).
func (ev *evaluation) word(scope graph.Scope, j graph.Judgement) {
	l := &ev.last
	if l.worded && l.content == j && l.scope == scope {
		return
	}
	l.worded, l.content, l.scope = true, j, scope
	b := make([]byte, 0, 512)
	b = append(b, byte(scope), byte(j.Status), byte(j.Causes))
	for i := 0; i*64 < len(ev.f.Fields); i++ {
		b = binary.BigEndian.AppendUint64(b, j.Changed[i])
	}
	b = appendText(b, ev.f.Version)
	var expected []byte
	if j.Status.Work() && ev.expected != nil {
		for i, text := range ev.expected.Fields {
			expected = appendText(appendText(expected, ev.f.Fields[i].Struct), text)
		}
		expected = appendText(expected, ev.expected.Provenance)
	}
	b = append(b, expected...)
	l.digest = xxhash.Sum64(b)

	b = append(appendText(b[:0], string(ev.f.Key)), byte(scope), byte(j.Status))
	b = appendText(b, ev.f.Version)
	b = append(b, expected...)
	l.work = hash128(ev.seen.sum.append(b))
	l.key = setDigest{}
	l.key.addTuple(ev.f.Layout, ev.match)
}

func hash128(b []byte) [16]byte { return xxh3.Hash128(b).Bytes() }

// key makes the record key (E2).
func (ev *evaluation) key(suffix []byte, scope graph.Scope) []byte {
	vals := values(values(nil, ev.match), suffix)
	if scope == graph.ScopeInput {
		return ev.f.Shape.InputKey(nil, vals)
	}
	return ev.f.Shape.SampleKey(nil, vals)
}

// tell adds the event to the output.
func (ev *evaluation) tell(suffix []byte, scope graph.Scope, j graph.Judgement, own *stored, id [16]byte, digest uint64, failure *Failure) {
	f := ev.f
	vals := values(values(nil, ev.match), suffix)
	body := &Body{Feature: f, Judgement: j, EventID: hex.EncodeToString(id[:]), Origin: ev.job.cause, Failure: failure}
	if failure != nil {
		body.Judgement.Status = graph.Failed
	}
	var key []byte
	if scope == graph.ScopeInput {
		key, body.ID = f.Shape.InputKey(nil, vals), f.Shape.InputIDs(nil, vals)
		body.Children, body.NotCurrent = ev.last.children, ev.last.notCurrent
	} else {
		key, body.ID = f.Shape.SampleKey(nil, vals), f.Shape.SampleIDs(nil, vals)
	}
	if j.Status.Work() {
		body.Expected = ev.expected
	}
	if own != nil {
		body.Recorded = ev.recorded(own)
	}
	ev.e.told += 256 + 2*len(key)
	if !f.Expands || scope == graph.ScopeInput {
		body.Inputs = ev.listInputs()
		ev.e.told += ev.last.inputBytes
	}
	if j.Status == graph.Awaiting {
		if ev.last.awaiting == nil {
			ev.last.awaiting = ev.listAwaiting()
		}
		body.Awaiting = ev.last.awaiting
	}
	ev.e.out.Events = append(ev.e.out.Events, Event{
		Partition: ev.r.q, Feature: f.Key, Scope: scope, Key: key, Digest: digest, Body: body,
	})
}

// recorded returns what the own row says of versions and provenance.
func (ev *evaluation) recorded(own *stored) *graph.Row {
	l := &ev.last
	if l.row != nil && bytes.Equal(l.bytes, own.judged) {
		return l.row
	}
	var s stored
	if err := s.decodeJudged(own.judged); err != nil {
		ev.e.fail(err)
		return nil
	}
	return &s.row
}

// listInputs makes the list of inputs, once for all events of the match key.
func (ev *evaluation) listInputs() *Inputs {
	l := &ev.last
	if l.inputs != nil || ev.f.Root() {
		return l.inputs
	}
	in := &Inputs{Total: ev.seen.total, Digest: hex.EncodeToString(ev.seen.sum.append(nil))}
	size := 0
	for i := range ev.seen.rows {
		row := &ev.seen.rows[i]
		d := ev.f.Deps[row.dep]
		var s stored
		if err := s.decodeState(row.value); err != nil {
			ev.e.fail(err)
			return in
		}
		columns := s.columns(nil)
		if d.View.Shared() {
			columns = d.View.Select(nil, columns)
		}
		entry := EventInput{Feature: d.Upstream.Key, Fields: slices.Clone(s.row.Fields)}
		key := values(values(nil, ev.join()), row.key)
		for at, name := range d.Edge.Columns {
			if d.View.Shared() {
				name = d.View.Renamed(name)
			}
			if at < len(key) && slices.Contains(d.RenamedIDs(), name) && !slices.ContainsFunc(entry.ID, func(c graph.Column) bool { return c.Name == name }) {
				entry.ID = append(entry.ID, graph.Column{Name: name, Value: key[at]})
			}
		}
		n := 0
		for _, c := range columns {
			if n += len(c.Name) + valueSize(c.Value); n > maxInputSize {
				break
			}
			entry.Columns = append(entry.Columns, c)
		}
		for i := range entry.Fields {
			n += len(entry.Fields[i].Name) + len(entry.Fields[i].DataVersion)
		}
		if size += n; size > maxInputBytes {
			break
		}
		in.List = append(in.List, entry)
	}
	l.inputs, l.inputBytes = in, size
	return in
}
