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
)

// simKafka is what one process reaches of the simulated cluster, its group and its clock: all the interfaces of
// ports.go. At every call the simulation may let something happen elsewhere first.
type simKafka struct {
	s *simulation
	p *simProcess
}

// errSimCrash ends a process where it is.
var errSimCrash = errors.New("the process dies")

// away is that Kafka cannot be asked, now and then.
func (k simKafka) away() error {
	if !k.s.odds(250) {
		return nil
	}
	k.s.faults["kafka away"]++
	return fmt.Errorf("%w: %w", errAway, errSimNetwork)
}

func (k simKafka) Identity(context.Context) ([]byte, error) { return []byte("simulated"), nil }

func (k simKafka) Check(context.Context) error { return nil }

func (k simKafka) Partitions(_ context.Context, topics []string) (map[string]int32, error) {
	if err := k.away(); err != nil {
		return nil, err
	}
	counts := map[string]int32{}
	for _, topic := range topics {
		if n := len(k.s.topics[topic]); n > 0 {
			counts[topic] = int32(n)
		}
	}
	return counts, nil
}

func (k simKafka) MakeTopics(_ context.Context, g *graph.Graph, _ int32) error {
	if err := k.away(); err != nil {
		return err
	}
	k.s.makeTopics(g)
	return nil
}

// Committed waits for the markers of offsets, as a broker that is asked for stable offsets does.
func (k simKafka) Committed(_ context.Context, partitions map[string][]int32) (map[string]map[int32]int64, error) {
	if err := errors.Join(k.away(), k.s.meanwhile(k.p)); err != nil {
		return nil, err
	}
	offsets := map[string]map[int32]int64{}
	for topic, numbers := range partitions {
		offsets[topic] = map[int32]int64{}
		for _, n := range numbers {
			t := task{topic, n}
			for _, txn := range slices.Clone(k.s.txns) {
				if _, ok := txn.offsets[t]; ok {
					k.s.awaitOutcome(txn)
					k.s.settleOffsets(txn)
				}
			}
			offsets[topic][n] = noOffset
			if c, ok := k.s.committed[t]; ok {
				offsets[topic][n] = c.offset
			}
		}
	}
	return offsets, nil
}

func (k simKafka) Offsets(_ context.Context, which int64, partitions map[string][]int32) (map[string]map[int32]int64, error) {
	if err := k.away(); err != nil {
		return nil, err
	}
	offsets := map[string]map[int32]int64{}
	for topic, numbers := range partitions {
		offsets[topic] = map[int32]int64{}
		for _, n := range numbers {
			if which == latestOffset {
				offsets[topic][n] = k.s.topics[topic][n].end
			} else {
				offsets[topic][n] = 0 // cleaning moves no first offset
			}
		}
	}
	return offsets, nil
}

// Read reads logs to the ends that they have when it is called, in turns of a few records of one each. It waits for
// transactions: those that nobody will end are ended by their timeout.
func (k simKafka) Read(_ context.Context, starts map[string]map[int32]int64, _ readProgress, fn func(*kgo.Record) error) (map[string]map[int32]int64, error) {
	type reading struct {
		log           *simLog
		position, end int64
	}
	reached := positions{}
	var todo []*reading
	for _, topic := range slices.Sorted(maps.Keys(starts)) {
		for _, n := range slices.Sorted(maps.Keys(starts[topic])) {
			log := k.s.topics[topic][n]
			if starts[topic][n] > log.end {
				return nil, fmt.Errorf("%s/%d: %w", topic, n, ErrOffsetBeyondEnd)
			}
			reached.set(topic, n, log.end)
			todo = append(todo, &reading{log, starts[topic][n], log.end})
		}
	}
	for len(todo) > 0 {
		if err := errors.Join(k.away(), k.s.meanwhile(k.p)); err != nil {
			return nil, err
		}
		at := k.s.r.IntN(len(todo))
		l := todo[at]
		records := l.log.from(l.position)
		for _, r := range records[:min(len(records), 1+k.s.r.IntN(8))] {
			l.position = r.offset + 1
			if r.offset < l.end && r.visible() {
				if err := fn(r.Record); err != nil {
					return nil, err
				}
			}
		}
		switch {
		case l.position >= l.end, len(records) == 0 && l.log.stable() >= l.end:
			todo = slices.Delete(todo, at, at+1)
		case len(records) == 0:
			txn := l.log.open[0].txn
			k.s.awaitOutcome(txn)
			k.s.settle(txn)
		}
	}
	return reached, nil
}

func (k simKafka) Add(starts map[string]map[int32]int64) {
	for topic, partitions := range starts {
		for n, offset := range partitions {
			k.p.reads[task{topic, n}] = offset
			delete(k.p.handed, task{topic, n})
		}
	}
}

func (k simKafka) Remove(partitions map[string][]int32) {
	for topic, numbers := range partitions {
		for _, n := range numbers {
			delete(k.p.reads, task{topic, n})
			delete(k.p.paused, task{topic, n})
		}
	}
}

func (k simKafka) Pause(partitions map[string][]int32) {
	for topic, numbers := range partitions {
		for _, n := range numbers {
			k.p.paused[task{topic, n}] = true
		}
	}
}

func (k simKafka) Resume(partitions map[string][]int32) {
	for topic, numbers := range partitions {
		for _, n := range numbers {
			delete(k.p.paused, task{topic, n})
		}
	}
}

func (k simKafka) Close() {}

// Poll gives some of what there is.
func (k simKafka) Poll(_ context.Context, maxRecords int) (out []fetched, err error) {
	s := k.s
	tasks := slices.SortedFunc(maps.Keys(k.p.reads), task.compare)
	s.r.Shuffle(len(tasks), func(i, j int) { tasks[i], tasks[j] = tasks[j], tasks[i] })
	for _, t := range tasks {
		if k.p.paused[t] || maxRecords <= 0 || s.readable != nil && !s.readable(t) {
			continue
		}
		if s.faulty() && s.r.IntN(400) == 0 {
			position := k.p.reads[t]
			delete(k.p.reads, t)
			s.faults["offset out of range"]++
			if s.r.IntN(2) == 0 {
				k.p.interrupt() // just as the wait is over
			}
			return out, newFetchError(t.topic, t.partition, position, kerr.OffsetOutOfRange)
		}
		log := s.topics[t.topic][t.partition]
		records := log.from(k.p.reads[t])
		if !s.draining && !s.whole && len(records) > 0 && s.r.IntN(3) > 0 {
			records = records[:s.r.IntN(len(records)+1)]
		}
		records = records[:min(len(records), maxRecords)]
		if len(records) == 0 {
			continue
		}
		maxRecords -= len(records)
		f := fetched{Topic: t.topic, Partition: t.partition, Position: records[len(records)-1].offset + 1, HighWatermark: log.end}
		for _, r := range records {
			if r.visible() {
				f.Records = append(f.Records, r.Record)
			}
		}
		k.p.reads[t] = f.Position
		if t.topic != s.ns.Rows() {
			k.p.handed[t] = append(k.p.handed[t], f.Records...)
		}
		s.activity++
		out = append(out, f)
	}
	return out, nil
}

// simMember is the place of a process in the group.
type simMember struct{ simKafka }

func (m simMember) BeginEpoch(context.Context) error {
	m.p.inEpoch = true
	return nil
}

func (m simMember) EndEpoch() { m.p.inEpoch = false }

func (m simMember) Generation() (string, int32) { return m.p.memberID, m.p.generation }

func (m simMember) SetTopics(topics []string) {
	m.p.topics = map[string]bool{}
	for _, topic := range topics {
		m.p.topics[topic] = true
	}
	m.s.unbalanced = true
}

func (m simMember) Run(context.Context) error { return nil }

func (m simMember) Close(context.Context) error { return nil }

// simClock is the time of the simulation.
type simClock struct{ simKafka }

func (c simClock) Now() time.Time { return time.UnixMilli(c.s.now) }

// Pause lets time pass. A process that waits to be told whether another has its instance id is told so.
func (c simClock) Pause(_ context.Context, d time.Duration) error {
	c.s.now += d.Milliseconds()
	if c.p.replaced {
		return ErrInstanceFenced
	}
	return nil
}
