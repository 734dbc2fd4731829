package engine

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/freshline/freshline/graph"
)

// evaluation answers for the match keys of one feature: it computes the expected row of a match
// key once, judges the own rows that are there, and emits where the answer differs from what was
// last emitted. One evaluation is kept by the engine and used again and again.
type evaluation struct {
	e    *Engine
	r    *resolver
	f    *graph.FeaturePlan
	job  *job
	left int // keys that may still be visited; below 0 is possible by one

	match []byte // the tuple of the match key at hand
	ends  []int  // for each column of Layout where it ends in match
	null  bool   // a column of match is null: it joins with nothing (J2)

	inputs   []graph.Input
	group    graph.Group
	presence graph.Presence
	expected *graph.Expectation
	seen     inputLog
	last     judged
	columns  []graph.Column
	children ownScan

	unsure      []graph.FieldSet // by dependency: fields that are read and not in force, suspect or still to come (S3)
	single      [][]byte         // by dependency that is no group: its row
	unsettled   graph.FieldSet   // fields that read something unsure
	inputFailed bool             // the work of the key of M has failed
	says        bool             // something was said of the match key in this visit
	whole       bool             // groups are read whole, whatever is counted of them
	partial     bool             // a group was not read
	awaited     *awaited         // takes what is waited for, while that is asked for
	holds       bool             // work was found that is not offered yet (held.go)

	family   graph.Family // of an expansion
	groupRow *stored      // its group record, nil without one

	watch func(dep int, key []byte, s *stored) // of a View: is told of each input; nil else
}

// evaluate prepares the engine's evaluation for a job.
func (e *Engine) evaluate(r *resolver, j *job, limit int) *evaluation {
	ev := &e.eval
	ev.e, ev.r, ev.f, ev.job, ev.left = e, r, j.feature, j, limit
	return ev
}

// run evaluates the job from a position on (empty: from the start) up to stop (empty: to the
// end), as far as it may. It returns where to go on, or that it is done. A position is a match
// key and the suffix of an own row: the tuple, tupleEnd, the tuple.
func (ev *evaluation) run(from, stop []byte) (position []byte, done bool) {
	at, suffix := splitPosition(from)
	stopAt, stopSuffix := splitPosition(stop)
	if ev.job.columns == len(ev.f.Layout) {
		return ev.visit(ev.job.prefix, suffix, stopSuffix)
	}
	bound := at
	if bound == nil {
		bound = ev.job.prefix
	}
	for {
		match := ev.next(bound)
		if match == nil || ev.e.err != nil {
			return nil, true
		}
		if !bytes.Equal(match, at) {
			suffix = nil
		}
		var until []byte
		if stopAt != nil {
			switch c := bytes.Compare(match, stopAt); {
			case c > 0 || c == 0 && len(stopSuffix) == 0:
				return nil, true
			case c == 0:
				until = stopSuffix
			}
		}
		if ev.left <= 0 || !ev.e.st.Fits(ev.e.cfg.MaxWrites) {
			return append(append(slices.Clone(match), tupleEnd), suffix...), false
		}
		if position, done := ev.visit(match, suffix, until); !done {
			return position, false
		}
		bound = append(slices.Clone(match), tupleTop)
	}
}

func splitPosition(position []byte) (match, suffix []byte) {
	at := tupleLen(position)
	if at < 0 {
		return nil, nil
	}
	return position[:at], position[at+1:]
}

// next returns the first match key under the job's prefix that is not below bound and at which
// something lies: a row of a dependency that has all columns of M, an own row, or an event.
func (ev *evaluation) next(bound []byte) []byte {
	f := ev.f
	join, _, _ := cut(ev.job.prefix, f.K)
	rest := bound[len(join):]
	under := ev.job.prefix[len(join):]
	var best []byte
	look := func(section byte, name []byte) {
		base := joinedKey(nil, ev.r.q, join, section, name)
		from := append(slices.Clone(base), rest...)
		to := append(slices.Clone(base), under...)
		key := ev.e.first(from, append(to, tupleTop))
		if key == nil {
			return
		}
		head, _, ok := cut(key[len(base):], len(f.Layout)-f.K)
		if !ok {
			return
		}
		if match := append(slices.Clone(join), head...); best == nil || bytes.Compare(match, best) < 0 {
			best = match
		}
	}
	for _, d := range f.Deps {
		if d.Full {
			look(sectionRows, d.Edge.Name[:])
		}
	}
	look(sectionRows, f.Own.Name[:])
	shape := nameOf(f.Shape.Name)
	look(sectionPages, shape[:])
	return best
}

// visit evaluates one match key: the expected row, the key of M, and the own rows that were
// touched, or all from a suffix on up to another.
func (ev *evaluation) visit(match, from, stop []byte) (position []byte, done bool) {
	ev.left--
	ev.says, ev.holds = false, false
	ev.begin(match)
	defer ev.leave()
	ev.countFamily()
	if !ev.job.all && ev.turned() {
		ev.job.all = true // and is so where it goes on in a later epoch
	}
	if ev.job.all && !ev.f.MatchIsIDs {
		if ev.f.Watched {
			ev.e.page(ev.pagePrefix(), nil)
			ev.sayGone()
			if len(from) > 0 {
				ev.inputFailed = ev.inputFails()
			}
		}
		suffix, done := ev.visitAll(from, stop)
		if done {
			return nil, true
		}
		return append(append(slices.Clone(match), tupleEnd), suffix...), false
	}
	scope, j, own := ev.judgeInput()
	ev.emit(nil, scope, j, own)
	ev.sayInput(j, own)
	if ev.f.MatchIsIDs {
		return nil, true
	}
	suffixes := make([]string, 0, len(ev.job.suffixes))
	for suffix := range ev.job.suffixes {
		suffixes = append(suffixes, suffix)
	}
	slices.Sort(suffixes)
	for _, suffix := range suffixes {
		ev.left--
		ev.visitOwn([]byte(suffix))
	}
	return nil, true
}

// leave ends the visit of a match key.
func (ev *evaluation) leave() {
	ev.remember()
	if ev.holds {
		ev.e.hold(ev.r, ev.job, ev.match)
	}
}

// begin finds the expected row of a match key.
func (ev *evaluation) begin(match []byte) {
	ev.match = append(ev.match[:0], match...)
	ev.ends = ev.ends[:0]
	ev.null = false
	for rest := ev.match; len(rest) > 0; {
		next, err := graph.SkipValue(rest)
		if err != nil {
			break
		}
		ev.null = ev.null || graph.IsNull(rest)
		rest = next
		ev.ends = append(ev.ends, len(ev.match)-len(rest))
	}
	ev.last.reset()
	ev.seen.reset()
	ev.expected = nil
	ev.presence = graph.Absent
	ev.unsettled, ev.inputFailed = graph.FieldSet{}, false
	ev.whole, ev.partial = ev.watch != nil, false
	if ev.null || ev.f.Root() || len(ev.ends) < len(ev.f.Layout) {
		return
	}
	for len(ev.inputs) < len(ev.f.Deps) {
		ev.inputs = append(ev.inputs, graph.Input{})
		ev.unsure = append(ev.unsure, graph.FieldSet{})
		ev.single = append(ev.single, nil)
	}
	for _, i := range ev.f.InputOrder {
		ev.gather(i)
	}
	ev.presence = ev.f.Presence(ev.inputs)
	ev.settles()
	if ev.presence == graph.Ready {
		ev.expected = ev.e.hasher.Expect(ev.f, ev.inputs)
	}
}

// readGroups reads the inputs again, also the groups that were only counted: an event lists its inputs.
func (ev *evaluation) readGroups() {
	ev.whole, ev.partial = true, false
	watch := ev.watch
	ev.watch = nil // it has seen them
	ev.seen.reset()
	for _, i := range ev.f.InputOrder {
		ev.gather(i)
	}
	ev.watch = watch
	ev.last.worded, ev.last.inputs = false, nil
}

// join returns the tuple of the join key, rest what the first n columns of Layout have besides.
func (ev *evaluation) join() []byte      { return ev.match[:ev.ends[ev.f.K-1]] }
func (ev *evaluation) rest(n int) []byte { return ev.match[ev.ends[ev.f.K-1]:ev.ends[n-1]] }
func (ev *evaluation) matchRest() []byte { return ev.rest(len(ev.f.Layout)) }

// judgeInput gives the answer for the key of M: of an expansion that of the parent (S6), where M
// and the ids are one set that of the sample, else that of a row that is not there.
func (ev *evaluation) judgeInput() (scope graph.Scope, j graph.Judgement, own *stored) {
	f := ev.f
	switch {
	case f.Expands:
		if ev.null {
			return graph.ScopeInput, j, nil
		}
		ev.last.children, ev.last.notCurrent = ev.family.Children, ev.family.NotCurrent
		return graph.ScopeInput, ev.family.Judge(f, ev.presence), ev.groupRow
	case f.MatchIsIDs:
		if own = ev.own(nil); own == nil {
			return graph.ScopeSample, f.JudgeMissing(ev.presence), nil
		}
		return graph.ScopeSample, f.Judge(&own.row, ev.presence, ev.expected), own
	case ev.anyOwn():
		return graph.ScopeInput, j, nil
	}
	return graph.ScopeInput, f.JudgeMissing(ev.presence), nil
}

// countFamily counts the children of the parent by their classes, and takes the group record (S7).
func (ev *evaluation) countFamily() {
	ev.family, ev.groupRow = graph.Family{}, nil
	if !ev.f.Expands || ev.null {
		return
	}
	ev.family.Input = ev.f.HasFullInput(ev.inputs)
	own := ev.f.Own
	prefix := append(joinedKey(nil, ev.r.q, ev.join(), sectionClasses, own.Name[:]), ev.matchRest()...)
	prefix = append(prefix, tupleEnd)
	var s stored
	group := false
	ev.e.scan(prefix, prefixAbove(prefix), func(_, value []byte) bool {
		b := byteReader{b: value}
		n := int64(b.uvarint())
		if err := s.decodeJudged(b.b); err != nil {
			ev.e.fail(err)
			return false
		}
		if s.row.Group {
			group = true
			return true
		}
		ev.family.Add(ev.f.Judge(&s.row, ev.presence, ev.expected), n)
		return true
	})
	if !group {
		return
	}
	if ev.groupRow = ev.own(noOwnIDs(ev.f)); ev.groupRow != nil {
		row := &ev.groupRow.row
		ev.family.AddGroup(ev.f.Judge(row, ev.presence, ev.expected), row.Children)
	}
}

// noOwnIDs is the suffix of a group record.
func noOwnIDs(f *graph.FeaturePlan) []byte {
	return graph.AppendTuple(nil, make([]graph.Value, len(f.Suffix))...)
}

// prefixAbove returns the key above every key that begins with prefix, which ends in tupleEnd.
func prefixAbove(prefix []byte) []byte {
	to := slices.Clone(prefix)
	to[len(to)-1]++
	return to
}

// ownPrefix is the key of the own rows at the match key whose suffix begins with suffix.
func (ev *evaluation) ownPrefix(suffix []byte) []byte {
	key := joinedKey(nil, ev.r.q, ev.join(), sectionRows, ev.f.Own.Name[:])
	return append(append(key, ev.matchRest()...), suffix...)
}

// own returns the own row with a suffix, nil if there is none. Of several record keys that are
// one sample the latest write counts (R2).
func (ev *evaluation) own(suffix []byte) *stored {
	prefix := append(ev.ownPrefix(suffix), tupleEnd)
	var best *stored
	ev.e.scan(prefix, prefixAbove(prefix), func(key, value []byte) bool {
		s := &stored{}
		if err := s.decodeState(slices.Clone(value)); err != nil {
			ev.e.fail(err)
			return false
		}
		s.source = sourceOf(key)
		if best == nil || s.later(best) {
			best = s
		}
		return true
	})
	return best
}

// later orders the writes of one sample under several record keys (R2).
func (s *stored) later(o *stored) bool {
	if s.offset != o.offset {
		return s.offset > o.offset
	}
	return s.partition > o.partition
}

func (ev *evaluation) anyOwn() bool {
	prefix := ev.ownPrefix(nil)
	return ev.e.first(prefix, append(slices.Clone(prefix), tupleTop)) != nil
}

// visitOwn judges one own row, which may be gone.
func (ev *evaluation) visitOwn(suffix []byte) {
	own := ev.own(suffix)
	if own == nil || own.row.Group { // the event of the parent speaks for a group record
		ev.emit(suffix, graph.ScopeSample, graph.Judgement{}, nil)
		ev.sayOwn(suffix, nil, graph.Judgement{})
		return
	}
	j := ev.family.JudgeChild(ev.f.Judge(&own.row, ev.presence, ev.expected))
	ev.emit(suffix, graph.ScopeSample, j, own)
	ev.sayOwn(suffix, own, j)
}

// sayInput says what is suspect of the key of M, right after it was answered for: of a sample where M
// and the ids are one set, else what is still to come.
func (ev *evaluation) sayInput(j graph.Judgement, own *stored) {
	if !ev.f.Watched {
		return
	}
	if ev.f.MatchIsIDs {
		ev.sayOwn(nil, own, j)
	}
	failed := ev.e.failed
	if !ev.f.MatchIsIDs {
		ev.inputFailed = failed
	}
	present := own != nil
	if !ev.f.MatchIsIDs {
		present = ev.family.Children > 0 || ev.family.HasGroup() || !ev.f.Expands && ev.anyOwn()
	}
	var fields graph.FieldSet
	if !failed && !ev.f.Root() {
		fields = ev.f.Coming(j, present, ev.unsettled)
	}
	ev.coming(fields)
}

// sayOwn says what is suspect of an own row, right after it was answered for; nil: it is gone.
func (ev *evaluation) sayOwn(suffix []byte, own *stored, j graph.Judgement) {
	if !ev.f.Watched {
		return
	}
	if own == nil {
		ev.flag(suffix, nil, graph.FieldSet{})
		return
	}
	ev.flag(suffix, own, ev.f.Suspect(&own.row, j, ev.unsettled, ev.e.failed || ev.inputFailed))
}

// sayGone takes back what was said of rows that were touched and are gone: a visit of all rows does
// not come by them.
func (ev *evaluation) sayGone() {
	for suffix := range ev.job.suffixes {
		if ev.own([]byte(suffix)) == nil {
			ev.sayOwn([]byte(suffix), nil, graph.Judgement{})
		}
	}
}

// sourceOf reads the name of the source at the end of the key of a row.
func sourceOf(key []byte) uint64 { return binary.BigEndian.Uint64(key[len(key)-8:]) }
