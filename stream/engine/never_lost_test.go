package engine_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream/engine/enginetest"
)

// TestNeverLost checks that no status is lost and no key waits for ever: whatever has happened, when
// every worker answers what it is offered and what is orphaned is deleted, nothing is left to do
// after as many rounds as the graph is deep. In both gates.
func TestNeverLost(t *testing.T) {
	var rounds, answers atomic.Int64
	n, seconds := enginetest.EachSeed(t, 800, func(t *testing.T, seed uint64) bool {
		gate := gateOf(seed)
		finish := func(l *localRun) error {
			r := rand.New(rand.NewPCG(seed, 12))
			f := finisher{localRun: l, w: &lineWorker{oracleReplay: l.oracleReplay, r: r, writes: newJSONWriteMaker(r)}}
			defer func() {
				rounds.Add(int64(f.rounds))
				answers.Add(int64(f.answers))
			}()
			return f.finish()
		}
		m := newLineMaker(seed, gate)
		m.graphs.Still, m.least = true, 4
		err := m.makeHistory()
		for range m.r.IntN(12) {
			m.writeLine(true)
		}
		if err == nil {
			err = m.err
		}
		if err == nil {
			err = finish(m.localRun)
		}
		return err == nil || failLines(t, seed, gate, m.lines, finish, err)
	})
	t.Logf("%d histories, %d rounds, %d answers of workers, %.1f s", n, rounds.Load(), answers.Load(), seconds)
}

// finisher answers all that there is to do, round by round.
type finisher struct {
	*localRun
	w               *lineWorker
	rounds, answers int
}

// finish works until nothing is left to do.
func (f *finisher) finish() error {
	for ; ; f.rounds++ {
		if err := f.do([]byte(`{"checkpoint":"round"}`)); err != nil || f.Newest() == nil {
			return err
		}
		open := f.localRun.Answers()
		keys := slices.DeleteFunc(sortedKeys(open), func(k enginetest.AnswerKey) bool { return f.empty(k, open[k]) })
		if len(keys) == 0 {
			return nil
		}
		if depth := f.depth(); f.rounds >= depth {
			return fmt.Errorf("after %d rounds, in a graph %d deep, %s %s is %s", f.rounds, depth, keys[0].Feature, keys[0].Key, open[keys[0]].Content())
		}
		for _, k := range enginetest.Some(f.w.r, keys, len(keys)) {
			if f.byParent(k, open) {
				continue
			}
			for _, line := range f.w.answer(k, open[k]) {
				f.answers++
				if err := f.do(line); err != nil {
					return fmt.Errorf("round %d: %w", f.rounds, err)
				}
			}
		}
	}
}

// byParent reports whether the work of a key is done with that of its parent: a child of an expansion.
func (f *finisher) byParent(k enginetest.AnswerKey, open map[enginetest.AnswerKey]*enginetest.Answer) bool {
	a := open[k]
	return a.Scope == graph.ScopeSample && a.Status.Work() && enginetest.JoinOf(f.Newest().Graph, f.Newest().Feature(k.Feature)).Expands
}

// empty reports whether an answer asks for nothing: an orphaned parent of which nothing is there.
func (f *finisher) empty(k enginetest.AnswerKey, a *enginetest.Answer) bool {
	if a.Scope != graph.ScopeInput || a.Status != graph.Orphaned || a.Children > 0 {
		return false
	}
	return a.Source == ""
}

// depth returns how many features the longest path of the graph has.
func (f *finisher) depth() int {
	g := f.Newest()
	var of func(key graph.FeatureKey) int
	of = func(key graph.FeatureKey) (n int) {
		for _, d := range g.Feature(key).Deps {
			n = max(n, of(d.Feature))
		}
		return n + 1
	}
	deepest := 0
	for _, spec := range g.Features {
		deepest = max(deepest, of(spec.Key))
	}
	return deepest
}
