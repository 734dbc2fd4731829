package stream

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// RetryOptions say what RetryDeadLetters does.
type RetryOptions struct {
	// Select says which dead letters are retried; those that were retried already have Retried set. Required.
	Select func(DeadLetter) bool

	// Force retries also where the record was retried before or a later record of its key is there, which
	// it then takes the place of. Default: such records are refused.
	Force bool

	// DryRun looks and writes nothing.
	DryRun bool
}

// Retry is what became of one dead letter.
type Retry struct {
	DeadLetter
	Refused string // why it is not to be retried; "" where nothing speaks against it
	Older   bool   // where Refused: Force would retry it all the same
	Written bool
	Copy    int64 // where Written: the offset of the copy, in the topic and partition of the origin
	Fault   error // it could not be written, could not be marked as retried, or took the place of a newer record
}

// RetryDeadLetters writes the records of dead letters again, so that they go through the whole way once more:
// key, value and headers as they were, to the topic and partition that they came from, those of one key in
// their order. Each that was written is marked as retried in the dead-letter topic. It yields what became of
// each dead letter that was selected, in the order of DeadLetters, at most those that are there when it is
// called; an error ends it.
//
// An old record must not take the place of a newer one of its key (the later offset wins, R2). So the
// origin's partition is read from the oldest candidate on, once for all, and a record is refused when a
// later one of its key is there (unless that is a dead letter itself), and when the record is not at its
// place any more, since compaction removes only what a later record has superseded. A record of the key
// that is written in the very moment of the retry is found afterwards and named in Fault.
//
// The mark follows the copy. Where it is lost, the dead letter shows as not retried, and to retry it again is
// refused because of the copy.
//
// Memory: that of DeadLetters, and about 200 bytes for each dead letter that is selected.
func RetryDeadLetters(ctx context.Context, cluster Cluster, ns Namespace, o RetryOptions) iter.Seq2[Retry, error] {
	return func(yield func(Retry, error) bool) {
		if o.Select == nil {
			yield(Retry{}, errors.New("retry dead letters: RetryOptions.Select is not set; it says which"))
			return
		}
		// Partitions by hand: a record goes to where it came from.
		client, err := Connect(ctx, cluster, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0), kgo.RecordDeliveryTimeout(retryTimeout))
		if err != nil {
			yield(Retry{}, err)
			return
		}
		defer client.Close()
		r := &retries{o: o, ns: ns, client: client, yield: yield, search: newerSearch{cluster: cluster, client: client}}
		if err := r.run(ctx, cluster); err != nil && !errors.Is(err, errStopped) {
			yield(Retry{}, err)
		}
	}
}

const (
	// retryTimeout is how long a record is tried for.
	retryTimeout = 30 * time.Second
	// retryBatch bounds what is written between two looks for newer records: dead letters, and their bytes.
	retryBatch      = 500
	retryBatchBytes = 8 << 20
)

// retries is one call of RetryDeadLetters.
type retries struct {
	o       RetryOptions
	ns      Namespace
	client  *kgo.Client
	yield   func(Retry, error) bool
	letters *letterLog
	search  newerSearch

	chosen map[Origin]*candidate
	batch  []*Retry
	bytes  int
}

func (r *retries) run(ctx context.Context, cluster Cluster) (err error) {
	if r.letters, err = openLetters(ctx, cluster, r.client, r.ns, DeadLetterOptions{}); err != nil {
		return err
	}
	r.search.letters = r.letters
	if err := r.choose(ctx); err != nil || len(r.chosen) == 0 {
		return err
	}
	if err := r.search.open(ctx); err != nil {
		return err
	}
	err = r.letters.each(ctx, func(l DeadLetter) error {
		c := r.chosen[l.Origin]
		if c == nil || l.Err != nil {
			return nil
		}
		r.batch = append(r.batch, &Retry{DeadLetter: l, Refused: c.refused, Older: c.older})
		if r.bytes += len(l.Key) + len(l.Value); len(r.batch) < retryBatch && r.bytes < retryBatchBytes {
			return nil
		}
		return r.flush(ctx)
	})
	if err != nil {
		return err
	}
	return r.flush(ctx)
}

// choose takes down what is selected and could be written.
func (r *retries) choose(ctx context.Context) error {
	r.chosen = map[Origin]*candidate{}
	return r.letters.each(ctx, func(l DeadLetter) error {
		if l.Err != nil || !r.o.Select(l) {
			return nil
		}
		c := &candidate{}
		switch {
		case l.Cut != "":
			c.refused = l.Cut + "; its producer has to write it again"
		case r.ns.ours(l.Origin.Topic):
			c.refused = fmt.Sprintf("only the processor writes to topic %s", l.Origin.Topic)
		case r.o.Force:
		case l.Retried != nil:
			c.older = true
			c.refused = fmt.Sprintf("it was retried at %s: the copy is %s", l.Retried.Time.UTC().Format(time.RFC3339), Origin{l.Origin.Topic, l.Origin.Partition, l.Retried.Offset})
		default:
			c.ask = true
		}
		r.search.add(r.letters.kept(l.Origin), l.Key, l.Value, c)
		r.chosen[r.letters.kept(l.Origin)] = c
		return nil
	})
}

// ours says whether only Freshline writes to a topic: the processor, the publishers of graphs and schemas, and who asks for rows again.
func (n Namespace) ours(topic string) bool {
	return topic == n.Rows() || topic == n.DeadLetter() || topic == n.Graph() || topic == n.Schemas() ||
		topic == n.Requests() || strings.HasPrefix(topic, n.stalenessPrefix())
}

// flush retries what has been gathered.
func (r *retries) flush(ctx context.Context) error {
	for _, t := range r.batch {
		if t.Refused == "" {
			t.Refused, t.Older = r.search.refusal(t.Origin, t.Key, r.chosen[t.Origin])
		}
	}
	if !r.o.DryRun {
		if err := r.write(ctx); err != nil {
			return err
		}
	}
	for _, t := range r.batch {
		if !r.yield(*t, nil) {
			return errStopped
		}
	}
	r.batch, r.bytes = r.batch[:0], 0
	return nil
}

// write writes the copies, then the marks, and looks what came between.
func (r *retries) write(ctx context.Context) error {
	var copies, marks []*kgo.Record
	of := map[*kgo.Record]*Retry{}
	for _, t := range r.batch {
		if t.Refused == "" {
			record := &kgo.Record{Topic: t.Origin.Topic, Partition: t.Origin.Partition, Key: t.Key, Value: t.Value, Headers: t.Headers}
			copies, of[record] = append(copies, record), t
		}
	}
	if len(copies) == 0 {
		return nil
	}
	for _, result := range r.client.ProduceSync(ctx, copies...) {
		t := of[result.Record]
		if result.Err != nil {
			t.Fault = produceFault(result.Record, result.Err)
			continue
		}
		t.Written, t.Copy = true, result.Record.Offset
		c := r.chosen[t.Origin]
		c.written, c.copy = true, t.Copy
		mark := &kgo.Record{
			Topic: r.ns.DeadLetter(), Partition: t.DeadLetter.Partition, Key: []byte(t.Origin.String()),
			Headers: []kgo.RecordHeader{{Key: headerRetried, Value: fmt.Append(nil, t.Copy)}},
		}
		marks, of[mark] = append(marks, mark), t
	}
	if len(marks) == 0 {
		return nil
	}
	for _, result := range r.client.ProduceSync(ctx, marks...) {
		if result.Err != nil {
			of[result.Record].Fault = fmt.Errorf("it was written again, but is not marked as retried: %w", produceFault(result.Record, result.Err))
		}
	}
	if r.o.Force {
		return nil
	}
	if err := r.search.look(ctx); err != nil {
		return fmt.Errorf("look for records that came meanwhile: %w", err)
	}
	for _, t := range r.batch {
		if c := r.chosen[t.Origin]; t.Written && c.covered > 0 && t.Fault == nil {
			t.Fault = fmt.Errorf("offset %d, a newer record of its key, was written in the same moment and now lies before the copy at offset %d: write that one again", c.covered, t.Copy)
		}
	}
	return nil
}
