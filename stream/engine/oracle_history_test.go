package engine_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream/engine/enginetest"
)

// gateOf is the gate in which the history of a seed runs.
func gateOf(seed uint64) graph.Gate {
	if rand.New(rand.NewPCG(seed, 10)).IntN(3) == 0 {
		return graph.GateImmediate
	}
	return graph.GateSettled
}

// tally counts what many histories have seen.
type tally struct {
	sync.Mutex
	events, compared int
	gates            map[graph.Gate]int
	refused          map[graph.Reason]int
	seen             map[graph.Status]int
}

func newTally() *tally {
	return &tally{gates: map[graph.Gate]int{}, refused: map[graph.Reason]int{}, seen: map[graph.Status]int{}}
}

func (s *tally) add(gate graph.Gate, l *localRun) {
	s.Lock()
	defer s.Unlock()
	s.gates[gate]++
	s.events += l.events
	s.compared += l.compared
	for reason, n := range l.refused {
		s.refused[reason] += n
	}
	for status, n := range l.seen {
		s.seen[status] += n
	}
}

// TestOracleHistories runs random histories through one partition, in both gates: the engine's
// answer equals the oracle's at every checkpoint, and it refuses what the oracle refuses.
func TestOracleHistories(t *testing.T) {
	all := newTally()
	n, seconds := enginetest.EachSeed(t, 2000, func(t *testing.T, seed uint64) bool {
		gate := gateOf(seed)
		m := newLineMaker(seed, gate)
		err := m.makeHistory()
		all.add(gate, m.localRun)
		return err == nil || failLines(t, seed, gate, m.lines, nil, err)
	})
	t.Logf("%d histories (%v), %d events, %d answers compared (%v), refused %v, %.1f s", n, all.gates, all.events, all.compared, all.seen, all.refused, seconds)
	for _, reason := range []graph.Reason{graph.UnknownFeature, graph.BadRow, graph.BadID, graph.UnknownVersion, graph.BadProvenance, graph.TooLarge, badGraph, badFilter} {
		if *enginetest.SeedFlag == 0 && n >= 2000 && all.refused[reason] == 0 {
			t.Errorf("no line was refused as %s", reason)
		}
	}
}

// tryLines runs lines from the beginning, and then end, if there is one; a panic is an error.
func tryLines(gate graph.Gate, lines [][]byte, end func(*localRun) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	l := newLocalRun(gate)
	for _, line := range lines {
		if err := l.do(line); err != nil {
			return err
		}
	}
	if end == nil {
		return nil
	}
	return end(l)
}

// failLines reports a failing history as a replay file, the smallest that still fails. It returns false.
func failLines(t *testing.T, seed uint64, gate graph.Gate, lines [][]byte, end func(*localRun) error, err error) bool {
	t.Helper()
	small := enginetest.ShrinkLines(lines, func(lines [][]byte) bool { return tryLines(gate, lines, end) != nil })
	if again := tryLines(gate, small, end); again != nil {
		err = again
	}
	test, _, _ := strings.Cut(t.Name(), "/")
	t.Errorf("%v\nagain: go test ./stream/engine -run %s -seed %d\nfreshline replay --gate %s, of these %d lines:\n%s",
		err, test, seed, gate, len(small), bytes.Join(small, []byte("\n")))
	return false
}
