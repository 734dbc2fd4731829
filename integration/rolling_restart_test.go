package integration_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/integration"
	"github.com/freshline/freshline/stream"
)

// rollingSamples are so many that what a restart reads of the state shows.
const rollingSamples = 5000

// startShare starts processes that share the work of a load, and waits until each has its part.
func startShare(ctx context.Context, t *testing.T, binary string, l *load, instances []string, args ...string) []*process {
	t.Helper()
	var processes []*process
	for _, name := range instances {
		p := newProcessAs(binary, t.TempDir(), broker.Brokers(), string(l.ns), name)
		p.args = slices.Insert(p.args, 1, args...)
		t.Cleanup(func() {
			_ = p.kill() // it may be gone already
			if t.Failed() {
				t.Logf("%s wrote:\n%s", name, p.written())
			}
		})
		if err := p.start(); err != nil {
			t.Fatal(err)
		}
		processes = append(processes, p)
	}
	if _, err := l.shares(ctx, instances); err != nil {
		t.Fatal(err)
	}
	if err := l.awaitDrained(ctx); err != nil {
		t.Fatal(err)
	}
	return processes
}

// shares waits until these instances share everything, and returns what each has.
func (l *load) shares(ctx context.Context, instances []string) (shares map[string][]string, err error) {
	client, err := stream.Connect(ctx, l.cluster)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	const tasks = loadPartitions * 5 // of rows, failures and three sample topics
	err = integration.Eventually(ctx, "the processes to share the work", func(ctx context.Context) error {
		groups, err := admin.DescribeGroups(ctx, l.ns.Group())
		if err != nil {
			return err
		}
		group := groups[l.ns.Group()]
		shares = map[string][]string{}
		n := 0
		for _, m := range group.Members {
			assigned, ok := m.Assigned.AsConsumer()
			if !ok || m.InstanceID == nil {
				continue
			}
			for _, topic := range assigned.Topics {
				for _, partition := range topic.Partitions {
					shares[*m.InstanceID] = append(shares[*m.InstanceID], fmt.Sprintf("%s/%d", topic.Topic, partition))
					n++
				}
			}
			slices.Sort(shares[*m.InstanceID])
		}
		if got := slices.Sorted(maps.Keys(shares)); group.State != "Stable" || n != tasks || !slices.Equal(got, instances) {
			return fmt.Errorf("the group is %s, %v have %d of %d tasks", group.State, got, n, tasks)
		}
		return nil
	})
	return shares, err
}

var recovered = regexp.MustCompile(recoveredLine + ` tasks=(\d+) rebuilt=(\d+) records=(\d+) `)

// recoveries adds up what a process has logged of its recoveries.
func recoveries(text string) (tasks, rebuilt, records int) {
	for _, m := range recovered.FindAllStringSubmatch(text, -1) {
		for i, sum := range []*int{&tasks, &rebuilt, &records} {
			n, _ := strconv.Atoi(m[i+1]) // digits
			*sum += n
		}
	}
	return tasks, rebuilt, records
}

// TestRollingRestart stops three processes that stay in the group, and starts each before the next: no task moves, and each
// reads of its logs what has come meanwhile and not what it has.
func TestRollingRestart(t *testing.T) {
	needReal(t)
	binary := freshlineBinary(t) // before the deadline: it may have to be built
	ctx := deadline(t, walkLimit)
	l := &load{cluster: stream.Cluster{Brokers: broker.Brokers()}, ns: stream.Namespace(shortNamespace())}
	l.size(rollingSamples)
	deleteLater(t, l.ns)
	if err := l.write(ctx); err != nil {
		t.Fatal(err)
	}
	instances := []string{"one", "three", "two"}
	processes := startShare(ctx, t, binary, l, instances, "--on-stop", stream.StopStay.String())
	before, err := l.shares(ctx, instances)
	if err != nil {
		t.Fatal(err)
	}
	producer, err := stream.NewProducer(ctx, stream.ProducerOptions{Cluster: l.cluster, Namespace: l.ns})
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()

	moves := func(p *process) int { return strings.Count(p.written(), assignedLine) }
	for i, p := range processes {
		had := map[*process]int{}
		for _, other := range processes {
			had[other] = moves(other)
		}
		began := time.Now()
		err := errors.Join(p.stop(ctx), l.putVideo(ctx, producer, i, "again"), producer.Flush(ctx), p.start())
		if err = errors.Join(err, p.awaitReady(ctx)); err == nil {
			err = l.awaitDrained(ctx)
		}
		if err != nil {
			t.Fatal(err)
		}
		tasks, rebuilt, records := recoveries(p.lifeWritten())
		if tasks != len(before[p.instance()]) || rebuilt != 0 {
			t.Errorf("%s had %d tasks and recovered %d, %d of them from nothing", p.instance(), len(before[p.instance()]), tasks, rebuilt)
		}
		if records > rollingSamples/10 {
			t.Errorf("%s has read %d records of its state again", p.instance(), records)
		}
		for _, other := range processes {
			if want := had[other]; other != p && moves(other) != want {
				t.Errorf("while %s was restarted %s was given tasks", p.instance(), other.instance())
			}
		}
		t.Logf("%s: stopped, started and drained in %s; %d tasks, %d records read", p.instance(), round(time.Since(began)), tasks, records)
	}
	after, err := l.shares(ctx, instances)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range instances {
		if !slices.Equal(before[name], after[name]) {
			t.Errorf("%s had %v and has %v", name, before[name], after[name])
		}
	}
}

// TestCleanStopHandsOver stops one of two processes: the other has all tasks, and says what is new, long before the session
// of the one that has gone would have ended.
func TestCleanStopHandsOver(t *testing.T) {
	needReal(t)
	binary := freshlineBinary(t) // before the deadline: it may have to be built
	ctx := deadline(t, walkLimit)
	l := &load{cluster: stream.Cluster{Brokers: broker.Brokers()}, ns: stream.Namespace(shortNamespace())}
	l.size(rollingSamples)
	deleteLater(t, l.ns)
	if err := l.write(ctx); err != nil {
		t.Fatal(err)
	}
	processes := startShare(ctx, t, binary, l, []string{"one", "two"})
	producer, err := stream.NewProducer(ctx, stream.ProducerOptions{Cluster: l.cluster, Namespace: l.ns})
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	events, err := stream.Subscribe(ctx, stream.SubscriberOptions{Cluster: l.cluster, Namespace: l.ns, Features: []graph.FeatureKey{"video/chunk"}})
	if err != nil {
		t.Fatal(err)
	}
	defer events.Close()
	began := time.Now()
	if err := processes[0].stop(ctx); err != nil {
		t.Fatal(err)
	}
	stopped := time.Since(began)
	for video := range l.videos { // in every partition
		if err := l.putVideo(ctx, producer, video, "again"); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]int{}
	err = producer.Flush(ctx)
	if err == nil {
		err = awaitAll(ctx, events, seen, l.videos*(1+loadChunks))
	}
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	if took > restartLimit {
		t.Errorf("it took %s from the stop of a process to all events: they have waited for something to time out", took)
	}
	if _, err := l.shares(ctx, []string{"two"}); err != nil {
		t.Fatal(err)
	}
	t.Logf("stopped after %s, all events of its partitions after %s", round(stopped), round(took))
	if err := processes[1].stop(ctx); err != nil {
		t.Error(err)
	}
}
