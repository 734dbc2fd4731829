package schema

import (
	"context"
	"errors"
)

// Schemas finds the schema that wrote a payload. Set, Registry and Chain are some.
//
// A schema that is not known is an ErrUnknownSchema; one that cannot be asked for now is an ErrUnavailable;
// one that is known but cannot be used is an ErrBadBytes.
type Schemas interface {
	ByFingerprint(ctx context.Context, fingerprint uint64) (*Schema, error)
	ByID(ctx context.Context, id uint32) (*Schema, error)
}

// Chain asks several Schemas in turn. The first that knows the schema wins.
// ErrUnknownSchema comes only if all of them answered: one ErrUnavailable makes the answer unavailable.
type Chain []Schemas

// ByFingerprint implements Schemas.
func (c Chain) ByFingerprint(ctx context.Context, fingerprint uint64) (*Schema, error) {
	return c.find(SingleObjectFrame(fingerprint), func(s Schemas) (*Schema, error) { return s.ByFingerprint(ctx, fingerprint) })
}

// ByID implements Schemas.
func (c Chain) ByID(ctx context.Context, id uint32) (*Schema, error) {
	return c.find(ConfluentFrame(id), func(s Schemas) (*Schema, error) { return s.ByID(ctx, id) })
}

func (c Chain) find(frame Frame, ask func(Schemas) (*Schema, error)) (*Schema, error) {
	var unknown, unavailable error
	for _, s := range c {
		found, err := ask(s)
		switch {
		case err == nil:
			return found, nil
		case errors.Is(err, ErrUnknownSchema):
			unknown = errors.Join(unknown, err)
		case errors.Is(err, ErrUnavailable):
			unavailable = errors.Join(unavailable, err)
		default:
			return nil, err
		}
	}
	if unavailable != nil {
		return nil, unavailable
	}
	if unknown != nil {
		return nil, unknown
	}
	return nil, unknownSchema(frame, "nobody to ask")
}

// resolve asks for the schema that a frame names.
func resolve(ctx context.Context, schemas Schemas, frame Frame) (*Schema, error) {
	if frame.Framing == Confluent {
		return schemas.ByID(ctx, frame.ID)
	}
	return schemas.ByFingerprint(ctx, frame.Fingerprint)
}
