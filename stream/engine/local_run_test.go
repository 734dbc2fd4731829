package engine_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream/engine"
	"github.com/freshline/freshline/stream/engine/enginetest"
)

// localRun runs lines of a replay file through engine.Local and through the oracle, and holds the
// one against the other: every refusal (R7), every event (E1), at each checkpoint every answer (E5).
type localRun struct {
	*oracleReplay
	local    *engine.Local
	now      map[enginetest.AnswerKey]*simEvent // what has been emitted and not been taken back
	works    *enginetest.Words
	told     func(enginetest.AnswerKey, *simEvent) // hears every event; nil: a tombstone
	fault    error                                 // the first that an event showed
	events   int
	compared int
	refused  map[graph.Reason]int
	seen     map[graph.Status]int // answers compared, by status
}

func newLocalRun(gate graph.Gate) *localRun {
	return &localRun{
		oracleReplay: newOracleReplay(gate), local: engine.NewLocal(graph.Defaults{Gate: gate}),
		now: map[enginetest.AnswerKey]*simEvent{}, works: enginetest.NewWords(), told: func(enginetest.AnswerKey, *simEvent) {},
		refused: map[graph.Reason]int{}, seen: map[graph.Status]int{},
	}
}

// do runs one line. The error says where the engine and the oracle differ.
func (l *localRun) do(text []byte) error {
	if err := l.doLine(text); err != nil {
		return fmt.Errorf("line %d: %w", l.number, err)
	}
	return nil
}

func (l *localRun) doLine(text []byte) error {
	op, ok := parseReplayLine(text)
	if ok && op.Fail != nil { // it is said of what is known when all is quiet
		if err := l.quiet(); err != nil {
			return err
		}
	}
	var want graph.Reason
	for _, line := range l.line(text) {
		if reason, ok := strings.CutPrefix(line, fmt.Sprintf(`{"dead_letter":{"line":%d,"reason":"`, l.number)); ok {
			want = graph.Reason(strings.TrimSuffix(reason, `"}}`))
		}
	}
	if !ok || len(bytes.TrimSpace(text)) == 0 {
		return nil // which lines are no operation replay says, not the engine
	}
	if op.Checkpoint != nil {
		return l.quiet()
	}
	got, err := l.give(&op)
	if err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("R7: refused as %q, should be %q", got, want)
	}
	if got != "" {
		l.refused[got]++
	}
	return nil
}

// give gives a line to the engine; it returns why it is refused.
func (l *localRun) give(op *replayLine) (graph.Reason, error) {
	var feature graph.FeatureKey
	for _, key := range []*graph.FeatureKey{op.Write, op.Delete, op.Invalidate, op.Fail} {
		if key != nil {
			feature = *key
		}
	}
	switch f := l.local.Plan().Feature(feature); {
	case op.Push != nil:
		g, err := graph.Parse(op.Push, "push")
		if err == nil {
			err = g.Check()
		}
		if err != nil || l.local.Push(int64(l.number), g) != nil {
			return badGraph, nil
		}
		return "", nil
	case f == nil:
		return graph.UnknownFeature, nil
	case op.Invalidate != nil:
		var filter *graph.Filter
		if op.Where != nil {
			var err error
			if filter, err = graph.ParseFilter(*op.Where); err != nil {
				return badFilter, nil
			}
		}
		l.local.Request(feature, filter, int64(l.number))
		return "", nil
	case op.Fail != nil:
		return l.giveFailure(feature, op)
	default:
		record, err := graph.ParseRecordJSON(op.Row, graph.RecordOptions{})
		if err != nil {
			return graph.BadRow, nil
		}
		if !record.HasVersion && op.Write != nil {
			record.FeatureVersion = graph.String(f.Version)
		}
		w := &engine.Write{Offset: int64(l.number), Key: f.RecordKey(record), Record: record, Delete: op.Delete != nil}
		refusal, err := l.local.Route(feature, w)
		if refusal != nil {
			return refusal.Reason, err
		}
		return "", err
	}
}

func (l *localRun) giveFailure(feature graph.FeatureKey, op *replayLine) (graph.Reason, error) {
	key, err := graph.ParseRecordJSON(op.Key, graph.RecordOptions{TypedObjects: true})
	if err != nil {
		return badLine, nil
	}
	for k, e := range l.now {
		names, values, err := graph.ParseKeyJSON([]byte(k.Key))
		if err != nil {
			return "", err
		}
		same := k.Feature == feature && len(names) == len(key.Columns)
		for i, name := range names {
			same = same && slices.Contains(key.Columns, graph.Column{Name: name, Value: values[i]})
		}
		if same && e.id != "" {
			if l.Failures[k] == nil {
				return "", fmt.Errorf("S12: %v is %s, but the oracle sees no work", k, e)
			}
			refusal, err := l.local.Fail(feature, []byte(k.Key), &engine.Failure{EventID: e.id, Attempt: 1, Type: op.Type, Message: op.Message})
			if refusal != nil {
				return refusal.Reason, err
			}
			return "", err
		}
	}
	return "", nil
}

// quiet lets the engine come to rest and compares.
func (l *localRun) quiet() error {
	if err := l.local.Settle(l.take); err != nil {
		return err
	}
	if l.fault != nil || l.Newest() == nil {
		return l.fault
	}
	want := l.Answers()
	compared, err := compareSaid(l.works, l.now, want)
	l.compared += compared
	if err != nil {
		return err
	}
	for k, a := range want {
		l.seen[a.Status]++
		f := l.local.Plan().Feature(k.Feature)
		if a.Scope != graph.ScopeInput || !f.Expands {
			continue
		}
		children, notCurrent, err := l.local.CountChildren(f, a.Values)
		if err != nil || children != int64(a.Children) || notCurrent != int64(a.NotCurrent) {
			return fmt.Errorf("S6: %s %s has %d children, %d not current; counted are %d and %d, %w", k.Feature, k.Key, a.Children, a.NotCurrent, children, notCurrent, err)
		}
	}
	return nil
}

// take takes an event and holds it against the one before it (E1).
func (l *localRun) take(e *engine.Event) {
	k := enginetest.AnswerKey{Feature: e.Feature, Key: string(e.Key)}
	before := l.now[k]
	var event *simEvent
	if e.Body != nil {
		event = makeEvent(e)
	}
	if before == nil && event == nil || before != nil && event != nil && before.content == event.content && before.id == event.id {
		l.fault = fmt.Errorf("E1: %v is told again to be %s", k, event)
	}
	if event != nil && event.body.Judgement.Status == graph.Awaiting && len(event.body.Awaiting) == 0 {
		l.fault = fmt.Errorf("E6: %v names nothing that it waits for", k)
	}
	if event == nil {
		delete(l.now, k)
	} else {
		l.now[k] = event
	}
	l.events++
	l.told(k, event)
}
