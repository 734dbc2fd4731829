package engine

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/freshline/freshline/graph"
)

// The sweep of a resolver task goes through its whole state, join key by join key: it evaluates
// features that a graph or their hydration has opened, takes back what was emitted under keys
// that no longer are, and drops rows of edges that are gone. It has a position; a trigger while
// it is under way sets the end to the position and lets it go round once more, so every key is
// visited within one lap after the last trigger.
//
// Its state ('W'): bytes(position), bytes(stop), a byte (1: it has wrapped round), the origin,
// uvarint number of features, their keys.
type sweep struct {
	lap
	cause    Origin
	features []graph.FeatureKey
}

func (e *Engine) readSweep(r *resolver) (s sweep, ok bool) {
	value, ok := e.get(partKey(e.key[:0], r.q, partSweep))
	if !ok {
		return s, false
	}
	b := byteReader{b: slices.Clone(value)}
	s.lap, s.cause = decodeLap(b.bytes())
	for n := b.uvarint(); n > 0 && !b.bad; n-- {
		s.features = append(s.features, graph.FeatureKey(b.bytes()))
	}
	return s, !b.bad
}

func (e *Engine) writeSweep(r *resolver, s sweep) {
	value := appendText(nil, s.lap.append(nil, s.cause))
	value = binary.AppendUvarint(value, uint64(len(s.features)))
	for _, key := range s.features {
		value = appendText(value, string(key))
	}
	e.st.Set(partKey(e.key[:0], r.q, partSweep), value)
}

// triggerSweep asks for every key of a feature (nil: of none, only for what is gone) to be visited.
func (e *Engine) triggerSweep(r *resolver, f *graph.FeaturePlan, cause Origin) {
	s, _ := e.readSweep(r)
	s.stop, s.wrapped = s.position, false
	s.cause = cause
	if f != nil && !slices.Contains(s.features, f.Key) {
		s.features = append(s.features, f.Key)
	}
	e.writeSweep(r, s)
}

// sweep goes on with the sweep by one join key; it reports whether there was one.
func (e *Engine) sweep(r *resolver) bool {
	s, ok := e.readSweep(r)
	if !ok {
		return false
	}
	base := partKey(nil, r.q, partJoined)
	from := append(slices.Clone(base), s.position...)
	key := e.first(from, prefixAbove(base))
	if key != nil {
		at := tupleLen(key[len(base):])
		if at < 0 {
			e.fail(errRowsKey)
			return false
		}
		join := key[len(base) : len(base)+at]
		if !s.wrapped || len(s.stop) == 0 || bytes.Compare(join, s.stop) < 0 {
			if e.sweepJoin(r, &s, join) {
				s.position = append(append([]byte{}, join...), tupleEnd+1)
			} else {
				s.position = slices.Clone(join)
			}
			e.writeSweep(r, s)
			return true
		}
	} else if !s.wrapped && len(s.stop) > 0 {
		s.position, s.wrapped = nil, true
		e.writeSweep(r, s)
		return true
	}
	e.st.Delete(partKey(e.key[:0], r.q, partSweep))
	e.swept(r)
	return false
}

// swept says that this partition has taken back what it had under earlier join keys, to every
// partition, and has no pages of earlier shapes.
func (e *Engine) swept(r *resolver) {
	a, ok := e.applied(r)
	if !ok {
		return
	}
	changed := false
	for _, f := range e.plan.Features {
		if e.reshaped(&a, f) {
			a.shapes = append(a.shapes, f.Shape.Name)
			changed, r.open = true, false
		}
		if f.Moved == 0 || slices.Contains(a.moves, f.Moved) {
			continue
		}
		a.moves = append(a.moves, f.Moved)
		changed = true
		e.produceAll(rowsKey{kind: recordMoved, edge: nameOf(f.Moved), source: Source{Partition: r.q}}, []byte{1})
	}
	if changed {
		e.setApplied(r, a)
	}
}

// sweepJoin visits what lies under one join key; it reports whether it came to the end of it.
func (e *Engine) sweepJoin(r *resolver, s *sweep, join []byte) bool {
	base := append(append(partKey(nil, r.q, partJoined), join...), tupleEnd)
	found := make([]bool, len(e.plan.Features))
	for from := base; ; {
		key := e.first(from, prefixAbove(base))
		if key == nil || len(key) < len(base)+1+nameSize {
			break
		}
		part := key[:len(base)+1+nameSize]
		to := append(slices.Clone(part), 0xFF) // above every tuple, and every tupleEnd
		section, name := part[len(base)], part[len(base)+1:]
		if !e.sweepPart(r, section, name, part, to, found) {
			return false
		}
		from = to
	}
	e.budget--
	for i, f := range e.plan.Features {
		if !found[i] || !slices.Contains(s.features, f.Key) || !r.isOpen(f) {
			continue
		}
		if head, rest, ok := cut(join, f.K); !ok || len(rest) > 0 || len(head) == 0 {
			continue
		}
		j := &job{feature: f, prefix: slices.Clone(join), columns: f.K, all: true, cause: s.cause, live: len(r.held) < sweptHeld}
		e.runLive(r, j)
	}
	return true
}

// sweepPart looks at one edge's rows or classes, or one shape's pages, under a join key: what is
// in force says which features are found there, what is not goes.
func (e *Engine) sweepPart(r *resolver, section byte, name, from, to []byte, found []bool) bool {
	if section == sectionPages {
		shape := e.shapes[binary.BigEndian.Uint64(name)]
		if shape != nil {
			if f := e.plan.Feature(shape.Feature); f != nil {
				found[f.Position()] = true
				if f.Shape.Name == shape.Name {
					return true
				}
			}
		}
		return e.dropPages(r, shape, from, to)
	}
	if section == sectionFailed { // remembered whatever the graph: the same work may be offered again
		if shape := e.shapes[binary.BigEndian.Uint64(name)]; shape != nil {
			if f := e.plan.Feature(shape.Feature); f != nil && f.Shape.Name == shape.Name {
				found[f.Position()] = true
				e.flagFailures(r, from, to)
			} else if f != nil {
				e.carryFailures(r, shape, f, from, to)
			}
		}
		return true
	}
	if section == sectionTold {
		return e.sweepTold(r, name, from, to, found)
	}
	edge := e.plan.Edge(graph.EdgeName(name))
	if edge == nil || section == sectionGroups && !counted(edge) || edge.Own && (section == sectionFlags && !edge.Flagged || section == sectionComing && !edge.Coming) {
		return e.drop(from, to, nil) // flags on other edges their writers take back
	}
	if edge.Own {
		found[edge.Upstream.Position()] = true
	}
	for _, reader := range edge.Readers {
		found[reader.Feature.Position()] = true
	}
	return true
}

// drop deletes a range, as far as the budget goes.
func (e *Engine) drop(from, to []byte, before func(key, value []byte)) bool {
	var keys [][]byte
	done := true
	e.scan(from, to, func(key, value []byte) bool {
		if len(keys) > 0 && e.spent() {
			done = false
			return false
		}
		e.budget--
		keys = append(keys, slices.Clone(key))
		if before != nil {
			before(key, value)
		}
		return true
	})
	for _, key := range keys {
		e.st.Delete(key)
	}
	return done
}

// dropPages takes back what the pages of a shape that is not in force say. That there are failures stays, as
// these do.
func (e *Engine) dropPages(r *resolver, shape *graph.Shape, from, to []byte) bool {
	failures := []byte{pageFailures}
	var flagged [][]byte
	done := true
	var keys [][]byte
	e.scan(from, to, func(key, page []byte) bool {
		if bytes.Equal(page, failures) {
			return true
		}
		if len(keys) > 0 && e.spent() {
			done = false
			return false
		}
		e.budget--
		keys = append(keys, slices.Clone(key))
		if len(page) > 0 && page[0]&pageFailures != 0 {
			flagged = append(flagged, keys[len(keys)-1])
		}
		e.takeBack(r, shape, key, page)
		return true
	})
	for _, key := range keys {
		e.st.Delete(key)
	}
	for _, key := range flagged {
		e.st.Set(key, failures)
	}
	return done
}

// takeBack emits a tombstone for every event of a page of a shape that is not in force. Keys that the
// feature has under its new shape too, and under the same join key, go over to that.
func (e *Engine) takeBack(r *resolver, shape *graph.Shape, key, page []byte) {
	j, ok := parseJoined(key[len(partKey(nil, r.q, partJoined)):])
	if !ok || shape == nil {
		return
	}
	match := values(values(nil, j.join), j.rest)
	if len(page) > 0 {
		page = page[1:]
	}
	for len(page) > 0 {
		en, rest, ok := readEntry(page)
		if !ok {
			e.fail(errRowBytes)
			return
		}
		page = rest
		event := Event{Partition: r.q, Feature: shape.Feature, Scope: graph.ScopeSample}
		if len(en.suffix) == 0 {
			event.Key = shape.InputKey(nil, match)
			if !slices.Equal(shape.InputColumns, shape.SampleColumns) {
				event.Scope = graph.ScopeInput
			}
		} else {
			event.Key = shape.SampleKey(nil, values(slices.Clone(match), en.suffix))
		}
		e.budget--
		if !e.goOver(r, shape, event.Key, en.digest) {
			e.out.Events = append(e.out.Events, event)
		}
	}
}

// goOver moves the entry of a key to the shape in force, where that has the key under the same join key.
func (e *Engine) goOver(r *resolver, shape *graph.Shape, key []byte, digest uint64) bool {
	f := e.plan.Feature(shape.Feature)
	if f == nil || !slices.Equal(f.Shape.Layout[:f.Shape.K], shape.Layout[:shape.K]) {
		return false
	}
	names, vals, err := graph.ParseKeyJSON(key)
	if err != nil {
		return false
	}
	match, suffix, ok := e.locate(r.q, f.Shape, names, vals)
	if ok {
		e.setEntry(e.pagesOf(r.q, f.Shape, match), suffix, func(uint64) uint64 { return digest })
	}
	return ok
}
