package stream

import (
	"encoding/binary"
	"fmt"
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

	feature *graph.FeaturePlan
	topic   string
	shared  schema.SharedEvent
	last    *engine.Body
	scope   graph.Scope
	headers []kgo.RecordHeader
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
	own := schema.EventOwn{EventID: b.EventID, Key: string(e.Key)}
	names := b.Feature.Shape.IDColumns
	if e.Scope == graph.ScopeInput {
		names = b.Feature.Shape.InputColumns
	}
	own.ID = make([]graph.Column, len(names))
	for i, name := range names {
		own.ID[i] = graph.Column{Name: name, Value: b.ID[i]}
	}
	own.Recorded = recordedOf(b)
	headers := make([]kgo.RecordHeader, 0, len(x.headers)+4)
	headers = append(headers, kgo.RecordHeader{Key: headerDigest, Value: binary.BigEndian.AppendUint64(nil, e.Digest)},
		kgo.RecordHeader{Key: "ce_id", Value: []byte(b.EventID + "@" + originText(b.Origin))},
		kgo.RecordHeader{Key: "ce_subject", Value: e.Key})
	if b.Origin.Trace != "" {
		headers = append(headers, kgo.RecordHeader{Key: headerTrace, Value: []byte(b.Origin.Trace)})
	}
	return &kgo.Record{
		Topic: x.topic, Partition: e.Partition, Key: e.Key,
		Value:   x.shared.Append(make([]byte, 0, x.shared.Len()+256), &own),
		Headers: append(headers, x.headers...),
	}, nil
}

// originText names the record that an event came of: with the event id it names the delivery.
func originText(o engine.Origin) string {
	return o.Topic + "/" + strconv.Itoa(int(o.Partition)) + "/" + strconv.FormatInt(o.Offset, 10)
}

// siblings reports whether two bodies differ only in what is each event's own.
func siblings(a, b *engine.Body) bool {
	return a.Judgement == b.Judgement && a.Expected == b.Expected && a.Inputs == b.Inputs &&
		a.Origin == b.Origin && a.Children == b.Children && a.NotCurrent == b.NotCurrent
}

// share encodes what the siblings of a body have in common.
func (x *eventEncoder) share(scope graph.Scope, b *engine.Body) error {
	x.last, x.scope = b, scope
	s := schema.Staleness{
		Feature: b.Feature.Key, Scope: scope, Status: b.Judgement.Status,
		Causes: b.Judgement.Causes.Texts(), ChangedFields: b.Feature.Keys(b.Judgement.Changed),
		FeatureVersion: b.Feature.Version,
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
	s.Origin = x.origin(b.Origin)
	x.headers = append(x.headers[:0],
		kgo.RecordHeader{Key: "ce_specversion", Value: []byte("1.0")},
		kgo.RecordHeader{Key: "ce_type", Value: []byte(ceType)},
		kgo.RecordHeader{Key: "ce_source", Value: []byte("/" + x.namespace.String() + "/" + string(b.Feature.Key))},
		kgo.RecordHeader{Key: "content-type", Value: []byte("application/avro")},
		kgo.RecordHeader{Key: headerStatus, Value: []byte(b.Judgement.Status.String())},
		kgo.RecordHeader{Key: headerScope, Value: []byte(scope.String())},
		kgo.RecordHeader{Key: headerVersion, Value: []byte(b.Feature.Version)},
	)
	return x.shared.Set(schema.StalenessSchema().Frame(), &s)
}

// origin names the record that an event came of: a sample, or the push of a graph.
func (x *eventEncoder) origin(o engine.Origin) *schema.Origin {
	if o.Topic == "" {
		return &schema.Origin{Topic: x.namespace.Graph(), Offset: o.Offset, Timestamp: x.pushed[o.Offset].UnixMilli()}
	}
	return &schema.Origin{Topic: o.Topic, Partition: o.Partition, Offset: o.Offset, Timestamp: o.Time}
}

// recordedOf returns what the sample was written with.
func recordedOf(b *engine.Body) *schema.Recorded {
	if b.Recorded == nil {
		return nil
	}
	r := &schema.Recorded{FeatureVersion: b.Recorded.Version, HasVersion: b.Recorded.HasVersion}
	texts := make([]string, 0, len(b.Recorded.Fields))
	for i := range b.Recorded.Fields {
		f := &b.Recorded.Fields[i]
		r.ByField = append(r.ByField, schema.FieldText{Field: f.Name, Text: f.Provenance})
		texts = append(texts, f.Provenance)
	}
	var hasher graph.Hasher
	r.Text = hasher.Provenance(b.Feature.Plan(), texts)
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
