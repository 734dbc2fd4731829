package stream

import (
	"context"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// ownership notes changes of ownership for the loop: the group waits for it.
type ownership Processor

func (o *ownership) Assigned(_ context.Context, partitions map[string][]int32) {
	o.note(change{partitions: partitions, own: true})
}

func (o *ownership) Revoked(_ context.Context, partitions map[string][]int32) {
	o.note(change{partitions: partitions})
}

func (o *ownership) Lost(_ context.Context, partitions map[string][]int32) {
	o.note(change{partitions: partitions})
}

// note runs between two epochs, and the next one begins by looking at what it noted: so a task
// that was revoked is in no epoch after Revoked has returned.
func (o *ownership) note(c change) {
	p := (*Processor)(o)
	copied := map[string][]int32{}
	for topic, partitions := range c.partitions {
		copied[topic] = slices.Clone(partitions)
	}
	c.partitions = copied
	p.mu.Lock()
	p.changes = append(p.changes, c)
	p.mu.Unlock()
	p.interrupt()
}

// changed reports whether changes of ownership wait to be taken.
func (p *Processor) changed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.changes) > 0
}

// takeChanges lets go of tasks that are gone and recovers those that have come.
func (p *Processor) takeChanges(ctx context.Context) error {
	p.mu.Lock()
	changes := p.changes
	p.changes = nil
	p.mu.Unlock()
	if len(changes) == 0 {
		return nil
	}
	come := map[task]bool{}
	for _, c := range changes {
		for topic, partitions := range c.partitions {
			for _, partition := range partitions {
				t := task{topic, partition}
				if c.own {
					come[t] = true
					continue
				}
				delete(come, t)
				delete(p.parked, t)
				if err := p.drop(t); err != nil {
					return err
				}
			}
		}
	}
	var list []task
	for t := range come {
		if p.tasks[t] == nil {
			list = append(list, t)
		}
	}
	slices.SortFunc(list, task.compare)
	if len(list) > 0 {
		p.o.Log.Info("the group has given tasks", "tasks", len(list))
	}
	if err := p.recover(ctx, list); err != nil {
		return err
	}
	if len(p.tasks) > 0 {
		p.opened.Do(func() { close(p.ready) })
	}
	return nil
}

func (t task) compare(o task) int {
	switch {
	case t.topic < o.topic:
		return -1
	case t.topic > o.topic:
		return 1
	}
	return int(t.partition) - int(o.partition)
}

// drop lets go of a task. Its state stays, with how far it is complete.
func (p *Processor) drop(t task) error {
	if p.tasks[t] == nil {
		return nil
	}
	p.fetch.Remove(map[string][]int32{t.topic: {t.partition}})
	if t.topic == p.o.Namespace.Rows() {
		p.engine.RemoveResolver(t.partition)
		delete(p.lag, t.partition)
	} else {
		p.engine.RemoveRouter(t.source())
	}
	p.held = slices.DeleteFunc(p.held, func(f fetched) bool { return task{f.Topic, f.Partition} == t })
	delete(p.tasks, t)
	p.show()
	return p.freeze(t, p.clock.Now().UnixMilli())
}

// partitionCounts returns the numbers of partitions of those of some topics that exist.
func partitionCounts(ctx context.Context, client *kgo.Client, topics []string) (map[string]int32, error) {
	details, err := kadm.NewClient(client).ListTopics(ctx, topics...)
	if err != nil {
		return nil, err
	}
	counts := map[string]int32{}
	for _, d := range details {
		if d.Err == nil {
			counts[d.Topic] = int32(len(d.Partitions))
		}
	}
	return counts, nil
}
