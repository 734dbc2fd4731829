package stream

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/schema"
	"github.com/freshline/freshline/stream/engine"
)

// The processor keeps so much of what a failure says, in bytes.
const (
	maxFailureType    = 4 << 10
	maxFailureMessage = 12 << 10
)

// eventIDBytes is the size of an event id (E3), of which the text has two digits a byte.
const eventIDBytes = 16

// FailureLog writes the topic of what workers could not do (S12). A record has the key of the work
// behind that of its feature, and lies in the partition of the staleness record; the newest of a key
// counts, and a tombstone takes back what was said of it. Safe for concurrent use.
type FailureLog struct {
	namespace Namespace
	client    *kgo.Client
}

// OpenFailureLog connects to the failure topic of a namespace. The caller closes it.
func OpenFailureLog(ctx context.Context, cluster Cluster, ns Namespace) (*FailureLog, error) {
	if err := ns.Validate(); err != nil {
		return nil, err
	}
	client, err := Connect(ctx, cluster, kgo.ProducerLinger(0), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return nil, err
	}
	return &FailureLog{namespace: ns, client: client}, nil
}

// Close ends the connection.
func (l *FailureLog) Close() { l.client.Close() }

// FailureKey is the record key of a failure: the feature, a blank, the key of the work (E2).
func FailureKey(feature graph.FeatureKey, key []byte) []byte {
	return append(append([]byte(feature), ' '), key...)
}

// Fail writes that a piece of work could not be done: partition is that of its staleness record.
// What is too long of type and message is cut, to 4 KiB and to 12 KiB. An event id that is not 32
// hexadecimal digits is refused, and so is an attempt below 1 or an empty type.
func (l *FailureLog) Fail(ctx context.Context, partition int32, failure schema.Failure) error {
	id, err := hex.DecodeString(failure.EventID)
	switch {
	case err != nil || len(id) != eventIDBytes:
		return fmt.Errorf("failure of %s %s: event id %.40q is not 32 hexadecimal digits; copy the event_id of the staleness record", failure.Feature, failure.Key, failure.EventID)
	case failure.Attempt < 1:
		return fmt.Errorf("failure of %s %s: attempt %d is below 1", failure.Feature, failure.Key, failure.Attempt)
	case failure.Type == "":
		return fmt.Errorf("failure of %s %s: the type is empty; name the kind of the error", failure.Feature, failure.Key)
	}
	failure.Type, failure.Message = engine.CutText(failure.Type, maxFailureType), engine.CutText(failure.Message, maxFailureMessage)
	value, err := failure.Append(nil, schema.FailureSchema().Frame())
	if err != nil {
		return fmt.Errorf("failure of %s %s: %w", failure.Feature, failure.Key, err)
	}
	return produceOne(ctx, l.client, &kgo.Record{
		Topic: l.namespace.Failures(), Partition: partition, Key: FailureKey(failure.Feature, []byte(failure.Key)), Value: value,
	})
}

// Retry takes back what was said of the keys of events, so that their work is offered again.
func (l *FailureLog) Retry(ctx context.Context, events ...Event) error {
	records := make([]*kgo.Record, len(events))
	for i, e := range events {
		records[i] = &kgo.Record{Topic: l.namespace.Failures(), Partition: e.Partition, Key: FailureKey(e.Feature, e.Key)}
	}
	for _, r := range l.client.ProduceSync(ctx, records...) {
		if r.Err != nil {
			return produceFault(r.Record, r.Err)
		}
	}
	return nil
}

// Partition is the partition of a key of a feature, which the failure topic shares with rows and
// staleness: that of its join key. The names are those of Shape, in any order.
func (l *FailureLog) Partition(ctx context.Context, f *graph.FeaturePlan, names []string, values []graph.Value) (int32, error) {
	join := make([]graph.Value, f.K)
	for i, column := range f.Layout[:f.K] {
		for at, name := range names {
			if name == column {
				join[i] = values[at]
			}
		}
	}
	topic := l.namespace.Failures()
	counts, err := partitionCounts(ctx, l.client, []string{topic})
	if err != nil {
		return 0, fmt.Errorf("find the partitions of topic %s: %w", topic, err)
	}
	if counts[topic] == 0 {
		return 0, fmt.Errorf("topic %s does not exist; create it with `freshline topics create`", topic)
	}
	return graph.Partition(graph.AppendTuple(nil, join...), counts[topic]), nil
}

// WorkError is an error of a worker with a name for its kind, which becomes the type of the failure
// (S12). Of other errors the type is that of Go.
type WorkError struct {
	Type string
	Err  error
}

func (e *WorkError) Error() string {
	switch {
	case e == nil: // a nil *WorkError in an error is an error all the same
		return "a worker returned a nil *WorkError"
	case e.Err == nil:
		return e.Type
	}
	return e.Err.Error()
}

func (e *WorkError) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// failureType names the kind of an error.
func failureType(err error) string {
	for {
		if named, ok := err.(*WorkError); ok && named != nil && named.Type != "" {
			return named.Type
		}
		switch name := strings.TrimPrefix(fmt.Sprintf("%T", err), "*"); name {
		case "errors.errorString", "errors.joinError":
			return "error"
		case "fmt.wrapError", "stream.WorkError":
			inner, ok := err.(interface{ Unwrap() error })
			if !ok || inner.Unwrap() == nil {
				return "error"
			}
			err = inner.Unwrap()
		case "fmt.wrapErrors":
			return "error"
		default:
			return name
		}
	}
}
