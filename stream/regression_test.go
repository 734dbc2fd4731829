package stream

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
)

// Faults that streaming joins, and schedulers, are known for. Each test plays the sequence that broke there.

const chainGraph = `
features:
  - {key: raw, id_columns: [id], fields: [x]}
  - {key: made, id_columns: [id], fields: [x], deps: [raw]}
`

// movingGraph: parts belong to a whole by a column that may change, a foreign key.
const movingGraph = `
features:
  - {key: part, id_columns: [id], fields: [x]}
  - {key: whole, id_columns: [of], fields: [x], deps: [{feature: part, lineage: {aggregation: [of]}}]}
`

const splitGraph = `
features:
  - {key: video, id_columns: [video], fields: [x]}
  - {key: chunk, id_columns: [chunk], fields: [x], deps: [{feature: video, lineage: {expansion: [video]}}]}
`

// pairGraph: a feature is made of two others.
const pairGraph = `
features:
  - {key: left, id_columns: [id], fields: [x]}
  - {key: right, id_columns: [id], fields: [x]}
  - {key: made, id_columns: [id], fields: [x], deps: [left, right]}
`

func id(n int64) map[string]graph.Value { return map[string]graph.Value{"id": graph.Int(n)} }

// TestRegressionEmitOnChangeAfterCrash: what is judged to be no change, since a result that was never sent had been
// stored (KAFKA-12508).
func TestRegressionEmitOnChangeAfterCrash(t *testing.T) {
	for _, ending := range []simEnding{endAborted, endDeadBefore, endDeadAfter} {
		c := newScenario(t, chainGraph, 1, 1)
		c.put("raw", id(1), "v1")
		c.rest()
		c.answer("made", `{"id":1}`, nil)
		c.rest()
		c.put("raw", id(1), "v2")
		c.turns(c.processes[0], 1) // the row is filed
		c.endings = []simEnding{ending}
		if said := c.rest(); said != 1 {
			t.Errorf("ending %d: %d records were said, want 1", ending, said)
		}
		c.expect("made", `{"id":1}`, graph.Stale, "UPSTREAM_DATA")
	}
}

// TestRegressionForeignKeyOrder: a row whose foreign key changes lies in two partitions for a while, which are read in
// any order (KAFKA-18713).
func TestRegressionForeignKeyOrder(t *testing.T) {
	for first := range int32(2) {
		c := newScenario(t, movingGraph, 2, 1)
		a, b := int64(0), int64(1) // wholes in different partitions
		for place(a) == place(b) {
			b++
		}
		part := func(of int64, made string) {
			c.put("part", map[string]graph.Value{"id": graph.Int(1), "of": graph.Int(of)}, made)
		}
		part(a, "v1")
		c.rest()
		c.answer("whole", key("of", a), nil)
		c.rest()
		part(b, "v2")
		part(a, "v3")
		part(b, "v4")
		c.turns(c.processes[0], 2)
		c.readable = func(t task) bool { return t.topic != c.ns.Rows() || t.partition == first }
		c.turns(c.processes[0], 3)
		c.readable = nil
		c.rest()
		c.expect("whole", key("of", a), graph.Orphaned, "UPSTREAM_MISSING")
		c.expect("whole", key("of", b), graph.New)
	}
}

func place(n int64) int32 { return graph.Partition(graph.AppendTuple(nil, graph.Int(n)), 2) }

func key(name string, n int64) string {
	return string(graph.AppendKeyJSON(nil, []string{name}, []graph.Value{graph.Int(n)}))
}

// TestRegressionTombstonesOnKeyChange: a change of the foreign key, and a deletion, took the old result back twice
// (KAFKA-16394).
func TestRegressionTombstonesOnKeyChange(t *testing.T) {
	c := newScenario(t, movingGraph, 2, 1)
	c.put("part", map[string]graph.Value{"id": graph.Int(1), "of": graph.Int(1)}, "v1")
	c.rest()
	c.put("part", map[string]graph.Value{"id": graph.Int(1), "of": graph.Int(2)}, "v1")
	if said := c.rest(); said != 2 {
		t.Errorf("%d records were said, want one tombstone and one event", said)
	}
	c.expect("whole", `{"of":1}`, graph.Fresh)
	c.expect("whole", `{"of":2}`, graph.New)
	for deletion, want := range []int{1, 0} {
		c.remove("part", `{"id":1}`)
		if said := c.rest(); said != want {
			t.Errorf("deletion %d: %d records were said, want %d", deletion, said, want)
		}
	}
	c.expect("whole", `{"of":2}`, graph.Fresh)
}

// TestRegressionRecoveryToTheLastStableOffset: what is committed and has no marker yet was not restored (KAFKA-10167).
func TestRegressionRecoveryToTheLastStableOffset(t *testing.T) {
	t.Run("log", recoverBehindAMarker)
	t.Run("process", recoverAfterLateMarkers)
}

// recoverAfterLateMarkers has a process die that has committed, and start again without its state and before the markers.
func recoverAfterLateMarkers(t *testing.T) {
	c := newScenario(t, chainGraph, 1, 1)
	c.put("raw", id(1), "v1")
	c.rest()
	c.answer("made", `{"id":1}`, nil)
	c.rest()
	c.put("raw", id(1), "v2")
	c.turns(c.processes[0], 1)
	c.late = true
	c.endings = []simEnding{endDeadAfter}
	before := c.events
	c.turns(c.processes[0], 3) // it says that the key is stale, and dies; then it starts again
	if said := c.events - before; said != 1 {
		t.Fatalf("%d records were said, want 1", said)
	}
	c.lose()
	c.turns(c.processes[0], 3)
	c.late = false
	if said := c.rest(); said != 0 {
		t.Errorf("%d records were said again", said)
	}
}

// TestRegressionTriggerWhileWorkRuns: of two upstreams one changed while the work that both had asked for was under way,
// and nothing came of it when that work was done (Dagster #24650).
func TestRegressionTriggerWhileWorkRuns(t *testing.T) {
	t.Run("processor", changeWhileWorkRuns)
	t.Run("worker", offerWhileWorkRuns)
}

// changeWhileWorkRuns: the answer of what was asked for first comes after the change.
func changeWhileWorkRuns(t *testing.T) {
	c := newScenario(t, pairGraph, 1, 1)
	c.put("left", id(1), "v1")
	c.put("right", id(1), "v1")
	c.rest()
	running := c.expect("made", `{"id":1}`, graph.New)
	c.put("right", id(1), "v2")
	c.rest()
	c.answerTo(running, "made", `{"id":1}`, nil)
	c.rest()
	c.expect("made", `{"id":1}`, graph.Stale, "UPSTREAM_DATA")
	c.answer("made", `{"id":1}`, nil)
	c.rest()
	c.expect("made", `{"id":1}`, graph.Fresh)
}

// TestRegressionHalfAnExpansionGroup: an expansion that was written in half is seen.
func TestRegressionHalfAnExpansionGroup(t *testing.T) {
	c := newScenario(t, splitGraph, 1, 1)
	c.put("video", map[string]graph.Value{"video": graph.Int(1)}, "v1")
	c.rest()
	for _, chunk := range []int64{1, 2} {
		c.answer("chunk", `{"video":1}`, map[string]graph.Value{"chunk": graph.Int(chunk)})
	}
	c.answer("chunk", `{"video":1}`, nil, children(3))
	c.rest()
	c.expect("chunk", `{"video":1}`, graph.Stale, "INCOMPLETE")
}

func children(n int64) func(*graph.Record) {
	return func(rec *graph.Record) { rec.HasChildren, rec.Children = true, graph.Int(n) }
}

// TestRegressionLeftovers: what an earlier, larger expansion has left over is named.
func TestRegressionLeftovers(t *testing.T) {
	c := newScenario(t, splitGraph, 1, 1)
	c.put("video", map[string]graph.Value{"video": graph.Int(1)}, "v1")
	c.rest()
	split := func(n int64) {
		for chunk := range n {
			c.answer("chunk", `{"video":1}`, map[string]graph.Value{"chunk": graph.Int(chunk)})
		}
		c.answer("chunk", `{"video":1}`, nil, children(n))
		c.rest()
	}
	split(3)
	c.expect("chunk", `{"video":1}`, graph.Fresh)
	c.put("video", map[string]graph.Value{"video": graph.Int(1)}, "v2")
	c.rest()
	split(2)
	c.expect("chunk", `{"video":1}`, graph.Fresh)
	c.expect("chunk", `{"video":1,"chunk":1}`, graph.Fresh)
	c.expect("chunk", `{"video":1,"chunk":2}`, graph.Orphaned, "SUPERSEDED")
}

// TestRegressionVideoWithoutChunks: that nothing comes of a video is an answer.
func TestRegressionVideoWithoutChunks(t *testing.T) {
	c := newScenario(t, splitGraph, 1, 1)
	c.put("video", map[string]graph.Value{"video": graph.Int(1)}, "v1")
	c.rest()
	c.expect("chunk", `{"video":1}`, graph.New)
	c.answer("chunk", `{"video":1}`, nil, children(0))
	c.rest()
	c.expect("chunk", `{"video":1}`, graph.Fresh)
}

// TestRegressionLostCommitAnswer: whether the commit came through or not, what it says is said once.
func TestRegressionLostCommitAnswer(t *testing.T) {
	for _, ending := range []simEnding{endUnasked, endUnanswered} {
		c := newScenario(t, chainGraph, 1, 1)
		c.put("raw", id(1), "v1")
		c.endings = []simEnding{endWell, ending}
		if said := c.rest(); said != 1 {
			t.Errorf("ending %d: %d records were said, want 1", ending, said)
		}
		c.expect("made", `{"id":1}`, graph.New)
	}
}

// TestRegressionZombieEpochWithoutInput: whoever was thrown out of the group commits nothing, also of work that reads
// nothing, for which no offset moves.
func TestRegressionZombieEpochWithoutInput(t *testing.T) {
	c := newScenario(t, chainGraph, 1, 2)
	for n := range int64(30) {
		c.put("raw", id(n), "v1")
	}
	c.rest()
	var zombie *simProcess
	for _, p := range c.processes {
		if c.owners[task{c.ns.Rows(), 0}] == p {
			zombie = p
		}
	}
	c.pushText(chainGraph + "  - {key: more, id_columns: [id], fields: [x], deps: [raw]}\n")
	zombie.keys = 5
	for c.event("more", `{"id":0}`) == nil {
		for _, p := range c.processes {
			c.turns(p, 1)
		}
	}
	if !zombie.more {
		t.Fatal("the sweep is over")
	}
	c.leave(zombie) // it does not hear of it
	c.rebalance(false)
	held := zombie.callbacks
	zombie.callbacks = nil
	before := c.events
	c.turns(zombie, 3)
	if said := c.events - before; said != 0 {
		t.Errorf("the zombie has said %d records", said)
	}
	zombie.callbacks = held
	c.rest()
	c.expect("more", `{"id":29}`, graph.New)
}

// TestRegressionRouterRebuiltAfterCompaction: what a router has filed and taken back again is cleaned away, in rows as in
// the topic of the samples, and a rebuilt one neither files it again nor leaves it where it was.
func TestRegressionRouterRebuiltAfterCompaction(t *testing.T) {
	c := newScenario(t, movingGraph, 2, 1)
	part := func(n, of int64) {
		c.put("part", map[string]graph.Value{"id": graph.Int(n), "of": graph.Int(of)}, "v1")
	}
	part(1, 1)
	part(2, 1)
	c.rest()
	part(1, 2)
	c.rest()
	part(2, 2)
	c.turns(c.processes[0], 1) // filed, and not read
	for _, logs := range c.topics {
		for _, log := range logs {
			log.compact(func(*kgo.Record) bool { return false }, true)
		}
	}
	c.lose()
	c.rest()
	c.expect("whole", `{"of":1}`, graph.Fresh)
	c.expect("whole", `{"of":2}`, graph.New)
}

// TestRegressionDataVersionsThereAndBack: each change is offered, also one back to what was there before; the work has the
// id that it had while nobody has written, and another one once somebody has.
func TestRegressionDataVersionsThereAndBack(t *testing.T) {
	c := newScenario(t, chainGraph, 1, 1)
	write := func(version string) {
		c.put("raw", id(1), version)
		c.rest()
	}
	write("v1")
	c.answer("made", `{"id":1}`, nil)
	c.rest()
	offered := map[string]string{}
	for range 2 {
		for _, version := range []string{"v2", "v3"} {
			write(version)
			e := c.expect("made", `{"id":1}`, graph.Stale)
			if was, ok := offered[version]; ok && was != e.Said.EventID {
				t.Errorf("%s has the id %s, and had %s before", version, e.Said.EventID, was)
			}
			offered[version] = e.Said.EventID
		}
	}
	if offered["v2"] == offered["v3"] {
		t.Error("two changes have one id")
	}
	c.answer("made", `{"id":1}`, nil) // of v3
	c.rest()
	c.expect("made", `{"id":1}`, graph.Fresh)
	write("v2")
	if e := c.expect("made", `{"id":1}`, graph.Stale); e.Said.EventID == offered["v2"] {
		t.Error("after an answer v2 is the same work as before")
	}
}
