package schema

import (
	"maps"
	"slices"
	"strings"

	"github.com/freshline/freshline/graph"
)

// The way of a Staleness to and from the values that goavro takes and gives.

func (e *Staleness) native() map[string]any {
	m := map[string]any{
		"feature": string(e.Feature), "scope": e.Scope.String(), "status": e.Status.String(),
		"causes": nativeStrings(e.Causes), "changed_fields": nativeStrings(e.ChangedFields),
		"feature_version": e.FeatureVersion, "expected": nil,
		"inputs_total": e.InputsTotal, "inputs_digest": e.InputsDigest, "awaiting": nativeStrings(e.Awaiting),
		"children": nil, "children_not_current": nil, "failure": nil, "origin": nil,
		"event_id": e.EventID, "key": e.Key, "id": nativeColumns(e.ID), "recorded": nil,
	}
	if p := e.Expected; p != nil {
		m["expected"] = map[string]any{"provenance_by_field": nativeFieldTexts(p.ByField), "provenance": p.Text}
	}
	inputs := make([]any, len(e.Inputs))
	for i, in := range e.Inputs {
		inputs[i] = map[string]any{
			"feature": string(in.Feature), "id": nativeColumns(in.ID),
			"data_version_by_field": nativeFieldTexts(in.DataVersion), "columns": nativeColumns(in.Columns),
		}
	}
	m["inputs"] = inputs
	if c := e.Children; c != nil {
		m["children"], m["children_not_current"] = c.Total, c.NotCurrent
	}
	if f := e.Failure; f != nil {
		m["failure"] = map[string]any{"type": validText(f.Type), "message": validText(f.Message), "attempt": f.Attempt}
	}
	if o := e.Origin; o != nil {
		m["origin"] = map[string]any{"topic": o.Topic, "partition": o.Partition, "offset": o.Offset, "timestamp": o.Timestamp}
	}
	if r := e.Recorded; r != nil {
		recorded := map[string]any{
			"provenance_by_field": nativeFieldTexts(r.ByField), "provenance": r.Text, "feature_version": nil,
		}
		if r.HasVersion {
			recorded["feature_version"] = r.FeatureVersion
		}
		m["recorded"] = recorded
	}
	return m
}

func nativeStrings(texts []string) []any {
	out := make([]any, len(texts))
	for i, s := range texts {
		out[i] = s
	}
	return out
}

func nativeFieldTexts(texts FieldTexts) map[string]any {
	m := make(map[string]any, len(texts))
	for _, t := range texts {
		m[t.Field] = t.Text
	}
	return m
}

func nativeColumns(columns []graph.Column) map[string]any {
	m := make(map[string]any, len(columns))
	for _, c := range columns {
		m[c.Name] = nativePrimitive(c.Value)
	}
	return m
}

func nativePrimitive(v graph.Value) any {
	switch v.Kind() {
	case graph.KindNull:
		return nil
	case graph.KindBool:
		b, _ := v.AsBool()
		return b
	case graph.KindInt:
		i, _ := v.AsInt()
		return i
	case graph.KindDouble:
		f, _ := v.AsDouble()
		return f
	case graph.KindBytes:
		b, _ := v.AsBytes()
		return []byte(b)
	}
	return string(appendText(nil, v))
}

// stalenessOf takes the plain native form of staleness.avsc, whose types goavro has seen to.
func stalenessOf(m map[string]any) *Staleness {
	e := &Staleness{
		Feature:        graph.FeatureKey(m["feature"].(string)),
		Causes:         stringsOf(m["causes"]),
		ChangedFields:  stringsOf(m["changed_fields"]),
		FeatureVersion: m["feature_version"].(string),
		InputsTotal:    m["inputs_total"].(int32),
		InputsDigest:   m["inputs_digest"].(string),
		Awaiting:       stringsOf(m["awaiting"]),
		EventOwn:       EventOwn{EventID: m["event_id"].(string), Key: m["key"].(string), ID: columnsOf(m["id"])},
	}
	for s := graph.New; s <= graph.Failed; s++ {
		if s.String() == m["status"] {
			e.Status = s
		}
	}
	if m["scope"] == graph.ScopeSample.String() {
		e.Scope = graph.ScopeSample
	}
	if p, ok := m["expected"].(map[string]any); ok {
		provenance := provenanceOf(p)
		e.Expected = &provenance
	}
	for _, in := range m["inputs"].([]any) {
		in := in.(map[string]any)
		e.Inputs = append(e.Inputs, StalenessInput{
			Feature: graph.FeatureKey(in["feature"].(string)), ID: columnsOf(in["id"]),
			DataVersion: fieldTextsOf(in["data_version_by_field"]), Columns: columnsOf(in["columns"]),
		})
	}
	total, counted := m["children"].(int64)
	if notCurrent, ok := m["children_not_current"].(int64); ok || counted {
		e.Children = &ChildCounts{Total: total, NotCurrent: notCurrent}
	}
	if f, ok := m["failure"].(map[string]any); ok {
		e.Failure = &FailureReport{Type: f["type"].(string), Message: f["message"].(string), Attempt: f["attempt"].(int32)}
	}
	if o, ok := m["origin"].(map[string]any); ok {
		e.Origin = &Origin{
			Topic: o["topic"].(string), Partition: o["partition"].(int32),
			Offset: o["offset"].(int64), Timestamp: o["timestamp"].(int64),
		}
	}
	if r, ok := m["recorded"].(map[string]any); ok {
		e.Recorded = &Recorded{Provenance: provenanceOf(r)}
		e.Recorded.FeatureVersion, e.Recorded.HasVersion = r["feature_version"].(string)
	}
	return e
}

func provenanceOf(m map[string]any) Provenance {
	return Provenance{ByField: fieldTextsOf(m["provenance_by_field"]), Text: m["provenance"].(string)}
}

func stringsOf(value any) []string {
	var out []string
	for _, s := range value.([]any) {
		out = append(out, s.(string))
	}
	return out
}

func fieldTextsOf(value any) FieldTexts {
	m := value.(map[string]any)
	var out FieldTexts
	for _, field := range slices.Sorted(maps.Keys(m)) {
		out = append(out, FieldText{Field: field, Text: m[field].(string)})
	}
	return out
}

func columnsOf(value any) []graph.Column {
	var out []graph.Column
	for name, v := range value.(map[string]any) {
		c := graph.Column{Name: name}
		switch v := v.(type) {
		case bool:
			c.Value = graph.Bool(v)
		case int64:
			c.Value = graph.Int(v)
		case float64:
			c.Value = graph.Double(v)
		case string:
			c.Value = graph.String(v)
		case []byte:
			c.Value = graph.Bytes(v)
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b graph.Column) int { return strings.Compare(a.Name, b.Name) })
	return out
}
