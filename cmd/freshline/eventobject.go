package main

import (
	"encoding/json"
	"time"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/schema"
	"github.com/freshline/freshline/stream"
)

// eventObject is one event as JSON: what replay prints of it (SEMANTICS, section 6), and besides what a worker needs
// and where it lies.
type eventObject struct {
	Feature        graph.FeatureKey `json:"feature"`
	Scope          string           `json:"scope,omitempty"`
	Key            json.RawMessage  `json:"key"`
	ID             json.RawMessage  `json:"id,omitempty"`
	Status         string           `json:"status,omitempty"`
	Causes         []string         `json:"causes,omitzero"`
	ChangedFields  []string         `json:"changed_fields,omitzero"`
	FeatureVersion string           `json:"feature_version,omitempty"`
	Expected       *provenance      `json:"expected,omitempty"`
	Children       *int64           `json:"children,omitempty"`
	NotCurrent     *int64           `json:"children_not_current,omitempty"`
	Failure        *failure         `json:"failure,omitempty"`
	Recorded       *provenance      `json:"recorded,omitempty"`
	Inputs         []eventInput     `json:"inputs,omitempty"`
	InputsTotal    int32            `json:"inputs_total,omitempty"`
	Awaiting       []string         `json:"awaiting,omitempty"`
	EventID        string           `json:"event_id,omitempty"`
	Error          string           `json:"error,omitempty"` // why the event cannot be read
	Topic          string           `json:"topic"`
	Partition      int32            `json:"partition"`
	Offset         int64            `json:"offset"`
	Timestamp      string           `json:"timestamp"`
}

type provenance struct {
	ByField        map[string]string `json:"provenance_by_field"`
	Provenance     string            `json:"provenance"`
	FeatureVersion *string           `json:"feature_version,omitempty"` // of what was recorded
}

type failure struct {
	Type    string `json:"type"`
	Message string `json:"message"`
	Attempt int32  `json:"attempt"`
}

type eventInput struct {
	Feature     graph.FeatureKey  `json:"feature"`
	ID          json.RawMessage   `json:"id"`
	DataVersion map[string]string `json:"data_version_by_field"`
	Columns     json.RawMessage   `json:"columns"`
}

func newEventObject(e stream.Event) eventObject {
	o := eventObject{
		Feature: e.Feature, Key: keyObject(e.Key), Topic: e.Topic, Partition: e.Partition, Offset: e.Offset,
		Timestamp: e.Timestamp.UTC().Format(time.RFC3339Nano),
	}
	switch s := e.Staleness; {
	case e.Err != nil:
		o.Error = e.Err.Error()
	case e.Fresh():
		o.Status = graph.Fresh.String()
	default:
		o.take(s)
	}
	return o
}

// take fills in what the record says.
func (o *eventObject) take(s *schema.Staleness) {
	o.Scope, o.Status, o.FeatureVersion = s.Scope.String(), s.Status.String(), s.FeatureVersion
	o.ID, o.Causes, o.ChangedFields = typedID(s), append([]string{}, s.Causes...), append([]string{}, s.ChangedFields...)
	o.EventID, o.InputsTotal, o.Awaiting = s.EventID, s.InputsTotal, s.Awaiting
	if s.Expected != nil {
		o.Expected = &provenance{ByField: s.Expected.ByField.Map(), Provenance: s.Expected.Text}
	}
	if r := s.Recorded; r != nil {
		o.Recorded = &provenance{ByField: r.ByField.Map(), Provenance: r.Text}
		if r.HasVersion {
			o.Recorded.FeatureVersion = &r.FeatureVersion
		}
	}
	if s.Children != nil {
		o.Children, o.NotCurrent = &s.Children.Total, &s.Children.NotCurrent
	}
	if s.Failure != nil {
		o.Failure = &failure{s.Failure.Type, s.Failure.Message, s.Failure.Attempt}
	}
	for _, in := range s.Inputs {
		o.Inputs = append(o.Inputs, eventInput{in.Feature, columnsObject(in.ID), in.DataVersion.Map(), columnsObject(in.Columns)})
	}
}

// keyObject is a record key, which is JSON unless somebody else wrote it.
func keyObject(key []byte) json.RawMessage {
	if json.Valid(key) {
		return key
	}
	return graph.AppendJSONString(nil, string(key))
}

// typedID is the id with the types of the key: as Avro has it, a date is text.
func typedID(s *schema.Staleness) json.RawMessage {
	typed := map[string]graph.Value{}
	if names, values, err := graph.ParseKeyJSON([]byte(s.Key)); err == nil {
		for i, name := range names {
			typed[name] = values[i]
		}
	}
	columns := make([]graph.Column, len(s.ID))
	for i, column := range s.ID {
		columns[i] = column
		if v, ok := typed[column.Name]; ok {
			columns[i].Value = v
		}
	}
	return columnsObject(columns)
}

func columnsObject(columns []graph.Column) json.RawMessage {
	b := []byte{'{'}
	for i, column := range columns {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(graph.AppendJSONString(b, column.Name), ':')
		b = graph.AppendJSON(b, column.Value)
	}
	return append(b, '}')
}

// eventColumns are the columns of a table of events.
var eventColumns = []string{"FEATURE", "SCOPE", "STATUS", "KEY", "CAUSES", "FIELDS"}

// addEvent lists an event.
func addEvent(l *listing, e stream.Event, before ...any) error {
	o := newEventObject(e)
	cells := append(before, string(e.Feature))
	switch {
	case e.Err != nil:
		cells = append(cells, "", "unreadable", string(e.Key), o.Error, "")
	case e.Fresh():
		cells = append(cells, "", graph.Fresh, string(e.Key), "", "")
	default:
		cells = append(cells, o.Scope, e.Staleness.Status, string(e.Key), o.Causes, o.ChangedFields)
	}
	return l.add(o, cells...)
}
