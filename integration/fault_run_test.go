package integration_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/integration"
	"github.com/freshline/freshline/stream"
	"github.com/freshline/freshline/stream/engine/enginetest"
)

const (
	faultProcesses = 3
	// faultRound is how long one round of the long form lasts: at its end everything is compared.
	faultRound = 75 * time.Second
	// faultAfter is how long everything goes on once a fault is over.
	faultAfter = 2 * time.Second
	// faultQuiet bounds how long it takes until nothing is under way once a fault is over.
	faultQuiet = 3 * time.Minute
)

// faultRun is one deployment that a fault is inflicted on: processors, traffic and workers on the brokers of the cluster.
type faultRun struct {
	t       *testing.T
	ctx     context.Context
	field   *faultField
	brokers []string // for the processors
	cluster stream.Cluster
	ns      stream.Namespace
	rng     *rand.Rand
	traffic *traffic
	dir     string // of the states
	words   *enginetest.Words

	processes []*process
	gone      []*process // taken away
	ends      int        // processes that ended by themselves and were started again

	round   context.Context // of the traffic
	verdict *verdict        // of the last round
	rounds  int
}

// deploy publishes the first graph, starts the processors and writes everything once.
func (f *faultField) deploy(t *testing.T, ctx context.Context, fault fault, seed uint64) *faultRun {
	t.Helper()
	r := &faultRun{
		t: t, ctx: ctx, field: f, brokers: f.cluster.Brokers(), cluster: stream.Cluster{Brokers: f.cluster.Brokers()},
		ns: stream.Namespace(fmt.Sprintf("fault-%d", time.Now().UnixNano())), rng: rand.New(rand.NewPCG(seed, 0)),
		dir: t.TempDir(), words: enginetest.NewWords(),
	}
	if fault.side {
		r.brokers = f.proxy.addresses()
	}
	graphs, err := faultGraphs()
	if err != nil {
		t.Fatal(err)
	}
	r.traffic = &traffic{
		cluster: r.cluster, ns: r.ns, rng: rand.New(rand.NewPCG(seed, 2)), graphs: graphs, albums: make(chan int), log: r.logf,
		pages: max(fault.pages, 40), pageID: strings.Repeat("x", fault.pageID),
	}
	r.publish(graphs[0])
	if r.traffic.producer, err = stream.NewProducer(ctx, stream.ProducerOptions{Cluster: r.cluster, Namespace: r.ns}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.traffic.producer.Close)
	for i := range faultProcesses {
		r.add(fmt.Sprint("p", i+1))
	}
	t.Cleanup(r.keepLogs)
	if err := r.startAll(); err != nil {
		t.Fatal(err)
	}
	if err := r.traffic.fill(ctx); err != nil {
		t.Fatal(err)
	}
	return r
}

// publish makes the topics, that of tracks with one partition: a track that moves stays where it is.
func (r *faultRun) publish(g *graph.Graph) {
	r.t.Helper()
	client := newClient(r.t, r.cluster.Brokers)
	one := &graph.Graph{Features: []*graph.Feature{g.Feature("track")}}
	if _, err := stream.NewTopics(client).Create(r.ctx, r.ns, one, stream.TopicOptions{Partitions: 4, SamplePartitions: 1}); err != nil {
		r.t.Fatal(err)
	}
	if err := r.traffic.push(r.ctx); err != nil {
		r.t.Fatal(err)
	}
}

// add makes a process that is not started yet.
func (r *faultRun) add(instance string) *process {
	p := newProcessAs(r.field.binary, filepath.Join(r.dir, instance), r.brokers, string(r.ns), instance)
	if err := os.MkdirAll(filepath.Dir(p.state), 0o755); err != nil {
		r.t.Fatal(err)
	}
	r.processes = append(r.processes, p)
	return p
}

// startAll starts every process that does not run, as whoever watches over them would. Of those that ended by
// themselves it keeps count, and fails the test where they did not say why.
func (r *faultRun) startAll() error {
	for _, p := range r.processes {
		if p.running() {
			continue
		}
		if p.life != nil && !p.life.killed {
			r.ends++
			r.logf("%s ended by itself: %s", p.instance(), lastLine(p.written()))
			r.checkEnd(p)
		}
		if err := p.start(); err != nil {
			return err
		}
	}
	return nil
}

// checkEnd wants of a process that ended by itself that it has said why in one line.
func (r *faultRun) checkEnd(p *process) {
	text := p.lifeWritten()
	for _, bad := range []string{"panic:", "fatal error:", "SIGBUS", "SIGSEGV", "goroutine 1 ["} {
		if strings.Contains(text, bad) {
			r.t.Errorf("%s broke (%s):\n%s", p.instance(), bad, firstLines(text[strings.Index(text, bad):], 30))
			return
		}
	}
}

func (r *faultRun) logf(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	r.field.note("%s: %s", r.t.Name(), line)
}

// pass lets a time of the round pass; it reports whether the round goes on.
func (r *faultRun) pass(d time.Duration) bool { return pass(r.round, nil, d) && r.round.Err() == nil }

// some is a time between two.
func (r *faultRun) some(from, to time.Duration) time.Duration {
	return from + time.Duration(r.rng.Int64N(int64(to-from)+1))
}

// play inflicts a fault for a time while everything works, lets all come to rest, and compares.
func (r *faultRun) play(inflict func(*faultRun) error, lasts time.Duration) {
	r.t.Helper()
	round, end := context.WithTimeout(r.ctx, lasts)
	defer end()
	r.round = round
	var beside sync.WaitGroup
	writing, stopWriting := context.WithCancel(r.ctx)
	beside.Go(func() { r.traffic.run(writing) })
	working, stopWorkers := context.WithCancel(r.ctx)
	var again atomic.Int64
	for range 2 {
		beside.Go(func() { r.work(working, &again) })
	}
	err := inflict(r)
	r.pass(lasts)
	if again := r.startAll(); err == nil {
		err = again
	}
	if err == nil {
		err = r.field.cluster.Await(r.ctx)
	}
	pass(r.ctx, nil, faultAfter)
	stopWriting()
	stopWorkers()
	beside.Wait()
	if err != nil {
		r.t.Fatal(err)
	}
	r.rest()
	r.rounds++
	r.verdict = compareAll(r.ctx, r.t, r.cluster.Brokers, r.ns, r.words)
	r.logf("round %d: %d writes (%d lost or unknown), %d pushes, %d workers started again, %d processes ended by themselves; %d events, %d keys not fresh, %d missing, %d wrong, %d duplicate",
		r.rounds, r.traffic.writes.Load(), r.traffic.lost.Load(), r.traffic.pushed, again.Load(), r.ends,
		r.verdict.events, r.verdict.keys, r.verdict.missing, r.verdict.wrong, r.verdict.duplicate)
	for i, fault := range r.verdict.faults {
		if i == 20 {
			r.t.Errorf("and %d more", len(r.verdict.faults)-i)
			break
		}
		r.t.Error(fault)
	}
}

// work answers until the context ends. Where brokers fail a worker may end, and starts again.
func (r *faultRun) work(ctx context.Context, again *atomic.Int64) {
	for ctx.Err() == nil {
		w, err := stream.NewWorker(stream.WorkerOptions{
			Cluster: r.cluster, Namespace: r.ns, Features: answered, Handle: answer,
			Group: r.ns.String() + ".workers", Concurrency: 8, DeleteOrphans: true,
		})
		if err == nil {
			err = w.Run(ctx)
		}
		if err != nil && ctx.Err() == nil {
			again.Add(1)
			r.logf("a worker ended: %v", err)
			pass(ctx, nil, 500*time.Millisecond)
		}
	}
}

// rest waits until nothing is under way. Processes that end are started again.
func (r *faultRun) rest() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.ctx, faultQuiet)
	defer cancel()
	watching, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		for pass(watching, nil, 200*time.Millisecond) {
			if err := r.startAll(); err != nil {
				ended <- err
				return
			}
		}
		ended <- nil
	}()
	err := integration.Eventually(ctx, "all writes to be acknowledged", func(ctx context.Context) error {
		_ = r.traffic.producer.Flush(ctx) // what was not written may be there or not
		return ctx.Err()
	})
	if err == nil {
		err = integration.Eventually(ctx, "nothing to be under way", func(ctx context.Context) error {
			return stream.AwaitDrained(ctx, r.cluster, r.ns, r.traffic.graphs[0])
		})
	}
	stop()
	if err := errors.Join(err, <-ended); err != nil {
		r.t.Fatalf("after the fault: %v", err)
	}
}

// finish stops the processes, which must end well.
func (r *faultRun) finish() {
	r.t.Helper()
	for _, p := range r.processes {
		if p.running() {
			if err := p.stop(r.ctx); err != nil {
				r.t.Error(err)
			}
		}
	}
}

// keepLogs kills what still runs, and keeps what everybody wrote where the test has failed.
func (r *faultRun) keepLogs() {
	all := slices.Concat(r.processes, r.gone)
	for _, p := range all {
		_ = p.kill() // it may be gone already
	}
	if !r.t.Failed() {
		return
	}
	dir := filepath.Join(r.field.kept(), strings.ReplaceAll(r.t.Name(), "/", "-"))
	err := os.MkdirAll(dir, 0o755)
	for _, p := range all {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, p.instance()+".log"), []byte(p.written()), 0o644))
	}
	if r.verdict != nil {
		err = errors.Join(err,
			os.WriteFile(filepath.Join(dir, "faults.txt"), []byte(strings.Join(r.verdict.faults, "\n")), 0o644),
			os.WriteFile(filepath.Join(dir, "events.txt"), []byte(strings.Join(r.verdict.story, "\n")), 0o644),
			os.WriteFile(filepath.Join(dir, "samples.txt"), []byte(strings.Join(r.verdict.samples, "\n")), 0o644))
	}
	err = errors.Join(err, r.field.cluster.CopyLogs(dir))
	r.t.Logf("logs, faults and events are kept in %s (%v)", dir, err)
}

// admin is a client of the test's own, for questions about the cluster.
func (r *faultRun) admin() *kgo.Client { return newClient(r.t, r.cluster.Brokers) }

func lastLine(text string) string {
	list := strings.Split(strings.TrimSpace(text), "\n")
	for len(list) > 1 && strings.HasPrefix(list[len(list)-1], "---") {
		list = list[:len(list)-1]
	}
	return list[len(list)-1]
}

func firstLines(text string, n int) string {
	list := strings.SplitN(text, "\n", n+1)
	return strings.Join(list[:min(n, len(list))], "\n")
}
