package replay

import (
	"io"
	"strconv"

	"github.com/freshline/freshline/graph"
)

// JSONLines prints a run as JSON, a line for each change and each refused line.
type JSONLines struct {
	W   io.Writer
	buf []byte
}

// DeadLetter prints a line that was refused.
func (p *JSONLines) DeadLetter(line int, refusal *graph.Refusal) error {
	b := append(p.buf[:0], `{"dead_letter":{"line":`...)
	b = strconv.AppendInt(b, int64(line), 10)
	b = append(b, `,"reason":`...)
	b = graph.AppendJSONString(b, string(refusal.Reason))
	b = append(b, `,"detail":`...)
	b = graph.AppendJSONString(b, refusal.Detail)
	return p.write(append(b, "}}\n"...))
}

// Change prints a change.
func (p *JSONLines) Change(c *Change) error {
	b := append(p.buf[:0], `{"checkpoint":`...)
	b = graph.AppendJSONString(b, c.Checkpoint)
	b = append(b, `,"feature":`...)
	b = graph.AppendJSONString(b, string(c.Feature))
	b = append(b, `,"scope":"`...)
	b = append(b, c.Scope.String()...)
	b = append(b, `","key":`...)
	b = appendColumns(b, c.Key)
	b = append(b, `,"id":`...)
	b = appendColumns(b, c.ID)
	b = append(b, `,"status":"`...)
	b = append(b, c.Status.String()...)
	b = append(b, '"')
	if c.Status != graph.Fresh {
		b = c.appendBody(b)
	}
	return p.write(append(b, "}\n"...))
}

func (c *Change) appendBody(b []byte) []byte {
	b = append(b, `,"causes":`...)
	b = appendTexts(b, c.Causes)
	b = append(b, `,"changed_fields":`...)
	b = appendTexts(b, c.Changed)
	b = append(b, `,"feature_version":`...)
	b = graph.AppendJSONString(b, c.Version)
	if c.Expected != nil {
		b = append(b, `,"expected":{"provenance_by_field":{`...)
		for i, field := range c.Expected.Fields {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(graph.AppendJSONString(b, field.Name), ':')
			b = graph.AppendJSONString(b, field.Provenance)
		}
		b = append(b, `},"provenance":`...)
		b = append(graph.AppendJSONString(b, c.Expected.Provenance), '}')
	}
	if c.Scope == graph.ScopeInput {
		b = append(b, `,"children":`...)
		b = strconv.AppendInt(b, c.Children, 10)
		b = append(b, `,"children_not_current":`...)
		b = strconv.AppendInt(b, c.NotCurrent, 10)
	}
	if c.Failure != nil {
		b = append(b, `,"failure":{"type":`...)
		b = graph.AppendJSONString(b, c.Failure.Type)
		b = append(b, `,"message":`...)
		b = append(graph.AppendJSONString(b, c.Failure.Message), '}')
	}
	return b
}

func appendColumns(b []byte, columns []graph.Column) []byte {
	names := make([]string, len(columns))
	values := make([]graph.Value, len(columns))
	for i, c := range columns {
		names[i], values[i] = c.Name, c.Value
	}
	return graph.AppendKeyJSON(b, names, values)
}

func appendTexts(b []byte, texts []string) []byte {
	b = append(b, '[')
	for i, text := range texts {
		if i > 0 {
			b = append(b, ',')
		}
		b = graph.AppendJSONString(b, text)
	}
	return append(b, ']')
}

func (p *JSONLines) write(b []byte) error {
	p.buf = b
	_, err := p.W.Write(b)
	return err
}
