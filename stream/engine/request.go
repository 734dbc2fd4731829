package engine

import (
	"slices"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/state"
)

// Request marks the rows that a router task has filed from writes below an offset, and that a filter
// (nil: every row) keeps: they are to be computed again (S10). It returns how many. The mark goes
// with the own row, so rows has it; a row that is written again or deleted loses it.
//
// The filter sees the row's own columns.
func (e *Engine) Request(source Source, filter *graph.Filter, below int64) (marked int, err error) {
	r := e.routers[source]
	f := e.topics[source.Topic]
	if r == nil || f == nil {
		return 0, ErrNoTask
	}
	e.beginRouter(r)
	r.worked = true
	prefix := taskKey(nil, prefixFiled, r.task)
	var records [][]byte
	e.scan(prefix, state.PrefixEnd(prefix), func(key, _ []byte) bool {
		records = append(records, slices.Clone(key[len(prefix):]))
		return true
	})
	for _, record := range records {
		if e.request(r, f, record, filter, below) {
			marked++
		}
	}
	return marked, e.err
}

// request marks one row.
func (e *Engine) request(r *router, f *graph.FeaturePlan, record []byte, filter *graph.Filter, below int64) bool {
	old, had := e.filed(r, record)
	if !had || len(old.row) == 0 {
		return false
	}
	var s stored
	if err := s.decode(old.row); err != nil {
		e.fail(err)
		return false
	}
	s.row.Columns = s.columns(nil)
	if s.offset >= below || s.isShadowed() {
		return false
	}
	if _, fits := f.Own.Key(nil, &s.row); !fits {
		return false
	}
	column := func(name string) graph.Value { return s.row.Values(nil, []string{name})[0] }
	if filter != nil && filter.Eval(column) != graph.True {
		return false
	}
	if s.row.Marked {
		return true
	}
	s.row.Marked = true
	e.place(r, f, record, old, &s.row, origin{offset: s.offset, time: s.time, trace: s.trace}, false, false)
	return true
}
