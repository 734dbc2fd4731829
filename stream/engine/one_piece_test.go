package engine_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream/engine"
	"github.com/freshline/freshline/stream/engine/enginetest"
)

// TestOnePiece checks what S3 is for: in the gate settled, when all is quiet after each line and
// workers answer in random order and row by row, the record of an expansion last, a change upstream is
// one piece of work for each key downstream, and nothing is said of what does not read it. And early
// cutoff (S11): a write that keeps its data versions is said to nobody.
func TestOnePiece(t *testing.T) {
	var changes, offers, again, events, compared atomic.Int64
	n, seconds := enginetest.EachSeed(t, 400, func(t *testing.T, seed uint64) bool {
		p := newOnePiece(seed)
		err := p.run()
		changes.Add(int64(min(p.changes, 6)))
		offers.Add(int64(p.total))
		again.Add(int64(p.again))
		events.Add(int64(p.events))
		compared.Add(int64(p.compared))
		if err == nil {
			return true
		}
		lines := ""
		for _, line := range p.lines {
			lines += string(line) + "\n"
		}
		t.Errorf("%v\nagain: go test ./stream/engine -run TestOnePiece -seed %d\nfreshline replay of these lines, with a checkpoint after each:\n%s", err, seed, lines)
		return false
	})
	t.Logf("%d histories, %d changes, %d offers (%d of them again under another id), %d events, %d answers compared, %.1f s", n, changes.Load(), offers.Load(), again.Load(), events.Load(), compared.Load(), seconds)
}

// onePiece is one such history.
type onePiece struct {
	*localRun
	r       *rand.Rand
	shape   *shapeMaker
	w       *lineWorker
	lines   [][]byte
	touched map[enginetest.AnswerKey]bool
	offered map[enginetest.AnswerKey]offered // since the change
	heard   map[graph.FeatureKey]*simEvent   // the last event of a feature since the change
	changes int
	total   int // offers
	again   int // the same work under another id, since an input has changed in what is not read (E3)
}

func newOnePiece(seed uint64) *onePiece {
	r := rand.New(rand.NewPCG(seed, 13))
	p := &onePiece{localRun: newLocalRun(graph.GateSettled), r: r, shape: newShape(r, 2+r.IntN(6), false)}
	p.w = &lineWorker{oracleReplay: p.oracleReplay, r: r, writes: newJSONWriteMaker(r)}
	p.told = func(k enginetest.AnswerKey, e *simEvent) {
		p.lines = append(p.lines, fmt.Appendf(nil, "    %s %s %s", k.Feature, k.Key, e))
		p.touched[k] = true
	}
	return p
}

// offer notes what is offered now that all is quiet.
func (p *onePiece) offer(k enginetest.AnswerKey) error {
	e := p.now[k]
	p.heard[k.Feature] = e
	if e == nil || e.id == "" {
		return nil
	}
	work := fmt.Sprint(e.body.Feature.Version, e.body.Expected)
	before, known := p.offered[k]
	p.offered[k] = offered{work, e.id}
	switch {
	case !known:
		p.total++
	case before.id == e.id:
	case before.work == work:
		p.again++
	case p.changes > 0:
		return fmt.Errorf("%s %s is offered again for the same change: %s", k.Feature, k.Key, e)
	}
	return nil
}

// offered is a piece of work: what it is to be, and its event id.
type offered struct{ work, id string }

// say runs one line and lets all come to rest.
func (p *onePiece) say(text []byte) error {
	p.lines = append(p.lines, text)
	if err := p.do(text); err != nil {
		return err
	}
	p.touched = map[enginetest.AnswerKey]bool{}
	if err := p.local.Settle(p.take); err != nil {
		return err
	}
	for _, k := range sortedKeys(p.touched) {
		if err := p.offer(k); err != nil {
			return err
		}
	}
	return p.fault
}

func (p *onePiece) begin() {
	p.offered, p.heard = map[enginetest.AnswerKey]offered{}, map[graph.FeatureKey]*simEvent{}
}

func (p *onePiece) run() error {
	p.begin()
	if err := p.say(fmt.Appendf(nil, `{"push":%s}`, p.shape.Text())); err != nil {
		return err
	}
	for _, spec := range p.Newest().Features {
		for range 4 {
			if len(spec.Deps) == 0 {
				if err := p.say(p.rootLine(spec, p.newRoot(spec), "0")); err != nil {
					return err
				}
			}
		}
	}
	if err := p.work(); err != nil {
		return err
	}
	for p.changes = 1; p.changes <= 6; p.changes++ {
		p.begin()
		quietOf, readers, err := p.change()
		// Where samples come or go, who reads no field of them may be told all the same.
		p.w.same = readers != nil || !p.shape.fresh()
		if err == nil && quietOf == nil {
			err = p.work()
		}
		if err != nil {
			return fmt.Errorf("change %d: %w", p.changes, err)
		}
		for feature, event := range p.heard {
			if quietOf != nil {
				return fmt.Errorf("S11: change %d keeps the data versions of %s, but of %s it is said %s", p.changes, quietOf.Key, feature, event)
			}
			if readers != nil && !slices.ContainsFunc(p.Newest().Feature(feature).Fields, func(f *graph.Field) bool { return readers[graph.Parent{Feature: feature, Field: f.Key}] }) {
				return fmt.Errorf("S3: change %d is read by no field of %s, but it is said %s", p.changes, feature, event)
			}
		}
	}
	return nil
}

// change makes one change. It returns the feature of which nothing should be said, if it is such a
// change, and the fields that read what has changed, nil where that is said of whole samples.
func (p *onePiece) change() (quiet *graph.Feature, readers map[graph.Parent]bool, err error) {
	g := p.Newest()
	var roots []*graph.Feature
	for _, spec := range g.Features {
		if len(spec.Deps) == 0 {
			roots = append(roots, spec)
		}
	}
	root := enginetest.Pick(p.r, roots)
	rows := p.Samples(root)
	switch n := p.r.IntN(100); {
	case n < 25: // code
		at := enginetest.Pick(p.r, p.shape.Features)
		field := enginetest.Pick(p.r, at.Fields)
		field.Code = fmt.Sprint(p.changes + 1)
		err = p.say(fmt.Appendf(nil, `{"push":%s}`, p.shape.Text()))
		return nil, readersOf(p.Newest(), graph.FeatureKey(at.Key), []string{field.Key}), err
	case n < 35: // a request
		spec := enginetest.Pick(p.r, g.Features)
		if rows := p.Samples(spec); len(rows) > 0 {
			row := enginetest.Pick(p.r, rows)
			err = p.say(fmt.Appendf(nil, `{"invalidate":%q,"where":"%s = %s"}`, spec.Key, "a", graph.AppendJSON(nil, row.Columns["a"])))
		}
		return nil, nil, err
	case n < 50 && p.shape.fresh(): // a new sample
		return nil, nil, p.say(p.rootLine(root, p.newRoot(root), fmt.Sprint(p.changes)))
	case n < 65: // the same data
		row := enginetest.Pick(p.r, rows)
		return root, nil, p.say(p.sameLine(root, row))
	}
	row := enginetest.Pick(p.r, rows)
	var fields []string
	for _, field := range enginetest.Some(p.r, root.Fields, 1+p.r.IntN(len(root.Fields))) {
		fields = append(fields, string(field.Key))
	}
	return nil, readersOf(g, root.Key, fields), p.say(p.rootLine(root, row.Columns, fmt.Sprint(p.changes), fields...))
}

func (p *onePiece) newRoot(spec *graph.Feature) map[string]graph.Value {
	columns := map[string]graph.Value{}
	for _, id := range spec.IDColumns {
		columns[id] = graph.Int(int64(1 + p.r.IntN(3)))
	}
	return columns
}

// rootLine writes a sample of a root; of the fields that are named, or of all if none are, the data is new.
func (p *onePiece) rootLine(spec *graph.Feature, columns map[string]graph.Value, data string, fields ...string) []byte {
	provenance := map[string]string{}
	for _, s := range p.Samples(spec) {
		if slices.Equal(s.IDs, valuesOf(columns, spec.IDColumns)) {
			for name, text := range s.Data {
				provenance[name] = text
			}
		}
	}
	for _, field := range spec.Fields {
		if len(fields) == 0 || slices.Contains(fields, string(field.Key)) {
			provenance[field.Key.StructName()] = "data " + data
		}
	}
	rec := enginetest.NewRecord(columns)
	enginetest.FillMaps(rec, provenance, nil)
	return writeJSON(spec.Key, &engine.Write{Record: rec})
}

// sameLine writes a sample of a root again: another provenance, the same data.
func (p *onePiece) sameLine(spec *graph.Feature, s enginetest.Sample) []byte {
	provenance := map[string]string{}
	for name := range s.Data {
		provenance[name] = fmt.Sprint("other ", p.changes)
	}
	rec := enginetest.NewRecord(s.Columns)
	enginetest.FillMaps(rec, provenance, s.Data)
	return writeJSON(spec.Key, &engine.Write{Record: rec})
}

// work lets workers answer until nothing is left: each has taken an event, and its rows are written
// one by one, between those of others.
func (p *onePiece) work() error {
	busy := map[enginetest.AnswerKey][][]byte{}
	for range 5000 {
		open := p.Answers()
		var can []enginetest.AnswerKey
		for _, k := range sortedKeys(open) {
			if a := open[k]; busy[k] == nil && (a.Status.Work() || a.Status == graph.Orphaned) && !p.empty(a) {
				can = append(can, k)
			}
		}
		if len(can)+len(busy) == 0 {
			return p.rest(open)
		}
		if at := sortedKeys(busy); len(at) > 0 && (len(can) == 0 || enginetest.Chance(p.r, 60)) {
			k := enginetest.Pick(p.r, at)
			line := busy[k][0]
			if busy[k] = busy[k][1:]; len(busy[k]) == 0 {
				delete(busy, k)
			}
			if err := p.say(line); err != nil {
				return err
			}
			continue
		}
		k := enginetest.Pick(p.r, can)
		a := open[k]
		if enginetest.JoinOf(p.Newest().Graph, p.Newest().Feature(k.Feature)).Expands && a.Scope == graph.ScopeSample && a.Status.Work() {
			parent := p.parentOf(k, a)
			if busy[parent] != nil || open[parent] != nil {
				k, a = parent, open[parent] // one worker does a parent and all its children
			}
			if busy[k] != nil || a == nil {
				continue
			}
		}
		if lines := p.w.answer(k, a); len(lines) > 0 {
			busy[k] = lines
		}
	}
	return fmt.Errorf("workers never come to an end")
}

func (p *onePiece) empty(a *enginetest.Answer) bool {
	return a.Scope == graph.ScopeInput && a.Status == graph.Orphaned && a.Children == 0 && a.Source == ""
}

// parentOf returns the key of the parent of a child.
func (p *onePiece) parentOf(k enginetest.AnswerKey, a *enginetest.Answer) enginetest.AnswerKey {
	join := enginetest.JoinOf(p.Newest().Graph, p.Newest().Feature(k.Feature))
	columns := map[string]graph.Value{}
	for i, name := range a.Names {
		columns[name] = a.Values[i]
	}
	return enginetest.AnswerKey{Feature: k.Feature, Key: string(graph.AppendKeyJSON(nil, join.Match, valuesOf(columns, join.Match)))}
}

// rest checks that nothing waits once all work is done, and compares.
func (p *onePiece) rest(open map[enginetest.AnswerKey]*enginetest.Answer) error {
	for k, a := range open {
		if !p.empty(a) {
			return fmt.Errorf("%s %s is %s, but there is no work", k.Feature, k.Key, a.Content())
		}
	}
	return p.quiet()
}
