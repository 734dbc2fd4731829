package engine_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream/engine"
	"github.com/freshline/freshline/stream/engine/enginetest"
)

// lineMaker makes the lines of a replay file at random, and runs each: what producers, workers of no
// particular care, operators and fools write.
type lineMaker struct {
	*localRun
	r      *rand.Rand
	writes *enginetest.WriteMaker
	graphs *enginetest.GraphMaker
	shape  *shapeMaker // makes the graphs instead, where waves are to meet
	lines  [][]byte
	least  int   // features of the first graph
	err    error // of the last line: no more are made
}

func newLineMaker(seed uint64, gate graph.Gate) *lineMaker {
	r := rand.New(rand.NewPCG(seed, 11))
	m := &lineMaker{localRun: newLocalRun(gate), r: r, writes: newJSONWriteMaker(r), least: 1}
	m.graphs = &enginetest.GraphMaker{
		R: r, Fixed: map[string][]string{}, Gone: map[string]*enginetest.SpecFeature{}, Settled: true,
		Keep: func(string) bool { return false },
	}
	m.graphs.Check = func(g *graph.Graph) bool {
		_, err := m.history.Push(int64(m.number), g)
		return err == nil
	}
	return m
}

// newJSONWriteMaker makes writes of the types that JSON has.
func newJSONWriteMaker(r *rand.Rand) *enginetest.WriteMaker {
	m := enginetest.NewWriteMaker(r)
	for _, c := range slices.Sorted(maps.Keys(m.Domain)) {
		for i, v := range m.Domain[c] {
			if text := graph.AppendJSON(nil, v); text[0] == '{' {
				m.Domain[c][i] = graph.String(string(text))
			}
		}
	}
	return m
}

// add takes a line.
func (m *lineMaker) add(text []byte) {
	if m.err != nil {
		return
	}
	m.lines = append(m.lines, text)
	m.err = m.do(text)
}

func (m *lineMaker) addf(format string, args ...any) { m.add(fmt.Appendf(nil, format, args...)) }

// makeHistory makes and runs a whole history.
func (m *lineMaker) makeHistory() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	m.writes.Calm = enginetest.Chance(m.r, 50)
	if m.writes.Calm && !m.graphs.Still && enginetest.Chance(m.r, 50) {
		m.shape = newShape(m.r, 3+m.r.IntN(5), true)
		for i := range m.shape.Features {
			k := fmt.Sprint("k", i)
			m.writes.Domain[k] = m.writes.Domain["k"]
		}
		m.addf(`{"push":%s}`, m.shape.Text())
	} else {
		m.pushLine(m.graphs.First(m.least + m.r.IntN(len(enginetest.FeatureKeys)+1-m.least)))
	}
	kinds := []struct {
		wild, calm int // weights
		do         func()
	}{
		{30, 20, func() { m.writeLine(true) }}, {10, 2, func() { m.writeLine(false) }}, {5, 4, m.deleteLine}, {45, 70, m.workerLines},
		{8, 8, m.pushNext}, {3, 3, m.requestLine}, {4, 8, m.failLine}, {4, 1, m.badLine}, {35, 35, m.checkpointLine},
	}
	var deck []func()
	for _, k := range kinds {
		weight := k.wild
		if m.writes.Calm {
			weight = k.calm
		}
		deck = append(deck, slices.Repeat([]func(){k.do}, weight)...)
	}
	for range 5 + m.r.IntN(60) {
		enginetest.Pick(m.r, deck)()
	}
	m.checkpointLine()
	return m.err
}

func (m *lineMaker) checkpointLine() { m.addf(`{"checkpoint":"c%d"}`, m.number+1) }

func (m *lineMaker) pushLine(g *graph.Graph) {
	if g != nil {
		m.addf(`{"push":%s}`, m.graphs.Now.Text())
	}
}

func (m *lineMaker) pushNext() {
	if m.shape == nil {
		m.pushLine(m.graphs.Next())
		return
	}
	enginetest.Pick(m.r, enginetest.Pick(m.r, m.shape.Features).Fields).Code = fmt.Sprint(1 + m.r.IntN(3))
	m.addf(`{"push":%s}`, m.shape.Text())
}

// feature picks a feature of the graph in force, nil if it has none.
func (m *lineMaker) feature(root bool) *graph.Feature {
	features := m.Newest().Features
	if len(features) == 0 {
		return nil
	}
	spec := enginetest.Pick(m.r, features)
	for range 5 {
		if root && len(spec.Deps) > 0 {
			spec = enginetest.Pick(m.r, features)
		}
	}
	return spec
}

func (m *lineMaker) writeLine(root bool) {
	for range 1 + m.r.IntN(3) {
		spec := m.feature(root)
		if spec == nil {
			return
		}
		w := m.writes.Write(m.r, m.Oracle, spec)
		if w.Record == nil {
			m.addf(`{"write":%q,"row":[1]}`, spec.Key)
			continue
		}
		if m.r.IntN(1000) == 0 {
			w.Record.Columns = append(w.Record.Columns, graph.Column{Name: "z", Value: graph.String(strings.Repeat("large", enginetest.TooLarge/5+1))})
		}
		m.add(writeJSON(spec.Key, w))
	}
}

func (m *lineMaker) deleteLine() {
	spec := m.feature(false)
	if spec == nil {
		return
	}
	w := m.writes.Remove(m.r, m.Oracle, spec)
	if w.Record == nil {
		w.Record = enginetest.NewRecord(m.writes.Columns(m.r, spec.IDColumns))
	}
	m.add(writeJSON(spec.Key, w))
}

func (m *lineMaker) requestLine() {
	spec := m.feature(false)
	if spec == nil {
		return
	}
	if enginetest.Chance(m.r, 40) {
		m.addf(`{"invalidate":%q}`, spec.Key)
		return
	}
	m.addf(`{"invalidate":%q,"where":%q}`, spec.Key, enginetest.Pick(m.r, []string{"a = 1", "n > 1", "freshline_children >= 0", "k IS NULL", "s = '1' OR b = 2"}))
}

func (m *lineMaker) failLine() {
	all := m.Answers()
	keys := slices.DeleteFunc(sortedKeys(all), func(k enginetest.AnswerKey) bool { return !all[k].Status.Work() && !enginetest.Chance(m.r, 10) })
	if len(keys) > 0 {
		k := enginetest.Pick(m.r, keys)
		m.addf(`{"fail":%q,"key":%s,"type":%q,"message":"no"}`, k.Feature, k.Key, enginetest.Pick(m.r, []string{"Timeout", "DecodeError"}))
	}
}

func (m *lineMaker) badLine() {
	now := m.graphs.Now
	if m.shape != nil {
		now = &m.shape.SpecGraph
	}
	push := bytes.Replace(now.Text(), []byte(`"key":`), []byte(`"kex":`), 1)
	m.add([]byte(enginetest.Pick(m.r, []string{
		`{}`, `[1]`, `{"write":"m/a","delete":"m/a","row":{"a":1}}`, `{"write":"m/a","raw":{}}`, `{"write":"nowhere","row":{"a":1}}`,
		`{"delete":"nowhere","row":{"a":1}}`, `{"invalidate":"nowhere"}`, `{"fail":"nowhere","key":{}}`, `{"invalidate":"m/a","where":"a ="}`,
		`{"write":"m/a"}`, `{"write":"c","row":7}`, `{"delete":"c","row":"x"}`, `{"fail":"c","key":{"a":99}}`, `{"fail":"c","key":3}`, ``,
		`{"push":{"features":[{"key":"m/a"}]}}`, `{"push":` + string(push) + `}`, `{"push":{"features":[],"gate":"open"}}`,
	})))
}

// workerLines answers some of what there is to do.
func (m *lineMaker) workerLines() {
	all := m.Answers()
	w := &lineWorker{oracleReplay: m.oracleReplay, r: m.r, writes: m.writes, careless: !m.writes.Calm || enginetest.Chance(m.r, 10)}
	n := 1 + m.r.IntN(6)
	if m.writes.Calm {
		n *= 3
	}
	for _, k := range enginetest.Some(m.r, sortedKeys(all), n) {
		for _, line := range w.answer(k, all[k]) {
			m.add(line)
		}
	}
}

func sortedKeys[T any](all map[enginetest.AnswerKey]T) []enginetest.AnswerKey {
	return slices.SortedFunc(maps.Keys(all), func(a, b enginetest.AnswerKey) int {
		return compareText(string(a.Feature)+"\x00"+a.Key, string(b.Feature)+"\x00"+b.Key)
	})
}

// writeJSON writes a write, or a delete, as a line.
func writeJSON(feature graph.FeatureKey, w *engine.Write) []byte {
	kind := "write"
	if w.Delete {
		kind = "delete"
	}
	return fmt.Appendf(nil, `{%q:%q,"row":%s}`, kind, feature, recordJSON(w.Record))
}

// recordJSON writes a record as the row of a line.
func recordJSON(rec *graph.Record) []byte {
	text := []byte{'{'}
	add := func(name string, value []byte) {
		if len(text) > 1 {
			text = append(text, ',')
		}
		text = append(append(graph.AppendJSONString(text, name), ':'), value...)
	}
	addMap := func(name string, m graph.MapColumn) {
		switch m.State {
		case graph.MapInvalid:
			add(name, []byte(`"no map"`))
		case graph.MapPresent:
			b := []byte{'{'}
			for i, entry := range m.Entries {
				if i > 0 {
					b = append(b, ',')
				}
				b = graph.AppendJSON(append(graph.AppendJSONString(b, entry.Name), ':'), entry.Value)
			}
			add(name, append(b, '}'))
		}
	}
	for _, c := range rec.Columns {
		add(c.Name, graph.AppendJSON(nil, c.Value))
	}
	addMap(graph.ColumnProvenance, rec.Provenance)
	addMap(graph.ColumnDataVersion, rec.DataVersion)
	if rec.HasVersion || !rec.FeatureVersion.IsNull() {
		add(graph.ColumnFeatureVersion, graph.AppendJSON(nil, rec.FeatureVersion))
	}
	if !rec.DeletedAt.IsNull() {
		add(graph.ColumnDeletedAt, []byte(`"2026-01-01"`))
	}
	if rec.HasChildren || !rec.Children.IsNull() {
		add(graph.ColumnChildren, graph.AppendJSON(nil, rec.Children))
	}
	return append(text, '}')
}
