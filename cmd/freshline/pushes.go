package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream"
)

// pushes are the graphs of a namespace, oldest first, and what they come to.
type pushes struct {
	all     []stream.Push
	history *graph.History // nil: none is in force
	faults  []error        // why a push is passed over, by index of all; nil where it is not
}

// readPushes reads the graph topic.
func (c *cli) readPushes(ctx context.Context, cluster stream.Cluster) (*pushes, error) {
	defer c.startProgress("read the graphs from "+strings.Join(cluster.Brokers, ", "), nil).end()
	log, err := stream.OpenGraphLog(ctx, cluster, c.namespace())
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p := &pushes{}
	p.all, err = log.ReadAll(ctx)
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		return nil, &noGraphs{c.namespace()}
	}
	if err != nil {
		return nil, err
	}
	for _, push := range p.all {
		next, err := push.Apply(p.history)
		if err == nil {
			p.history = next
		}
		p.faults = append(p.faults, err)
	}
	return p, nil
}

// noGraphs says that a namespace has no graph topic: nothing has ever been published in it.
type noGraphs struct{ namespace stream.Namespace }

func (e *noGraphs) Error() string {
	return fmt.Sprintf("there is nothing in namespace %s: topic %s does not exist; publish a graph with `freshline graph publish`, or name another --namespace", e.namespace, e.namespace.Graph())
}

// inForce is the newest plan, nil where there is none.
func (p *pushes) inForce() *graph.Plan { return p.history.Plan() }

// plan is the graph in force of a namespace; that there is none is an error.
func (c *cli) plan(ctx context.Context, cluster stream.Cluster) (*graph.Plan, error) {
	p, err := c.readPushes(ctx, cluster)
	if err != nil {
		return nil, err
	}
	if p.inForce() == nil {
		return nil, fmt.Errorf("topic %s holds no graph; publish one with `freshline graph publish`", c.namespace().Graph())
	}
	return p.inForce(), nil
}

// featureOf is a feature of the graph in force.
func (c *cli) featureOf(plan *graph.Plan, name string) (*graph.FeaturePlan, error) {
	if f := plan.Feature(graph.FeatureKey(name)); f != nil {
		return f, nil
	}
	var known []string
	for _, f := range plan.Features {
		known = append(known, string(f.Key))
	}
	return nil, fmt.Errorf("the graph in force (number %d of topic %s) has no feature %q%s", plan.Number, c.namespace().Graph(), name, didYouMean(name, known))
}

// publishedGraph is the graph of a number, or "latest": the one in force.
func (c *cli) publishedGraph(ctx context.Context, name string, number int64) (*graph.Graph, error) {
	cluster, err := c.cluster()
	if err != nil {
		return nil, err
	}
	if name == "latest" {
		plan, err := c.plan(ctx, cluster)
		if err != nil {
			return nil, err
		}
		return plan.Graph, nil
	}
	p, err := c.readPushes(ctx, cluster)
	if err != nil {
		return nil, err
	}
	for _, push := range p.all {
		if push.Number == number {
			return push.Graph, push.Err
		}
	}
	return nil, fmt.Errorf("topic %s has no graph %d; `freshline graph list` lists them", c.namespace().Graph(), number)
}
