package schema

import (
	"fmt"

	"github.com/linkedin/goavro/v2"
)

// MaxSchemaText is the longest schema text that ParseSchema takes, in bytes.
const MaxSchemaText = 1 << 20

// Schema is the schema of a writer, parsed. It is immutable and safe for concurrent use.
type Schema struct {
	text        string
	canonical   string
	fingerprint uint64
	root        *node
	shapes      map[*node]*shape // of the records that can stand at the top
	codec       *goavro.Codec
}

// ParseSchema reads the JSON text of an Avro schema. Any type may stand at the top: that it is no record is an
// error of the records written with it (ErrNotRecord), and R7 wants to know first whether they decode.
// Every error is an ErrBadBytes: what such a schema wrote cannot be read.
func ParseSchema(text []byte) (*Schema, error) {
	if len(text) > MaxSchemaText {
		return nil, badBytes("parse schema: the text has %d bytes, more than %d", len(text), MaxSchemaText)
	}
	root, err := parseNodes(text)
	if err != nil {
		return nil, badBytes("parse schema: %w", err)
	}
	canonical, err := canonicalForm.text(root)
	if err != nil {
		return nil, badBytes("parse schema: %w", err)
	}
	codec, err := newCodec(root)
	if err != nil {
		return nil, badBytes("parse schema: %w", err)
	}
	s := &Schema{text: string(text), canonical: canonical, fingerprint: rabin(canonical), root: root, codec: codec}
	s.shapes = make(map[*node]*shape)
	for _, top := range append([]*node{root}, root.branches...) {
		if top.kind == avroRecord {
			s.shapes[top] = newShape(top)
		}
	}
	return s, nil
}

// newCodec turns a panic of goavro into an error: it asserts types of JSON values that it has not checked.
func newCodec(root *node) (codec *goavro.Codec, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("goavro: %v", p)
		}
	}()
	text, err := goavroForm.text(root)
	if err != nil {
		return nil, err
	}
	return goavro.NewCodec(text)
}

// SameTypes says whether two schemas of one fingerprint mean the same: the fingerprint does not tell logical types
// apart, so that a long and a timestamp, or decimals of different scales, have the same.
func (s *Schema) SameTypes(other *Schema) bool {
	if s.text == other.text {
		return true
	}
	a, errA := typedForm.text(s.root)
	b, errB := typedForm.text(other.root)
	return errA == nil && errB == nil && a == b
}

// Text returns the schema as it was written.
func (s *Schema) Text() string { return s.text }

// Canonical returns the schema's Parsing Canonical Form.
func (s *Schema) Canonical() string { return s.canonical }

// Fingerprint returns the CRC-64-AVRO fingerprint of the canonical form.
func (s *Schema) Fingerprint() uint64 { return s.fingerprint }

// Name returns the full name of the type at the top, "" if it has none.
func (s *Schema) Name() string { return s.root.name }

// Frame returns the single-object frame of what the schema writes.
func (s *Schema) Frame() Frame { return SingleObjectFrame(s.fingerprint) }
