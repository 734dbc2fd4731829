package stream

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream/engine"
)

// MaxRequestBytes is the greatest size in bytes of a request in the request topic.
const MaxRequestBytes = 900_000

// The records of the request topic:
//
//	<32 hex digits, random>      a request (requestJSON); a tombstone once every partition has done it
//	done <topic> <partition>     which requests the task of that sample partition has done (doneJSON)
//
// The offset of a request is its number. What is done is written in the transaction that does it.
const donePrefix = "done "

// requestJSON is a request as it stands in the topic. The filter is one of section 7 of the semantics; each
// of ids is an object of id columns, in the form of an event's key, of which a row has to have one.
type requestJSON struct {
	Feature graph.FeatureKey  `json:"feature"`
	Topic   string            `json:"topic"` // of the feature's samples
	Where   *string           `json:"where,omitempty"`
	IDs     []json.RawMessage `json:"ids,omitempty"`
	Bounds  map[string]int64  `json:"bounds"` // partition of the topic → its end when the request was made
}

type doneJSON struct {
	Next int64 `json:"next"` // the number of the first request that is not done
}

// openRequest is a request that not every partition has done.
type openRequest struct {
	id string // the record key
	engine.Request
}

// readRequest reads a request.
func readRequest(r *kgo.Record) (*openRequest, error) {
	q, err := parseRequest(r.Value)
	if err != nil {
		return nil, fmt.Errorf("topic %s, partition %d, offset %d, key %.40q: is not a request and is skipped: %w", r.Topic, r.Partition, r.Offset, r.Key, err)
	}
	q.Number = r.Offset
	return &openRequest{string(r.Key), *q}, nil
}

func parseRequest(value []byte) (*engine.Request, error) {
	if len(value) > MaxRequestBytes {
		return nil, fmt.Errorf("it has %d bytes and %d are the limit", len(value), MaxRequestBytes)
	}
	var j requestJSON
	if err := parseStrict(value, &j); err != nil {
		return nil, err
	}
	if _, err := graph.ParseFeatureKey(string(j.Feature)); err != nil {
		return nil, err
	}
	q := &engine.Request{Feature: j.Feature, Topic: j.Topic, Bounds: make(map[int32]int64, len(j.Bounds))}
	for text, bound := range j.Bounds {
		partition, err := strconv.ParseInt(text, 10, 32)
		if err != nil || partition < 0 || bound < 0 {
			return nil, fmt.Errorf("the bound %d of partition %.20q is none", bound, text)
		}
		q.Bounds[int32(partition)] = bound
	}
	var filter *graph.Filter
	var err error
	if j.Where != nil {
		if filter, err = graph.ParseFilter(*j.Where); err != nil {
			return nil, fmt.Errorf("filter: %w", err)
		}
	}
	ids := make([][]graph.Column, len(j.IDs))
	for i, text := range j.IDs {
		if ids[i], err = ParseIDs(text); err != nil {
			return nil, err
		}
	}
	q.Rows = engine.NewSelection(filter, ids)
	return q, nil
}

// ParseIDs reads id columns in the form of an event's key, in any order: {"video_id":1}. They are returned
// sorted by name. Nulls are refused: a row without an id has no key.
func ParseIDs(text []byte) ([]graph.Column, error) {
	names, values, err := graph.ParseKeyJSON(text)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, errors.New("the object has no id column")
	}
	columns := make([]graph.Column, len(names))
	for i, name := range names {
		if columns[i] = (graph.Column{Name: name, Value: values[i]}); values[i].IsNull() {
			return nil, fmt.Errorf("id column %q is null: leave it out, and rows with any value there are meant", name)
		}
	}
	slices.SortFunc(columns, func(a, b graph.Column) int { return strings.Compare(a.Name, b.Name) })
	return columns, nil
}

// parseStrict reads one JSON value, whose members must be known.
func parseStrict(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more follows the JSON value")
	}
	return nil
}

func doneKey(s engine.Source) []byte {
	return fmt.Appendf(nil, "%s%s %d", donePrefix, s.Topic, s.Partition)
}

// doneRecord says that a task has done the requests up to a number.
func doneRecord(ns Namespace, d engine.Done) *kgo.Record {
	value, _ := json.Marshal(doneJSON{d.Number + 1}) // a number always encodes
	return &kgo.Record{Topic: ns.Requests(), Key: doneKey(d.Source), Value: value}
}

// readDone reads what a task has done; ok is false for a record that does not say that.
func readDone(r *kgo.Record) (source engine.Source, next int64, ok bool) {
	text, isDone := strings.CutPrefix(string(r.Key), donePrefix)
	topic, partition, found := strings.Cut(text, " ") // a topic has no blanks
	n, err := strconv.ParseInt(partition, 10, 32)
	var j doneJSON
	if !isDone || !found || err != nil || parseStrict(r.Value, &j) != nil {
		return source, 0, false
	}
	return engine.Source{Topic: topic, Partition: int32(n)}, j.Next, true
}
