package main

import (
	"encoding/json"
	"time"
	"unicode/utf8"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream"
)

// letterObject is one dead letter as JSON.
type letterObject struct {
	Origin     string          `json:"origin,omitempty"` // topic/partition/offset, as show and retry take it
	Reason     graph.Reason    `json:"reason,omitempty"`
	Column     string          `json:"column,omitempty"`
	Detail     string          `json:"detail,omitempty"`
	Topic      string          `json:"topic,omitempty"`
	Partition  int32           `json:"partition"`
	Offset     int64           `json:"offset"`
	Timestamp  string          `json:"timestamp,omitempty"`
	Key        json.RawMessage `json:"key,omitempty"` // as it is where it is JSON, else as text; left out where there is none
	Tombstone  bool            `json:"tombstone"`
	Bytes      int             `json:"bytes"`
	Cut        string          `json:"cut,omitempty"` // what was too large to be kept
	RefusedAt  string          `json:"refused_at"`
	DeadLetter letterPlace     `json:"dead_letter"`
	Retried    *letterRetried  `json:"retried,omitempty"`
	Error      string          `json:"error,omitempty"` // why it is no dead letter
}

// letterPlace is where the dead letter itself lies.
type letterPlace struct {
	Partition int32 `json:"partition"`
	Offset    int64 `json:"offset"`
}

type letterRetried struct {
	Offset    int64  `json:"offset"` // of the copy
	Timestamp string `json:"timestamp"`
}

// maxListedKey bounds what a list says of a key, in bytes.
const maxListedKey = 4 << 10

func newLetterObject(d stream.DeadLetter) letterObject {
	o := letterObject{RefusedAt: timeText(d.Timestamp), DeadLetter: letterPlace{d.Partition, d.Offset}}
	if d.Err != nil {
		o.Error = d.Err.Error()
		return o
	}
	o.Origin, o.Reason, o.Column, o.Detail = d.Origin.String(), d.Reason, d.Column, d.Detail
	o.Topic, o.Partition, o.Offset, o.Timestamp = d.Origin.Topic, d.Origin.Partition, d.Origin.Offset, timeText(d.Time)
	o.Tombstone, o.Bytes, o.Cut = d.Value == nil, d.Size, d.Cut
	if d.Key != nil {
		key := d.Key
		if len(key) > maxListedKey {
			for key = key[:maxListedKey]; len(key) > 0 && !utf8.RuneStart(d.Key[len(key)]); {
				key = key[:len(key)-1]
			}
			key = append(key[:len(key):len(key)], "…"...)
		}
		o.Key = keyObject(key)
	}
	if d.Retried != nil {
		o.Retried = &letterRetried{d.Retried.Offset, timeText(d.Retried.Time)}
	}
	return o
}

func timeText(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// recordObject is a sample as JSON, as `freshline put` takes it.
func recordObject(r *graph.Record) json.RawMessage {
	b := columnsObject(r.Columns)
	b = b[:len(b)-1]
	add := func(name string, value []byte) {
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(append(graph.AppendJSONString(b, name), ':'), value...)
	}
	for _, m := range []struct {
		name   string
		column graph.MapColumn
	}{{graph.ColumnProvenance, r.Provenance}, {graph.ColumnDataVersion, r.DataVersion}} {
		switch m.column.State {
		case graph.MapPresent:
			add(m.name, columnsObject(m.column.Entries))
		case graph.MapInvalid:
			add(m.name, []byte(`"no map"`))
		}
	}
	if r.HasVersion || !r.FeatureVersion.IsNull() {
		add(graph.ColumnFeatureVersion, graph.AppendJSON(nil, r.FeatureVersion))
	}
	if !r.DeletedAt.IsNull() {
		add(graph.ColumnDeletedAt, graph.AppendJSON(nil, r.DeletedAt))
	}
	if r.HasChildren {
		add(graph.ColumnChildren, graph.AppendJSON(nil, r.Children))
	}
	return append(b, '}')
}
