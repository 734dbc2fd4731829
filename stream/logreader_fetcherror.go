package stream

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// FetchError says which log could not be read on, and from where.
type FetchError struct {
	Topic     string
	Partition int32
	Offset    int64 // the position that could not be read
	Err       error
}

func newFetchError(topic string, partition int32, offset int64, err error) *FetchError {
	return &FetchError{Topic: topic, Partition: partition, Offset: offset, Err: err}
}

// Error names the log, the position, the cause and what to do.
func (e *FetchError) Error() string {
	hint := ""
	if e.OutOfRange() {
		hint = " (the log no longer holds this offset: its records were deleted or the topic was created anew; recover the task from its logs)"
	}
	return fmt.Sprintf("read topic %s partition %d at offset %d: %v%s", e.Topic, e.Partition, e.Offset, e.Err, hint)
}

// Unwrap returns the cause.
func (e *FetchError) Unwrap() error { return e.Err }

// OutOfRange says whether the log does not hold the offset, or no longer the
// records that were read below it. The reading is never moved silently; the
// owner of the partition recovers it.
func (e *FetchError) OutOfRange() bool {
	_, lost := errors.AsType[*kgo.ErrDataLoss](e.Err)
	return lost || errors.Is(e.Err, kerr.OffsetOutOfRange)
}
