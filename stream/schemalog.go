package stream

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/schema"
)

// MaxPublishedSchema is the greatest size in bytes of a schema text in the schema topic.
const MaxPublishedSchema = 900_000

// SchemaLog is the topic of writer schemas, where there is no registry. The record key is the
// fingerprint (CRC-64-AVRO) as it stands in a payload in single-object encoding: 8 bytes,
// little-endian. The value is the text of the schema. So a writer of any language copies bytes 2 to
// 9 of what it writes, and a reader finds the schema by them.
type SchemaLog struct {
	cluster   Cluster
	namespace Namespace
	client    *kgo.Client
}

// OpenSchemaLog connects to the schema topic of a namespace. The caller closes it.
func OpenSchemaLog(ctx context.Context, cluster Cluster, ns Namespace) (*SchemaLog, error) {
	if err := ns.Validate(); err != nil {
		return nil, err
	}
	client, err := Connect(ctx, cluster, kgo.ProducerLinger(0))
	if err != nil {
		return nil, err
	}
	return &SchemaLog{cluster: cluster, namespace: ns, client: client}, nil
}

// Close ends the connection.
func (l *SchemaLog) Close() { l.client.Close() }

// Add publishes the text of a schema under its fingerprint and returns that. When it returns,
// readers find the schema. To add one again changes nothing.
func (l *SchemaLog) Add(ctx context.Context, text string) (fingerprint uint64, err error) {
	parsed, err := schema.ParseSchema([]byte(text))
	if err != nil {
		return 0, err
	}
	return parsed.Fingerprint(), publishSchema(ctx, l.client, l.namespace, parsed)
}

// List returns every schema of the topic, in the order of publication. Those that cannot be read have Err set.
func (l *SchemaLog) List(ctx context.Context) ([]PublishedSchema, error) {
	var entries []PublishedSchema
	err := readTopics(ctx, l.cluster, l.client, []string{l.namespace.Schemas()}, func(r *kgo.Record) error {
		entries = append(entries, readSchema(r))
		return nil
	})
	return entries, err
}

// PublishedSchema is one record of the schema topic.
type PublishedSchema struct {
	Offset      int64
	Fingerprint uint64         // that of the record key, by which it is found
	Schema      *schema.Schema // nil where Err is set
	Err         error          // why the record is no schema; it is skipped
}

func publishSchema(ctx context.Context, client *kgo.Client, ns Namespace, s *schema.Schema) error {
	if n := len(s.Text()); n > MaxPublishedSchema {
		return fmt.Errorf("schema %s has %d bytes and %d are the limit: shorten its documentation", s.Name(), n, MaxPublishedSchema)
	}
	return produceOne(ctx, client, &kgo.Record{
		Topic: ns.Schemas(),
		Key:   binary.LittleEndian.AppendUint64(nil, s.Fingerprint()),
		Value: []byte(s.Text()),
	})
}

func readSchema(r *kgo.Record) PublishedSchema {
	p := PublishedSchema{Offset: r.Offset}
	at := fmt.Sprintf("topic %s, partition %d, offset %d", r.Topic, r.Partition, r.Offset)
	if len(r.Key) != 8 {
		p.Err = fmt.Errorf("%s: the key has %d bytes and not the 8 of a fingerprint; the record is skipped", at, len(r.Key))
		return p
	}
	p.Fingerprint = binary.LittleEndian.Uint64(r.Key)
	s, err := schema.ParseSchema(r.Value)
	if err != nil {
		p.Err = fmt.Errorf("%s, fingerprint %016x: is not a schema and is skipped: %w", at, p.Fingerprint, err)
		return p
	}
	// The fingerprint of the text may be another one: some libraries compute theirs otherwise, and
	// it is theirs that stands in what they write.
	p.Schema = s
	return p
}
