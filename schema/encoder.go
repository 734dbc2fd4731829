package schema

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/freshline/freshline/graph"
)

// maxSampleSchemas bounds what an Encoder remembers; beyond it starts over. A producer has few.
const maxSampleSchemas = 4096

// What a decimal column is given at least, so that another value seldom makes another schema.
const (
	decimalWhole = 20 // digits before the point
	decimalScale = 18 // digits after it
)

// Publish makes a schema known to the readers before the first sample is written with it, and returns the frame
// of its samples: schema.Frame() where it went to a topic, the frame of Registry.Register where it went there.
type Publish func(ctx context.Context, feature graph.FeatureKey, schema *Schema) (Frame, error)

// Encoder writes samples of any feature and remembers the schemas. It is safe for concurrent use.
//
// A schema follows from the columns of a record and their kinds. A null has no kind: the column keeps the kind
// that it had before, so that a column which is now and then null makes no second schema.
type Encoder struct {
	publish Publish

	mu      sync.Mutex
	known   map[graph.FeatureKey]map[string]ColumnType
	samples map[string]*publishedSample // by what sampleKey appends
}

type publishedSample struct {
	*SampleSchema
	frame Frame
}

// NewEncoder returns an Encoder that publishes each schema before it uses it.
// Without publish samples are in single-object encoding, and the caller sees to it that readers have the schema.
func NewEncoder(publish Publish) *Encoder {
	if publish == nil {
		publish = func(_ context.Context, _ graph.FeatureKey, schema *Schema) (Frame, error) { return schema.Frame(), nil }
	}
	return &Encoder{
		publish: publish,
		known:   make(map[graph.FeatureKey]map[string]ColumnType),
		samples: make(map[string]*publishedSample),
	}
}

// Append appends a framed sample to dst. The columns of rec are sorted by name.
// Errors are those of NewSampleSchema, AppendSample and Publish.
// Two callers that are first with the same schema may both publish it.
func (e *Encoder) Append(ctx context.Context, dst []byte, feature graph.FeatureKey, rec *graph.Record) ([]byte, error) {
	var scratch [512]byte
	e.mu.Lock()
	types := e.learn(feature, rec)
	key := sampleKey(scratch[:0], feature, rec, types)
	sample := e.samples[string(key)]
	var columns []ColumnType
	if sample == nil {
		for _, c := range rec.Columns {
			columns = append(columns, types[c.Name])
		}
	}
	e.mu.Unlock()

	if sample == nil {
		made, err := NewSampleSchema(feature, columns, rec.HasChildren)
		if err != nil {
			return dst, err
		}
		frame, err := e.publish(ctx, feature, made.schema)
		if err != nil {
			return dst, fmt.Errorf("publish the schema of %s: %w", feature, err)
		}
		sample = &publishedSample{SampleSchema: made, frame: frame}
		e.mu.Lock()
		if len(e.samples) >= maxSampleSchemas {
			clear(e.samples)
		}
		e.samples[string(key)] = sample
		e.mu.Unlock()
	}
	return sample.AppendSample(dst, sample.frame, rec)
}

// learn brings what is known of the feature's columns up to the record, and returns it.
func (e *Encoder) learn(feature graph.FeatureKey, rec *graph.Record) map[string]ColumnType {
	types := e.known[feature]
	if types == nil {
		types = make(map[string]ColumnType)
		e.known[feature] = types
	}
	for _, c := range rec.Columns {
		was, met := types[c.Name]
		if now := widened(was, c); !met || now != was {
			types[c.Name] = now
		}
	}
	return types
}

// widened is the type that holds the column's value, and what the type held before where the kind is the same.
func widened(was ColumnType, c graph.Column) ColumnType {
	now := was
	now.Name = c.Name
	if kind := c.Value.Kind(); kind != was.Kind && kind != graph.KindNull {
		now = ColumnType{Name: c.Name, Kind: kind}
	}
	switch c.Value.Kind() {
	case graph.KindTimestamp:
		_, below, _ := c.Value.AsTimestamp()
		now.Nanos = below != 0 // not for good: nanoseconds do not reach as far
	case graph.KindDecimal:
		text, _ := c.Value.AsDecimal()
		whole, fraction, _ := strings.Cut(text, ".")
		digits := max(decimalWhole, now.Precision-now.Scale, len(strings.TrimPrefix(whole, "-")))
		now.Scale = min(max(decimalScale, now.Scale, len(fraction)), graph.MaxDecimalDigits)
		now.Precision = min(digits+now.Scale, graph.MaxDecimalDigits)
	}
	return now
}

// sampleKey appends what tells the schemas of an Encoder apart. 0 stands in no name.
func sampleKey(dst []byte, feature graph.FeatureKey, rec *graph.Record, types map[string]ColumnType) []byte {
	dst = append(append(dst, feature...), 0)
	dst = appendBoolean(dst, rec.HasChildren)
	for _, c := range rec.Columns {
		t := types[c.Name]
		dst = append(append(dst, c.Name...), 0, byte(t.Kind))
		dst = appendBoolean(dst, t.Nanos)
		dst = appendLong(appendLong(dst, int64(t.Precision)), int64(t.Scale))
	}
	return dst
}
