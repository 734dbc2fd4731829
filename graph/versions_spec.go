package graph

import (
	"maps"
	"slices"
)

// The text of a feature spec that its spec version hashes: Metaxy's JSON (metaxy-semantics 8.1) as Python's
// json.dumps(..., sort_keys=True) writes it. Settings of our own (topic, settle, receipts) are not in it, but
// Canonical writes the same text with them.

// appendSpec writes a feature, with own also the settings that are not hashed.
func (f *Feature) appendSpec(b []byte, own bool) []byte {
	b = append(b, `{"deps": `...)
	b = appendPythonList(b, f.Deps, func(d *Dependency, b []byte) []byte { return d.appendSpec(b, own) })
	b = append(b, `, "description": `...)
	if f.HasDescription {
		b = appendPythonString(b, f.Description)
	} else {
		b = append(b, "null"...)
	}
	b = append(b, `, "fields": `...)
	b = appendPythonList(b, f.Fields, (*Field).appendSpec)
	b = append(b, `, "id_columns": `...)
	b = appendPythonStrings(b, f.IDColumns)
	b = append(b, `, "key": `...)
	b = appendPythonString(b, string(f.Key))
	b = append(b, `, "metadata": `...)
	if f.Metadata == nil {
		b = append(b, "{}"...)
	} else {
		b = append(b, f.Metadata...)
	}
	if own && f.Topic != "" {
		b = append(b, `, "topic": `...)
		b = appendPythonString(b, f.Topic)
	}
	return append(b, '}')
}

func (d *Dependency) appendSpec(b []byte, own bool) []byte {
	b = append(b, `{"feature": `...)
	b = appendPythonString(b, string(d.Feature))
	b = append(b, `, "fields_mapping": {"mapping": `...)
	b = d.Mapping.appendSpec(b)
	b = append(b, `}, "lineage": {"relationship": `...)
	b = d.Lineage.appendSpec(b)
	b = append(b, `}, "optional": `...)
	b = appendPythonBool(b, d.Optional)
	b = append(b, `, "rename": `...)
	if d.Rename == nil {
		b = append(b, "null"...)
	} else {
		b = append(b, '{')
		for i, r := range d.Rename {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = appendPythonString(b, r.From)
			b = append(b, ": "...)
			b = appendPythonString(b, r.To)
		}
		b = append(b, '}')
	}
	b = append(b, `, "select": `...)
	if d.HasSelect {
		b = appendPythonStrings(b, d.Select)
	} else {
		b = append(b, "null"...)
	}
	b = append(b, `, "sql_filters": `...)
	if d.Filters == nil {
		b = append(b, "null"...)
	} else {
		b = appendPythonStrings(b, d.Filters)
	}
	if own && d.Settle != nil {
		b = append(b, `, "settle": `...)
		b = appendPythonBool(b, *d.Settle)
	}
	if own && d.Receipts != "" {
		b = append(b, `, "receipts": `...)
		b = appendPythonString(b, d.Receipts)
	}
	return append(b, '}')
}

func (m Mapping) appendSpec(b []byte) []byte {
	switch m.Kind {
	case MapAll:
		return append(b, `{"type": "all"}`...)
	case MapNone:
		return append(b, `{"type": "none"}`...)
	case MapSpecific:
		b = append(b, `{"mapping": {`...)
		for i, key := range slices.Sorted(maps.Keys(m.Specific)) {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = appendPythonString(b, string(key))
			b = append(b, ": "...)
			b = appendPythonList(b, m.Specific[key], func(field FieldKey, b []byte) []byte { return appendPythonStrings(b, field.Parts()) })
		}
		return append(b, `}, "type": "specific"}`...)
	}
	b = append(b, `{"exclude_fields": `...)
	b = appendPythonStrings(b, m.ExcludeFields)
	b = append(b, `, "match_suffix": `...)
	b = appendPythonBool(b, m.MatchSuffix)
	return append(b, `, "type": "default"}`...)
}

func (l Lineage) appendSpec(b []byte) []byte {
	switch l.Kind {
	case Aggregation:
		b = append(b, `{"on": `...)
		if l.On == nil {
			b = append(b, "null"...)
		} else {
			b = appendPythonStrings(b, l.On)
		}
		return append(b, `, "type": "N:1"}`...)
	case Expansion:
		b = append(b, `{"id_generation_pattern": `...)
		if l.IDGenerationPattern == nil {
			b = append(b, "null"...)
		} else {
			b = appendPythonString(b, *l.IDGenerationPattern)
		}
		b = append(b, `, "on": `...)
		b = appendPythonStrings(b, l.On)
		return append(b, `, "type": "1:N"}`...)
	}
	return append(b, `{"type": "1:1"}`...)
}

func (f *Field) appendSpec(b []byte) []byte {
	b = append(b, `{"code_version": `...)
	b = appendPythonString(b, f.CodeVersion)
	b = append(b, `, "deps": `...)
	if f.Deps.All {
		b = appendPythonString(b, AllFields)
	} else {
		b = appendPythonList(b, f.Deps.List, FieldDep.appendSpec)
	}
	b = append(b, `, "key": `...)
	b = appendPythonString(b, string(f.Key))
	return append(b, '}')
}

func (d FieldDep) appendSpec(b []byte) []byte {
	b = append(b, `{"feature": `...)
	b = appendPythonString(b, string(d.Feature))
	b = append(b, `, "fields": `...)
	if d.All {
		b = appendPythonString(b, AllFields)
	} else {
		b = appendPythonStrings(b, d.Fields)
	}
	return append(b, '}')
}

func appendPythonList[T any](b []byte, items []T, appendItem func(T, []byte) []byte) []byte {
	b = append(b, '[')
	for i, item := range items {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = appendItem(item, b)
	}
	return append(b, ']')
}

func appendPythonStrings[T ~string](b []byte, texts []T) []byte {
	return appendPythonList(b, texts, func(text T, b []byte) []byte { return appendPythonString(b, string(text)) })
}

func appendPythonBool(b []byte, v bool) []byte {
	if v {
		return append(b, "true"...)
	}
	return append(b, "false"...)
}
