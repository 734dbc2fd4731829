package stream

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/schema"
	"github.com/freshline/freshline/state"
	"github.com/freshline/freshline/stream/engine"
	"github.com/freshline/freshline/stream/engine/enginetest"
)

// simProcess is one process: a real Processor, of which only the store outlives its end.
type simProcess struct {
	instance string
	*Processor

	disk   *state.Memory
	copies []*state.Memory // what the disk was earlier

	up      bool  // it runs
	away    bool  // it is not to be started
	doomed  bool  // it dies as soon as the simulation has the word
	running bool  // a turn of it is under way
	inEpoch bool  // an epoch is: changes of ownership wait
	epoch   int   // of its producer
	spoiled error // why it has to be initialised

	handed   map[task][]*kgo.Record // inputs that it has polled, and nobody has committed
	reads    map[task]int64         // by the live reader
	paused   map[task]bool
	topics   map[string]bool // of the graph that it follows
	followed map[string]int64
	seen     int // graphs that its tail has been given
	from     int // of these, when the turn began

	// What the group has of it, and what it knows of that.
	joined     bool
	groupID    string // its member id
	memberID   string
	generation int32
	owned      map[task]bool
	callbacks  []func() // that have not reached it
	replaced   bool     // another process has its instance id
}

// simStore is the state of a process. It refuses what it should take, or ends the process, now and then.
type simStore struct {
	enginetest.Fickle
	s *simulation
	p *simProcess
}

var errSimRefused = errors.New("the disk refuses")

// Apply implements state.Store.
func (d simStore) Apply(o *state.Overlay) error {
	switch n := d.s.r.IntN(600); {
	case !d.s.faulty():
	case n == 0:
		d.s.faults["write of the state refused"]++
		return errSimRefused
	case n == 1:
		d.s.faults["death before the state is written"]++
		return d.p.die()
	}
	if err := d.Fickle.Apply(o); err != nil {
		return err
	}
	if d.s.faulty() && d.s.r.IntN(25) == 0 {
		d.p.copies = append(d.p.copies, d.p.disk.Copy())
	}
	if d.s.faulty() && d.s.r.IntN(600) == 0 {
		return d.p.die()
	}
	return nil
}

// Close implements state.Store: the disk stays.
func (d simStore) Close() error { return nil }

// die dooms a process.
func (p *simProcess) die() error {
	p.doomed = true
	return errSimCrash
}

// simRecords decodes what the simulation writes in sample topics: the number of a record.
type simRecords struct{ s *simulation }

// DecodeRecord implements schema.RecordDecoder.
func (d simRecords) DecodeRecord(_ *schema.Schema, body []byte) (*graph.Record, error) {
	rec := d.s.bodies[string(body)]
	if rec == nil {
		return nil, schema.ErrBadBytes
	}
	return rec, nil
}

// start starts a process over what its disk holds.
func (s *simulation) start(p *simProcess) error {
	s.trace("  %s starts", p.instance)
	real, err := NewProcessor(ProcessorOptions{
		Cluster: Cluster{Brokers: []string{"simulated:1"}}, Namespace: s.ns, InstanceID: p.instance, Hold: s.hold,
	})
	if err != nil {
		return err
	}
	kafka := simKafka{s, p}
	p.Processor = real
	p.handed = map[task][]*kgo.Record{}
	p.reads, p.paused, p.topics, p.owned = map[task]int64{}, map[task]bool{}, map[string]bool{}, map[task]bool{}
	p.followed, p.seen = map[string]int64{}, 0
	p.callbacks, p.memberID, p.generation, p.spoiled = nil, "", -1, errors.New("never initialised")
	real.clock, real.logs, real.fetch, real.txns, real.member = simClock{kafka}, kafka, kafka, simCommitter{kafka}, simMember{kafka}
	real.testStore = simStore{enginetest.Fickle{Memory: p.disk}, s, p}
	real.history = graph.NewHistory(s.defaults)
	real.keys = enginetest.Pick(s.r, []int{5, 20, 1000})
	real.batch = enginetest.Pick(s.r, []int{1, 3, 1000})
	real.graphs, real.requests = NewGraphTail(real.o.Cluster, s.ns), newRequestTail(real.o.Cluster, s.ns, real.o.Log)
	real.graphs.tail.testSync = func(context.Context) error { return errors.Join(kafka.away(), s.syncGraphs(p)) }
	real.requests.tail.testSync = func(context.Context) error { return errors.Join(kafka.away(), s.syncRequests(p)) }
	real.decode = schema.NewDecoder(&s.schemas, simRecords{s})
	p.running = true
	err = s.begin(p)
	p.running = false
	if p.doomed || errors.Is(err, errSimRefused) || errors.Is(err, errAway) {
		s.crash(p)
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s starts: %w", p.instance, err)
	}
	p.up, p.callbacks = true, nil // the group says all of it to who joins
	s.join(p)
	return nil
}

// begin does what Run does before its loop.
func (s *simulation) begin(p *simProcess) error {
	ctx := context.Background()
	if err := p.prepareTopics(ctx); err != nil {
		return err
	}
	config := p.engineConfig(p.partitions)
	config.Inline, config.CountFrom = enginetest.Pick(s.r, []int{0, 1, 2, 5}), enginetest.Pick(s.r, []int{1, 1, 2, 0})
	p.engine = engine.New(config)
	if err := p.openStore(ctx); err != nil {
		return err
	}
	p.beginAnswers()
	if err := p.txns.Reinit(ctx); err != nil {
		return err
	}
	return p.Processor.begin(ctx)
}

// crash ends a process: the disk is what it was, or what it was earlier, or empty. It comes back when it is its turn.
func (s *simulation) crash(p *simProcess) {
	s.trace("  %s dies", p.instance)
	p.up, p.doomed, p.running, p.inEpoch = false, false, false, false
	switch n := s.r.IntN(10); {
	case n < 2:
		s.trace("  the state of %s is lost", p.instance)
		s.faults["state lost"]++
		p.disk, p.copies = state.NewMemory(), nil
	case n < 5 && len(p.copies) > 0:
		s.trace("  %s has an older state", p.instance)
		s.faults["older state"]++
		p.disk = enginetest.Pick(s.r, p.copies).Copy()
	}
}

// forget ends a process, and its disk is empty.
func (s *simulation) forget(p *simProcess) {
	s.crash(p)
	p.disk, p.copies = state.NewMemory(), nil
}

// turn lets a process take a turn of its loop.
func (s *simulation) turn(p *simProcess) error {
	switch {
	case p.running:
		return nil
	case !p.up:
		return s.start(p)
	}
	if s.draining || s.r.IntN(3) > 0 {
		s.callBack(p)
	}
	if s.draining || s.r.IntN(2) == 0 {
		if err := errors.Join(s.syncGraphs(p), s.syncRequests(p)); err != nil {
			return err
		}
	}
	if !s.frozen {
		s.now += s.r.Int64N(30)
	}
	p.running, p.from = true, p.seen
	err := p.Processor.turn(context.Background())
	p.running, p.inEpoch = false, false
	switch {
	case p.doomed, errors.Is(err, errSimRefused):
		s.crash(p)
		return nil
	case p.replaced && (errors.Is(err, ErrInstanceFenced) || errors.Is(err, kerr.FencedInstanceID)):
		s.trace("  %s, the one before, hears of it and ends", p.instance)
		p.up = false
		s.zombies = slices.DeleteFunc(s.zombies, func(z *simProcess) bool { return z == p })
		return nil
	case err != nil:
		return fmt.Errorf("%s ends: %w", p.instance, err)
	}
	return nil
}

// busy reports whether a process has anything left that no record waits for.
func (p *simProcess) busy() bool {
	return p.more && len(p.tasks) > 0 || len(p.held) > 0 || p.unsettled != nil || p.changed() || len(p.callbacks) > 0 || len(p.stranded) > 0
}

// syncGraphs gives the tail of a process all graphs that there are.
func (s *simulation) syncGraphs(p *simProcess) error {
	return s.follow(p, s.ns.Graph(), func(*kgo.Record) {
		p.graphs.take(s.pushes[p.seen])
		p.seen++
	})
}

func (s *simulation) syncRequests(p *simProcess) error {
	return s.follow(p, s.ns.Requests(), func(r *kgo.Record) {
		p.requests.add(r)
		p.asked.Store(true)
	})
}

func (s *simulation) follow(p *simProcess, topic string, add func(*kgo.Record)) error {
	if err := s.meanwhile(p); err != nil {
		return err
	}
	for _, r := range s.topics[topic][0].from(p.followed[topic]) {
		p.followed[topic] = r.offset + 1
		if r.visible() {
			s.activity++
			add(r.Record)
		}
	}
	return nil
}

// join makes a process a member of the group, again by its instance id: what it owned is still its own if the group
// has not given it away.
func (s *simulation) join(p *simProcess) {
	s.members++
	p.joined, p.groupID = true, fmt.Sprintf("%s-%d", p.instance, s.members)
	s.unbalanced = true
}

// leave takes a process out of the group, after its session has timed out or since it says so. The transaction
// timeout is shorter than that of the session. The process need not know of it.
func (s *simulation) leave(p *simProcess) {
	s.trace("  the group throws %s out", p.instance)
	if p.running {
		s.faults["thrown out in the middle"]++
	}
	if producer := s.producers[p.instance]; producer != nil && producer.txn != nil && !p.replaced {
		s.awaitOutcome(producer.txn)
	}
	p.joined, p.groupID = false, ""
	for t, owner := range s.owners {
		if owner == p {
			delete(s.owners, t)
		}
	}
	if p.up {
		p.callbacks = append(p.callbacks, func() {
			p.memberID, p.generation = "", -1
			(*ownership)(p.Processor).Lost(context.Background(), byTopic(p.owned))
			p.owned = map[task]bool{}
			if !p.replaced {
				s.join(p)
			}
		})
	}
	s.unbalanced = true
}

// callBack gives a process the word of the group that has not reached it.
func (s *simulation) callBack(p *simProcess) {
	for len(p.callbacks) > 0 {
		next := p.callbacks[0]
		p.callbacks = p.callbacks[1:]
		next()
	}
}

// rebalance gives every task to a member. Those of members whose turn is under way stay where they are, and they
// hear of the new generation late; some others move.
func (s *simulation) rebalance(move bool) {
	s.unbalanced = false
	s.generation++
	var members []*simProcess
	for _, p := range s.processes {
		if p.joined {
			members = append(members, p)
		}
	}
	if len(members) == 0 {
		return
	}
	s.trace("  generation %d", s.generation)
	for _, name := range slices.Sorted(maps.Keys(s.topics)) {
		var able []*simProcess
		for _, p := range members {
			if p.topics[name] {
				able = append(able, p)
			}
		}
		for n := range s.topics[name] {
			t := task{name, int32(n)}
			owner := s.owners[t]
			if owner != nil && (owner.running || len(owner.callbacks) > 0) {
				continue // it cannot have let go yet
			}
			if owner != nil && owner.topics[name] && !(move && s.r.IntN(4) == 0) {
				continue
			}
			delete(s.owners, t)
			if len(able) > 0 {
				s.owners[t] = enginetest.Pick(s.r, able)
			}
		}
	}
	for _, p := range members {
		s.tell(p)
	}
}

// tell tells a member what it has, and the generation.
func (s *simulation) tell(p *simProcess) {
	gone, come := map[task]bool{}, map[task]bool{}
	for t := range p.owned {
		if s.owners[t] != p {
			gone[t] = true
		}
	}
	for t, owner := range s.owners {
		if owner == p && !p.owned[t] {
			come[t] = true
		}
	}
	if len(gone)+len(come) > 0 {
		s.trace("  %s loses %v, gets %v", p.instance, byTopic(gone), byTopic(come))
	}
	id, generation := p.groupID, s.generation
	word := func() {
		if len(gone) > 0 {
			(*ownership)(p.Processor).Revoked(context.Background(), byTopic(gone))
		}
		p.memberID, p.generation = id, generation
		if len(come) > 0 {
			(*ownership)(p.Processor).Assigned(context.Background(), byTopic(come))
		}
		for t := range gone {
			delete(p.owned, t)
		}
		maps.Copy(p.owned, come)
	}
	switch {
	case len(gone) > 0 && !p.running:
		word() // nobody else has them before it has answered
	case p.running, len(p.callbacks) > 0, !s.draining && s.r.IntN(3) == 0:
		p.callbacks = append(p.callbacks, word)
	default:
		word()
	}
}

// byTopic makes of tasks what the group says.
func byTopic(tasks map[task]bool) map[string][]int32 {
	partitions := map[string][]int32{}
	for _, t := range slices.SortedFunc(maps.Keys(tasks), task.compare) {
		partitions[t.topic] = append(partitions[t.topic], t.partition)
	}
	return partitions
}

// replace starts a second process with the instance id of one that goes on and does not know.
func (s *simulation) replace(at int) error {
	old := s.processes[at]
	if !old.up || old.running || len(s.zombies) > 1 {
		return nil
	}
	s.trace("  %s is started a second time", old.instance)
	s.faults["second process of an instance"]++
	next := &simProcess{instance: old.instance, disk: state.NewMemory()}
	if enginetest.Chance(s.r, 50) {
		next.disk = old.disk.Copy() // a volume that was moved
	}
	old.replaced, old.joined = true, false
	for t, owner := range s.owners {
		if owner == old {
			s.owners[t] = next
		}
	}
	s.zombies, s.processes[at] = append(s.zombies, old), next
	return s.start(next)
}

const simDay = 24 * time.Hour
