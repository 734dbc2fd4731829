package stream

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/schema"
	"github.com/freshline/freshline/stream/engine"
)

// Headers of staleness records: CloudEvents in binary mode, and what a consumer can choose by
// without decoding.
const (
	headerDigest  = "freshline_digest" // 8 bytes: of what E1 compares, for recovery
	headerStatus  = "freshline_status"
	headerScope   = "freshline_scope"
	headerVersion = "freshline_feature_version"
	headerTrace   = "traceparent"

	ceType = "freshline.staleness.v1"
)

// eventEncoder makes records of events. Siblings share the encoding of what they have in common.
type eventEncoder struct {
	namespace Namespace
	pushed    map[int64]time.Time

	feature  *graph.FeaturePlan
	topic    string
	shared   schema.SharedEvent
	last     *engine.Body
	scope    graph.Scope
	origin   string             // of last, as text
	common   []kgo.RecordHeader // of last and its siblings
	row      *graph.Row         // for which recorded holds
	recorded *schema.Recorded
	own      schema.EventOwn
	hasher   graph.Hasher
	bytes    []byte             // room for values and headers
	headers  []kgo.RecordHeader // room for lists of headers
}

// encoderChunk is how much room is made at once for the bytes of records.
const encoderChunk = 256 << 10

// room returns n bytes of room, empty.
func (x *eventEncoder) room(n int) []byte {
	if cap(x.bytes)-len(x.bytes) < n {
		x.bytes = make([]byte, 0, max(n, encoderChunk))
	}
	return x.bytes[len(x.bytes) : len(x.bytes) : len(x.bytes)+n]
}

// keep says that room was filled.
func (x *eventEncoder) keep(b []byte) []byte {
	x.bytes = x.bytes[:len(x.bytes)+len(b)]
	return b
}

// record makes the record of one event.
func (x *eventEncoder) record(e *engine.Event) (*kgo.Record, error) {
	if e.Body == nil {
		return &kgo.Record{Topic: x.namespace.Staleness(e.Feature), Partition: e.Partition, Key: e.Key}, nil
	}
	b := e.Body
	if x.feature != b.Feature {
		x.feature, x.topic, x.last = b.Feature, x.namespace.Staleness(e.Feature), nil
	}
	if x.last == nil || x.scope != e.Scope || !siblings(x.last, b) {
		if err := x.share(e.Scope, b); err != nil {
			return nil, fmt.Errorf("key %s of %s: %w", e.Key, e.Feature, err)
		}
	}
	own := &x.own
	own.EventID, own.Key, own.ID = b.EventID, string(e.Key), own.ID[:0]
	names := b.Feature.Shape.IDColumns
	if e.Scope == graph.ScopeInput {
		names = b.Feature.Shape.InputColumns
	}
	for i, name := range names {
		own.ID = append(own.ID, graph.Column{Name: name, Value: b.ID[i]})
	}
	own.Recorded = x.recordedOf(b)
	value := x.shared.Append(x.room(x.shared.Len()+512+2*len(e.Key)), own)
	if cap(value) == x.shared.Len()+512+2*len(e.Key) {
		x.keep(value) // else it had no room and moved
	}
	return &kgo.Record{Topic: x.topic, Partition: e.Partition, Key: e.Key, Value: value, Headers: x.headersOf(e)}, nil
}

// headersOf makes the headers of one event.
func (x *eventEncoder) headersOf(e *engine.Event) []kgo.RecordHeader {
	n := len(x.common) + 3
	if cap(x.headers)-len(x.headers) < n {
		x.headers = make([]kgo.RecordHeader, 0, max(n, 1024))
	}
	start := len(x.headers)
	digest := x.keep(binary.BigEndian.AppendUint64(x.room(8), e.Digest))
	id := x.keep(append(append(append(x.room(len(e.Body.EventID)+1+len(x.origin)), e.Body.EventID...), '@'), x.origin...))
	x.headers = append(x.headers, kgo.RecordHeader{Key: headerDigest, Value: digest}, kgo.RecordHeader{Key: "ce_id", Value: id})
	x.headers = append(x.headers, x.common...)
	return x.headers[start:len(x.headers):len(x.headers)]
}

// originText names the record that an event came of: with the event id it names the delivery.
func originText(o engine.Origin) string {
	return o.Topic + "/" + strconv.Itoa(int(o.Partition)) + "/" + strconv.FormatInt(o.Offset, 10)
}

// siblings reports whether two bodies differ only in what is each event's own.
func siblings(a, b *engine.Body) bool {
	return a.Judgement == b.Judgement && a.Expected == b.Expected && a.Inputs == b.Inputs &&
		a.Origin == b.Origin && a.Failure == b.Failure && a.Children == b.Children && a.NotCurrent == b.NotCurrent
}

// share encodes what the siblings of a body have in common.
func (x *eventEncoder) share(scope graph.Scope, b *engine.Body) error {
	x.last, x.scope = b, scope
	s := schema.Staleness{
		Feature: b.Feature.Key, Scope: scope, Status: b.Judgement.Status,
		Causes: b.Judgement.Causes.Texts(), ChangedFields: b.Feature.Keys(b.Judgement.Changed),
		FeatureVersion: b.Feature.Version, Awaiting: b.Awaiting,
	}
	if b.Expected != nil {
		s.Expected = &schema.Provenance{Text: b.Expected.Provenance}
		for i, text := range b.Expected.Fields {
			s.Expected.ByField = append(s.Expected.ByField, schema.FieldText{Field: b.Feature.Fields[i].Struct, Text: text})
		}
	}
	if b.Inputs != nil {
		s.InputsTotal, s.InputsDigest = int32(b.Inputs.Total), b.Inputs.Digest
		for _, in := range b.Inputs.List {
			entry := schema.StalenessInput{Feature: in.Feature, ID: in.ID, Columns: in.Columns}
			for _, f := range in.Fields {
				entry.DataVersion = append(entry.DataVersion, schema.FieldText{Field: f.Name, Text: f.DataVersion})
			}
			s.Inputs = append(s.Inputs, entry)
		}
	}
	if scope == graph.ScopeInput {
		s.Children = &schema.ChildCounts{Total: b.Children, NotCurrent: b.NotCurrent}
	}
	if f := b.Failure; f != nil {
		s.Failure = &schema.FailureReport{Type: f.Type, Message: f.Message, Attempt: int32(min(f.Attempt, math.MaxInt32))}
	}
	s.Origin = x.originOf(b.Origin)
	x.origin = originText(b.Origin)
	x.common = append(x.common[:0],
		kgo.RecordHeader{Key: "ce_specversion", Value: []byte("1.0")},
		kgo.RecordHeader{Key: "ce_type", Value: []byte(ceType)},
		kgo.RecordHeader{Key: "ce_source", Value: []byte("/" + x.namespace.String() + "/" + string(b.Feature.Key))},
		kgo.RecordHeader{Key: "content-type", Value: []byte("application/avro")},
		kgo.RecordHeader{Key: headerStatus, Value: []byte(b.Judgement.Status.String())},
		kgo.RecordHeader{Key: headerScope, Value: []byte(scope.String())},
		kgo.RecordHeader{Key: headerVersion, Value: []byte(b.Feature.Version)},
	)
	if b.Origin.Trace != "" {
		x.common = append(x.common, kgo.RecordHeader{Key: headerTrace, Value: []byte(b.Origin.Trace)})
	}
	return x.shared.Set(schema.StalenessSchema().Frame(), &s)
}

// originOf names the record that an event came of: a sample, or the push of a graph.
func (x *eventEncoder) originOf(o engine.Origin) *schema.Origin {
	if o.Topic == "" {
		return &schema.Origin{Topic: x.namespace.Graph(), Offset: o.Offset, Timestamp: x.pushed[o.Offset].UnixMilli()}
	}
	return &schema.Origin{Topic: o.Topic, Partition: o.Partition, Offset: o.Offset, Timestamp: o.Time}
}

// recordedOf returns what the sample was written with. Siblings that were written alike share it.
func (x *eventEncoder) recordedOf(b *engine.Body) *schema.Recorded {
	if b.Recorded == nil {
		return nil
	}
	if x.row == b.Recorded {
		return x.recorded
	}
	r := &schema.Recorded{FeatureVersion: b.Recorded.Version, HasVersion: b.Recorded.HasVersion}
	texts := make([]string, 0, len(b.Recorded.Fields))
	for i := range b.Recorded.Fields {
		f := &b.Recorded.Fields[i]
		r.ByField = append(r.ByField, schema.FieldText{Field: f.Name, Text: f.Provenance})
		texts = append(texts, f.Provenance)
	}
	r.Text = x.hasher.Provenance(b.Feature.Plan(), texts)
	x.row, x.recorded = b.Recorded, r
	return r
}

// digestOf reads the digest of a staleness record, 0 of a tombstone. A record without one is of
// somebody else: it is taken for one that differs from whatever holds now.
func digestOf(record *kgo.Record) uint64 {
	if record.Value == nil {
		return 0
	}
	for _, h := range record.Headers {
		if h.Key == headerDigest && len(h.Value) == 8 {
			return binary.BigEndian.Uint64(h.Value)
		}
	}
	return 1
}

// traceOf returns the traceparent of a record, if it is one.
func traceOf(record *kgo.Record) string {
	for _, h := range record.Headers {
		if h.Key == headerTrace && len(h.Value) <= 64 {
			return string(h.Value)
		}
	}
	return ""
}
