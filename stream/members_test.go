package stream

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/stream/engine"
)

// TestAddressInMetadata: what a member says of its address comes back, and the balancer still reads what it said
// itself.
func TestAddressInMetadata(t *testing.T) {
	owned := map[string][]int32{"rows": {0, 3}}
	plain := kgo.CooperativeStickyBalancer().JoinGroupMetadata([]string{"rows"}, owned, 7)
	if got := (addressBalancer{kgo.CooperativeStickyBalancer(), ""}).JoinGroupMetadata([]string{"rows"}, owned, 7); !slices.Equal(got, plain) {
		t.Error("without an address the metadata are others")
	}
	for _, userData := range []string{"", "no address"} {
		if got := addressIn([]byte(userData)); got != "" {
			t.Errorf("the address in %q is %q", userData, got)
		}
	}
}

// TestMembers: two processes divide rows, each is found by its address, and each answers for what it owns alone.
func TestMembers(t *testing.T) {
	broker := testBroker(t, "")
	cluster, ns := broker.Cluster(), Namespace("members")
	testTopics(t, cluster, ns, testGraph(t, videoGraph))
	publishGraph(t, cluster, ns, videoGraph)
	if list, err := Members(testContext(t), cluster, ns); err != nil || len(list) != 0 {
		t.Errorf("before a process runs the members are %v, %v", list, err)
	}
	processes := map[string]*Processor{}
	for _, name := range []string{"one", "two"} {
		p, err := NewProcessor(ProcessorOptions{Cluster: cluster, Namespace: ns, InstanceID: name, APIAddress: name + ".example:80"})
		if err != nil {
			t.Fatal(err)
		}
		if p.Inspect() != nil {
			t.Error("a process that does not run says how it stands")
		}
		processes[name] = p
		runProcessor(t, p)
	}
	var list []Member
	eventually(t, "both processes own a share of rows", func() bool {
		var err error
		if list, err = processes["one"].Members(testContext(t)); err != nil {
			t.Fatal(err)
		}
		return len(list) == 2 && len(list[0].Rows) > 0 && len(list[1].Rows) > 0
	})
	for _, m := range list {
		if m.Address != m.InstanceID+".example:80" {
			t.Errorf("the address of %s is %q", m.InstanceID, m.Address)
		}
		p := processes[m.InstanceID]
		eventually(t, m.InstanceID+" shows what it owns", func() bool { return slices.Equal(p.Inspect().Rows, m.Rows) })
		for q := range p.Inspect().Partitions {
			want := ErrNotOwned
			if slices.Contains(m.Rows, q) {
				want = nil
			}
			err := p.View(testContext(t), q, func(context.Context, *Inspection, *engine.View) error { return nil })
			if !errors.Is(err, want) {
				t.Errorf("%s answers for partition %d: %v, want %v", m.InstanceID, q, err, want)
			}
		}
	}
}
