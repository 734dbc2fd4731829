package stream

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// TestDrainedAfterRecovery: a process that died after it wrote rows, before it resolved them, leaves the
// group behind what recovery then reads. Where that emits nothing and no row follows, the group must hear of it
// all the same.
func TestDrainedAfterRecovery(t *testing.T) {
	broker := testBroker(t, "")
	cluster, ns := broker.Cluster(), Namespace("test")
	g := testGraph(t, videoGraph)
	testTopics(t, cluster, ns, g)
	publishGraph(t, cluster, ns, videoGraph)
	for _, how := range []string{"with its state", "without its state"} {
		t.Run(how, func(t *testing.T) {
			options := ProcessorOptions{Cluster: cluster, Namespace: ns, StateDir: t.TempDir(), InstanceID: "one"}
			stop := testProcessor(t, options)
			producer := openProducer(t, cluster, ns)
			putVideo(t, producer, len(how), "v1")
			if err := producer.Flush(testContext(t)); err != nil {
				t.Fatal(err)
			}
			if err := AwaitDrained(testContext(t), cluster, ns, g); err != nil {
				t.Fatal(err)
			}
			stop()

			client, err := Connect(testContext(t), cluster)
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			admin := kadm.NewClient(client)
			offsets, err := admin.FetchOffsetsForTopics(testContext(t), ns.Group(), ns.Rows())
			if err != nil {
				t.Fatal(err)
			}
			offsets.Each(func(o kadm.OffsetResponse) {
				o.At = min(o.At, 1)
				offsets.Add(o)
			})
			if err := admin.CommitAllOffsets(testContext(t), ns.Group(), offsets.Offsets()); err != nil {
				t.Fatal(err)
			}
			if how == "without its state" {
				options.StateDir = t.TempDir()
			}
			testProcessor(t, options)
			if err := AwaitDrained(testContext(t), cluster, ns, g); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestDrainedWaitsForWhatIsHeld: all has been read, and work is not offered yet, as it could still be about to change.
func TestDrainedWaitsForWhatIsHeld(t *testing.T) {
	d := newDiamond(t)
	d.run("one", "", time.Second)
	d.begin(2)
	d.write("v2", 2)
	d.await("STALE", aKey(2), bKey(2))
	d.answer(aKey(2), bKey(2))
	if err := AwaitDrained(testContext(t), d.cluster, d.ns, d.graph); err != nil {
		t.Fatal(err)
	}
	offered := false
	for e, err := range Worklist(testContext(t), d.cluster, d.ns, nil) {
		if err != nil {
			t.Fatal(err)
		}
		offered = offered || e.Feature == "d" && statusOf(e) == "STALE"
	}
	if !offered {
		t.Error("drained before d was offered")
	}
	if n, err := Unfinished(testContext(t), d.cluster, d.ns, d.graph); err != nil || n != 0 {
		t.Errorf("%d tasks have work left, %v", n, err)
	}
}
