package engine

import (
	"cmp"
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
// not done; uvarint number of the last one of the pass that is under way; the record key to go on with, empty: no
// pass is under way.
type requestState struct {
	next, last int64
	cursor     []byte
}

// maxRequests bounds how many requests one pass runs, since each is held against each row.
const maxRequests = 100

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
	s.next, s.last = int64(b.uvarint()), int64(b.uvarint())
	s.cursor = b.b
	return s
}

func (e *Engine) setRequestState(r *router, s requestState) {
	value := binary.AppendUvarint(binary.AppendUvarint(nil, uint64(s.next)), uint64(s.last))
	e.st.Set(taskKey(e.key[:0], prefixRequests, r.task), append(value, s.cursor...))
}

// workRequests goes on with the requests of a task: those that need not wait share a pass. It reports whether one
// is left that need not wait.
func (e *Engine) workRequests(r *router, f *graph.FeaturePlan) (more bool) {
	r.waits = 0
	list := e.requests[r.source.Topic]
	if len(list) == 0 {
		return false
	}
	s := e.requestState(r)
	at, _ := slices.BinarySearchFunc(list, s.next, func(q *Request, next int64) int { return cmp.Compare(q.Number, next) })
	for list = list[at:]; len(list) > 0; {
		batch := e.ready(r, f, list, s)
		if len(batch) == 0 {
			return false
		}
		if e.spent() {
			return true
		}
		s.last = list[len(batch)-1].Number
		if s = e.runRequests(r, batch, s); len(s.cursor) > 0 {
			e.setRequestState(r, s)
			return true
		}
		for _, q := range list[:len(batch)] {
			e.out.Done = append(e.out.Done, Done{r.source, q.Number})
		}
		s = requestState{next: s.last + 1}
		e.setRequestState(r, s)
		list = list[len(batch):]
	}
	return false
}

// asking is a request as it is held against the rows of one task.
type asking struct {
	*Request
	below int64 // 0: it asks for nothing here
}

// ready returns the first requests of a list as far as they need not wait, and belong to the pass under way if there is one.
func (e *Engine) ready(r *router, f *graph.FeaturePlan, list []*Request, s requestState) (batch []asking) {
	for _, q := range list {
		below := q.Bounds[r.source.Partition]
		switch {
		case len(batch) == maxRequests || len(s.cursor) > 0 && q.Number > s.last:
			return batch
		case q.Feature != f.Key: // the topic is of another feature now, and has no row of this one
			below = 0
		case r.capped == q.Number+1:
			below = r.cap
		case r.position < below:
			if len(batch) == 0 {
				r.waits, r.waitsFor = below, q.Number
			}
			return batch
		}
		batch = append(batch, asking{q, below})
	}
	return batch
}

// runRequests goes on with the pass of some requests, as far as the budget goes; at its end the cursor is empty.
func (e *Engine) runRequests(r *router, batch []asking, s requestState) requestState {
	prefix := taskKey(nil, prefixFiled, r.task)
	from := append(slices.Clone(prefix), s.cursor...)
	var wanted [][]byte
	s.cursor = nil
	bound := int64(0)
	for _, q := range batch {
		bound = max(bound, q.below)
	}
	if bound == 0 {
		return s
	}
	first := true
	e.scan(from, state.PrefixEnd(prefix), func(key, value []byte) bool {
		record := key[len(prefix):]
		if !first && e.spent() || len(wanted) >= scanChunk {
			s.cursor = slices.Clone(record)
			return false
		}
		first = false
		e.budget--
		if e.asked(value, batch) {
			wanted = append(wanted, slices.Clone(record))
		}
		return true
	})
	for i, record := range wanted {
		if i > 0 && e.spent() { // what marking writes is not known before: whole rows
			s.cursor = record
			break
		}
		e.markRow(r, record, bound)
	}
	return s
}

// asked reports whether one of some requests marks what is filed of a record key.
func (e *Engine) asked(value []byte, batch []asking) bool {
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
	if s.isMarked() {
		return false
	}
	var columns []graph.Column
	for _, q := range batch {
		if s.offset >= q.below {
			continue
		}
		if columns == nil {
			columns = s.columns(nil)
		}
		if q.Rows.Has(columns) {
			return true
		}
	}
	return false
}

// markRow marks one row, where it stands: it was written below a bound that the task has read up to.
func (e *Engine) markRow(r *router, record []byte, bound int64) {
	old, _ := e.filed(r, record)
	var s stored
	if err := s.decode(old.row); err != nil {
		e.fail(err)
		return
	}
	s.row.Marked = true
	next := *old
	next.marked = bound
	next.row = appendRow(nil, origin{offset: s.offset, time: s.time, trace: s.trace}, &s.row, s.columns(nil), true, s.isShadowed())
	e.produce(r, recordOwn, next.own, record, next.row)
	e.st.Set(append(taskKey(e.key[:0], prefixFiled, r.task), record...), next.append(nil))
}

// remark finds what recovery knows of the bound below which writes of a record key are marked.
func (e *Engine) remark(f *filed) {
	f.marked = 0
	if len(f.row) == 0 {
		return
	}
	var s stored
	if err := s.head(&byteReader{b: f.row}); err != nil {
		e.fail(err)
		return
	}
	if s.isMarked() {
		f.marked = s.offset + 1
	}
}
