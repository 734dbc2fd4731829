package schema

import (
	"github.com/freshline/freshline/graph"
)

// SharedEvent is the part of a staleness record that the children of one parent have in common, encoded: the
// frame and every field of staleness.avsc up to event_id. What is each child's own is appended behind it, so a
// fan-out encodes causes, changed fields, expectation and origin once.
//
// Children that differ in status, causes or changed fields need a SharedEvent each.
// The zero SharedEvent is ready for Set, which may be called again and then reuses its memory.
type SharedEvent struct{ head []byte }

// Set encodes what e shares, in the order of staleness.avsc. It does not look at e.EventOwn.
// A scope or status that the schema does not have is an error. All texts must be UTF-8, as decoded rows have it;
// of e.Failure, which any worker may have written, other bytes are replaced.
func (s *SharedEvent) Set(frame Frame, e *Staleness) error {
	if err := e.check(); err != nil {
		return err
	}
	b := frame.Append(s.head[:0])
	b = appendString(b, e.Feature)
	b = appendLong(b, int64(e.Scope))
	b = appendLong(b, int64(e.Status-graph.New))
	b = appendStrings(b, e.Causes)
	b = appendStrings(b, e.ChangedFields)
	b = appendString(b, e.FeatureVersion)
	if e.Expected == nil {
		b = append(b, branchNull)
	} else {
		b = appendProvenance(append(b, 1<<1), &e.Expected.ByField, e.Expected.Text)
	}
	if len(e.Inputs) > 0 {
		b = appendLong(b, int64(len(e.Inputs)))
		for i := range e.Inputs {
			in := &e.Inputs[i]
			b = appendColumns(appendString(b, in.Feature), in.ID)
			b = appendColumns(appendFieldTexts(b, in.DataVersion), in.Columns)
		}
	}
	b = append(b, 0)
	b = appendLong(b, int64(e.InputsTotal))
	b = appendString(b, e.InputsDigest)
	b = appendStrings(b, e.Awaiting)
	if e.Children == nil {
		b = append(b, branchNull, branchNull)
	} else {
		b = appendLong(append(b, 1<<1), e.Children.Total)
		b = appendLong(append(b, 1<<1), e.Children.NotCurrent)
	}
	if e.Failure == nil {
		b = append(b, branchNull)
	} else {
		b = appendString(append(b, 1<<1), validText(e.Failure.Type))
		b = appendString(b, validText(e.Failure.Message))
		b = appendLong(b, int64(e.Failure.Attempt))
	}
	if e.Origin == nil {
		b = append(b, branchNull)
	} else {
		b = appendString(append(b, 1<<1), e.Origin.Topic)
		b = appendLong(b, int64(e.Origin.Partition))
		b = appendLong(b, e.Origin.Offset)
		b = appendLong(b, e.Origin.Timestamp)
	}
	s.head = b
	return nil
}

// Len returns the number of bytes that all the events have in common.
func (s *SharedEvent) Len() int { return len(s.head) }

// Append appends the whole framed record of one child to dst. It allocates only where dst has no room.
func (s *SharedEvent) Append(dst []byte, own *EventOwn) []byte {
	return appendOwn(append(dst, s.head...), own)
}

// appendOwn appends the fields of staleness.avsc from event_id on.
func appendOwn(dst []byte, own *EventOwn) []byte {
	dst = appendString(dst, own.EventID)
	dst = appendString(dst, own.Key)
	dst = appendColumns(dst, own.ID)
	if own.Recorded == nil {
		return append(dst, branchNull)
	}
	dst = appendProvenance(append(dst, 1<<1), &own.Recorded.ByField, own.Recorded.Text)
	if !own.Recorded.HasVersion {
		return append(dst, branchNull)
	}
	return appendString(append(dst, 1<<1), own.Recorded.FeatureVersion)
}

func appendProvenance(dst []byte, byField *FieldTexts, text string) []byte {
	return appendString(appendFieldTexts(dst, *byField), text)
}
