package schema

import (
	"context"
	_ "embed"
	"fmt"
	"sync"

	"github.com/freshline/freshline/graph"
)

//go:embed failure.avsc
var failureText []byte

// FailureSchema is failure.avsc, the schema of ns.failures.
var FailureSchema = sync.OnceValue(func() *Schema { return mustParse(failureText) })

// Failure says that a worker could not do a piece of work (S12).
type Failure struct {
	Feature graph.FeatureKey
	Key     string // of the staleness record, canonical JSON
	EventID string // of the staleness record: the work that failed
	FailureReport
}

// Append appends the framed record to dst. The frame is FailureSchema().Frame(), or the one that a registry gave.
// Of the error's type and message, what is not UTF-8 is replaced; elsewhere it is an error.
func (f *Failure) Append(dst []byte, frame Frame) ([]byte, error) {
	if err := checkText(string(f.Feature), f.Key, f.EventID); err != nil {
		return dst, fmt.Errorf("encode failure: %w", err)
	}
	dst = frame.Append(dst)
	dst = appendString(appendString(appendString(dst, f.Feature), f.Key), f.EventID)
	dst = appendLong(dst, int64(f.Attempt))
	return appendString(appendString(dst, validText(f.Type)), validText(f.Message)), nil
}

// DecodeFailure reads a failure in single-object encoding. Errors are as those of DecodeStaleness.
func DecodeFailure(payload []byte) (*Failure, error) {
	return DecodeFailureFrom(context.Background(), &Set{}, payload)
}

// DecodeFailureFrom reads a failure in either framing, as DecodeStalenessFrom does.
func DecodeFailureFrom(ctx context.Context, schemas Schemas, payload []byte) (*Failure, error) {
	m, err := decodeKnown(ctx, schemas, FailureSchema(), payload)
	if err != nil {
		return nil, fmt.Errorf("decode failure: %w", err)
	}
	return &Failure{
		Feature: graph.FeatureKey(m["feature"].(string)), Key: m["key"].(string), EventID: m["event_id"].(string),
		FailureReport: FailureReport{Type: m["type"].(string), Message: m["message"].(string), Attempt: m["attempt"].(int32)},
	}, nil
}
