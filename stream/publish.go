package stream

import (
	"bytes"
	"context"
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/freshline/freshline/graph"
)

// PublishOptions are the settings of Publish. The zero value works.
type PublishOptions struct {
	// Topics are the settings of topics that are made.
	Topics TopicOptions

	// Force publishes also a graph that is equal to the one in force.
	Force bool
}

// Published is what Publish came to.
type Published struct {
	Number    int64        // of the graph that is in force now
	Published bool         // false: the graph in force is equal
	Topics    []string     // that were made, sorted
	Before    *graph.Graph // that was in force; without features where there was none
}

// GraphRefusedError says that a graph breaks a rule, by itself or after those published before.
type GraphRefusedError struct{ Err error }

func (e *GraphRefusedError) Error() string { return "the graph is refused: " + e.Err.Error() }

func (e *GraphRefusedError) Unwrap() error { return e.Err }

// Publish puts a graph in force: it checks it in full and against all graphs published before, makes
// the topics that it misses, checks the others, and writes it to the graph topic. Processors that
// run take it over by themselves. A graph equal to the one in force is not published again. A graph
// that breaks a rule is a *GraphRefusedError, and changes nothing.
func Publish(ctx context.Context, cluster Cluster, ns Namespace, g *graph.Graph, o PublishOptions) (*Published, error) {
	log, err := OpenGraphLog(ctx, cluster, ns)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	pushes, err := log.ReadAll(ctx)
	if err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) { // the first graph of the namespace
		return nil, err
	}
	var history *graph.History
	next := int64(0)
	for _, push := range pushes {
		next = push.Number + 1
		if applied, err := push.Apply(history); err == nil { // else every process passes over it
			history = applied
		}
	}
	if err := g.Check(); err != nil {
		return nil, &GraphRefusedError{err}
	}
	if _, err := history.Push(next, g); err != nil {
		return nil, &GraphRefusedError{err}
	}
	p := &Published{Before: &graph.Graph{}}
	topics := NewTopics(log.client)
	if p.Topics, err = topics.Create(ctx, ns, g, o.Topics); err != nil {
		return nil, err
	}
	if err := topics.Check(ctx, ns, g); err != nil {
		return nil, err
	}
	if plan := history.Plan(); plan != nil {
		p.Before = plan.Graph
		if !o.Force && bytes.Equal(p.Before.Canonical(), g.Canonical()) {
			p.Number = plan.Number
			return p, nil
		}
	}
	if p.Number, err = log.Publish(ctx, g); err != nil {
		return nil, err
	}
	p.Published = true
	return p, nil
}
