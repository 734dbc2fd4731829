package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/schema"
	"github.com/freshline/freshline/stream/engine"
)

// maxFailureRecord bounds a failure that is decoded, in bytes. What is kept of its words is far less.
const maxFailureRecord = 1 << 20

// takeFailure files one record of the failure topic in rows (S12): its key is the feature key, a blank and the
// key of the event; its value a failure in Avro, in either framing, or none, which takes back what was said
// of the key (a retry). What cannot be used becomes a dead letter.
//
// Whoever wrote it has seen an event of a graph that this process need not have seen yet, so the graphs come first.
func (p *Processor) takeFailure(ctx context.Context, ep *epoch, record *kgo.Record) (*kgo.Record, error) {
	if !ep.synced {
		ep.synced = true
		if err := p.syncGraphs(ctx); err != nil {
			return nil, err
		}
	}
	refusal, err := p.fileFailure(ctx, record)
	if err != nil || refusal == nil {
		return nil, err
	}
	return deadLetter(p.o.Namespace, record, refusal), nil
}

func (p *Processor) fileFailure(ctx context.Context, record *kgo.Record) (*graph.Refusal, error) {
	feature, key, err := splitFailureKey(record.Key)
	if err != nil {
		return &graph.Refusal{Reason: graph.BadID, Detail: err.Error()}, nil
	}
	at := engine.Origin{Topic: record.Topic, Partition: record.Partition, Offset: record.Offset, Time: record.Timestamp.UnixMilli(), Trace: traceOf(record)}
	if record.Value == nil {
		return p.engine.Fail(feature, key, nil, at)
	}
	if len(record.Value) > maxFailureRecord {
		return &graph.Refusal{Reason: graph.TooLarge, Detail: fmt.Sprintf("the failure has %d bytes and %d are the limit", len(record.Value), maxFailureRecord)}, nil
	}
	said, err := schema.DecodeFailureFrom(ctx, p.finder(), record.Value)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, schema.ErrUnavailable):
		return nil, err
	default:
		return &graph.Refusal{Reason: graph.BadBytes, Detail: err.Error()}, nil
	}
	if said.Feature != feature || said.Key != string(key) {
		return &graph.Refusal{Reason: graph.BadRow, Column: "key", Detail: fmt.Sprintf("the failure is of %.200q %.500q, its record key of %.200q %.500q; they must be the same", said.Feature, said.Key, feature, key)}, nil
	}
	return p.engine.Fail(feature, key, &engine.Failure{
		EventID: said.EventID, Attempt: int64(said.Attempt), Type: said.Type, Message: said.Message,
	}, at)
}

// splitFailureKey takes the key of a failure record apart.
func splitFailureKey(b []byte) (graph.FeatureKey, []byte, error) {
	name, key, ok := bytes.Cut(b, []byte{' '})
	if !ok {
		return "", nil, fmt.Errorf("the record key %.200q is no feature key, a blank and the key of an event", b)
	}
	feature, err := graph.ParseFeatureKey(string(name))
	if err != nil {
		return "", nil, fmt.Errorf("the record key %.200q is no feature key, a blank and the key of an event: %w", b, err)
	}
	return feature, key, nil
}

// isSample says whether tasks of a topic are router tasks of samples.
func (p *Processor) isSample(topic string) bool {
	return topic != p.o.Namespace.Rows() && topic != p.o.Namespace.Failures()
}
