package engine_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream/engine/enginetest"
)

// operation is one step of a history. Its randomness is its own, so that a history without it is
// otherwise the same.
type operation struct {
	kind string
	seed uint64
}

// history is a run of a cluster, given by its seed.
type history struct {
	seed       uint64
	operations []operation
	most       limits
}

// limits keep a history small: at most so many partitions of rows, processes, and features of the first graph.
type limits struct{ partitions, processes, features int }

// newHistory makes the history of a seed.
func newHistory(seed uint64) *history {
	r := rand.New(rand.NewPCG(seed, 1))
	h := &history{seed: seed, most: limits{4, 3, 6}}
	add := func(kind string) { h.operations = append(h.operations, operation{kind, r.Uint64()}) }
	add("push")
	weights := []struct {
		kind   string
		weight int
	}{
		{"epoch", 55}, {"root", 25}, {"write", 10}, {"delete", 5}, {"worker", 25}, {"push", 10}, {"fail", 5}, {"request", 2}, {"step", 2}, {"calm", 4},
		{"graph", 6}, {"move", 4}, {"crash", 3}, {"compact", 4}, {"quiet", 2}, {"complete", 1}, {"lose", 1},
	}
	if enginetest.Chance(r, 30) { // no faults
		weights = weights[:13]
	}
	total := 0
	for _, w := range weights {
		total += w.weight
	}
	for range 5 + r.IntN(60) {
		n := r.IntN(total)
		for _, w := range weights {
			if n -= w.weight; n < 0 {
				add(w.kind)
				break
			}
		}
	}
	add("quiet")
	if enginetest.Chance(r, 40) {
		add("complete")
	}
	if enginetest.Chance(r, 40) {
		add("lose")
	}
	if enginetest.Chance(r, 30) {
		add("cold")
	}
	return h
}

// result is what a run has seen.
type result struct{ events, compared int }

// run runs a history.
func (h *history) run(t testing.TB, operations []operation, trace func(string, ...any)) (res result, err error) {
	r := rand.New(rand.NewPCG(h.seed, 2))
	c := newCluster(t, r, gateOf(h.seed), int32(min(h.most.partitions, 1+r.IntN(4))), min(h.most.processes, 1+r.IntN(3)), r.IntN(200) == 0)
	defer c.close()
	if trace != nil {
		c.trace, c.tracing = trace, true
	}
	m := enginetest.NewWriteMaker(r)
	g := &enginetest.GraphMaker{R: r, Settled: true, Fixed: map[string][]string{}, Gone: map[string]*enginetest.SpecFeature{}}
	for _, key := range enginetest.FeatureKeys {
		c.counts[graph.FeatureKey(key)] = int32(1 + r.IntN(3)*r.IntN(2))
	}
	g.Keep = func(key string) bool { return c.counts[graph.FeatureKey(key)] > 1 }
	g.Check = func(parsed *graph.Graph) bool {
		_, err := c.histories[len(c.histories)-1].Push(int64(len(c.histories)), parsed)
		return err == nil
	}
	size := min(h.most.features, 1+r.IntN(6))
	for i, op := range operations {
		c.r = rand.New(rand.NewPCG(op.seed, 3))
		g.R = c.r
		c.trace("%d %s", i, op.kind)
		if err := c.do(op.kind, m, g, size); err != nil {
			return result{c.events, c.compared}, fmt.Errorf("operation %d, %s: %w", i, op.kind, err)
		}
	}
	return result{c.events, c.compared}, nil
}

// do does one operation.
func (c *cluster) do(kind string, m *enginetest.WriteMaker, g *enginetest.GraphMaker, size int) error {
	r := c.r
	var parsed *graph.Graph
	switch {
	case kind == "push" && g.Now == nil:
		parsed = g.First(size)
	case kind == "push":
		parsed = g.Next()
	case kind == "step" && g.Now != nil:
		if parsed = g.Next(); parsed == nil {
			return nil
		}
		return c.step(func() {
			c.trace("  graph %s", g.Now.Text())
			c.push(parsed)
		})
	case g.Now == nil:
		return nil
	}
	if parsed != nil {
		c.trace("  graph %s", g.Now.Text())
		c.push(parsed)
	}
	features := c.oracle.Newest().Features
	switch kind {
	case "root", "write", "delete":
		if len(features) > 0 {
			c.writes(kind, m, features)
		}
	case "calm":
		if len(features) > 0 {
			return c.calm(func() { c.writeOne(m, features) })
		}
	case "worker":
		c.worker(m, r, true, 1+r.IntN(6))
	case "fail":
		return c.fail()
	case "request":
		if len(features) > 0 {
			return c.request(enginetest.Pick(r, features).Key)
		}
	case "epoch":
		if err := c.assign(); err != nil {
			return err
		}
		o := epochOptions{budget: c.budget()}
		if enginetest.Chance(r, 10) {
			o.ending = enginetest.Pick(r, []ending{endAbort, endBefore, endBetween})
		}
		p := enginetest.Pick(r, c.processes)
		if enginetest.Chance(r, 20) {
			c.readRequests(p)
		}
		_, err := c.epoch(p, o)
		return err
	case "graph":
		p := enginetest.Pick(r, c.processes)
		if p.graphs > 0 {
			c.readGraphs(p, min(p.graphs+1+r.IntN(3), len(c.histories)-1))
		}
	case "move":
		c.release()
	case "crash":
		c.crash(enginetest.Pick(r, c.processes))
	case "compact":
		c.compact()
	case "quiet":
		return c.quiet()
	case "complete":
		_, err := c.complete(m)
		return err
	case "lose":
		return c.loseAll()
	case "cold":
		return c.coldStart(m)
	}
	return nil
}

// writeOne sends one write, of a root mostly.
func (c *cluster) writeOne(m *enginetest.WriteMaker, features []*graph.Feature) {
	spec := enginetest.Pick(c.r, features)
	for range 5 {
		if len(spec.Deps) > 0 {
			spec = enginetest.Pick(c.r, features)
		}
	}
	c.produceSample(spec.Key, m.Write(c.r, c.oracle, spec))
}

// writes sends random writes and deletes.
func (c *cluster) writes(kind string, m *enginetest.WriteMaker, features []*graph.Feature) {
	r := c.r
	for range 1 + r.IntN(4) {
		spec := enginetest.Pick(r, features)
		for range 5 {
			if kind == "root" && len(spec.Deps) > 0 {
				spec = enginetest.Pick(r, features)
			}
		}
		if kind == "delete" {
			c.produceSample(spec.Key, m.Remove(r, c.oracle, spec))
		} else {
			c.produceSample(spec.Key, m.Write(r, c.oracle, spec))
		}
	}
}

func (c *cluster) quiet() error {
	if err := c.drain(); err != nil {
		return err
	}
	return c.check()
}

// loseAll loses the state of every process at a quiet point: what is read again says nothing new (E4).
func (c *cluster) loseAll() error {
	if err := c.quiet(); err != nil {
		return err
	}
	before := c.events
	for _, p := range c.processes {
		c.lose(p)
		c.crash(p)
	}
	if err := c.quiet(); err != nil {
		return err
	}
	if c.events != before {
		return fmt.Errorf("E4: %d events after the state was lost", c.events-before)
	}
	return nil
}

// coldStart starts a second cluster over the sample topics and the newest graph as they are: every
// key is told at most once, and nothing of a pipeline that is computed (E4).
func (c *cluster) coldStart(m *enginetest.WriteMaker) error {
	if err := c.quiet(); err != nil {
		return err
	}
	cold := newCluster(c.t, c.r, c.gate, int32(1+c.r.IntN(4)), 1+c.r.IntN(3), false)
	cold.trace, cold.tracing, cold.counts = c.trace, c.tracing, c.counts
	for _, g := range c.oracle.Graphs {
		cold.push(g.Graph)
	}
	for source, log := range c.samples {
		cold.samples[source] = log
	}
	if err := cold.quiet(); err != nil {
		return fmt.Errorf("cold start: %w", err)
	}
	if answers := len(cold.oracle.Answers()); cold.events != answers {
		return fmt.Errorf("E4: %d events at a cold start, of %d keys that are not fresh", cold.events, answers)
	}
	return nil
}

func TestSimulation(t *testing.T) {
	if *enginetest.SeedFlag != 0 {
		h := newHistory(*enginetest.SeedFlag)
		h.report(t, true)
		return
	}
	var events, compared atomic.Int64
	n, seconds := enginetest.EachSeed(t, 5_000, func(t *testing.T, seed uint64) bool {
		res, ok := newHistory(seed).report(t, false)
		events.Add(int64(res.events))
		compared.Add(int64(res.compared))
		return ok
	})
	t.Logf("%d histories, %d events emitted, %d answers compared, %.1f s", n, events.Load(), compared.Load(), seconds)
}

// report runs a history; where it fails it says so, with the smallest history that still fails.
func (h *history) report(t *testing.T, verbose bool) (res result, ok bool) {
	t.Helper()
	var lines []string
	trace := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	if !verbose {
		trace = nil
	}
	res, err := h.try(t, h.operations, trace)
	if err == nil {
		return res, true
	}
	if !verbose {
		t.Errorf("%v\nagain: go test ./stream/engine -run TestSimulation -seed %d", err, h.seed)
		return res, false
	}
	h.shrinkLimits(t)
	small := enginetest.ShrinkList(h.operations, func(operations []operation) bool {
		_, err := h.try(t, operations, nil)
		return err != nil
	})
	lines = nil
	_, err = h.try(t, small, trace)
	t.Errorf("%s\n%v\n%d of %d operations, at most %+v", strings.Join(lines, "\n"), err, len(small), len(h.operations), h.most)
	return res, false
}

// shrinkLimits lowers the limits one by one for as long as the history fails.
func (h *history) shrinkLimits(t *testing.T) {
	for _, limit := range []*int{&h.most.processes, &h.most.partitions, &h.most.features} {
		for *limit > 1 {
			*limit--
			if _, err := h.try(t, h.operations, nil); err == nil {
				*limit++
				break
			}
		}
	}
}

// try is run, with a panic as an error.
func (h *history) try(t *testing.T, operations []operation, trace func(string, ...any)) (res result, err error) {
	defer func() {
		if p := recover(); p != nil {
			stack := make([]byte, 4096)
			err = fmt.Errorf("panic: %v\n%s", p, stack[:runtime.Stack(stack, false)])
		}
	}()
	return h.run(t, operations, trace)
}
