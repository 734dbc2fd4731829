package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/schema"
)

// Producer writes samples of features. It follows the graph topic, so that it knows the ids, the
// topic and the feature version in force of every feature, and refuses what the processor would put
// into the dead-letter topic. Safe for concurrent use; writes of one key keep the order of their calls.
type Producer struct {
	opts    ProducerOptions
	client  *kgo.Client
	encoder *schema.Encoder
	graphs  *GraphTail
	schemas *SchemaTail

	stop  context.CancelFunc
	tails sync.WaitGroup

	mu      sync.Mutex
	history *graph.History   // nil before the first push
	failed  error            // the graph topic or the schema topic cannot be followed any more
	lost    []error          // records that were not written, since the last Flush; at most maxLost
	losses  int              // how many
	counts  map[string]int32 // partitions of the sample topics that were asked for
}

// maxLost bounds the errors that Flush returns in full.
const maxLost = 10

// ProducerOptions are the settings of a Producer.
type ProducerOptions struct {
	Cluster   Cluster
	Namespace Namespace

	// Registry takes the schemas of samples, which are then in the Confluent wire format. Default:
	// none; schemas go to the schema topic, and samples are in single-object encoding.
	Registry *schema.Registry

	// DeliveryTimeout is how long a record is tried for before Flush reports it as lost.
	// Default 30 s.
	DeliveryTimeout time.Duration
}

func (o ProducerOptions) deliveryTimeout() time.Duration {
	if o.DeliveryTimeout == 0 {
		return 30 * time.Second
	}
	return o.DeliveryTimeout
}

// Validate says what is wrong with the options.
func (o ProducerOptions) Validate() error {
	if o.DeliveryTimeout != 0 && o.DeliveryTimeout < time.Second {
		return fmt.Errorf("DeliveryTimeout %s is below a second", o.DeliveryTimeout)
	}
	if err := o.Namespace.Validate(); err != nil {
		return err
	}
	return o.Cluster.Validate()
}

// NewProducer connects a Producer and reads the graph topic to its end. The context is for that; the
// caller closes the Producer.
func NewProducer(ctx context.Context, opts ProducerOptions) (*Producer, error) {
	return newProducer(ctx, opts)
}

func newProducer(ctx context.Context, opts ProducerOptions, extra ...kgo.Opt) (*Producer, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	client, err := Connect(ctx, opts.Cluster, append([]kgo.Opt{
		kgo.RecordDeliveryTimeout(opts.deliveryTimeout()),
		kgo.ProducerBatchCompression(kgo.Lz4Compression(), kgo.SnappyCompression(), kgo.NoCompression()),
		kgo.RecordPartitioner(partitioner()),
	}, extra...)...)
	if err != nil {
		return nil, err
	}
	p := &Producer{
		opts: opts, client: client,
		graphs: NewGraphTail(opts.Cluster, opts.Namespace), schemas: NewSchemaTail(opts.Cluster, opts.Namespace),
		counts: map[string]int32{},
	}
	p.encoder = schema.NewEncoder(p.publish)
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	p.stop = stop
	p.tails.Go(func() { p.follow(p.graphs.Run(running)) })
	if opts.Registry == nil {
		p.tails.Go(func() { p.follow(p.schemas.Run(running)) })
	}
	if err := p.syncGraph(ctx); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// Close ends the Producer. Records that Flush has not waited for may be lost.
func (p *Producer) Close() {
	p.stop()
	p.tails.Wait()
	p.client.Close()
}

// follow notes how a follower has ended.
func (p *Producer) follow(err error) {
	if err == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed = errors.Join(p.failed, err)
}

// Put checks a sample and hands it to the client, which writes it in the background: Flush waits
// and reports what was not written. Put waits only while too much is on its way, or for a new graph
// or schema. The record key is the canonical JSON of the id columns in the order of the feature, of a
// group record of the columns of the match key; the samples of one expansion go to one partition. An
// error that is a *graph.Refusal says why the processor would not take the sample.
func (p *Producer) Put(ctx context.Context, feature string, sample Sample) error {
	key, err := graph.ParseFeatureKey(feature)
	if err != nil {
		return err
	}
	return p.put(ctx, key, sample, p)
}

// put is Put; told hears what became of the record.
func (p *Producer) put(ctx context.Context, feature graph.FeatureKey, sample Sample, told outcome) error {
	rec, err := sample.record()
	if err != nil {
		return fmt.Errorf("sample of %s: %w", feature, err)
	}
	return p.putRecord(ctx, feature, rec, sample.Children != nil, told)
}

// PutRecord is Put of a record as decoders make it, columns sorted by name. A record without a
// feature version gets the one in force; one with metaxy_deleted_at needs the ids only.
func (p *Producer) PutRecord(ctx context.Context, feature graph.FeatureKey, rec *graph.Record) error {
	return p.putRecord(ctx, feature, rec, false, p)
}

// putRecord is PutRecord; group says that the record has to be a group record.
func (p *Producer) putRecord(ctx context.Context, feature graph.FeatureKey, rec *graph.Record, group bool, told outcome) error {
	return p.write(ctx, feature, told, func(f *graph.FeaturePlan, h *graph.History) (*kgo.Record, []placement, error) {
		key, refusal := recordKey(f, rec)
		if refusal != nil {
			return nil, nil, refusal
		}
		complete := *rec
		if complete.FeatureVersion.IsNull() {
			complete.FeatureVersion = graph.String(f.Version)
		}
		if complete.DeletedAt.IsNull() {
			row, refusal := f.CheckRecord(&complete, h)
			if refusal != nil {
				return nil, nil, refusal
			}
			if group && !f.IsGroup(row) {
				return nil, nil, &graph.Refusal{Reason: graph.BadRow, Column: graph.ColumnChildren, Detail: fmt.Sprintf("Children makes the sample the group record of an expansion, which %s without id columns of its own is; leave them out, or Children", f.Key)}
			}
		}
		value, err := p.encoder.Append(ctx, nil, feature, &complete)
		if err != nil {
			return nil, nil, err
		}
		r := &kgo.Record{Key: key, Value: value}
		if !complete.DeletedAt.IsNull() {
			places, err := p.deletePlaces(ctx, f, rec, key)
			return r, places, err
		}
		at, _ := placeOf(f, rec, key)
		return r, []placement{at}, nil
	})
}

// Delete writes a tombstone for a sample (R2). The ids are the id columns of the feature, with
// values as in Sample.Columns, and nothing else but, for a sample of an expansion, the columns that
// name its parent: they say in which partition it lies. Without them, where the ids do not hold
// them, a tombstone goes to every partition of the topic.
func (p *Producer) Delete(ctx context.Context, feature string, ids map[string]any) error {
	key, err := graph.ParseFeatureKey(feature)
	if err != nil {
		return err
	}
	columns, err := columnsOf(ids)
	if err != nil {
		return fmt.Errorf("sample of %s: %w", key, err)
	}
	return p.remove(ctx, key, columns, p)
}

// remove is Delete; tombstones go to the partitions also, too.
func (p *Producer) remove(ctx context.Context, feature graph.FeatureKey, ids []graph.Column, told outcome, also ...int32) error {
	return p.write(ctx, feature, told, func(f *graph.FeaturePlan, _ *graph.History) (*kgo.Record, []placement, error) {
		rec := &graph.Record{Columns: ids}
		key, refusal := recordKey(f, rec)
		if refusal != nil {
			return nil, nil, refusal
		}
		for _, c := range ids {
			if !slices.Contains(f.IDs, c.Name) && !(f.Expands && slices.Contains(f.Match, c.Name)) {
				return nil, nil, &graph.Refusal{Reason: graph.BadID, Column: c.Name, Detail: fmt.Sprintf("a deletion of %s names its id columns (%s) and nothing else, but %q is given", f.Key, strings.Join(f.IDs, ", "), c.Name)}
			}
		}
		places, err := p.deletePlaces(ctx, f, rec, key, also...)
		return &kgo.Record{Key: key}, places, err
	})
}

// removeCopy deletes a sample of an expansion where other producers would have put it by its record
// key, but not where ours do.
func (p *Producer) removeCopy(ctx context.Context, feature graph.FeatureKey, sample Sample, told outcome) error {
	columns, err := columnsOf(sample.Columns)
	if err != nil {
		return fmt.Errorf("sample of %s: %w", feature, err)
	}
	return p.write(ctx, feature, told, func(f *graph.FeaturePlan, _ *graph.History) (*kgo.Record, []placement, error) {
		rec := &graph.Record{Columns: columns}
		key, refusal := recordKey(f, rec)
		if refusal != nil {
			return nil, nil, refusal
		}
		places, err := p.deletePlaces(ctx, f, rec, key)
		own, _ := placeOf(f, rec, key)
		n := p.partitions(f)
		return &kgo.Record{Key: key}, slices.DeleteFunc(places, func(at placement) bool { return at.of(n) == own.of(n) }), err
	})
}

// partitions is how many partitions the topic of a feature has, 0 where nobody has asked yet.
func (p *Producer) partitions(f *graph.FeaturePlan) int32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts[p.opts.Namespace.Sample(f.Spec)]
}

// deletePlaces says where tombstones for a sample go.
func (p *Producer) deletePlaces(ctx context.Context, f *graph.FeaturePlan, rec *graph.Record, key []byte, also ...int32) ([]placement, error) {
	if !f.Expands {
		at, _ := placeOf(f, rec, key)
		return []placement{at}, nil
	}
	topic := p.opts.Namespace.Sample(f.Spec)
	n := p.partitions(f)
	if n == 0 {
		counts, err := partitionCounts(ctx, p.client, []string{topic})
		if err != nil {
			return nil, fmt.Errorf("find the partitions of topic %s: %w", topic, err)
		}
		if n = counts[topic]; n == 0 {
			return nil, fmt.Errorf("topic %s does not exist; create it with `freshline topics create`", topic)
		}
		p.mu.Lock()
		p.counts[topic] = n
		p.mu.Unlock()
	}
	return deletePlaces(f, rec, key, n, also...), nil
}

// outcome hears what becomes of records: begin before one is handed to the client, and then once,
// from a goroutine of the client, end.
type outcome interface {
	begin()
	end(*kgo.Record, error)
}

// recordBuilder makes a record without its topic, and says where it goes: to one partition or to
// several. What it refuses is a *graph.Refusal.
type recordBuilder func(f *graph.FeaturePlan, h *graph.History) (*kgo.Record, []placement, error)

// write builds a record by the graph in force and produces it. Before anything is refused for a
// reason that a graph gives, the graph topic is read to its end. told hears of a record for each
// placement.
func (p *Producer) write(ctx context.Context, feature graph.FeatureKey, told outcome, build recordBuilder) error {
	record, places, err := p.try(feature, build)
	var refusal *graph.Refusal
	if errors.As(err, &refusal) {
		if err := p.syncGraph(ctx); err != nil {
			return err
		}
		record, places, err = p.try(feature, build)
	}
	if err != nil {
		return fmt.Errorf("write a sample of %s: %w", feature, err)
	}
	for _, at := range places {
		r := *record
		if err := p.produce(withPlacement(ctx, at), &r, told); err != nil {
			return fmt.Errorf("write a sample of %s: %w", feature, err)
		}
	}
	return nil
}

// produce hands a record to the client. The context bounds the wait for room in the client's buffer;
// a record that is in it outlives the call.
func (p *Producer) produce(ctx context.Context, r *kgo.Record, told outcome) error {
	buffered, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	unbind := context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
	told.begin()
	p.client.Produce(buffered, r, func(r *kgo.Record, err error) {
		cancel(nil)
		told.end(r, err)
	})
	if !unbind() {
		return fmt.Errorf("it may be lost: %w", context.Cause(ctx))
	}
	return nil
}

// recordKey is the record key of a sample, or of the record of an expansion.
func recordKey(f *graph.FeaturePlan, rec *graph.Record) ([]byte, *graph.Refusal) {
	if refusal := f.CheckIDs(rec); refusal != nil {
		return nil, refusal
	}
	return f.RecordKey(rec), nil
}

func (p *Producer) try(feature graph.FeatureKey, build recordBuilder) (*kgo.Record, []placement, error) {
	history, err := p.takeGraphs()
	if err != nil {
		return nil, nil, err
	}
	plan := history.Plan()
	f := plan.Feature(feature)
	switch {
	case plan == nil:
		return nil, nil, &graph.Refusal{Reason: graph.UnknownFeature, Detail: fmt.Sprintf("topic %s holds no graph; publish one with `freshline graph publish`", p.opts.Namespace.Graph())}
	case f == nil:
		return nil, nil, &graph.Refusal{Reason: graph.UnknownFeature, Detail: fmt.Sprintf("the graph in force (number %d of topic %s) has no feature %s; check the key, or publish a graph that has it", plan.Number, p.opts.Namespace.Graph(), feature)}
	}
	record, places, err := build(f, history)
	if err != nil {
		return nil, nil, err
	}
	record.Topic = p.opts.Namespace.Sample(f.Spec)
	return record, places, nil
}

// begin and end note what is not written, for Flush.
func (p *Producer) begin() {}

func (p *Producer) end(r *kgo.Record, err error) {
	if err == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.losses++
	if len(p.lost) < maxLost {
		p.lost = append(p.lost, produceFault(r, err))
	}
}

// Flush waits until all that was put before has been written, and returns what was not since the
// last Flush: ten errors at most, and how many there were.
func (p *Producer) Flush(ctx context.Context) error {
	if err := p.client.Flush(ctx); err != nil {
		return fmt.Errorf("wait for samples to be written: %w", context.Cause(ctx))
	}
	p.mu.Lock()
	lost, losses := p.lost, p.losses
	p.lost, p.losses = nil, 0
	p.mu.Unlock()
	if losses == 0 {
		return nil
	}
	return fmt.Errorf("%d samples were not written: %w", losses, errors.Join(lost...))
}

// syncGraph reads the graph topic to its end.
func (p *Producer) syncGraph(ctx context.Context) error {
	if err := p.graphs.tail.SyncToEnd(ctx); err != nil {
		return err
	}
	_, err := p.takeGraphs()
	return err
}

// takeGraphs applies the graphs that have come. A graph that cannot be used is passed over, as the processor does.
func (p *Producer) takeGraphs() (*graph.History, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed != nil {
		return nil, p.failed
	}
	for _, push := range p.graphs.Take() {
		var err error
		if p.history, err = push.Apply(p.history); err != nil && p.opts.Cluster.Log != nil {
			p.opts.Cluster.Log.Warn(err.Error())
		}
	}
	return p.history, nil
}

// publish makes a schema known to readers before the first sample with it.
func (p *Producer) publish(ctx context.Context, feature graph.FeatureKey, s *schema.Schema) (schema.Frame, error) {
	if p.opts.Registry != nil {
		p.mu.Lock()
		f := p.history.Plan().Feature(feature)
		p.mu.Unlock()
		if f == nil {
			return schema.Frame{}, fmt.Errorf("feature %s has left the graph", feature)
		}
		return p.opts.Registry.Register(ctx, p.opts.Namespace.Sample(f.Spec)+"-value", s)
	}
	_, err := p.schemas.ByFingerprint(ctx, s.Fingerprint())
	if errors.Is(err, schema.ErrUnknownSchema) {
		err = publishSchema(ctx, p.client, p.opts.Namespace, s)
	}
	return s.Frame(), err
}
