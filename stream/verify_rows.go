package stream

import (
	"context"
	"fmt"

	"github.com/cespare/xxhash/v2"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/stream/engine"
)

// recordName names a record key of a partition of a sample topic, in few bytes.
type recordName struct {
	partition int32
	topic     int // its place among the sample topics
	key       uint64
}

// filedAt is where an own row stands, and of which record it is.
type filedAt struct {
	place  uint64
	offset int64
}

// verifyRows holds the newest record of each key of the sample topics against what is filed of it. It needs some 100
// bytes of memory for each.
func (v *verifier) verifyRows(ctx context.Context) error {
	places := map[string]int{}
	for i, topic := range v.samples {
		places[topic] = i
	}
	name := func(topic string, partition int32, key []byte) (recordName, bool) {
		at, ok := places[topic]
		return recordName{partition, at, xxhash.Sum64(key)}, ok
	}
	filed := map[recordName][]filedAt{}
	if err := readTopics(ctx, v.cluster, v.client, []string{v.ns.Rows()}, func(r *kgo.Record) error {
		row, ok := engine.ReadFiledRow(r.Key, r.Value)
		if !ok {
			return nil
		}
		n, ok := name(row.Source.Topic, row.Source.Partition, row.Record)
		if !ok {
			return nil // of a feature that has left
		}
		at := filedAt{xxhash.Sum64String(row.Place), row.Offset}
		list := filed[n]
		for i := range list {
			if list[i].place == at.place {
				list = append(list[:i], list[i+1:]...)
				break
			}
		}
		if at.offset >= 0 {
			list = append(list, at)
		}
		if filed[n] = list; len(list) == 0 {
			delete(filed, n)
		}
		return nil
	}); err != nil {
		return err
	}
	letters := map[Origin]bool{}
	if err := readTopics(ctx, v.cluster, v.client, []string{v.ns.DeadLetter()}, func(r *kgo.Record) error {
		if origin, err := ParseOrigin(string(r.Key)); err == nil {
			letters[origin] = true
		}
		return nil
	}); err != nil {
		return err
	}
	newest := map[recordName]*kgo.Record{}
	if err := readTopics(ctx, v.cluster, v.client, v.samples, func(r *kgo.Record) error {
		v.result.Samples++
		n, _ := name(r.Topic, r.Partition, r.Key)
		if letters[Origin{r.Topic, r.Partition, r.Offset}] {
			return nil // it changes nothing (R7)
		}
		head := &kgo.Record{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Key: r.Key}
		if r.Value != nil {
			head.Value = []byte{}
			deletes, refused, err := v.judge(ctx, r)
			switch {
			case err != nil:
				return err
			case refused:
				return nil // its dead letter has expired
			case deletes:
				head.Value = nil
			}
		}
		newest[n] = head
		return nil
	}); err != nil {
		return err
	}
	for n, r := range newest {
		v.compareRow(r, filed[n])
		delete(filed, n)
	}
	for n, list := range filed {
		// The log may have lost it: a later record of the key was refused, and cleaning took this one.
		if len(list) > 1 {
			v.differ(Difference{Kind: Surplus, Topic: v.ns.Rows(), Key: fmt.Sprintf("%s/%d, a record key with the hash %x", v.samples[n.topic], n.partition, n.key), Is: fmt.Sprintf("%d own rows", len(list)), Want: "one"})
		}
	}
	return nil
}

// judge reports whether a record with a value is a deletion, and whether the graph in force refuses it.
func (v *verifier) judge(ctx context.Context, r *kgo.Record) (deletes, refused bool, err error) {
	rec, refusal, err := decodeSample(ctx, v.decoder, r)
	if err != nil || refusal != nil {
		return false, refusal != nil, err
	}
	f := v.features[r.Topic]
	if !rec.DeletedAt.IsNull() {
		return true, f.CheckIDs(rec) != nil, nil
	}
	_, refusal = f.CheckRecord(rec, v.history)
	return false, refusal != nil, nil
}

// compareRow holds what is filed of a record key against its newest usable record.
func (v *verifier) compareRow(r *kgo.Record, list []filedAt) {
	d := Difference{Topic: v.ns.Rows(), Key: fmt.Sprintf("%s/%d/%s", r.Topic, r.Partition, r.Key), Want: fmt.Sprintf("the record at offset %d", r.Offset)}
	switch {
	case r.Value == nil && len(list) == 0:
		return
	case r.Value == nil:
		d.Kind, d.Is, d.Want = Surplus, fmt.Sprintf("the record at offset %d", list[0].offset), fmt.Sprintf("nothing: it is deleted at offset %d", r.Offset)
	case len(list) == 0:
		d.Kind, d.Is = Missing, "nothing"
	case len(list) > 1:
		d.Kind, d.Is = Surplus, fmt.Sprintf("%d own rows", len(list))
	case list[0].offset != r.Offset:
		d.Kind, d.Is = Wrong, fmt.Sprintf("the record at offset %d", list[0].offset)
	default:
		return
	}
	v.differ(d)
}
