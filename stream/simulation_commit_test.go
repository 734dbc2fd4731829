package stream

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// simCommitter is the transactional producer of a process: it ends an epoch in every way that transactions can.
type simCommitter struct{ simKafka }

// simOffset is a committed offset.
type simOffset struct {
	offset int64
	order  int // of the commit
}

// Reinit fences whoever used the transactional id before, and ends its transaction.
func (c simCommitter) Reinit(context.Context) error {
	s, p := c.s, c.p
	if err := errors.Join(c.away(), s.meanwhile(p)); err != nil {
		return err
	}
	producer := s.producers[p.instance]
	if producer == nil {
		producer = &simProducer{}
		s.producers[p.instance] = producer
	}
	producer.epoch++
	if producer.txn != nil {
		if producer.txn.outcome == simOngoing {
			producer.txn.outcome = simAborted
		}
		s.settle(producer.txn)
	}
	p.epoch, p.spoiled = producer.epoch, nil
	return nil
}

func (c simCommitter) Close() {}

func (p *simProcess) spoil(outcome, cause error) error {
	p.spoiled = fmt.Errorf("%w: %w", outcome, cause)
	return p.spoiled
}

// simEnding is how an epoch of a scenario ends.
type simEnding int

const (
	endWell       simEnding = iota
	endAborted              // a step of it was refused
	endUnasked              // the request for the commit was lost, and so is the answer
	endUnanswered           // it was committed, and the answer is lost
	endDeadBefore           // the process dies before it asks for the commit
	endDeadAfter            // it dies when all is committed, before the state is written
)

func (s *simulation) nextEnding() simEnding {
	if len(s.endings) == 0 {
		return endWell
	}
	next := s.endings[0]
	s.endings = s.endings[1:]
	return next
}

// errSimNetwork is an answer that does not come.
var errSimNetwork = errors.New("the answer does not come")

// Commit commits an epoch, or ends it in one of the other ways.
func (c simCommitter) Commit(_ context.Context, epoch Epoch) (Committed, error) {
	s, p := c.s, c.p
	switch {
	case p.spoiled != nil:
		return nil, fmt.Errorf("%w: %w", ErrUnknown, p.spoiled)
	case epoch.check() != nil:
		return nil, fmt.Errorf("%w: %w", ErrRejected, epoch.check())
	}
	if err := s.meanwhile(p); err != nil {
		return nil, err
	}
	if s.odds(60) {
		s.faults["epoch aborted"]++
		return nil, fmt.Errorf("%w: %w", ErrAborted, errSimNetwork)
	}
	if len(epoch.Records) == 0 {
		return c.commitOffsets(&epoch)
	}
	producer := s.producers[p.instance]
	if p.epoch != producer.epoch {
		s.faults["producer fenced"]++
		return nil, p.spoil(ErrFenced, kerr.InvalidProducerEpoch)
	}
	txn := &simTxn{producer: producer, offsets: map[task]int64{}}
	producer.txn = txn
	s.txns = append(s.txns, txn)
	err := c.fill(txn, &epoch)
	switch {
	case errors.Is(err, errSimCrash):
		return nil, err
	case txn.outcome != simOngoing, p.epoch != producer.epoch:
		s.faults["producer fenced in its transaction"]++
		return nil, p.spoil(ErrFenced, kerr.InvalidProducerEpoch)
	case err != nil:
		return nil, c.refuse(txn, err)
	}
	switch s.nextEnding() {
	case endWell:
	case endAborted:
		return nil, c.refuse(txn, kerr.IllegalGeneration)
	case endUnasked:
		return nil, p.spoil(ErrUnknown, errSimNetwork)
	case endUnanswered:
		s.commit(txn, p, &epoch)
		return nil, p.spoil(ErrUnknown, errSimNetwork)
	case endDeadBefore:
		return nil, p.die()
	case endDeadAfter:
		s.commit(txn, p, &epoch)
		return nil, p.die()
	}
	switch n := s.r.IntN(150); {
	case !s.faulty():
	case n == 0: // the request is lost
		s.faults["commit not asked for"]++
		return nil, p.spoil(ErrUnknown, errSimNetwork)
	case n == 1: // the answer is lost
		s.faults["answer to a commit lost"]++
		s.commit(txn, p, &epoch)
		return nil, p.spoil(ErrUnknown, errSimNetwork)
	case n == 2:
		s.faults["death before the commit"]++
		return nil, p.die()
	}
	s.commit(txn, p, &epoch)
	if s.odds(150) {
		s.faults["death after the commit"]++
		return nil, p.die()
	}
	return epoch.lastOffsets(), nil
}

// fill does what lies before the end of a transaction.
func (c simCommitter) fill(txn *simTxn, epoch *Epoch) error {
	s, p := c.s, c.p
	byPlace := map[task][]*kgo.Record{}
	for _, r := range epoch.Records {
		t := task{r.Topic, r.Partition}
		byPlace[t] = append(byPlace[t], r)
	}
	places := slices.SortedFunc(maps.Keys(byPlace), task.compare)
	s.r.Shuffle(len(places), func(i, j int) { places[i], places[j] = places[j], places[i] })
	for _, t := range places {
		for _, r := range byPlace[t] {
			s.append(r, t, txn)
		}
		if err := s.meanwhile(p); err != nil {
			return err
		}
		if txn.outcome != simOngoing {
			return nil // the broker has ended it
		}
	}
	if s.odds(200) {
		return errSimNetwork
	}
	if !epoch.hasOffsets() {
		return nil
	}
	if err := s.fence(p, epoch); err != nil {
		return err
	}
	s.commits++
	txn.order = s.commits
	for topic, partitions := range epoch.Offsets {
		for n, offset := range partitions {
			txn.offsets[task{topic, n}] = offset
		}
	}
	return s.meanwhile(p)
}

// refuse aborts a transaction of which a step was refused.
func (c simCommitter) refuse(txn *simTxn, cause error) error {
	if judge(cause) == verdictFenced {
		return c.p.spoil(ErrFenced, cause)
	}
	txn.outcome = simAborted
	c.s.settleSome(txn)
	return fmt.Errorf("%w: %w", ErrAborted, cause)
}

// commitOffsets commits an epoch without records.
func (c simCommitter) commitOffsets(epoch *Epoch) (Committed, error) {
	s, p := c.s, c.p
	if !epoch.hasOffsets() {
		return Committed{}, nil
	}
	lost := s.odds(150)
	if lost && s.r.IntN(2) == 0 {
		return nil, p.spoil(ErrUnknown, errSimNetwork)
	}
	if err := s.fence(p, epoch); err != nil {
		if judge(err) == verdictFenced {
			return nil, p.spoil(ErrFenced, err)
		}
		return nil, fmt.Errorf("%w: %w", ErrAborted, err)
	}
	s.commits++
	for topic, partitions := range epoch.Offsets {
		for n, offset := range partitions {
			s.committed[task{topic, n}] = simOffset{offset, s.commits}
		}
	}
	s.take(p, epoch)
	if lost {
		return nil, p.spoil(ErrUnknown, errSimNetwork)
	}
	return Committed{}, nil
}

// fence refuses offsets of whoever is no member of the present generation.
func (s *simulation) fence(p *simProcess, epoch *Epoch) error {
	switch {
	case p.replaced:
		s.faults["instance fenced"]++
		return kerr.FencedInstanceID
	case !p.joined || epoch.MemberID != p.groupID:
		s.faults["zombie member fenced"]++
		if len(epoch.Records) == 0 {
			s.faults["zombie fenced in an epoch without records"]++
		}
		return kerr.UnknownMemberID
	case epoch.Generation != s.generation:
		s.faults["generation fenced"]++
		return kerr.IllegalGeneration
	}
	return nil
}

// commit ends a transaction well.
func (s *simulation) commit(txn *simTxn, p *simProcess, epoch *Epoch) {
	txn.outcome = simCommitted
	s.take(p, epoch)
	s.settleSome(txn)
}

// awaitOutcome waits for the end of a transaction: one that goes on is ended by its timeout, which fences its producer.
func (s *simulation) awaitOutcome(txn *simTxn) {
	if txn.outcome == simOngoing {
		s.trace("  a transaction times out")
		s.faults["transaction timed out"]++
		txn.outcome = simAborted
		txn.producer.epoch++
	}
}

// settle writes the markers of a transaction that has ended.
func (s *simulation) settle(txn *simTxn) {
	for _, log := range txn.logs {
		log.mark(txn)
	}
	txn.logs = nil
	s.settleOffsets(txn)
}

// settleSome writes some of its markers; the others are late.
func (s *simulation) settleSome(txn *simTxn) {
	if s.late {
		return
	}
	late := s.faulty() && s.r.IntN(2) == 0
	var left []*simLog
	for _, log := range txn.logs {
		if late && s.r.IntN(2) == 0 {
			left = append(left, log)
			s.faults["marker late"]++
		} else {
			log.mark(txn)
		}
	}
	txn.logs = left
	if !late || s.r.IntN(2) == 0 {
		s.settleOffsets(txn)
	}
}

// settleOffsets makes the offsets of a transaction those of the group, unless newer ones are.
func (s *simulation) settleOffsets(txn *simTxn) {
	if txn.outcome == simCommitted {
		for t, offset := range txn.offsets {
			if s.committed[t].order < txn.order {
				s.committed[t] = simOffset{offset, txn.order}
			}
		}
	}
	txn.offsets = nil
	s.txns = slices.DeleteFunc(s.txns, func(o *simTxn) bool { return o.outcome != simOngoing && len(o.logs) == 0 && len(o.offsets) == 0 })
}
