package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/schema"
)

// SchemaTail follows the schema topic and finds writer schemas by fingerprint (schema.Schemas). It
// answers that a schema is unknown only after it has read the topic to its end: the schema of a
// record is published before the record, but in another topic. Safe for concurrent use.
type SchemaTail struct {
	tail  *topicTail
	known schema.Set
	log   *slog.Logger
}

// NewSchemaTail returns a follower of the schema topic of a namespace. Run makes it work; the log of
// the cluster takes a warning for each record that is no schema.
func NewSchemaTail(cluster Cluster, ns Namespace) *SchemaTail {
	t := &SchemaTail{log: cluster.Log}
	t.tail = newTopicTail(cluster, ns.Schemas(), t.add)
	return t
}

// Run follows the topic from its start until ctx is done (nil) or the topic cannot be read. It runs once.
func (t *SchemaTail) Run(ctx context.Context) error { return t.tail.Run(ctx) }

// SyncToEnd waits until all has been read that the topic held when it was called. Run must be
// running or be started meanwhile.
func (t *SchemaTail) SyncToEnd(ctx context.Context) error { return t.tail.SyncToEnd(ctx) }

// ByFingerprint implements schema.Schemas. While the topic cannot be read the answer is ErrUnavailable.
func (t *SchemaTail) ByFingerprint(ctx context.Context, fingerprint uint64) (*schema.Schema, error) {
	found, err := t.known.ByFingerprint(ctx, fingerprint)
	if !errors.Is(err, schema.ErrUnknownSchema) {
		return found, err
	}
	if err := t.tail.SyncToEnd(ctx); err != nil {
		return nil, fmt.Errorf("%w: %w", schema.ErrUnavailable, err)
	}
	return t.known.ByFingerprint(ctx, fingerprint)
}

// ByID implements schema.Schemas. The topic knows no ids.
func (t *SchemaTail) ByID(ctx context.Context, id uint32) (*schema.Schema, error) {
	return t.known.ByID(ctx, id)
}

func (t *SchemaTail) add(r *kgo.Record) {
	entry := readSchema(r)
	switch {
	case entry.Err == nil:
		t.known.Put(entry.Fingerprint, entry.Schema)
	case t.log != nil:
		t.log.Warn(entry.Err.Error())
	}
}

var _ schema.Schemas = (*SchemaTail)(nil)
