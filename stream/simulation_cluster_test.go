package stream

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/schema"
	"github.com/freshline/freshline/state"
	"github.com/freshline/freshline/stream/engine"
	"github.com/freshline/freshline/stream/engine/enginetest"
)

// simulation is a whole deployment in one goroutine: logs with transactions, a group, processes, producers, workers,
// and an oracle that hears of what is committed. Everything random comes from the seed.
type simulation struct {
	r        *rand.Rand // of the operation at hand
	ns       Namespace
	defaults graph.Defaults
	hold     time.Duration
	now      int64 // ms
	trace    func(format string, args ...any)

	partitions int32                      // of rows
	counts     map[graph.FeatureKey]int32 // of sample topics, also of features still to come
	topics     map[string][]*simLog
	producers  map[string]*simProducer // by instance id
	txns       []*simTxn               // that wait for markers
	committed  map[task]simOffset
	commits    int

	processes  []*simProcess
	zombies    []*simProcess // whose instance id another has
	owners     map[task]*simProcess
	generation int32
	members    int  // member ids given so far
	unbalanced bool // the group has yet to be rebalanced

	// Of a scenario, which says itself what goes wrong.
	endings  []simEnding     // of the next epochs that have records
	readable func(task) bool // whether a partition can be polled; nil: all can
	whole    bool            // a poll gives all that there is
	late     bool            // no marker comes before it is waited for

	calm     bool // nothing goes wrong in this history
	draining bool // everything is brought to its end: nothing goes wrong, and nothing is late
	frozen   bool // the clock stands still
	depth    int  // of what happens while something else is under way
	activity int  // counts all that comes to pass
	fault    error

	schemas schema.Set
	frame   []byte
	bodies  map[string]*graph.Record // of the samples that were written
	pushed  map[Origin]int           // of each, how many graphs there were

	histories []*graph.History // after so many pushes
	pushes    []Push
	graphs    *enginetest.GraphMaker
	writes    *enginetest.WriteMaker
	requests  []simRequest
	simTold
	changes int            // made from outside
	faults  map[string]int // that came about, by name
}

// newSimulation starts the processes of a deployment without a graph.
func newSimulation(r *rand.Rand, seed uint64, most simLimits) (*simulation, error) {
	s := &simulation{
		r: r, ns: "sim", now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli(), trace: func(string, ...any) {},
		hold:       time.Duration(enginetest.Pick(r, []int{1, 20})) * time.Millisecond,
		partitions: int32(min(most.Partitions, 1+r.IntN(4))), counts: map[graph.FeatureKey]int32{}, topics: map[string][]*simLog{},
		producers: map[string]*simProducer{}, committed: map[task]simOffset{}, owners: map[task]*simProcess{},
		bodies: map[string]*graph.Record{}, pushed: map[Origin]int{}, faults: map[string]int{}, calm: seed%8 == 0,
	}
	s.defaults.Gate = graph.GateSettled
	if seed%3 == 0 {
		s.defaults.Gate = graph.GateImmediate
	}
	known, err := schema.ParseSchema([]byte(`"bytes"`))
	if err != nil {
		return nil, err
	}
	s.schemas.Put(known.Fingerprint(), known)
	s.frame = known.Frame().Append(nil)
	for _, topic := range []struct {
		name       string
		partitions int32
	}{{s.ns.Rows(), s.partitions}, {s.ns.Failures(), s.partitions}, {s.ns.Graph(), 1}, {s.ns.Requests(), 1}, {s.ns.Schemas(), 1}, {s.ns.DeadLetter(), 1}} {
		s.makeTopic(topic.name, topic.partitions)
	}
	s.histories = []*graph.History{graph.NewHistory(s.defaults)}
	s.simTold = newSimTold(s.defaults)
	s.writes = enginetest.NewWriteMaker(r)
	for _, key := range enginetest.FeatureKeys {
		s.counts[graph.FeatureKey(key)] = int32(1 + r.IntN(3)*r.IntN(2))
	}
	s.graphs = &enginetest.GraphMaker{
		R: r, Settled: true, Fixed: map[string][]string{}, Gone: map[string]*enginetest.SpecFeature{},
		Keep: func(key string) bool { return s.counts[graph.FeatureKey(key)] > 1 },
		Check: func(parsed *graph.Graph) bool {
			_, err := s.histories[len(s.histories)-1].Push(int64(len(s.histories)-1), parsed)
			return err == nil
		},
	}
	for i := range min(most.Processes, 1+r.IntN(3)) {
		p := &simProcess{instance: fmt.Sprintf("p%d", i), disk: state.NewMemory()}
		s.processes = append(s.processes, p)
		if err := s.start(p); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *simulation) makeTopic(name string, partitions int32) {
	if s.topics[name] != nil {
		return
	}
	for n := range partitions {
		s.topics[name] = append(s.topics[name], &simLog{task: task{name, n}})
	}
}

// makeTopics makes the topics of the features of a graph.
func (s *simulation) makeTopics(g *graph.Graph) {
	for _, f := range g.Features {
		s.makeTopic(s.ns.Sample(f), s.counts[f.Key])
		s.makeTopic(s.ns.Staleness(f.Key), s.partitions)
	}
}

// append appends a record to a log.
func (s *simulation) append(r *kgo.Record, t task, txn *simTxn) {
	r.Timestamp = time.UnixMilli(s.now)
	s.topics[t.topic][t.partition].append(r, txn)
}

// push appends a graph to the graph topic.
func (s *simulation) push(g *graph.Graph) {
	n := len(s.histories)
	next, err := s.histories[n-1].Push(int64(n-1), g)
	if err != nil {
		s.fail(fmt.Errorf("push: %w", err))
		return
	}
	if s.depth > 0 {
		s.faults["graph while something is under way"]++
	}
	s.trace("  graph %d %s", n-1, s.graphs.Now.Text())
	s.histories = append(s.histories, next)
	s.oracle.Push(g)
	s.makeTopics(g)
	r := &kgo.Record{Key: fmt.Appendf(nil, "push %d", n), Value: s.graphs.Now.Text()}
	s.append(r, task{s.ns.Graph(), 0}, nil)
	s.pushes = append(s.pushes, readPush(r))
	s.changes++
}

// plan returns the newest plan, nil before the first.
func (s *simulation) plan() *graph.Plan { return s.histories[len(s.histories)-1].Plan() }

// write appends a write to the topic of its feature; without a body that can be read where spoilt.
func (s *simulation) write(feature graph.FeatureKey, w *engine.Write, spoilt bool) {
	name := s.ns.Sample(&graph.Feature{Key: feature})
	t := task{name, graph.Partition(w.Key, s.counts[feature])}
	r := &kgo.Record{Key: w.Key}
	if w.Record != nil || spoilt {
		body := binary.BigEndian.AppendUint64(nil, uint64(len(s.bodies)))
		if !spoilt {
			rec := *w.Record
			if w.Delete && rec.DeletedAt.IsNull() {
				rec.DeletedAt = graph.Timestamp(1, 0)
			}
			s.bodies[string(body)] = &rec
		} else {
			body = []byte("no record")
		}
		r.Value = slices.Concat(s.frame, body)
	}
	s.append(r, t, nil)
	s.pushed[Origin{t.topic, t.partition, r.Offset}] = len(s.pushes)
	s.trace("  %v/%d: %s %v", t, r.Offset, w.Key, w.Record)
	s.changes++
}

// fail notes what has gone wrong where it cannot be returned.
func (s *simulation) fail(err error) {
	if s.fault == nil {
		s.fault = err
	}
}

// faulty reports whether things go wrong at present.
func (s *simulation) faulty() bool { return !s.calm && !s.draining }

// odds is true once in n times while things go wrong.
func (s *simulation) odds(n int) bool { return s.faulty() && s.r.IntN(n) == 0 }

// meanwhile lets something happen elsewhere while a process is in the middle of something; it may also be the end of it.
func (s *simulation) meanwhile(p *simProcess) error {
	if !s.faulty() || s.depth >= 2 || !p.running {
		return nil
	}
	if s.r.IntN(250) == 0 {
		s.faults["death in the middle"]++
		return p.die()
	}
	if s.r.IntN(20) > 0 {
		return nil
	}
	s.depth++
	defer func() { s.depth-- }()
	for range 1 + s.r.IntN(4) {
		s.aside(p)
	}
	return nil
}

// aside is something that happens while p is in the middle of something.
func (s *simulation) aside(p *simProcess) {
	switch n := s.r.IntN(20); {
	case n < 10:
		if err := s.turn(enginetest.Pick(s.r, s.processes)); err != nil {
			s.fail(err)
		}
	case n < 12:
		s.writeSome("root")
	case n < 15:
		s.settleAny()
	case n < 16 && p.joined:
		s.leave(p)
		s.rebalance(false)
	case n < 17:
		s.rebalance(true)
	case n < 18:
		s.compact(nil)
	case n < 19 && s.graphs.Now != nil:
		if g := s.graphs.Next(); g != nil {
			s.push(g)
		}
	default:
		if other := enginetest.Pick(s.r, s.processes); !other.running && other.up {
			s.crash(other)
		}
	}
}

// settleAny writes late markers.
func (s *simulation) settleAny() {
	for _, txn := range slices.Clone(s.txns) {
		if txn.outcome != simOngoing && s.r.IntN(2) == 0 {
			s.settle(txn)
		}
	}
}

// compact cleans logs. Without a reason for tombstones to have expired they stay.
func (s *simulation) compact(expired func(*kgo.Record) bool) {
	if expired == nil {
		expired = func(*kgo.Record) bool { return false }
	}
	s.faults["cleaning"]++
	for _, name := range sortedKeys(s.topics) {
		if name == s.ns.Graph() || name == s.ns.DeadLetter() || name == s.ns.Requests() {
			continue
		}
		for _, log := range s.topics[name] {
			if s.r.IntN(3) > 0 {
				log.compact(expired, s.r.IntN(2) == 0)
			}
		}
	}
}

// stop ends a process in good order: it leaves the group.
func (s *simulation) stop(p *simProcess) {
	s.leave(p)
	p.callbacks, p.up = nil, false
}

var errNeverQuiet = errors.New("it never comes to rest")

// drain brings everything to its end.
func (s *simulation) drain() error {
	s.draining = true
	defer func() { s.draining = false }()
	s.zombies = nil
	if len(s.histories) == 1 {
		return nil
	}
	for round := range 5000 {
		before := s.activity
		for _, txn := range slices.Clone(s.txns) {
			s.awaitOutcome(txn)
			s.settle(txn)
		}
		busy := false
		for _, p := range enginetest.Some(s.r, s.processes, len(s.processes)) {
			if p.away {
				continue
			}
			if s.unbalanced {
				s.rebalance(false)
			}
			if err := s.turn(p); err != nil {
				return err
			}
			busy = busy || !p.up || p.busy()
		}
		if round < 2 || busy || s.unbalanced || len(s.txns) > 0 || s.activity != before {
			continue
		}
		if !s.passTime() {
			return s.allOwned()
		}
	}
	return fmt.Errorf("%w: %s", errNeverQuiet, s.restless())
}

// allOwned checks that every task that a graph has use for has a process that works on it.
func (s *simulation) allOwned() error {
	for _, name := range sortedKeys(s.processes[0].wanted) {
		for n := range s.topics[name] {
			t := task{name, int32(n)}
			if owner := s.owners[t]; owner == nil || owner.tasks[t] == nil {
				return fmt.Errorf("nobody works on %v", t)
			}
		}
	}
	return nil
}

// passTime lets the clock go on to where a process offers what it holds back; it reports whether one does.
func (s *simulation) passTime() bool {
	next := int64(0)
	for _, p := range s.processes {
		if p.away {
			continue
		}
		if due := p.engine.NextDue(); due > 0 && (next == 0 || due < next) {
			next = due
		}
	}
	s.now = max(s.now, next)
	return next > 0
}

// restless says what keeps the processes from their rest.
func (s *simulation) restless() string {
	text := ""
	for _, p := range s.processes {
		text += fmt.Sprintf("%s keys %d batch %d up %t more %t held %d unsettled %v changed %t callbacks %d stranded %d joined %t due %d of %d generation %d of %d tasks %d\n",
			p.instance, p.keys, p.batch, p.up, p.more, len(p.held), p.unsettled, p.changed(), len(p.callbacks), len(p.stranded), p.joined, p.engine.NextDue(), s.now, p.generation, s.generation, len(p.tasks))
	}
	return fmt.Sprintf("unbalanced %t, %d transactions, activity %d\n%s", s.unbalanced, len(s.txns), s.activity, text)
}
