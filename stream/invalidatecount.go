package stream

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/schema"
	"github.com/freshline/freshline/stream/engine"
)

// InvalidationCounts is what a request would ask for.
type InvalidationCounts struct {
	Samples int64 // record keys; where several are one sample (R2), each counts
	Groups  int64 // group records (S7)

	// Refused is the number of records of the topic that could not be used (R7): for each of them what its
	// record key had before counts, as it does for the processor.
	Refused int64
}

// CountInvalidation counts what Invalidate would ask for, and asks for nothing. It reads the sample topic from
// start to end, and checks each record as the processor does, under the newest graph. Schemas finds the schemas of
// the samples. Memory: a key and a byte for each row that would be asked for of a partition, or of several that
// together span at most 200,000 offsets.
func CountInvalidation(ctx context.Context, cluster Cluster, ns Namespace, schemas schema.Schemas, what Invalidation) (InvalidationCounts, error) {
	var counts InvalidationCounts
	history, err := readHistory(ctx, cluster, ns)
	if err != nil {
		return counts, err
	}
	f, err := what.feature(history)
	if err != nil {
		return counts, err
	}
	selection, err := what.selection(f)
	if err != nil {
		return counts, err
	}
	client, err := Connect(ctx, cluster)
	if err != nil {
		return counts, err
	}
	defer client.Close()
	batches, err := logBatches(ctx, client, []string{ns.Sample(f.Spec)})
	if err != nil {
		return counts, err
	}
	c := &invalidationCounter{feature: f, history: history, selection: selection, decoder: schema.NewDecoder(schemas, nil)}
	for _, batch := range batches {
		newest := map[logKey]bool{} // record keys whose newest row is asked for; whether it is a group record
		reader := logReader{Opts: cluster.options()}
		_, err := reader.readLogs(ctx, batch, func(r *kgo.Record) error {
			at := logKey{r.Topic, r.Partition, string(r.Key)}
			asked, group, err := c.row(ctx, r)
			var refusal *graph.Refusal
			switch {
			case errors.As(err, &refusal):
				counts.Refused++
			case err != nil:
				return fmt.Errorf("topic %s, partition %d, offset %d: %w", r.Topic, r.Partition, r.Offset, err)
			case asked:
				newest[at] = group
			default:
				delete(newest, at)
			}
			return nil
		})
		if err != nil {
			return counts, err
		}
		for _, group := range newest {
			if group {
				counts.Groups++
			} else {
				counts.Samples++
			}
		}
	}
	return counts, nil
}

type invalidationCounter struct {
	feature   *graph.FeaturePlan
	history   *graph.History
	selection engine.Selection
	decoder   *schema.Decoder
}

// row says whether the row of a record would be asked for. A *graph.Refusal says that the record changes nothing.
func (c *invalidationCounter) row(ctx context.Context, r *kgo.Record) (asked, group bool, err error) {
	if r.Value == nil {
		return false, false, nil
	}
	record, refusal, err := decodeSample(ctx, c.decoder, r)
	if err != nil {
		return false, false, err
	}
	if refusal == nil && !record.DeletedAt.IsNull() {
		refusal = c.feature.CheckIDs(record)
		if refusal == nil {
			return false, false, nil
		}
	}
	if refusal != nil {
		return false, false, refusal
	}
	row, refusal := c.feature.CheckRecord(record, c.history)
	if refusal != nil {
		return false, false, refusal
	}
	return c.selection.Has(row.Columns), row.Group, nil
}
