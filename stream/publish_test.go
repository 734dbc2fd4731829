package stream

import (
	"errors"
	"strings"
	"testing"
)

// TestPublish: one call makes a namespace that a processor can run on.
func TestPublish(t *testing.T) {
	const ns = Namespace("publish")
	ctx := testContext(t)
	cluster := testBroker(t, "").Cluster()
	g := testGraph(t, videoGraph)
	o := PublishOptions{Topics: TopicOptions{Partitions: 2, SamplePartitions: 1}}
	bad := testGraph(t, strings.Replace(videoGraph, "[video_id, chunk]", "[video_id]", 1))
	var refused *GraphRefusedError
	if _, err := Publish(ctx, cluster, ns, bad, o); !errors.As(err, &refused) || !strings.Contains(err.Error(), "no id column besides") {
		t.Errorf("a graph that breaks a rule: %v", err)
	}
	p, err := Publish(ctx, cluster, ns, g, o)
	if err != nil {
		t.Fatal(err)
	}
	if !p.Published || p.Number != 0 || len(p.Topics) != 10 || len(p.Before.Features) != 0 {
		t.Errorf("published %+v", p)
	}
	testProcessor(t, ProcessorOptions{Cluster: cluster, Namespace: ns, InstanceID: "one"})
	if p, err = Publish(ctx, cluster, ns, g, o); err != nil || p.Published || p.Number != 0 || len(p.Topics) != 0 || len(p.Before.Features) != 2 {
		t.Errorf("published again: %+v, %v", p, err)
	}
	o.Force = true
	if p, err = Publish(ctx, cluster, ns, g, o); err != nil || !p.Published || p.Number != 1 {
		t.Errorf("published by force: %+v, %v", p, err)
	}
	o.Topics.Partitions = 3
	if _, err = Publish(ctx, cluster, ns, g, o); err == nil || !strings.Contains(err.Error(), "can never change") {
		t.Errorf("with another number of partitions: %v", err)
	}
}
