package engine

import (
	"encoding/binary"
	"slices"

	"github.com/freshline/freshline/graph"
)

// Census counts how one feature stands in one partition of rows.
type Census struct {
	Rows     int64                   // own rows: samples and group records, one for each record key that counts
	Statuses [graph.Failed + 1]int64 // keys by status; Fresh stays 0
}

// Add adds the counts of another partition.
func (c *Census) Add(o *Census) {
	c.Rows += o.Rows
	for status, n := range o.Statuses {
		c.Statuses[status] += n
	}
}

// Census judges every key of every open feature, and counts. The result is by position of the features in
// the plan. It goes through the whole state of the partition, so it asks stop before each join key: once that says so
// it ends, and ok is false.
func (v *View) Census(stop func() bool) (counts []Census, ok bool, err error) {
	e := v.e
	counts = make([]Census, len(e.plan.Features))
	base := partKey(nil, v.r.q, partJoined)
	for from := slices.Clone(base); ; {
		if stop() {
			return nil, false, nil
		}
		key := e.first(from, prefixAbove(base))
		if key == nil || e.err != nil {
			return counts, e.err == nil, e.err
		}
		at := tupleLen(key[len(base):])
		if at < 0 {
			return nil, false, errRowsKey
		}
		join := key[len(base) : len(base)+at]
		for i, there := range v.featuresAt(join) {
			if there {
				v.countFeature(e.plan.Features[i], join, &counts[i])
			}
		}
		from = append(append(slices.Clone(base), join...), tupleEnd+1)
	}
}

// featuresAt finds, by position, the features of which something lies under a join key: own rows, rows that
// they read, or events.
func (v *View) featuresAt(join []byte) []bool {
	e := v.e
	found := make([]bool, len(e.plan.Features))
	base := append(append(partKey(nil, v.r.q, partJoined), join...), tupleEnd)
	for from := base; ; {
		key := e.first(from, prefixAbove(base))
		if key == nil || len(key) < len(base)+1+nameSize {
			break
		}
		name := key[len(base)+1 : len(base)+1+nameSize]
		switch key[len(base)] {
		case sectionRows:
			if edge := e.plan.Edge(graph.EdgeName(name)); edge != nil {
				found[edge.Upstream.Position()] = found[edge.Upstream.Position()] || edge.Own
				for _, reader := range edge.Readers {
					found[reader.Feature.Position()] = true
				}
			}
		case sectionPages:
			if shape := e.shapes[binary.BigEndian.Uint64(name)]; shape != nil {
				if f := e.plan.Feature(shape.Feature); f != nil {
					found[f.Position()] = true
				}
			}
		}
		from = append(key[:len(base)+1+nameSize:len(base)+1+nameSize], 0xFF) // above every tuple
	}
	for i, f := range e.plan.Features {
		_, rest, whole := cut(join, f.K)
		found[i] = found[i] && whole && len(rest) == 0
	}
	return found
}

// countFeature counts the keys of one feature under one join key.
func (v *View) countFeature(f *graph.FeaturePlan, join []byte, c *Census) {
	e := v.e
	prefix := joinedKey(nil, v.r.q, join, sectionRows, f.Own.Name[:])
	e.scan(prefix, append(slices.Clone(prefix), 0xFF), func(_, _ []byte) bool { // above every tuple
		c.Rows++
		return true
	})
	if !v.Open(f) {
		return
	}
	ev := e.evaluate(v.r, &job{feature: f, prefix: join, columns: f.K}, 1)
	for bound := join; e.err == nil; {
		match := ev.next(bound)
		if match == nil {
			return
		}
		v.countMatch(ev, match, c)
		bound = append(slices.Clone(match), tupleTop)
	}
}

// countMatch counts the keys of one match key: what is work may have failed (S12).
func (v *View) countMatch(ev *evaluation, match []byte, c *Census) {
	ev.begin(match)
	ev.countFamily()
	v.e.page(ev.pagePrefix(), nil) // says whether there are failures
	count := func(suffix []byte, scope graph.Scope, j graph.Judgement, own *stored) {
		switch {
		case j.Status == graph.Fresh:
		case j.Status.Work() && v.e.flags&pageFailures != 0 && ev.workFailed(suffix, scope, j, own):
			c.Statuses[graph.Failed]++
		default:
			c.Statuses[j.Status]++
		}
	}
	scope, j, own := ev.judgeInput()
	count(nil, scope, j, own)
	if ev.f.MatchIsIDs {
		return
	}
	prefix := ev.ownPrefix(nil)
	rows := &ev.children
	rows.begin(ev, len(prefix))
	visit := func(suffix []byte, s *stored) bool {
		count(suffix, graph.ScopeSample, ev.judge(s), s)
		return true
	}
	v.e.scan(prefix, append(slices.Clone(prefix), tupleTop), func(key, value []byte) bool { return rows.row(key, value, visit) })
	rows.flush(visit)
}
