package schema

import (
	"context"
	"fmt"

	"github.com/freshline/freshline/graph"
)

// RecordDecoder turns an Avro body into a record, by the schema that wrote it. Goavro and Direct are two, which
// agree on every input. Errors are ErrBadBytes and ErrNotRecord.
type RecordDecoder interface {
	DecodeRecord(writer *Schema, body []byte) (*graph.Record, error)
}

// Decoder reads the payloads of sample topics, in both framings. It is safe for concurrent use.
type Decoder struct {
	schemas Schemas
	records RecordDecoder
}

// NewDecoder returns a Decoder that finds schemas in schemas (nil knows none) and reads records by records; nil is Direct.
func NewDecoder(schemas Schemas, records RecordDecoder) *Decoder {
	if records == nil {
		records = Direct{}
	}
	if schemas == nil {
		schemas = &Set{}
	}
	return &Decoder{schemas: schemas, records: records}
}

// Decode reads one framed payload. The context bounds the search for its schema.
// An error is one of ErrBadBytes, ErrNotRecord, ErrUnknownSchema and ErrUnavailable.
// The payload may be used again afterwards. The values of one record share memory.
func (d *Decoder) Decode(ctx context.Context, payload []byte) (*graph.Record, error) {
	frame, body, err := ParseFrame(payload)
	if err != nil {
		return nil, err
	}
	writer, err := resolve(ctx, d.schemas, frame)
	if err != nil {
		return nil, err
	}
	rec, err := d.records.DecodeRecord(writer, body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", frame, err)
	}
	return rec, nil
}

// Decode reads an Avro body without a frame, by Direct.
func (s *Schema) Decode(body []byte) (*graph.Record, error) { return Direct{}.DecodeRecord(s, body) }

func notRecord(n *node) error {
	what := n.name
	if what == "" {
		what = n.branchName()
	}
	return fmt.Errorf("%w: the payload is of type %s", ErrNotRecord, what)
}
