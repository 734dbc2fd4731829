package stream

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
)

// DeadLetter is a record that could not be used (R7), untouched, and why.
type DeadLetter struct {
	Reason graph.Reason
	Detail string // words for people
	Column string // at fault; "" where no one column is

	Origin  Origin    // where the record lies, or lay
	Time    time.Time // of the record
	Key     []byte    // nil where it had none
	Value   []byte    // nil for a tombstone
	Headers []kgo.RecordHeader
	Size    int    // of the value in bytes
	Cut     string // what of the record was too large to be kept; "" where it is here whole

	Retried *Retried // nil where it was not

	Partition int32 // of the dead letter itself, in the dead-letter topic
	Offset    int64
	Timestamp time.Time // when the record was refused
	Err       error     // why this is no dead letter; then only the three before it are set
}

// Retried says that the record of a dead letter was written again.
type Retried struct {
	Offset int64 // of the copy, in the topic and partition of the origin
	Time   time.Time
}

// DeadLetterOptions say where to begin. The zero value reads all.
type DeadLetterOptions struct {
	Since time.Time // those refused since then
	From  int64     // those from this offset of each partition on
}

// DeadLetters yields the dead letters of a namespace up to the end of their topic as of the call, in the
// order in which the records were refused, partition by partition. A record that was refused twice is
// yielded once. An error ends it; a record of the topic that is no dead letter has its Err set and does not.
//
// The topic is read twice, since what was retried is written behind its dead letter. Memory: about 100
// bytes for each dead letter, and one batch.
func DeadLetters(ctx context.Context, cluster Cluster, ns Namespace, o DeadLetterOptions) iter.Seq2[DeadLetter, error] {
	return func(yield func(DeadLetter, error) bool) {
		client, err := Connect(ctx, cluster)
		if err != nil {
			yield(DeadLetter{}, err)
			return
		}
		defer client.Close()
		letters, err := openLetters(ctx, cluster, client, ns, o)
		if err != nil {
			yield(DeadLetter{}, err)
			return
		}
		err = letters.each(ctx, func(l DeadLetter) error {
			if !yield(l, nil) {
				return errStopped
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStopped) {
			yield(DeadLetter{}, err)
		}
	}
}

// errStopped ends a reading whose reader has enough.
var errStopped = errors.New("stopped")

// readLetter reads a dead letter. It shares the memory of the record.
func readLetter(r *kgo.Record) DeadLetter {
	l := DeadLetter{Partition: r.Partition, Offset: r.Offset, Timestamp: r.Timestamp}
	if err := l.read(r); err != nil {
		l = DeadLetter{Partition: r.Partition, Offset: r.Offset, Timestamp: r.Timestamp}
		l.Err = fmt.Errorf("topic %s, partition %d, offset %d: is no dead letter and is passed over: %w", r.Topic, r.Partition, r.Offset, err)
	}
	return l
}

// read takes our headers off the record's own, which may have names like ours.
func (l *DeadLetter) read(r *kgo.Record) error {
	ours := map[string][]byte{}
	headers := r.Headers
	for len(headers) > 0 && letterHeaders[headers[0].Key] {
		h := headers[0]
		if _, twice := ours[h.Key]; twice {
			break
		}
		ours[h.Key] = h.Value
		headers = headers[1:]
		if h.Key == headerHeaders {
			break
		}
	}
	if ours[headerReason] == nil {
		return fmt.Errorf("it has no header %s", headerReason)
	}
	var err error
	if l.Origin, err = ParseOrigin(fmt.Sprintf("%s/%s/%s", ours[headerTopic], ours[headerPartition], ours[headerOffset])); err != nil {
		return err
	}
	number := func(name string) int64 {
		text, ok := ours[name]
		if !ok {
			return -1
		}
		n, numberErr := strconv.ParseInt(string(text), 10, 64)
		if numberErr != nil {
			err = errors.Join(err, fmt.Errorf("header %s: %.20q is no number", name, text))
		}
		return n
	}
	l.Reason, l.Detail, l.Column = graph.Reason(ours[headerReason]), string(ours[headerDetail]), string(ours[headerColumn])
	l.Time = time.UnixMilli(number(headerTimestamp))
	l.Value, l.Headers, l.Size = r.Value, headers, len(r.Value)
	if key, ok := ours[headerKey]; ok {
		l.Key = append([]byte{}, key...) // one of no bytes is not nil
	}
	if _, ok := ours[headerTombstone]; ok {
		l.Value = nil
	} else if l.Value == nil {
		l.Value = []byte{}
	}
	if size := number(headerKeyCut); size >= 0 {
		l.Cut = fmt.Sprintf("of the %d bytes of its key the dead letter has %d", size, len(l.Key))
	}
	if size := number(headerCut); size >= 0 {
		l.Size, l.Cut = int(size), fmt.Sprintf("of the %d bytes of its value the dead letter has %d", size, len(l.Value))
	}
	if n := number(headerHeaders); n > int64(len(headers)) && l.Cut == "" {
		l.Cut = fmt.Sprintf("of its %d headers the dead letter has %d", n, len(headers))
	}
	return err
}

// letterHeaders are ours.
var letterHeaders = map[string]bool{
	headerReason: true, headerDetail: true, headerColumn: true, headerTopic: true, headerPartition: true, headerOffset: true,
	headerTimestamp: true, headerKey: true, headerKeyCut: true, headerTombstone: true, headerCut: true, headerHeaders: true,
}
