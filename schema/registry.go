package schema

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
)

// maxUnknownIDs bounds what a Registry remembers of ids that are not known.
const maxUnknownIDs = 1024

// RegistryOptions are the settings of a Registry. The zero value works.
type RegistryOptions struct {
	// Timeout bounds one request. Default 5 s; negative = only the caller's context does.
	Timeout time.Duration
	// UnknownFor is how long the answer "no such id" is believed, so that a stream of bad records is not a
	// stream of requests. Default 5 s; negative = never.
	UnknownFor time.Duration
	// Now is the clock of UnknownFor. Default time.Now.
	Now func() time.Time
}

// Registry finds schemas by id in a Confluent schema registry and remembers them for good: an id never changes
// its schema. It is safe for concurrent use.
type Registry struct {
	client *sr.Client
	opts   RegistryOptions

	mu      sync.Mutex
	byID    map[uint32]registryEntry
	unknown map[uint32]time.Time // when the answer stops counting
}

// registryEntry is what an id stands for: a schema, or why it cannot be used.
type registryEntry struct {
	schema *Schema
	err    error
}

// NewRegistry returns a Registry that asks client, which holds the addresses, credentials and TLS. It asks nothing yet.
func NewRegistry(client *sr.Client, opts RegistryOptions) *Registry {
	if opts.Timeout == 0 {
		opts.Timeout = 5 * time.Second
	}
	if opts.UnknownFor == 0 {
		opts.UnknownFor = 5 * time.Second
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &Registry{client: client, opts: opts, byID: make(map[uint32]registryEntry), unknown: make(map[uint32]time.Time)}
}

// ByFingerprint implements Schemas. A registry knows no fingerprints.
func (r *Registry) ByFingerprint(_ context.Context, fingerprint uint64) (*Schema, error) {
	return nil, unknownSchema(SingleObjectFrame(fingerprint), "a schema registry knows ids only")
}

// ByID implements Schemas.
func (r *Registry) ByID(ctx context.Context, id uint32) (*Schema, error) {
	r.mu.Lock()
	entry, known := r.byID[id]
	until, unknown := r.unknown[id]
	r.mu.Unlock()
	if known {
		return entry.schema, entry.err
	}
	if unknown && r.opts.Now().Before(until) {
		return nil, unknownSchema(ConfluentFrame(id), "the registry has no such id")
	}

	ctx, cancel := r.bound(ctx)
	defer cancel()
	answer, err := r.client.SchemaByID(ctx, int(id))
	if err != nil {
		return nil, r.failed(id, err)
	}
	entry = parseAnswer(id, answer)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.byID[id] = entry
	delete(r.unknown, id)
	return entry.schema, entry.err
}

func parseAnswer(id uint32, answer sr.Schema) registryEntry {
	switch {
	case answer.Type != sr.TypeAvro:
		return registryEntry{err: badBytes("%s is no Avro schema but %s", ConfluentFrame(id), answer.Type)}
	case len(answer.References) > 0:
		return registryEntry{err: badBytes("%s refers to other schemas of the registry, which is not supported: register it with its types written out", ConfluentFrame(id))}
	}
	schema, err := ParseSchema([]byte(answer.Schema))
	if err != nil {
		err = fmt.Errorf("%s: %w", ConfluentFrame(id), err)
	}
	return registryEntry{schema: schema, err: err}
}

// failed classes an error of the client. Only the registry's own code for "not found" says that there is no
// such schema: a bare 404 comes from a wrong path or a proxy, and must not send good records to the dead letters.
func (r *Registry) failed(id uint32, err error) error {
	var answer *sr.ResponseError
	if !errors.As(err, &answer) || answer.StatusCode != http.StatusNotFound || !sr.IsNotFoundError(answer.ErrorCode) {
		return fmt.Errorf("%w: ask for %s: %w", ErrUnavailable, ConfluentFrame(id), err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.opts.UnknownFor > 0 {
		if len(r.unknown) >= maxUnknownIDs {
			clear(r.unknown)
		}
		r.unknown[id] = r.opts.Now().Add(r.opts.UnknownFor)
	}
	return unknownSchema(ConfluentFrame(id), "the registry has no such id")
}

// Register makes a schema known under a subject, such as "<topic>-value", and returns the frame of what it
// writes. It changes nothing where the subject has the schema already.
// A registry that refuses the schema (it breaks the subject's compatibility) is an error of no class: retrying
// does not help. Any other failure is an ErrUnavailable.
func (r *Registry) Register(ctx context.Context, subject string, schema *Schema) (Frame, error) {
	ctx, cancel := r.bound(ctx)
	defer cancel()
	id, err := r.client.RegisterSchema(ctx, subject, sr.Schema{Schema: schema.Text(), Type: sr.TypeAvro}, -1, -1)
	if err != nil {
		var answer *sr.ResponseError
		if errors.As(err, &answer) && (answer.StatusCode == http.StatusConflict || answer.StatusCode == http.StatusUnprocessableEntity) {
			return Frame{}, fmt.Errorf("register schema under subject %q: refused: %w", subject, err)
		}
		return Frame{}, fmt.Errorf("%w: register schema under subject %q: %w", ErrUnavailable, subject, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.byID[uint32(id)] = registryEntry{schema: schema}
	return ConfluentFrame(uint32(id)), nil
}

func (r *Registry) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if r.opts.Timeout < 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, r.opts.Timeout)
}
