package schema

import (
	"errors"
	"fmt"
)

// Every error of reading a payload is one of four classes, told apart with errors.Is.
// The first three are for the dead-letter topic (R7); the last one is waited for.
var (
	// ErrBadBytes: the bytes do not decode (R7: BAD_BYTES). The text names the place.
	ErrBadBytes = errors.New("bytes do not decode")
	// ErrNotRecord: the bytes decode, to something that is no record (R7: BAD_ROW).
	ErrNotRecord = errors.New("not a record")
	// ErrUnknownSchema: everyone who could know the writer's schema answered, and none does (R7: BAD_BYTES).
	ErrUnknownSchema = errors.New("unknown schema")
	// ErrUnavailable: who may know the writer's schema does not answer. The record may be good: wait and ask again.
	ErrUnavailable = errors.New("schema registry does not answer")
)

// badBytes makes an error of class ErrBadBytes.
func badBytes(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrBadBytes}, args...)...)
}
