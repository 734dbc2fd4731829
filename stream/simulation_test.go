package stream

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/freshline/freshline/stream/engine/enginetest"
)

// simSeeds is how many seeds every run tries.
const simSeeds = 2000

// simOperation is one step of a history. Its randomness is its own, so that a history without it is
// otherwise the same.
type simOperation struct {
	kind string
	seed uint64
}

// simHistory is a run of a deployment, given by its seed.
type simHistory struct {
	seed       uint64
	operations []simOperation
	most       simLimits
}

// simLimits keep a history small.
type simLimits struct{ Partitions, Processes, Features int }

// simKinds are what may happen, and how often. Those from the first fault on are left out of every eighth history.
var simKinds = []struct {
	kind   string
	weight int
}{
	{"turn", 60}, {"root", 25}, {"write", 10}, {"delete", 5}, {"garbage", 3}, {"work", 25}, {"push", 8}, {"pushes", 2}, {"fail", 5}, {"request", 2},
	{"step", 2}, {"compact", 4}, {"quiet", 2}, {"complete", 1},
	{"markers", 8}, {"rebalance", 5}, {"throw out", 4}, {"replace", 2}, {"crash", 4}, {"stop", 2}, {"lose", 1}, {"expire", 1},
}

const simFaults = 14 // of them are none

func newSimHistory(seed uint64) *simHistory {
	r := rand.New(rand.NewPCG(seed, 11))
	h := &simHistory{seed: seed, most: simLimits{4, 3, 6}}
	add := func(kind string) { h.operations = append(h.operations, simOperation{kind, r.Uint64()}) }
	add("first")
	kinds := simKinds
	if seed%8 == 0 {
		kinds = kinds[:simFaults]
	}
	total := 0
	for _, k := range kinds {
		total += k.weight
	}
	for range 10 + r.IntN(90) {
		n := r.IntN(total)
		for _, k := range kinds {
			if n -= k.weight; n < 0 {
				add(k.kind)
				break
			}
		}
	}
	add("quiet")
	if enginetest.Chance(r, 30) {
		add("complete")
	}
	if enginetest.Chance(r, 30) {
		add("lose")
	}
	return h
}

// simResult is what a run has seen.
type simResult struct {
	changes, events, compared int
	faults                    map[string]int
}

func (h *simHistory) run(operations []simOperation, trace func(string, ...any)) (res simResult, err error) {
	r := rand.New(rand.NewPCG(h.seed, 12))
	s, err := newSimulation(r, h.seed, h.most)
	if err != nil {
		return res, err
	}
	if trace != nil {
		s.trace = trace
	}
	size := min(h.most.Features, 1+r.IntN(6))
	for i, op := range operations {
		s.r = rand.New(rand.NewPCG(op.seed, 13))
		s.graphs.R = s.r
		s.trace("%d %s", i, op.kind)
		err := s.do(op.kind, size)
		if err == nil {
			err = s.fault
		}
		if err != nil {
			return simResult{}, fmt.Errorf("operation %d, %s: %w", i, op.kind, err)
		}
	}
	return simResult{s.changes, s.events, s.compared, s.faults}, nil
}

// do does one operation.
func (s *simulation) do(kind string, size int) error {
	if kind == "first" || s.graphs.Now == nil {
		if s.graphs.Now == nil {
			s.push(s.graphs.First(size))
		}
		return nil
	}
	p := enginetest.Pick(s.r, s.processes)
	switch kind {
	case "turn":
		if s.unbalanced {
			s.rebalance(false)
		}
		who := s.processes
		if len(s.zombies) > 0 {
			who = append(s.zombies[:len(s.zombies):len(s.zombies)], who...)
		}
		for range 1 + s.r.IntN(6) {
			if err := s.turn(enginetest.Pick(s.r, who)); err != nil {
				return err
			}
		}
	case "root", "write", "delete", "garbage":
		s.writeSome(kind)
	case "work":
		s.work(1 + s.r.IntN(6))
	case "push", "pushes":
		for range 1 + len(kind) - len("push") {
			if g := s.graphs.Next(); g != nil {
				s.push(g)
			}
		}
	case "fail":
		return s.failWork()
	case "request":
		return s.request()
	case "step":
		return s.step()
	case "compact":
		s.compact(nil)
	case "quiet":
		return s.quiet()
	case "complete":
		return s.complete()
	case "markers":
		s.settleAny()
	case "rebalance":
		s.rebalance(true)
	case "throw out":
		if p.joined {
			s.leave(p)
			s.rebalance(false)
		}
	case "replace":
		return s.replace(s.r.IntN(len(s.processes)))
	case "crash":
		if p.up {
			s.crash(p)
		}
	case "stop":
		if p.up {
			s.stop(p)
		}
	case "lose":
		return s.loseAll()
	case "expire":
		return s.expire()
	default:
		return fmt.Errorf("nobody knows how to do that")
	}
	return nil
}

// TestSimulation runs histories of whole deployments: the processor itself, in one goroutine, over logs in memory.
func TestSimulation(t *testing.T) {
	if *enginetest.SeedFlag != 0 {
		newSimHistory(*enginetest.SeedFlag).report(t, true)
		return
	}
	var mu sync.Mutex // guards sum
	sum := simResult{faults: map[string]int{}}
	seeds, seconds := enginetest.EachSeed(t, simSeeds, func(t *testing.T, seed uint64) bool {
		res, ok := newSimHistory(seed).report(t, false)
		mu.Lock()
		defer mu.Unlock()
		sum.changes += res.changes
		sum.events += res.events
		sum.compared += res.compared
		for fault, n := range res.faults {
			sum.faults[fault] += n
		}
		return ok
	})
	t.Logf("%d seeds, %d changes (%.0f a second), %d events, %d answers compared, %.1f s",
		seeds, sum.changes, float64(sum.changes)/seconds, sum.events, sum.compared, seconds)
	for _, fault := range simFaultNames {
		t.Logf("%8d  %s", sum.faults[fault], fault)
		if seeds >= simSeeds && sum.faults[fault] == 0 {
			t.Errorf("%q never came about: the simulation does not try what it should", fault)
		}
	}
}

// simFaultNames are the faults that have to come about.
var simFaultNames = []string{
	"epoch aborted", "commit not asked for", "answer to a commit lost", "death in the middle", "death before the commit", "death after the commit",
	"death before the state is written", "write of the state refused", "state lost", "older state", "marker late", "transaction timed out",
	"producer fenced", "producer fenced in its transaction", "instance fenced", "second process of an instance", "zombie member fenced",
	"zombie fenced in an epoch without records", "generation fenced", "thrown out in the middle", "offset out of range", "cleaning", "tombstones expired",
	"graph while something is under way", "kafka away",
}

// report runs a history; where it fails it says so, with the smallest history that still fails.
func (h *simHistory) report(t *testing.T, verbose bool) (res simResult, ok bool) {
	t.Helper()
	var lines []string
	trace := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	if !verbose {
		trace = nil
	}
	res, err := h.try(h.operations, trace)
	if err == nil {
		return res, true
	}
	if !verbose {
		t.Errorf("%v\nagain: go test ./stream -run TestSimulation -seed %d", err, h.seed)
		return res, false
	}
	kind := faultKind(err)
	fails := func(operations []simOperation) bool {
		_, err := h.try(operations, nil)
		return err != nil && faultKind(err) == kind
	}
	h.shrinkLimits(fails)
	small := enginetest.ShrinkList(h.operations, fails)
	lines = nil
	_, err = h.try(small, trace)
	t.Errorf("%s\n%v\n%d of %d operations, at most %+v", strings.Join(lines, "\n"), err, len(small), len(h.operations), h.most)
	return res, false
}

// faultKind is what a smaller history has to have in common with the one that failed.
func faultKind(err error) string {
	_, text, _ := strings.Cut(err.Error(), ": ")
	return text[:min(len(text), 12)]
}

// shrinkLimits lowers the limits one by one for as long as the history fails.
func (h *simHistory) shrinkLimits(fails func([]simOperation) bool) {
	for _, limit := range []*int{&h.most.Processes, &h.most.Partitions, &h.most.Features} {
		for *limit > 1 {
			*limit--
			if !fails(h.operations) {
				*limit++
				break
			}
		}
	}
}

// try is run, with a panic as an error.
func (h *simHistory) try(operations []simOperation, trace func(string, ...any)) (res simResult, err error) {
	defer func() {
		if p := recover(); p != nil {
			stack := make([]byte, 6<<10)
			err = fmt.Errorf("panic: %v\n%s", p, stack[:runtime.Stack(stack, false)])
		}
	}()
	return h.run(operations, trace)
}

// TestSimulationRepeats: a seed is the same history each time, or a failure could not be played again.
func TestSimulationRepeats(t *testing.T) {
	for seed := uint64(1); seed <= 30; seed++ {
		var stories [2][]string
		for i := range stories {
			h := newSimHistory(seed)
			if _, err := h.try(h.operations, func(format string, args ...any) {
				stories[i] = append(stories[i], fmt.Sprintf(format, args...))
			}); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
		for i, line := range stories[0] {
			if i >= len(stories[1]) || stories[1][i] != line {
				t.Fatalf("seed %d goes on otherwise at line %d: %s", seed, i, line)
			}
		}
	}
}
