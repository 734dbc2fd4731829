package engine

import (
	"errors"
	"fmt"
	"slices"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/state"
)

// Config is what an Engine must know of its deployment.
type Config struct {
	Partitions int32                           // of rows, and so of every staleness topic: P
	Topic      func(*graph.FeaturePlan) string // where the samples of a feature are
	MaxRow     int                             // greatest size of a record of rows, bytes; 0 = DefaultMaxRow
	MaxWrites  state.Limit                     // Work begins no further key above it; the zero Limit is no bound
	Hold       int64                           // ms that work is held for each step that flags are late (held.go); 0: it is not
	CountFrom  int                             // rows of a group from which on it is counted (groups.go); 0 = DefaultCountFrom
	Inline     int                             // keys of one fan-out that an epoch visits at once; 0 = DefaultInline
}

// Limits that hold unless Config says otherwise.
const (
	DefaultMaxRow = 768 << 10
	DefaultInline = 1000

	DefaultCountFrom = 8 // reading fewer rows is as cheap
)

// maxOutput is how much output, in bytes, an epoch may have before it begins a further key: one
// transaction must be produced well within its timeout.
const maxOutput = 16 << 20

// Engine runs the router and resolver tasks of one process, an epoch at a time: inputs go in
// (Push, Route, Resolve), Work evaluates what they touched, and Output says what is to be
// produced. All state is read and written through the overlay of the epoch, so dropping the
// overlay and calling Abort undoes an epoch. It has no client, clock, goroutine or lock.
type Engine struct {
	cfg       Config
	history   *graph.History
	plan      *graph.Plan
	topics    map[string]*graph.FeaturePlan
	shapes    map[uint64]*graph.Shape // of every graph that was ever pushed
	routers   map[Source]*router
	resolvers map[int32]*resolver
	strange   map[graph.EdgeName]bool // edges of rows that no graph had, as far as they were read
	requests  map[string][]*Request   // by topic, in the order of their numbers

	st     *state.Overlay
	err    error // the first error of the state; ends the epoch
	budget int   // keys that Work may still visit
	out    Output
	eval   evaluation
	hasher graph.Hasher
	key    []byte // scratch for keys of the state
	flags  byte   // of the match key whose page was found last
	told   int    // bytes of the output so far, about
	now    int64  // ms since 1970
	failed bool   // the work that was answered for last has failed (S12)
}

// Output is what an epoch produces, in the order in which it is to be produced.
type Output struct {
	Rows      []Row
	Events    []Event
	Done      []Done   // requests that tasks have done
	Routers   []Source // the tasks that wrote anything, to Rows, Events or the state
	Resolvers []int32
	Slipped   int // keys that were offered and are waiting after all, since a flag came late
}

// Row is a record of rows. A nil Value takes the record back.
type Row struct {
	Partition int32
	Key       []byte
	Value     []byte
}

// New returns an engine without tasks and without a graph.
func New(cfg Config) *Engine {
	if cfg.MaxRow == 0 {
		cfg.MaxRow = DefaultMaxRow
	}
	if cfg.Inline == 0 {
		cfg.Inline = DefaultInline
	}
	if cfg.CountFrom == 0 {
		cfg.CountFrom = DefaultCountFrom
	}
	return &Engine{cfg: cfg, routers: map[Source]*router{}, resolvers: map[int32]*resolver{}, strange: map[graph.EdgeName]bool{}, requests: map[string][]*Request{}}
}

// History returns the graphs that have been pushed.
func (e *Engine) History() *graph.History { return e.history }

// Plan returns the graph in force, nil before the first.
func (e *Engine) Plan() *graph.Plan { return e.plan }

// Push puts the newest graph of h in force. What that asks of each task follows from its state.
// For each router task SetTarget should follow, with the end of its log as it is now (E4).
func (e *Engine) Push(h *graph.History) {
	e.history, e.plan = h, h.Plan()
	e.topics = make(map[string]*graph.FeaturePlan, len(e.plan.Features))
	for _, f := range e.plan.Features {
		e.topics[e.cfg.Topic(f)] = f
	}
	e.shapes = map[uint64]*graph.Shape{}
	for _, key := range h.FeatureKeys() {
		for _, shape := range h.Shapes(key) {
			e.shapes[shape.Name] = shape
		}
	}
	for _, r := range e.routers {
		r.begun = false
	}
	for _, r := range e.resolvers {
		r.forget()
		clear(r.jobs) // they are of the graph before; the sweep of this one visits every key
	}
}

// Begin starts an epoch: reads and writes go through o until the next Begin.
func (e *Engine) Begin(o *state.Overlay) {
	e.st, e.err, e.told = o, nil, 0
	e.out.Rows, e.out.Events = e.out.Rows[:0], e.out.Events[:0]
	e.out.Routers, e.out.Resolvers, e.out.Slipped = e.out.Routers[:0], e.out.Resolvers[:0], 0
	e.out.Done = e.out.Done[:0]
	for _, r := range e.routers {
		r.begun, r.worked = false, false
	}
	for _, r := range e.resolvers {
		r.worked, r.dirty = false, nil
	}
}

// spent reports whether the epoch may begin no further key.
func (e *Engine) spent() bool {
	return e.budget <= 0 || e.err != nil || e.told > maxOutput || !e.st.Fits(e.cfg.MaxWrites)
}

// Output returns what the epoch produces. It is valid until the next Begin.
func (e *Engine) Output() *Output { return &e.out }

// Commit says that the overlay of the epoch has been applied.
func (e *Engine) Commit() {
	for _, r := range e.routers {
		r.committed = r.position
	}
}

// Abort undoes what the tasks remember of the epoch; the caller drops the overlay and may
// give the same inputs again.
func (e *Engine) Abort() {
	for _, r := range e.routers {
		r.position = r.committed
	}
	for _, r := range e.resolvers {
		r.forget()
		clear(r.jobs)
	}
}

// NeedGraphError says that a record was filed under a graph that the engine has not seen; Number is
// -1 where the record does not say which.
type NeedGraphError struct{ Number int64 }

func (e *NeedGraphError) Error() string {
	if e.Number < 0 {
		return "a record was filed under a graph that has not been read yet"
	}
	return fmt.Sprintf("a record was filed under graph %d, which has not been read yet", e.Number)
}

// fail keeps the first error of the state.
func (e *Engine) fail(err error) {
	if err != nil && e.err == nil {
		e.err = fmt.Errorf("read state: %w", err)
	}
}

func (e *Engine) get(key []byte) ([]byte, bool) {
	value, ok, err := e.st.Get(key)
	e.fail(err)
	return value, ok && err == nil
}

func (e *Engine) scan(from, to []byte, fn func(key, value []byte) bool) {
	e.fail(e.st.Scan(from, to, fn))
}

// first returns a copy of the first key from from on, below to.
func (e *Engine) first(from, to []byte) (key []byte) {
	e.scan(from, to, func(k, _ []byte) bool {
		key = append([]byte{}, k...)
		return false
	})
	return key
}

// Work evaluates what has been touched, and goes on with scans and sweeps, visiting about
// budget keys. It reports whether work is left for later epochs.
func (e *Engine) Work(budget int) (more bool, err error) {
	if e.plan == nil {
		return false, e.err
	}
	e.budget = budget
	// Live rows go before scans and sweeps, of every task.
	resolvers := e.sortedResolvers()
	for _, r := range resolvers {
		before := e.st.Writes()
		e.openFeatures(r)
		e.runTouched(r)
		r.worked = r.worked || e.st.Writes() != before
	}
	for _, r := range e.sortedRouters() {
		before := e.st.Writes()
		r.left = e.workRouter(r)
		more = r.left || more
		if r.worked || e.st.Writes() != before {
			e.out.Routers = append(e.out.Routers, r.source)
		}
	}
	for _, r := range resolvers {
		before := e.st.Writes()
		more = e.workResolver(r) || more
		if r.worked || e.st.Writes() != before {
			e.out.Resolvers = append(e.out.Resolvers, r.q)
		}
	}
	return more, e.err
}

// Unfinished reports whether the task of a log, of a partition of rows if its topic is "", had work left after the
// last Work that no record of the log waits for: a scan, a sweep, dirty keys or held ones, features that are not open.
func (e *Engine) Unfinished(source Source) bool {
	if source.Topic != "" {
		r := e.routers[source]
		return r != nil && r.left
	}
	r := e.resolvers[source.Partition]
	return r != nil && r.left
}

// ErrNoTask says that an input came for a task that the engine does not run.
var ErrNoTask = errors.New("no such task")

func (e *Engine) sortedRouters() []*router {
	list := make([]*router, 0, len(e.routers))
	for _, r := range e.routers {
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b *router) int { return a.source.compare(b.source) })
	return list
}

func (e *Engine) sortedResolvers() []*resolver {
	list := make([]*resolver, 0, len(e.resolvers))
	for _, r := range e.resolvers {
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b *resolver) int { return int(a.q - b.q) })
	return list
}

// BoundWrites sets the writes above which Work begins no further key (Config.MaxWrites).
func (e *Engine) BoundWrites(limit state.Limit) { e.cfg.MaxWrites = limit }
