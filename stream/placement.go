package stream

import (
	"context"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
)

// placement says which partition of its topic a record goes to: that of Kafka's own partitioner,
// murmur2, for a record with the key by; where by is nil, the partition given.
//
// A sample goes by its record key, so that a client of another language that writes the same sample
// comes to the same partition (R2). The samples of an expansion go by the columns of M, which are
// the record key of its group record (S7): one parent's children and their record lie in one
// partition, and so are read in the order in which they were written.
type placement struct {
	by        []byte
	partition int32
}

type placementKey struct{}

// partitioner places records by the placement in their context, else by their key.
func partitioner() kgo.Partitioner {
	return kgo.BasicConsistentPartitioner(func(string) func(*kgo.Record, int) int {
		return func(r *kgo.Record, n int) int {
			at, ok := r.Context.Value(placementKey{}).(placement)
			if !ok {
				at.by = r.Key
			}
			return int(at.of(int32(n)))
		}
	})
}

// of is the partition, of n.
func (at placement) of(n int32) int32 {
	if at.by == nil {
		return at.partition
	}
	return graph.Partition(at.by, n)
}

// withPlacement is the context to produce a record with.
func withPlacement(ctx context.Context, at placement) context.Context {
	return context.WithValue(ctx, placementKey{}, at)
}

// placeOf says where a sample lies that our producers write; named is false where the columns do
// not say so, as ids alone may not name the parent of a sample.
func placeOf(f *graph.FeaturePlan, rec *graph.Record, key []byte) (at placement, named bool) {
	if !f.Expands {
		return placement{by: key}, true
	}
	values := make([]graph.Value, len(f.Match))
	for i, name := range f.Match {
		if values[i] = rec.Column(name); !values[i].Usable() {
			return placement{by: key}, false
		}
	}
	return placement{by: graph.AppendKeyJSON(nil, f.Match, values)}, true
}

// deletePlaces says in which of n partitions tombstones for a sample go: where our producers write
// it, where others do by the record key, and those named by also; in all where the columns do not
// name the parent. A tombstone where the sample does not lie changes nothing.
func deletePlaces(f *graph.FeaturePlan, rec *graph.Record, key []byte, n int32, also ...int32) []placement {
	var partitions []int32
	if at, named := placeOf(f, rec, key); named {
		partitions = append(also, at.of(n), placement{by: key}.of(n))
	} else {
		for p := range n {
			partitions = append(partitions, p)
		}
	}
	slices.Sort(partitions)
	var places []placement
	for _, p := range slices.Compact(partitions) {
		if p >= 0 && p < n {
			places = append(places, placement{partition: p})
		}
	}
	return places
}
