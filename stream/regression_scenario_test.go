package stream

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream/engine"
	"github.com/freshline/freshline/stream/engine/enginetest"
)

// scenario is a simulated deployment to which a test says what happens, step by step.
type scenario struct {
	*simulation
	t *testing.T
}

// newScenario starts processes on a graph, with so many partitions of rows and one of each sample topic.
func newScenario(t *testing.T, text string, partitions, processes int) *scenario {
	t.Helper()
	const calm = 8
	for seed := uint64(0); ; seed++ {
		s, err := newSimulation(rand.New(rand.NewPCG(seed, 0)), calm, simLimits{partitions, processes, 1})
		if err != nil {
			t.Fatal(err)
		}
		if int(s.partitions) != partitions || len(s.processes) != processes {
			continue // it draws how many
		}
		clear(s.counts)
		s.whole = true
		c := &scenario{s, t}
		c.pushText(text)
		return c
	}
}

func (c *scenario) pushText(text string) {
	c.t.Helper()
	g, err := graph.Parse([]byte(text), "scenario.yaml")
	if err != nil {
		c.t.Fatal(err)
	}
	next, err := c.histories[len(c.histories)-1].Push(int64(len(c.pushes)), g)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, f := range g.Features {
		c.counts[f.Key] = 1
	}
	c.histories = append(c.histories, next)
	c.oracle.Push(g)
	c.makeTopics(g)
	r := &kgo.Record{Key: fmt.Append(nil, "push ", len(c.pushes)), Value: g.Canonical()}
	c.append(r, task{c.ns.Graph(), 0}, nil)
	c.pushes = append(c.pushes, readPush(r))
}

// put writes a sample whose record key is its ids; every field was made of the text.
func (c *scenario) put(feature graph.FeatureKey, columns map[string]graph.Value, made string, change ...func(*graph.Record)) {
	c.t.Helper()
	f := c.plan().Feature(feature)
	rec := enginetest.NewRecord(columns)
	rec.FeatureVersion = graph.String(f.Version)
	texts := map[string]string{}
	for _, field := range f.Fields {
		texts[field.Struct] = made
	}
	enginetest.FillMaps(rec, texts, nil)
	for _, fn := range change {
		fn(rec)
	}
	key, refusal := recordKey(f, rec)
	if refusal != nil {
		c.t.Fatal(refusal)
	}
	c.write(feature, &engine.Write{Key: key, Record: rec}, false)
}

// answer does what the event of a key asks for, as it expects: it writes the sample, or one child of the parent.
func (c *scenario) answer(feature graph.FeatureKey, key string, more map[string]graph.Value, change ...func(*graph.Record)) {
	c.t.Helper()
	c.answerTo(c.event(feature, key), feature, key, more, change...)
}

// answerTo does what an event of a key asked for, whatever has come since.
func (c *scenario) answerTo(e *simEvent, feature graph.FeatureKey, key string, more map[string]graph.Value, change ...func(*graph.Record)) {
	c.t.Helper()
	if e == nil || e.Expected == nil {
		c.t.Fatalf("%s %s has no work: %v", feature, key, e)
	}
	columns := maps.Clone(more)
	if columns == nil {
		columns = map[string]graph.Value{}
	}
	names, values, err := graph.ParseKeyJSON([]byte(key))
	if err != nil {
		c.t.Fatal(err)
	}
	for i, name := range names {
		columns[name] = values[i]
	}
	c.put(feature, columns, "", append([]func(*graph.Record){func(rec *graph.Record) {
		rec.FeatureVersion = graph.String(e.FeatureVersion)
		enginetest.FillMaps(rec, e.Expected.ByField.Map(), nil)
	}}, change...)...)
}

// remove deletes a sample, by a tombstone under its record key.
func (c *scenario) remove(feature graph.FeatureKey, key string) {
	c.write(feature, &engine.Write{Key: []byte(key), Delete: true}, false)
}

// event is what was said last of a key, nil where it is fresh.
func (c *scenario) event(feature graph.FeatureKey, key string) *simEvent {
	c.t.Helper()
	all, err := c.answered()
	if err != nil {
		c.t.Fatal(err)
	}
	return all[enginetest.AnswerKey{Feature: feature, Key: key}]
}

// rest brings everything to its end, and holds it against the oracle. It returns how many records were said since.
func (c *scenario) rest() (said int) {
	c.t.Helper()
	before := c.events
	if err := c.quiet(); err != nil {
		c.t.Fatal(err)
	}
	return c.events - before
}

// turns lets a process take turns, without bringing anything to its end.
func (c *scenario) turns(p *simProcess, n int) {
	c.t.Helper()
	for range n {
		if c.unbalanced {
			c.rebalance(false)
		}
		err := c.turn(p)
		if err == nil {
			err = c.fault
		}
		if err != nil {
			c.t.Fatal(err)
		}
	}
}

// expect holds the status of a key.
func (c *scenario) expect(feature graph.FeatureKey, key string, want graph.Status, causes ...string) *simEvent {
	c.t.Helper()
	e := c.event(feature, key)
	is := graph.Fresh
	if e != nil {
		is = e.Status
	}
	if is != want || e != nil && len(causes) > 0 && fmt.Sprint(e.Causes) != fmt.Sprint(causes) {
		c.t.Errorf("%s %s is %v, want %s %v", feature, key, e, want, causes)
	}
	return e
}

// lose takes the state of every process away.
func (c *scenario) lose() {
	for _, p := range c.processes {
		c.forget(p)
	}
}
