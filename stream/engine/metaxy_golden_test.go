package engine_test

import (
	"fmt"
	"testing"
)

// What is left out, by file: the numbers only get smaller. A place is one value of the comparison
// key at one check; of most that are left out something is compared nevertheless (metaxyRun.compare).
var metaxyLeftOut = map[string]map[string]int{
	"provenance.jsonl": {
		"place: " + metaxyNullVersion: 18,
		"place: " + metaxyNullKey:     3,
		"place: " + metaxyTampered:    18,
	},
	"histories.jsonl": {
		"place: " + metaxyOtherVersion:    195,
		"place: " + metaxyUnseen:          31,
		"check in part: " + metaxySamples: 129,
	},
	"mixed.jsonl": {
		"place: " + metaxyArbitrary:       7,
		"check in part: " + metaxySamples: 42,
	},
	"walkthrough.json": {
		"place: " + metaxyOtherVersion:    21,
		"check in part: " + metaxySamples: 3,
	},
}

// Ways of running a case: the answer may not depend on when the engine comes to rest.
const (
	metaxyAtChecks = false // settle at checks only
	metaxyEager    = true  // settle after each operation
)

// TestMetaxyProvenance settles each resolve_update that was recorded and compares the answers.
func TestMetaxyProvenance(t *testing.T) {
	const file = "provenance.jsonl"
	tally := newMetaxyTally()
	for _, v := range metaxyLines[metaxyResolve](t, file) {
		t.Run(v.Name, func(t *testing.T) {
			whole := v.run(t, metaxyAtChecks, tally)
			v.run(t, metaxyEager, newMetaxyTally())
			for _, tag := range append(v.Tags, "cases") {
				tally.count(tag, whole && !t.Failed())
			}
		})
	}
	tally.report(t, file, metaxyLeftOut[file])
}

// run runs the case and reports whether all of it was compared. The eager way writes the target before its inputs.
func (v *metaxyResolve) run(t *testing.T, eager bool, tally *metaxyTally) (whole bool) {
	r := newMetaxyRun(t, eager)
	g, err := metaxyGraph(v.Features, v.Config)
	if err == nil {
		err = r.push(g, v.Versions)
	}
	if err != nil {
		tally.left["case: "+metaxyRefused]++
		t.Log(err)
		return false
	}
	if v.Expected.unequal(r.plan(v.Target)) {
		tally.left["case: "+metaxyUnequalIDs]++
		return false
	}
	features := r.local.Plan().Features
	for i, f := range features {
		if eager {
			f = features[len(features)-1-i]
		}
		if table, ok := v.Tables[f.Key]; ok {
			r.write(f.Key, table.Rows)
		}
	}
	r.settle()
	return tally.add(t, "", r.compare(v.Target, v.Expected, nil))
}

func TestMetaxyHistories(t *testing.T) { testMetaxyHistories(t, "histories.jsonl") }

func TestMetaxyMixed(t *testing.T) { testMetaxyHistories(t, "mixed.jsonl") }

func TestMetaxyWalkthrough(t *testing.T) { testMetaxyHistories(t, "walkthrough.json") }

// testMetaxyHistories runs the histories of a file and compares at each check.
func testMetaxyHistories(t *testing.T, file string) {
	tally := newMetaxyTally()
	for _, v := range metaxyLines[metaxyHistory](t, file) {
		t.Run(v.Name, func(t *testing.T) {
			whole := v.run(t, metaxyAtChecks, tally)
			v.run(t, metaxyEager, newMetaxyTally())
			for _, tag := range append(v.Tags, "histories") {
				tally.count(tag, whole && !t.Failed())
			}
		})
	}
	tally.report(t, file, metaxyLeftOut[file])
}

// run runs the history and reports whether all of it was compared.
func (v *metaxyHistory) run(t *testing.T, eager bool, tally *metaxyTally) (whole bool) {
	r := newMetaxyRun(t, eager)
	push := func(name string) bool {
		g, err := metaxyGraph(v.Graphs[name].Features, v.Config)
		if err == nil {
			err = r.push(g, v.Graphs[name].Expected)
		}
		if err != nil {
			tally.left["history: "+metaxyRefused]++
			t.Log(err)
		}
		return err == nil
	}
	if !push(v.Initial) {
		return false
	}
	whole = true
	for i := range v.Ops {
		op := &v.Ops[i]
		switch op.Op {
		case "write":
			r.write(op.Feature, op.Rows)
		case "delete":
			r.remove(op.Feature, op.IDs)
		case "set_graph":
			if !push(op.Graph) {
				return false
			}
		case "check":
			r.settle()
			whole = r.check(fmt.Sprintf("operation %d: ", i), tally, op) && whole
		case "note":
		default:
			t.Fatalf("unknown operation %q", op.Op)
		}
	}
	return whole
}

// check compares at a check and reports whether nothing of it was left out.
func (r *metaxyRun) check(place string, tally *metaxyTally, op *metaxyOp) (whole bool) {
	f := r.plan(op.Feature)
	if f.Root() {
		faults := r.compareRoot(f, op)
		for _, fault := range faults {
			r.t.Error(place + fault)
		}
		tally.count("checks of samples, in part", len(faults) == 0)
		tally.left["check in part: "+metaxySamples]++
		return true
	}
	if op.Samples != nil {
		r.t.Fatalf("%ssamples of %s, which is no root", place, op.Feature)
	}
	defer func() { tally.count("checks", whole && !r.t.Failed()) }()
	if op.Expected.unequal(f) {
		tally.left["check: "+metaxyUnequalIDs]++
		return false
	}
	return tally.add(r.t, place, r.compare(op.Feature, op.Expected, op.Arbitrary))
}

// add counts the places of a comparison and reports whether it was one of all of them.
func (a *metaxyTally) add(t *testing.T, place string, result *metaxyResult) (whole bool) {
	t.Helper()
	for _, fault := range result.faults {
		t.Error(place + fault)
	}
	a.total["places"] += result.compared
	if !t.Failed() {
		a.passed["places"] += result.compared
	}
	for reason, n := range result.left {
		a.total["places"] += n
		a.left["place: "+reason] += n
	}
	return len(result.left) == 0
}
