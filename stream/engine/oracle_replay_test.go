package engine_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream/engine"
	"github.com/freshline/freshline/stream/engine/enginetest"
)

// oracleReplay runs the oracle over the lines of a replay file (SEMANTICS 6).
type oracleReplay struct {
	*enginetest.Oracle
	history *graph.History // says whether a graph compiles
	before  map[enginetest.AnswerKey]*enginetest.Answer
	number  int // of the line
}

func newOracleReplay(gate graph.Gate) *oracleReplay {
	defaults := graph.Defaults{Gate: gate}
	return &oracleReplay{Oracle: enginetest.NewOracle(defaults), history: graph.NewHistory(defaults)}
}

// Reasons that only a replay has.
const (
	badLine   graph.Reason = "BAD_LINE"
	badGraph  graph.Reason = "BAD_GRAPH"
	badFilter graph.Reason = "BAD_FILTER"
)

// replayLine is one line of a replay file.
type replayLine struct {
	Push       json.RawMessage
	Write      *graph.FeatureKey
	Delete     *graph.FeatureKey
	Row        json.RawMessage
	Checkpoint *string
	Invalidate *graph.FeatureKey
	Where      *string
	Fail       *graph.FeatureKey
	Key        json.RawMessage
	Type       string
	Message    string
}

// parseReplayLine reads a line; false: it is not exactly one operation, with what belongs to it.
func parseReplayLine(text []byte) (op replayLine, ok bool) {
	belongs := map[string]string{"push": "", "write": "row", "delete": "row", "invalidate": "where", "fail": "key type message", "checkpoint": ""}
	var names map[string]json.RawMessage
	if json.Unmarshal(text, &names) != nil || json.Unmarshal(text, &op) != nil {
		return op, false
	}
	kind := ""
	for name := range names {
		if _, ok := belongs[name]; ok && kind != "" {
			return op, false
		} else if ok {
			kind = name
		}
	}
	for name, value := range names {
		if name == "row" || name == "push" || name == "key" {
			continue
		}
		if string(value) == "null" || name != kind && !slices.Contains(strings.Fields(belongs[kind]), name) {
			return op, false
		}
	}
	_, row := names["row"]
	_, key := names["key"]
	return op, kind != "" && (!row || belongs[kind] == "row") && key == (kind == "fail")
}

// run runs a whole file and returns what is to be printed.
func (o *oracleReplay) run(events []byte) (out []string) {
	for line := range bytes.Lines(events) {
		out = append(out, o.line(line)...)
	}
	return out
}

// line runs one line and returns what is to be printed.
func (o *oracleReplay) line(text []byte) []string {
	o.number++
	if len(bytes.TrimSpace(text)) == 0 {
		return nil
	}
	op, ok := parseReplayLine(text)
	reason := badLine
	switch {
	case !ok:
	case op.Checkpoint != nil:
		after := o.Answers()
		out := changes(*op.Checkpoint, o.before, after)
		o.before = after
		return out
	default:
		reason = o.do(&op)
	}
	if reason == "" {
		return nil
	}
	return []string{deadLetter(o.number, reason)}
}

func deadLetter(line int, reason graph.Reason) string {
	return fmt.Sprintf(`{"dead_letter":{"line":%d,"reason":%q}}`, line, reason)
}

// do does what a line says, or returns why it is refused.
func (o *oracleReplay) do(op *replayLine) graph.Reason {
	if op.Push != nil {
		return o.pushGraph(op.Push)
	}
	var feature graph.FeatureKey
	for _, key := range []*graph.FeatureKey{op.Write, op.Delete, op.Invalidate, op.Fail} {
		if key != nil {
			feature = *key
		}
	}
	if g := o.Newest(); g == nil || g.Feature(feature) == nil {
		return graph.UnknownFeature
	}
	switch {
	case op.Invalidate != nil:
		return o.invalidate(feature, op.Where)
	case op.Fail != nil:
		return o.failWork(feature, op)
	}
	return o.writeRow(feature, op.Row, op.Delete != nil)
}

func (o *oracleReplay) pushGraph(text []byte) graph.Reason {
	g, err := graph.Parse(text, "push")
	if err != nil || g.Check() != nil {
		return badGraph
	}
	next, err := o.history.Push(int64(o.number), g)
	if err != nil {
		return badGraph
	}
	o.history = next
	o.Push(g)
	return ""
}

// writeRow takes a row, or a delete.
func (o *oracleReplay) writeRow(feature graph.FeatureKey, row []byte, gone bool) graph.Reason {
	g := o.Newest()
	record, err := graph.ParseRecordJSON(row, graph.RecordOptions{})
	if err != nil {
		return graph.BadRow
	}
	if !record.HasVersion && !gone {
		record.FeatureVersion = graph.String(g.Versions[feature].Feature)
	}
	ids := g.Feature(feature).IDColumns
	if join := enginetest.JoinOf(g.Graph, g.Feature(feature)); join.Expands && !slices.ContainsFunc(join.Suffix, func(id string) bool { return !record.Column(id).IsNull() }) {
		ids = join.Match
	}
	values := make([]graph.Value, len(ids))
	for i, id := range ids {
		values[i] = record.Column(id)
	}
	key := graph.AppendKeyJSON(nil, ids, values)
	return o.Write(len(o.Graphs), feature, 0, &engine.Write{Offset: int64(o.number), Key: key, Record: record, Delete: gone})
}

// invalidate marks rows.
func (o *oracleReplay) invalidate(feature graph.FeatureKey, where *string) graph.Reason {
	var filter *graph.Filter
	if where != nil {
		var err error
		if filter, err = graph.ParseFilter(*where); err != nil {
			return badFilter
		}
	}
	o.Request(feature, filter, func(row *enginetest.Row) bool { return row.Offset < int64(o.number) })
	return ""
}

// failWork says that the present work of a key could not be done.
func (o *oracleReplay) failWork(feature graph.FeatureKey, op *replayLine) graph.Reason {
	key, err := graph.ParseRecordJSON(op.Key, graph.RecordOptions{TypedObjects: true})
	if err != nil {
		return badLine
	}
	for k, a := range o.Answers() {
		same := k.Feature == feature && len(a.Names) == len(key.Columns)
		for i, name := range a.Names {
			same = same && slices.Contains(key.Columns, graph.Column{Name: name, Value: a.Values[i]})
		}
		if same && a.Status.Work() {
			o.Failures[k] = &enginetest.Failure{Work: a.Work(k), Attempt: 1, Kind: op.Type, Message: op.Message}
		}
	}
	return ""
}

// changes prints what has changed, in the order of SEMANTICS 6.
func changes(label string, before, after map[enginetest.AnswerKey]*enginetest.Answer) (out []string) {
	type line struct {
		enginetest.AnswerKey
		*enginetest.Answer
		fresh bool
	}
	var lines []line
	for k, a := range after {
		if b := before[k]; b == nil || b.Outcome() != a.Outcome() {
			lines = append(lines, line{k, a, false})
		}
	}
	for k, b := range before {
		if after[k] == nil {
			lines = append(lines, line{k, b, true})
		}
	}
	slices.SortFunc(lines, func(a, b line) int {
		if c := a.Feature.Compare(b.Feature); c != 0 {
			return c
		}
		if c := int(a.Scope) - int(b.Scope); c != 0 {
			return c
		}
		if c := slices.CompareFunc(a.Values, b.Values, graph.Compare); c != 0 {
			return c
		}
		return strings.Compare(a.Key, b.Key)
	})
	for _, c := range lines {
		text := map[string]any{
			"checkpoint": label, "feature": string(c.Feature), "scope": c.Scope.String(), "status": "FRESH",
			"key": json.RawMessage(c.Key), "id": json.RawMessage(graph.AppendKeyJSON(nil, c.IDNames, c.IDValues)),
		}
		if !c.fresh {
			text["status"], text["causes"], text["changed_fields"], text["feature_version"] = c.Status.String(), texts(c.Causes), texts(c.Changed), c.Version
			if c.Expected != nil && c.Expected.There {
				fields := map[string]string{}
				for key, hash := range c.Expected.Fields {
					fields[key.StructName()] = hash
				}
				text["expected"] = map[string]any{"provenance_by_field": fields, "provenance": c.Expected.Provenance}
			}
			if c.Failure != nil {
				text["failure"] = map[string]string{"type": c.Failure.Kind, "message": c.Failure.Message}
			}
			if c.Scope == graph.ScopeInput {
				text["children"], text["children_not_current"] = c.Children, c.NotCurrent
			}
		}
		b, err := json.Marshal(text)
		if err != nil {
			panic(err)
		}
		out = append(out, string(b))
	}
	return out
}

func texts(list []string) []string { return append([]string{}, list...) }
