package engine_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/state"
	"github.com/freshline/freshline/stream/engine"
	"github.com/freshline/freshline/stream/engine/enginetest"
)

// cluster is a whole deployment in one goroutine: the logs in memory, and processes that each run
// an engine over a state of their own and some of the tasks. It keeps the commit protocol and the
// rule of recovery (DESIGN 4) as a processor must, and it can crash between any two steps.
type cluster struct {
	t          testing.TB
	r          *rand.Rand // of the operation at hand
	partitions int32
	badger     bool
	gate       graph.Gate
	now        int64 // of the clock, ms
	hold       int64 // ms that work is held back for each step
	frozen     bool  // the clock stands still while anything is under way
	seq        int64 // of rows and staleness logs together

	histories []*graph.History // after so many pushes; the number of a graph is its index
	samples   map[engine.Source]*simLog
	counts    map[graph.FeatureKey]int32 // partitions of a sample topic, also of features still to come
	sources   []engine.Source            // of samples, in the order in which they came
	rows      []*simLog
	stale     map[graph.FeatureKey][]*simLog
	committed map[engine.Source]int64 // offsets of the group
	requests  []*engine.Request       // the log of requests; the number of one is its index
	filters   []*graph.Filter         // of the requests
	done      map[engine.Source]int64 // the first request that a task has not done

	processes []*process
	routers   map[engine.Source]*process
	resolvers []*process

	oracle   *enginetest.Oracle
	last     map[string]*simEvent           // by feature, partition and key: the last record, nil for a tombstone
	live     map[enginetest.AnswerKey]int32 // the partition that has the event of a key
	recent   []emitted                      // since it was last emptied
	works    *enginetest.Words
	events   int // emitted
	compared int // answers compared with the oracle's
	trace    func(format string, args ...any)
	tracing  bool
}

// process is one process: its engine dies with it, its store may not.
type process struct {
	name    int
	engine  *engine.Engine
	store   *simStore
	copies  []*simStore // what the store was earlier
	overlay *state.Overlay
	graphs  int             // of the graph log it has read so many
	asked   int             // of the log of requests it has read so many
	reads   map[int32]int64 // rows: the next position of each resolver task
	routes  map[engine.Source]int64
}

// simStore is a store with the positions that were applied with it.
type simStore struct {
	state.Store
	dir       string // of a Badger
	resolvers map[int32]simPosition
	routers   map[engine.Source]int64 // of all rows logs
}

// simPosition is how far a resolver task had read.
type simPosition struct{ rows, stale int64 }

// simEvent is a record of a staleness topic.
type simEvent struct {
	key     string
	scope   graph.Scope
	content string // what E1 compares, but for the id
	id      string // of work
	digest  uint64
	body    *engine.Body
}

// emitted is an event where it was emitted; nil: a tombstone.
type emitted struct {
	enginetest.AnswerKey
	q     int32
	event *simEvent
}

func newCluster(t testing.TB, r *rand.Rand, gate graph.Gate, partitions int32, processes int, badger bool) *cluster {
	defaults := graph.Defaults{Gate: gate}
	c := &cluster{
		t: t, r: r, partitions: partitions, badger: badger, seq: 1, gate: gate, now: 1, hold: enginetest.Pick(r, []int64{0, 1, 20}),
		histories: []*graph.History{graph.NewHistory(defaults)},
		samples:   map[engine.Source]*simLog{}, counts: map[graph.FeatureKey]int32{},
		stale: map[graph.FeatureKey][]*simLog{}, committed: map[engine.Source]int64{}, done: map[engine.Source]int64{},
		routers: map[engine.Source]*process{}, resolvers: make([]*process, partitions),
		oracle: enginetest.NewOracle(defaults), last: map[string]*simEvent{}, live: map[enginetest.AnswerKey]int32{}, works: enginetest.NewWords(),
		trace: func(string, ...any) {},
	}
	for range partitions {
		c.rows = append(c.rows, &simLog{})
	}
	for i := range processes {
		p := &process{name: i, store: c.newStore()}
		c.processes = append(c.processes, p)
		c.start(p)
	}
	return c
}

func (c *cluster) newStore() *simStore {
	s := &simStore{resolvers: map[int32]simPosition{}, routers: map[engine.Source]int64{}}
	if c.badger {
		s.dir = c.t.TempDir()
		s.open(c.t)
	} else {
		s.Store = enginetest.Fickle{Memory: state.NewMemory()}
	}
	return s
}

// open opens the Badger of a store, again if need be.
func (s *simStore) open(t testing.TB) {
	if s.Store != nil {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	store, err := state.OpenBadger(s.dir, state.Memtable(8<<20))
	if err != nil {
		t.Fatal(err)
	}
	s.Store = store
}

// copy returns the store as it is now, nil where a store cannot be copied.
func (s *simStore) copy() *simStore {
	m, ok := s.Store.(enginetest.Fickle)
	if !ok {
		return nil
	}
	return &simStore{enginetest.Fickle{Memory: m.Copy()}, "", maps.Clone(s.resolvers), maps.Clone(s.routers)}
}

func topicOf(f *graph.FeaturePlan) string { return string(f.Key) }

// start makes a process of which only the store is left; it reads the graph log to its end. It has no tasks.
func (c *cluster) start(p *process) {
	config := engine.Config{Partitions: c.partitions, Topic: topicOf, Inline: enginetest.Pick(c.r, []int{0, 0, 1, 2, 5}), Hold: c.hold, CountFrom: enginetest.Pick(c.r, []int{1, 1, 2, 0})}
	if enginetest.Chance(c.r, 20) {
		config.MaxWrites = state.Limit{Keys: 1 + c.r.IntN(30)}
	}
	p.engine, p.overlay, p.graphs, p.asked = engine.New(config), nil, 0, 0
	p.reads, p.routes = map[int32]int64{}, map[engine.Source]int64{}
	c.readGraphs(p, len(c.histories)-1)
}

// push appends a graph to the graph log; its number is its place. Topics of new features are made.
func (c *cluster) push(g *graph.Graph) {
	n := len(c.histories)
	next, err := c.histories[n-1].Push(int64(n), g)
	if err != nil {
		c.t.Fatal(err)
	}
	c.histories = append(c.histories, next)
	c.oracle.Push(g)
	for _, f := range g.Features {
		if c.stale[f.Key] != nil {
			continue
		}
		for range c.partitions {
			c.stale[f.Key] = append(c.stale[f.Key], &simLog{})
		}
		for i := range c.counts[f.Key] {
			source := engine.Source{Topic: string(f.Key), Partition: i}
			c.samples[source] = &simLog{}
			c.sources = append(c.sources, source)
		}
	}
}

// readGraphs makes a process read the graph log up to so many graphs; it reports whether any were new.
func (c *cluster) readGraphs(p *process, n int) bool {
	if n <= p.graphs {
		return false
	}
	p.graphs = n
	p.engine.Push(c.histories[n])
	for source := range p.routes {
		p.engine.SetTarget(source, c.samples[source].end)
	}
	return true
}

// produceSample appends a write to its sample topic.
func (c *cluster) produceSample(feature graph.FeatureKey, w *engine.Write) {
	source := engine.Source{Topic: string(feature), Partition: graph.Partition(w.Key, c.counts[feature])}
	log := c.samples[source]
	w.Offset = log.end
	if enginetest.Chance(c.r, 10) {
		w.Offset++ // a control record
	}
	log.append(simRecord{offset: w.Offset, key: string(w.Key), write: w})
	if c.tracing && w.Record != nil {
		c.trace("  %d of %v under %s: %s", w.Offset, source, w.Key, writeJSON(feature, w))
	}
}

// unowned returns the tasks that no process runs.
func (c *cluster) unowned() (routers []engine.Source, resolvers []int32) {
	for _, source := range c.sources {
		if c.routers[source] == nil {
			routers = append(routers, source)
		}
	}
	for q := range c.resolvers {
		if c.resolvers[q] == nil && len(c.histories) > 1 {
			resolvers = append(resolvers, int32(q))
		}
	}
	return routers, resolvers
}

// assign gives every task that has no owner to a random process.
func (c *cluster) assign() error {
	for {
		routers, resolvers := c.unowned()
		if len(routers)+len(resolvers) == 0 {
			return nil
		}
		takes := map[*process]*tasks{}
		for _, p := range c.processes {
			takes[p] = &tasks{}
		}
		for _, source := range routers {
			p := enginetest.Pick(c.r, c.processes)
			c.routers[source] = p
			takes[p].routers = append(takes[p].routers, source)
		}
		for _, q := range resolvers {
			p := enginetest.Pick(c.r, c.processes)
			c.resolvers[q] = p
			takes[p].resolvers = append(takes[p].resolvers, q)
		}
		for _, p := range c.processes {
			if len(takes[p].routers)+len(takes[p].resolvers) == 0 {
				continue
			}
			if err := c.takeOver(p, takes[p]); err != nil {
				return err
			}
		}
	}
}

// release takes a task from its owner; what the owner has in its store stays there.
func (c *cluster) release() {
	if len(c.sources) == 0 {
		return
	}
	if i := c.r.IntN(len(c.sources) + len(c.resolvers)); i < len(c.sources) {
		source := c.sources[i]
		if p := c.routers[source]; p != nil {
			p.engine.RemoveRouter(source)
			delete(p.routes, source)
			delete(c.routers, source)
		}
	} else if q := int32(i - len(c.sources)); c.resolvers[q] != nil {
		p := c.resolvers[q]
		p.engine.RemoveResolver(q)
		delete(p.reads, q)
		c.resolvers[q] = nil
	}
}

// crash ends a process: the state is what was applied, or what it was earlier, or nothing. Its
// tasks go to whoever comes.
func (c *cluster) crash(p *process) {
	for source, owner := range c.routers {
		if owner == p {
			delete(c.routers, source)
		}
	}
	for q, owner := range c.resolvers {
		if owner == p {
			c.resolvers[q] = nil
		}
	}
	switch n := c.r.IntN(10); {
	case n < 2:
		c.trace("  process %d loses its store", p.name)
		c.lose(p)
	case n < 5 && len(p.copies) > 0:
		c.trace("  process %d has an older store", p.name)
		p.store = enginetest.Pick(c.r, p.copies).copy()
	case c.badger:
		p.store.open(c.t)
	}
	c.start(p)
}

func (c *cluster) lose(p *process) {
	if c.badger {
		_ = p.store.Close()
	}
	p.store, p.copies = c.newStore(), nil
}

// compact compacts the logs of rows and of staleness. Tombstones go only where every position
// that is saved anywhere is beyond them.
func (c *cluster) compact() {
	below := c.seq
	lower := func(s *simStore) {
		for _, position := range s.routers {
			below = min(below, position)
		}
		for _, position := range s.resolvers {
			below = min(below, position.rows, position.stale)
		}
	}
	for _, p := range c.processes {
		lower(p.store)
		for _, s := range p.copies {
			lower(s)
		}
		for _, position := range p.reads {
			below = min(below, position)
		}
	}
	if enginetest.Chance(c.r, 50) {
		below = 0
	}
	c.trace("compact, tombstones below %d go", below)
	for _, log := range c.rows {
		if enginetest.Chance(c.r, 70) {
			log.compact(below)
		}
	}
	for _, logs := range c.stale {
		for _, log := range logs {
			log.compact(below)
		}
	}
}

var errNeverQuiet = errors.New("never quiet")

// drain runs every process until all logs are read and no work is left.
func (c *cluster) drain() error {
	if len(c.histories) == 1 {
		return nil
	}
	if err := c.assign(); err != nil {
		return err
	}
	budget := enginetest.Pick(c.r, []int{5, 100, 1000})
	for range 3000 {
		busy := false
		for _, p := range enginetest.Some(c.r, c.processes, len(c.processes)) {
			c.readRequests(p)
			more, err := c.epoch(p, epochOptions{all: true, budget: budget})
			if err != nil {
				return err
			}
			busy = busy || more
		}
		if !busy && !c.passTime() {
			return nil
		}
	}
	return errNeverQuiet
}

// passTime lets the clock go on to where a process offers what it holds back; it reports whether one does.
func (c *cluster) passTime() bool {
	next := int64(0)
	for _, p := range c.processes {
		if due := p.engine.NextDue(); due > 0 && (next == 0 || due < next) {
			next = due
		}
	}
	c.now = max(c.now, next)
	return next > 0
}

func (c *cluster) close() {
	if c.badger {
		for _, p := range c.processes {
			if err := p.store.Close(); err != nil {
				c.t.Error(err)
			}
		}
	}
}

// plan returns the newest plan.
func (c *cluster) plan() *graph.Plan { return c.histories[len(c.histories)-1].Plan() }

func stalenessKey(feature graph.FeatureKey, q int32, key string) string {
	return fmt.Sprintf("%s/%d/%s", feature, q, key)
}

func sortedFeatures[T any](m map[graph.FeatureKey]T) []graph.FeatureKey {
	return slices.Sorted(maps.Keys(m))
}
