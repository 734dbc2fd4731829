package integration_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/freshline/freshline/graph"
)

// zombieSleep is longer than the group waits for a member (20 s) and the coordinator for the end of a transaction (10 s).
const zombieSleep = 23 * time.Second

// killProcessors kills a random processor every few seconds, and starts it again with what state kind says.
func killProcessors(kind stateKind) func(*faultRun) error {
	return func(r *faultRun) error {
		for r.pass(r.some(300*time.Millisecond, 3*time.Second)) {
			p := r.processes[r.rng.IntN(len(r.processes))]
			if !p.running() {
				if err := r.startAll(); err != nil {
					return err
				}
				continue
			}
			if err := errors.Join(p.kill(), p.prepare(kind), p.start()); err != nil {
				return err
			}
		}
		return nil
	}
}

// scaleProcessors adds processors and takes them away, by a clean stop or for good by a kill.
func scaleProcessors(r *faultRun) error {
	added := 0
	for r.pass(r.some(500*time.Millisecond, 4*time.Second)) {
		running := 0
		for _, p := range r.processes {
			if p.running() {
				running++
			}
		}
		if running < 2 || running < 5 && r.rng.IntN(2) == 0 {
			added++
			if err := r.add(fmt.Sprint("added", added)).start(); err != nil {
				return err
			}
			continue
		}
		i := r.rng.IntN(len(r.processes))
		p := r.processes[i]
		if !p.running() {
			continue
		}
		var err error
		if r.rng.IntN(3) == 0 {
			err = p.kill()
		} else {
			err = p.stop(r.ctx)
		}
		if err != nil {
			return err
		}
		r.gone = append(r.gone, p)
		r.processes = append(r.processes[:i:i], r.processes[i+1:]...)
	}
	return nil
}

// pauseProcessor stops a processor for longer than the group waits for it, and lets it go on: others have its
// partitions by then, and what it still had in hand must change nothing.
func pauseProcessor(r *faultRun) error {
	for r.pass(r.some(500*time.Millisecond, 2*time.Second)) {
		if err := r.zombie(r.processes[r.rng.IntN(len(r.processes))]); err != nil {
			return err
		}
	}
	return nil
}

// zombie pauses a process for so long that it is one when it goes on. The time is taken in full: it is not the round's.
func (r *faultRun) zombie(p *process) error {
	if err := p.pause(); err != nil {
		return err
	}
	r.logf("%s is paused", p.instance())
	pass(r.ctx, nil, zombieSleep)
	r.logf("%s goes on", p.instance())
	return p.resume()
}

// pauseInFanout writes a parent of many children, and pauses the process that tells them as soon as the first of its
// events lies in the log: its transaction is open then.
func pauseInFanout(r *faultRun) error {
	admin := kadm.NewClient(r.admin())
	topic := r.ns.Staleness("page")
	for r.pass(time.Second) {
		p, partition, err := r.ownerOfAlbum(admin, 0)
		if err != nil {
			r.logf("nobody owns the album: %v", err)
			continue
		}
		before, err := admin.ListEndOffsets(r.ctx, topic)
		if err != nil {
			return err
		}
		was, _ := before.Lookup(topic, partition)
		select {
		case r.traffic.albums <- 0:
		case <-r.round.Done():
			return nil
		}
		for begun := false; !begun && r.round.Err() == nil; {
			now, err := admin.ListEndOffsets(r.ctx, topic)
			if err != nil {
				return err
			}
			at, _ := now.Lookup(topic, partition)
			begun = at.Offset > was.Offset
		}
		if err := p.pause(); err != nil {
			return err
		}
		end, err := admin.ListEndOffsets(r.ctx, topic)
		if err != nil {
			return err
		}
		stable, err := admin.ListCommittedOffsets(r.ctx, topic)
		if err != nil {
			return err
		}
		e, _ := end.Lookup(topic, partition)
		s, _ := stable.Lookup(topic, partition)
		r.logf("%d events of the fan-out lie in the log, %d of them in an open transaction", e.Offset-was.Offset, e.Offset-s.Offset)
		if err := r.zombie(p); err != nil {
			return err
		}
	}
	return nil
}

// ownerOfAlbum finds the process that owns the partition of rows where an album and its pages lie.
func (r *faultRun) ownerOfAlbum(admin *kadm.Client, album int) (*process, int32, error) {
	groups, err := admin.DescribeGroups(r.ctx, r.ns.Group())
	if err != nil {
		return nil, 0, err
	}
	partition := graph.Partition(graph.AppendTuple(nil, graph.Int(int64(album))), 4)
	for _, member := range groups[r.ns.Group()].Members {
		assigned, ok := member.Assigned.AsConsumer()
		if !ok || member.InstanceID == nil {
			continue
		}
		for _, topic := range assigned.Topics {
			if topic.Topic != r.ns.Rows() {
				continue
			}
			for _, q := range topic.Partitions {
				for _, p := range r.processes {
					if q == partition && p.instance() == *member.InstanceID && p.running() {
						return p, partition, nil
					}
				}
			}
		}
	}
	return nil, 0, fmt.Errorf("group %s: no member has partition %d of rows", r.ns.Group(), partition)
}
