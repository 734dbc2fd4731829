package schema

import (
	"context"
	_ "embed"
	"fmt"
	"sync"

	"github.com/freshline/freshline/graph"
)

//go:embed staleness.avsc
var stalenessText []byte

// StalenessSchema is staleness.avsc, the schema of all staleness records.
var StalenessSchema = sync.OnceValue(func() *Schema { return mustParse(stalenessText) })

// mustParse is for the schemas that are part of the program.
func mustParse(text []byte) *Schema {
	s, err := ParseSchema(text)
	if err != nil {
		panic(err)
	}
	return s
}

// Staleness is one staleness record: what is known of a key that is not fresh, or to be done about it (E1 to E6).
// The docs of the fields are in staleness.avsc; what is said here is what Go adds.
type Staleness struct {
	Feature        graph.FeatureKey
	Scope          graph.Scope
	Status         graph.Status // never graph.Fresh: that is a tombstone
	Causes         []string
	ChangedFields  []string
	FeatureVersion string
	Expected       *Provenance // nil where the table of S4 says none
	Inputs         []StalenessInput
	InputsTotal    int32
	InputsDigest   string
	Awaiting       []string
	Children       *ChildCounts   // nil for scope SAMPLE
	Failure        *FailureReport // nil unless Status is graph.Failed
	Origin         *Origin        // nil where no record brought the event about

	EventOwn
}

// EventOwn is what a staleness record shares with no other. In staleness.avsc these fields stand last.
type EventOwn struct {
	EventID  string
	Key      string         // canonical JSON (E2), the record key
	ID       []graph.Column // decoded, it has the types of Avro's primitives: a date is a String
	Recorded *Recorded      // nil where there is no sample
}

// Provenance is one of a whole sample: by field, and as one value.
type Provenance struct {
	ByField FieldTexts
	Text    string
}

// Recorded is the provenance that a sample was written with.
type Recorded struct {
	Provenance
	FeatureVersion string
	HasVersion     bool // false: the row has no metaxy_feature_version (R5)
}

// StalenessInput is one upstream sample.
type StalenessInput struct {
	Feature     graph.FeatureKey
	ID          []graph.Column
	DataVersion FieldTexts
	Columns     []graph.Column
}

// ChildCounts counts the children of an expansion.
type ChildCounts struct{ Total, NotCurrent int64 }

// FailureReport is what a worker said of the work that failed.
type FailureReport struct {
	Type, Message string
	Attempt       int32 // from 1
}

// Origin is a record of Kafka.
type Origin struct {
	Topic     string
	Partition int32
	Offset    int64
	Timestamp int64 // milliseconds since 1970-01-01T00:00:00Z
}

// Append appends the framed record to dst, as SharedEvent makes it. The frame is StalenessSchema().Frame(), or
// the one that a registry gave.
func (e *Staleness) Append(dst []byte, frame Frame) ([]byte, error) {
	var shared SharedEvent
	if err := shared.Set(frame, e); err != nil {
		return dst, err
	}
	return shared.Append(dst, &e.EventOwn), nil
}

// Encode returns the framed record as goavro makes it: slow, and the oracle of Append.
func (e *Staleness) Encode(frame Frame) ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	s := StalenessSchema()
	out, err := s.codec.BinaryFromNative(frame.Append(nil), wrapped(s.root, e.native()))
	if err != nil {
		return nil, fmt.Errorf("encode staleness record: %w", err)
	}
	return out, nil
}

func (e *Staleness) check() error {
	if e.Status < graph.New || e.Status > graph.Failed {
		return fmt.Errorf("encode staleness record: no status %d", e.Status)
	}
	if e.Scope > graph.ScopeSample {
		return fmt.Errorf("encode staleness record: no scope %d", e.Scope)
	}
	return nil
}

// DecodeStaleness reads a staleness record in single-object encoding.
// Any error but an ErrBadBytes is an ErrUnknownSchema: the record was written by another schema, which it names.
func DecodeStaleness(payload []byte) (*Staleness, error) {
	return DecodeStalenessFrom(context.Background(), &Set{}, payload)
}

// DecodeStalenessFrom reads a staleness record in either framing. Only records in Confluent's wire format need
// schemas, to tell that their id is that of staleness.avsc.
func DecodeStalenessFrom(ctx context.Context, schemas Schemas, payload []byte) (*Staleness, error) {
	native, err := decodeKnown(ctx, schemas, StalenessSchema(), payload)
	if err != nil {
		return nil, fmt.Errorf("decode staleness record: %w", err)
	}
	return stalenessOf(native), nil
}

// decodeKnown reads a payload that must be written by the schema known.
func decodeKnown(ctx context.Context, schemas Schemas, known *Schema, payload []byte) (map[string]any, error) {
	frame, body, err := ParseFrame(payload)
	if err != nil {
		return nil, err
	}
	fingerprint := frame.Fingerprint
	if frame.Framing == Confluent {
		writer, err := schemas.ByID(ctx, frame.ID)
		if err != nil {
			return nil, err
		}
		fingerprint = writer.Fingerprint()
	}
	if fingerprint != known.Fingerprint() {
		return nil, fmt.Errorf("%w: written by %s, not by %s (fingerprint %016x); is it of another version of freshline?",
			ErrUnknownSchema, frame, known.Name(), known.Fingerprint())
	}
	native, err := known.native(body)
	if err != nil {
		return nil, err
	}
	return plain(known.root, native).(map[string]any), nil
}
