package stream

import (
	"context"
	"fmt"
	"slices"

	"github.com/freshline/freshline/graph"
)

// syncGraphs reads the graph topic to its end and puts the newest graph in force.
func (p *Processor) syncGraphs(ctx context.Context) error {
	pushes, err := p.graphs.SyncToEnd(ctx)
	if err != nil {
		return err
	}
	return p.takeGraphs(ctx, pushes)
}

// takeGraphs puts the newest of some pushes in force. A record that is no graph, or a graph that
// this release refuses, is skipped, as every process does.
func (p *Processor) takeGraphs(ctx context.Context, pushes []Push) error {
	changed := false
	for _, push := range pushes {
		err := push.Err
		if err == nil {
			err = push.Graph.Check()
		}
		var next *graph.History
		if err == nil {
			next, err = p.history.Push(push.Number, push.Graph)
		}
		if err != nil {
			p.o.Log.Error("a graph is not usable and is skipped: the one before stays in force", "number", push.Number, "error", err)
			continue
		}
		p.history, changed = next, true
		p.pushed[push.Number] = push.Time
		push.count(p.counted)
	}
	p.behind = p.behind || changed
	if !p.behind {
		return nil
	}
	if err := p.pushGraph(ctx); err != nil {
		return err
	}
	p.behind = false
	return nil
}

// pushGraph puts the newest graph in force in the engine, and follows it with topics and tasks.
func (p *Processor) pushGraph(ctx context.Context) error {
	plan := p.history.Plan()
	if err := p.logs.MakeTopics(ctx, plan.Graph, p.partitions); err != nil {
		return fmt.Errorf("graph %d: %w", plan.Number, err)
	}
	p.engine.Push(p.history)
	topics := []string{p.o.Namespace.Rows()}
	p.wanted = map[string]bool{p.o.Namespace.Rows(): true, p.o.Namespace.Failures(): true}
	for _, f := range plan.Features {
		name := p.o.Namespace.Sample(f.Spec)
		topics, p.wanted[name] = append(topics, name), true
	}
	for _, key := range p.history.FeatureKeys() {
		topics = append(topics, p.o.Namespace.Staleness(key))
	}
	counts, err := p.logs.Partitions(ctx, topics)
	if err != nil {
		return err
	}
	for name, n := range counts {
		p.counts[name] = n
	}
	for name := range p.wanted {
		if was, is := p.counted[name], counts[name]; was != 0 && is != was {
			return fmt.Errorf("topic %s had %d partitions when its feature was published and has %d: samples written since lie in other partitions than before, and would be counted twice; take over the new number with `freshline topics accept FEATURE`, or write to a topic of its own (topic: in the graph) with the number of partitions that you want", name, was, is)
		}
	}
	if err := p.setTargets(ctx); err != nil {
		return err
	}
	p.more, p.follow = true, true
	p.show()
	p.o.Log.Info("a graph is in force", "number", plan.Number, "features", len(plan.Features))
	if p.o.Hooks.OnGraph != nil {
		p.o.Hooks.OnGraph(plan.Number)
	}
	return nil
}

// followGraph follows the graph in force with the topics that the process takes its share of.
// It runs between epochs: the group may call back before SetTopics returns. Tasks of topics that
// the graph has no use for are parked, and come back with them.
func (p *Processor) followGraph(ctx context.Context) error {
	if !p.follow {
		return nil
	}
	p.follow = false
	topics := make([]string, 0, len(p.wanted))
	for name := range p.wanted {
		topics = append(topics, name)
	}
	p.member.SetTopics(topics)
	for t := range p.tasks {
		if !p.wanted[t.topic] || p.stranded[t] {
			if err := p.drop(t); err != nil {
				return err
			}
			p.parked[t] = true
		}
	}
	clear(p.stranded)
	var back []task
	for t := range p.parked {
		if p.wanted[t.topic] {
			delete(p.parked, t)
			back = append(back, t)
		}
	}
	slices.SortFunc(back, task.compare)
	return p.recover(ctx, back)
}

// setTargets tells the engine where the logs of sample topics end now: what a graph brings is
// complete only once they have been read so far (E4).
func (p *Processor) setTargets(ctx context.Context) error {
	partitions := p.samplePartitions()
	if len(partitions) == 0 {
		return nil
	}
	ends, err := p.logs.Offsets(ctx, latestOffset, partitions)
	if err != nil {
		return err
	}
	for topic, byPartition := range ends {
		for partition, end := range byPartition {
			p.engine.SetTarget(task{topic, partition}.source(), end)
		}
	}
	return nil
}
