package engine

import (
	"encoding/binary"
	"slices"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/state"
)

// A Request asks for rows of a feature to be computed again (S10). Each router task of the feature's
// topic runs it once it has read its log up to the bound, which is where the log ended when the request
// was made: it goes through all that it has filed, in the order of record keys and a piece an epoch, and
// marks the rows below the bound that are asked for. The mark goes with the own row, so rows has it; a
// row that is written again or deleted loses it, since what is written then lies above the bound.
//
// Which rows are marked is a function of the requests and of the latest writes alone: not of the graph
// (a row that lacks an id column now, or that a later write of the same sample shadows, is marked like
// others), nor of when it runs. So to run a request again marks nothing new, and a task that has lost
// its state may do so. Where the graph in force lacks the feature a request waits for it to return (G6).
// Requests of one task run in the order of their numbers.
type Request struct {
	Number  int64 // its place among all requests
	Feature graph.FeatureKey
	Topic   string // of the feature's samples when the request was made
	Rows    Selection
	Bounds  map[int32]int64 // by partition of Topic; a partition that is not there has no row to mark
}

// Done says that a router task has come to the end of a request.
type Done struct {
	Source Source
	Number int64
}

// requestState is how far a router task has come with requests ('Q'): uvarint number of the first one that it has
// not done; the record key to go on with, empty: from the start.
type requestState struct {
	next   int64
	cursor []byte
}

// SetRequests says which requests there are, but for those that every task has done, in the order of their
// numbers. All graphs that were pushed before the newest of them should be in force.
func (e *Engine) SetRequests(list []*Request) {
	e.requests = map[string][]*Request{}
	for _, q := range list {
		e.requests[q.Topic] = append(e.requests[q.Topic], q)
	}
}

// SkipRequests says that a router task has done the requests below a number: known of a task that has begun
// without its state.
func (e *Engine) SkipRequests(source Source, number int64) {
	r := e.routers[source]
	if r == nil {
		return
	}
	if s := e.requestState(r); number > s.next {
		e.setRequestState(r, requestState{next: number})
	}
}

func (e *Engine) requestState(r *router) (s requestState) {
	value, ok := e.get(taskKey(e.key[:0], prefixRequests, r.task))
	if !ok {
		return s
	}
	b := byteReader{b: slices.Clone(value)}
	s.next = int64(b.uvarint())
	s.cursor = b.b
	return s
}

func (e *Engine) setRequestState(r *router, s requestState) {
	e.st.Set(taskKey(e.key[:0], prefixRequests, r.task), append(binary.AppendUvarint(nil, uint64(s.next)), s.cursor...))
}

// workRequests goes on with the requests of a task. It reports whether one is left that need not wait.
func (e *Engine) workRequests(r *router, f *graph.FeaturePlan) (more bool) {
	r.waits = 0
	list := e.requests[r.source.Topic]
	if len(list) == 0 {
		return false
	}
	s := e.requestState(r)
	at, _ := slices.BinarySearchFunc(list, s.next, func(q *Request, next int64) int { return int(min(max(q.Number-next, -1), 1)) })
	for _, q := range list[at:] {
		bound := q.Bounds[r.source.Partition]
		if r.capped == q.Number+1 {
			bound = r.cap
		}
		if q.Feature == f.Key && bound > 0 { // else the topic is of another feature now, and has no row of this one
			if r.position < bound {
				r.waits, r.waitsFor = bound, q.Number
				return false
			}
			if e.spent() {
				return true
			}
			if s = e.runRequest(r, q, bound, s); len(s.cursor) > 0 {
				e.setRequestState(r, s)
				return true
			}
		}
		s = requestState{next: q.Number + 1}
		e.setRequestState(r, s)
		e.out.Done = append(e.out.Done, Done{r.source, q.Number})
	}
	return false
}

// runRequest goes on with one request, as far as the budget goes; at its end the cursor is empty.
func (e *Engine) runRequest(r *router, q *Request, bound int64, s requestState) requestState {
	prefix := taskKey(nil, prefixFiled, r.task)
	from := append(slices.Clone(prefix), s.cursor...)
	var wanted [][]byte
	s.cursor = nil
	first := true
	e.scan(from, state.PrefixEnd(prefix), func(key, value []byte) bool {
		record := key[len(prefix):]
		if !first && e.spent() || len(wanted) >= scanChunk {
			s.cursor = slices.Clone(record)
			return false
		}
		first = false
		e.budget--
		if e.asked(value, q, bound) {
			wanted = append(wanted, slices.Clone(record))
		}
		return true
	})
	for i, record := range wanted {
		if i > 0 && e.spent() { // what marking writes is not known before: whole rows
			s.cursor = record
			break
		}
		e.markRow(r, record)
	}
	return s
}

// asked reports whether a request marks what is filed of a record key.
func (e *Engine) asked(value []byte, q *Request, bound int64) bool {
	var f filed
	var s stored
	if err := f.decode(value); err != nil {
		e.fail(err)
		return false
	}
	if len(f.row) == 0 {
		return false
	}
	if err := s.head(&byteReader{b: f.row}); err != nil {
		e.fail(err)
		return false
	}
	return s.offset < bound && !s.isMarked() && q.Rows.Has(s.columns(nil))
}

// markRow marks one row, where it stands.
func (e *Engine) markRow(r *router, record []byte) {
	old, _ := e.filed(r, record)
	var s stored
	if err := s.decode(old.row); err != nil {
		e.fail(err)
		return
	}
	s.row.Marked = true
	next := *old
	next.row = appendRow(nil, origin{offset: s.offset, time: s.time, trace: s.trace}, &s.row, s.columns(nil), true, s.isShadowed())
	e.produce(r, recordOwn, next.own, record, next.row)
	e.st.Set(append(taskKey(e.key[:0], prefixFiled, r.task), record...), next.append(nil))
}
