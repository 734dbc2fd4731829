package stream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/schema"
)

// Event is one record of a staleness topic: the newest word on its key, until the next one.
type Event struct {
	Feature   graph.FeatureKey
	Key       []byte            // canonical JSON (E2)
	Staleness *schema.Staleness // nil where the key is fresh again (a tombstone), and where Err is set
	Err       error             // why the record could not be decoded (an error of schema); Value has it untouched

	Value     []byte // as it lies in the topic; nil for a tombstone
	Headers   []kgo.RecordHeader
	Topic     string
	Partition int32
	Offset    int64
	Timestamp time.Time
}

// Fresh reports whether the event says that its key is fresh again.
func (e Event) Fresh() bool { return e.Value == nil }

// Header returns the value of a header, "" where there is none.
func (e Event) Header(name string) string {
	for _, h := range e.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

// readEvent decodes a record of a staleness topic. Schemas is asked about records in the Confluent wire format
// only; nil knows none.
func readEvent(ctx context.Context, n Namespace, schemas schema.Schemas, r *kgo.Record) Event {
	e := Event{
		Feature: n.stalenessFeature(r.Topic), Key: r.Key, Value: r.Value, Headers: r.Headers,
		Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Timestamp: r.Timestamp,
	}
	if r.Value == nil {
		return e
	}
	if schemas == nil {
		schemas = &schema.Set{}
	}
	staleness, err := schema.DecodeStalenessFrom(ctx, schemas, r.Value)
	if err != nil {
		advice := ""
		if errors.Is(err, schema.ErrUnknownSchema) {
			advice = "; it is written by another version of freshline, or a schema registry is in use that was not named"
		}
		e.Err = fmt.Errorf("topic %s, partition %d, offset %d, key %.100q: %w%s", r.Topic, r.Partition, r.Offset, r.Key, err, advice)
		return e
	}
	e.Staleness = staleness
	return e
}

// stalenessFeature is the feature of a staleness topic. Feature keys have no '.', so the name can be read back.
func (n Namespace) stalenessFeature(topic string) graph.FeatureKey {
	return graph.FeatureKey(strings.ReplaceAll(strings.TrimPrefix(topic, n.stalenessPrefix()), ".", "/"))
}
