package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/schema"
)

// Accepted is what AcceptPartitions has done, or would do.
type Accepted struct {
	Topic      string
	Was, Is    int32 // partitions
	Moved      int64 // samples that were written again where they lie now
	Superseded int64 // older copies in other partitions, and samples that were deleted since, that were deleted
	Left       int64 // samples that a partitioner of somebody's own has placed; they stay where they are
}

// AcceptOptions are the settings of AcceptPartitions.
type AcceptOptions struct {
	// Registry is the schema registry, as in ProcessorOptions.
	Registry *schema.Registry

	// DryRun counts, and writes nothing.
	DryRun bool
}

// acceptBatch is how many samples are moved in one transaction.
const acceptBatch = 500

// AcceptPartitions takes over a new number of partitions of the sample topic of a feature. Kafka leaves records where
// they are, but what is written from now on goes elsewhere, and the same sample in two partitions would be two (R2). So
// first each sample is written where a producer puts it now, and deleted where it was, in one transaction: the
// samples of an expansion go by the columns of their parent and all else by the record key, whichever of the two has
// put them where they are. Of copies in several partitions the one with the latest timestamp stays. Then the new number
// is recorded in the graph topic, and processors start again. It may be cut short and begun again. No processor may run,
// which is ErrMembers, and no producer should.
func AcceptPartitions(ctx context.Context, cluster Cluster, ns Namespace, feature graph.FeatureKey, o AcceptOptions) (*Accepted, error) {
	client, err := Connect(ctx, cluster)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	if members, err := listMembers(ctx, client, ns); err != nil {
		return nil, err
	} else if len(members) > 0 {
		return nil, fmt.Errorf("%w %s, such as %s; stop them first", ErrMembers, ns.Group(), members[0].InstanceID)
	}
	history, err := readHistory(ctx, cluster, ns)
	if err != nil {
		return nil, err
	}
	f := history.Plan().Feature(feature)
	if f == nil {
		return nil, fmt.Errorf("feature %s is not in the graph in force", feature)
	}
	log, err := OpenGraphLog(ctx, cluster, ns)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	pushes, err := log.ReadAll(ctx)
	if err != nil {
		return nil, err
	}
	counted := map[string]int32{}
	for _, push := range pushes {
		push.count(counted)
	}
	a := &Accepted{Topic: ns.Sample(f.Spec)}
	counts, err := partitionCounts(ctx, client, []string{a.Topic})
	if err != nil {
		return nil, err
	}
	if a.Was, a.Is = counted[a.Topic], counts[a.Topic]; a.Is == 0 {
		return nil, fmt.Errorf("topic %s does not exist; create it with `freshline topics create`", a.Topic)
	}
	if a.Was == 0 || a.Was == a.Is {
		a.Was = a.Is
		return a, nil // there is nothing to take over
	}
	following, stop := context.WithCancel(ctx)
	tail := NewSchemaTail(cluster, ns)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = tail.Run(following) // who waits for it is told why it ended
	}()
	defer func() { stop(); <-ended }()
	var schemas schema.Schemas = tail
	if o.Registry != nil {
		schemas = schema.Chain{tail, o.Registry}
	}
	r := &refiling{accepted: a, feature: f, cluster: cluster, client: client, decoder: schema.NewDecoder(schemas, nil), keys: map[string][]copyAt{}}
	if err := r.find(ctx); err != nil {
		return nil, err
	}
	if o.DryRun {
		return a, nil
	}
	if err := r.move(ctx, ns); err != nil {
		return nil, err
	}
	_, err = log.publish(ctx, history.Plan().Graph, kgo.RecordHeader{Key: headerAccepted + a.Topic, Value: strconv.AppendInt(nil, int64(a.Is), 10)})
	return a, err
}

// refiling moves the samples of one topic.
type refiling struct {
	accepted *Accepted
	feature  *graph.FeaturePlan
	cluster  Cluster
	client   *kgo.Client
	decoder  *schema.Decoder
	keys     map[string][]copyAt       // by record key, its newest record in each partition
	moves    map[Origin]int32          // of the records that go elsewhere: where to
	removes  map[string]map[int32]bool // by record key, the partitions in which it is deleted
}

// copyAt is the newest record of a key in one partition.
type copyAt struct {
	partition int32
	offset    int64
	time      time.Time
	gone      bool  // it is a deletion
	place     int32 // where it belongs; -1: where it is
}

// find reads the topic, and decides what goes where.
func (r *refiling) find(ctx context.Context) error {
	topic := []string{r.accepted.Topic}
	err := readTopics(ctx, r.cluster, r.client, topic, func(rec *kgo.Record) error {
		place, gone, err := r.placeOf(ctx, rec)
		if err != nil {
			return err
		}
		at := copyAt{rec.Partition, rec.Offset, rec.Timestamp, gone, place}
		list := r.keys[string(rec.Key)]
		if i := slices.IndexFunc(list, func(c copyAt) bool { return c.partition == rec.Partition }); i >= 0 {
			list[i] = at
		} else {
			list = append(list, at)
		}
		r.keys[string(rec.Key)] = list
		return nil
	})
	if err != nil {
		return err
	}
	r.moves, r.removes = map[Origin]int32{}, map[string]map[int32]bool{}
	for key, list := range r.keys {
		r.decide(key, list)
	}
	return nil
}

// placeOf says where a record belongs under the new number, -1 if it may be where it is, and whether it is a deletion.
func (r *refiling) placeOf(ctx context.Context, rec *kgo.Record) (place int32, gone bool, err error) {
	was, is := r.accepted.Was, r.accepted.Is
	byKey, ours := graph.Partition(rec.Key, was), int32(-1)
	at := placement{by: rec.Key}
	if rec.Value != nil {
		decoded, refusal, err := decodeSample(ctx, r.decoder, rec)
		if err != nil {
			return 0, false, err
		}
		if refusal == nil {
			gone = !decoded.DeletedAt.IsNull()
			var named bool
			if at, named = placeOf(r.feature, decoded, rec.Key); named {
				ours = at.of(was)
			}
		}
	}
	gone = gone || rec.Value == nil
	switch {
	case rec.Partition >= was: // its producer knows the new number
		return -1, gone, nil
	case rec.Partition == ours:
		return at.of(is), gone, nil
	case rec.Partition == byKey:
		return placement{by: rec.Key}.of(is), gone, nil
	}
	return -1, gone, nil
}

// decide decides about one record key.
func (r *refiling) decide(key string, list []copyAt) {
	newest := slices.MaxFunc(list, func(a, b copyAt) int {
		if c := a.time.Compare(b.time); c != 0 {
			return c
		}
		return int(a.partition - b.partition)
	})
	remove := func(partition int32) {
		if r.removes[key] == nil {
			r.removes[key] = map[int32]bool{}
		}
		r.removes[key][partition] = true
	}
	for _, c := range list {
		if c.partition == newest.partition || c.gone {
			continue
		}
		r.accepted.Superseded++
		if newest.gone || c.partition != newest.place { // else the copy of the newest takes its place
			remove(c.partition)
		}
	}
	switch {
	case newest.gone || newest.place == newest.partition:
	case newest.place < 0:
		if newest.partition < r.accepted.Was {
			r.accepted.Left++
		}
	default:
		r.moves[Origin{r.accepted.Topic, newest.partition, newest.offset}] = newest.place
		remove(newest.partition)
		r.accepted.Moved++
	}
}

// move writes what was decided: first the copies with the deletions of what they are copies of, then the others.
func (r *refiling) move(ctx context.Context, ns Namespace) (err error) {
	writer, err := Connect(ctx, r.cluster, kgo.TransactionalID(ns.String()+".accept"), kgo.TransactionTimeout(transactionTimeout),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0))
	if err != nil {
		return err
	}
	defer writer.Close()
	var batch []*kgo.Record
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		if err := writer.BeginTransaction(); err != nil {
			return err
		}
		err := writer.ProduceSync(ctx, batch...).FirstErr()
		batch = nil
		return errors.Join(err, writer.EndTransaction(context.WithoutCancel(ctx), kgo.TransactionEndTry(err == nil)))
	}
	add := func(key []byte, removes map[int32]bool, copies ...*kgo.Record) error {
		batch = append(batch, copies...)
		for partition := range removes {
			batch = append(batch, &kgo.Record{Topic: r.accepted.Topic, Partition: partition, Key: key})
		}
		if len(batch) < acceptBatch {
			return nil
		}
		return flush()
	}
	err = readTopics(ctx, r.cluster, r.client, []string{r.accepted.Topic}, func(rec *kgo.Record) error {
		partition, ok := r.moves[Origin{rec.Topic, rec.Partition, rec.Offset}]
		if !ok {
			return nil
		}
		removes := r.removes[string(rec.Key)]
		delete(r.removes, string(rec.Key))
		// With the time of the original: it says which of two copies is the later one.
		return add(rec.Key, removes, &kgo.Record{Topic: rec.Topic, Partition: partition, Key: rec.Key, Value: rec.Value, Headers: rec.Headers, Timestamp: rec.Timestamp})
	})
	if err != nil {
		return fmt.Errorf("move samples of topic %s: %w", r.accepted.Topic, err)
	}
	for key, removes := range r.removes {
		if err := add([]byte(key), removes); err != nil {
			return err
		}
	}
	return flush()
}
