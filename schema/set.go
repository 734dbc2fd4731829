package schema

import (
	"context"
	"fmt"
	"sync"
)

// Set knows schemas by fingerprint, in memory. The zero Set is empty and ready; it is safe for concurrent use.
// It never answers ErrUnavailable: whoever fills it decides when it is complete.
type Set struct {
	mu            sync.RWMutex
	byFingerprint map[uint64]*Schema
}

// Add puts a schema under its own fingerprint, as Put does.
func (s *Set) Add(schema *Schema) (replaced *Schema) { return s.Put(schema.Fingerprint(), schema) }

// Put puts a schema under the fingerprint that its writers use, which is not always its own: some libraries
// (goavro among them) do not follow the specification's canonical form where a type carries a logical type.
//
// What stood there is replaced, so that the answer follows from the last schema published. If that was another
// schema by SameTypes it is returned: samples written with it will be read with the wrong logical types, which
// an operator should hear of. The schemas of SampleSchema cannot meet so.
func (s *Set) Put(fingerprint uint64, schema *Schema) (replaced *Schema) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byFingerprint == nil {
		s.byFingerprint = make(map[uint64]*Schema)
	}
	if old := s.byFingerprint[fingerprint]; old != nil && !old.SameTypes(schema) {
		replaced = old
	}
	s.byFingerprint[fingerprint] = schema
	return replaced
}

// Len returns the number of fingerprints known.
func (s *Set) Len() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.byFingerprint)
}

// ByFingerprint implements Schemas.
func (s *Set) ByFingerprint(_ context.Context, fingerprint uint64) (*Schema, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if schema, ok := s.byFingerprint[fingerprint]; ok {
		return schema, nil
	}
	return nil, unknownSchema(SingleObjectFrame(fingerprint), "it was not published")
}

// ByID implements Schemas. A Set knows no ids.
func (s *Set) ByID(_ context.Context, id uint32) (*Schema, error) {
	return nil, unknownSchema(ConfluentFrame(id), "only a schema registry knows ids")
}

func unknownSchema(frame Frame, why string) error {
	return fmt.Errorf("%w: %s: %s", ErrUnknownSchema, frame, why)
}
