package stream

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/schema"
)

// FeatureCounts is how one feature stands.
type FeatureCounts struct {
	Feature graph.FeatureKey

	// Samples is the number of record keys of the sample topic whose newest record that can be
	// decoded is no deletion. Where several record keys are one sample (R2), each counts.
	Samples int64

	// Unreadable is the number of records of both topics that could not be decoded.
	Unreadable int64

	// Events by status: those of samples and those of inputs together.
	New, Stale, Awaiting, Orphaned, Failed int64
}

// Counts reads how the features of a graph stand: sample and staleness topics from start to end. It
// costs as much as reading them. Schemas finds the schemas of samples, and of events where the
// processor uses a registry. Memory: a key and a byte for
// each key of a partition, or of several that together span at most 200,000 offsets.
func Counts(ctx context.Context, cluster Cluster, ns Namespace, schemas schema.Schemas, g *graph.Graph) ([]FeatureCounts, error) {
	client, err := Connect(ctx, cluster)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	counts := make([]FeatureCounts, len(g.Features))
	var topics []string
	samples, staleness := map[string]*FeatureCounts{}, map[string]*FeatureCounts{}
	for i, f := range g.Features {
		counts[i].Feature = f.Key
		samples[ns.Sample(f)], staleness[ns.Staleness(f.Key)] = &counts[i], &counts[i]
		topics = append(topics, ns.Sample(f), ns.Staleness(f.Key))
	}
	batches, err := logBatches(ctx, client, topics)
	if err != nil {
		return nil, err
	}
	decoder := schema.NewDecoder(schemas, nil)
	for _, batch := range batches {
		newest := map[logKey]*int64{} // the number that the newest record of a key adds to
		reader := logReader{Opts: cluster.options()}
		_, err := reader.readLogs(ctx, batch, func(r *kgo.Record) error {
			at := logKey{r.Topic, r.Partition, string(r.Key)}
			if r.Value == nil {
				delete(newest, at)
				return nil
			}
			c, err := samples[r.Topic], error(nil)
			var counter *int64
			if c != nil {
				counter, err = c.ofSample(ctx, decoder, r)
			} else {
				c = staleness[r.Topic]
				counter, err = c.ofEvent(readEvent(ctx, ns, schemas, r))
			}
			switch {
			case errors.Is(err, schema.ErrUnavailable):
				return fmt.Errorf("count topic %s, partition %d, offset %d: %w", r.Topic, r.Partition, r.Offset, err)
			case err != nil:
				c.Unreadable++ // and what the key had before still holds (R7)
			case counter == nil:
				delete(newest, at)
			default:
				newest[at] = counter
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		for _, counter := range newest {
			*counter++
		}
	}
	return counts, nil
}

// ofSample is the number that a record of the sample topic adds to; nil for a deletion.
func (c *FeatureCounts) ofSample(ctx context.Context, decoder *schema.Decoder, r *kgo.Record) (*int64, error) {
	rec, err := decoder.Decode(ctx, r.Value)
	if err != nil || !rec.DeletedAt.IsNull() {
		return nil, err
	}
	return &c.Samples, nil
}

// ofEvent is the number that an event adds to.
func (c *FeatureCounts) ofEvent(e Event) (*int64, error) {
	if e.Err != nil {
		return nil, e.Err
	}
	switch e.Staleness.Status {
	case graph.New:
		return &c.New, nil
	case graph.Stale:
		return &c.Stale, nil
	case graph.Awaiting:
		return &c.Awaiting, nil
	case graph.Orphaned:
		return &c.Orphaned, nil
	case graph.Failed:
		return &c.Failed, nil
	}
	return nil, fmt.Errorf("%w: status %s", schema.ErrBadBytes, e.Staleness.Status)
}
