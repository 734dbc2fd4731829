package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/schema"
	"github.com/freshline/freshline/state"
)

// VerifyOptions are the settings of Verify.
type VerifyOptions struct {
	// Dir is where the state is kept that is built for it, as large as that of all processes; it is removed at the end,
	// and so is a state that is there before: never name that of a process. Default: in memory.
	Dir string

	// Registry is the schema registry, as in ProcessorOptions.
	Registry *schema.Registry

	// Progress, if set, is told how far a log is read.
	Progress func(topic string, partition int32, position, end int64)
}

// DifferenceKind says what is wrong with a key.
type DifferenceKind string

// The kinds of differences.
const (
	Missing DifferenceKind = "missing" // it should be there
	Wrong   DifferenceKind = "wrong"   // something else should be there
	Surplus DifferenceKind = "surplus" // it should not be there
)

// Difference is a key of which the topics say something else than what follows from the samples and the graph.
type Difference struct {
	Kind  DifferenceKind
	Topic string // rows, or a staleness topic
	Key   string // of an event; of a filed row the place of the sample: topic/partition/record key
	Is    string // what is said, as far as it is known
	Want  string // what should be
}

// Verification is what Verify has compared.
type Verification struct {
	Samples     int64 // records of sample topics that were held against what is filed
	Events      int64 // keys that are not fresh
	Differences []Difference
}

// errMoved says that Verify looked at something that changed meanwhile.
var errMoved = errors.New("records came while the topics were compared")

// Verify reads the logs of a deployment again and compares. First the filed rows: of each record key of a sample topic
// the newest record must be filed, or have a dead letter. Then the statuses: a processor of its own builds its state
// from what is filed, without a group and without writing anything, says what is not fresh, and each event
// must be in its topic as it says it (E1), and no other.
//
// The processors must be at rest, which it waits for as long as ctx allows; it refuses where something is written
// meanwhile, again and again. What internal marks and flags say is not compared, but for what follows from it.
func Verify(ctx context.Context, cluster Cluster, ns Namespace, o VerifyOptions) (*Verification, error) {
	for try := 1; ; try++ {
		v, err := verify(ctx, cluster, ns, o, true)
		if !errors.Is(err, errMoved) || try == verifyTries {
			return v, err
		}
	}
}

// verifyTries is how often Verify compares where records come meanwhile, before it gives up.
const verifyTries = 5

func verify(ctx context.Context, cluster Cluster, ns Namespace, o VerifyOptions, wait bool) (*Verification, error) {
	if err := ns.Validate(); err != nil {
		return nil, err
	}
	client, err := Connect(ctx, cluster)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	history, err := readHistory(ctx, cluster, ns)
	if err != nil {
		return nil, err
	}
	g := history.Plan().Graph
	if wait {
		if err := AwaitDrained(ctx, cluster, ns, g); err != nil {
			return nil, err
		}
	}
	v := &verifier{cluster: cluster, ns: ns, o: o, client: client, history: history, result: &Verification{}}
	v.nameTopics(g)
	following, stop := context.WithCancel(ctx)
	var tails sync.WaitGroup
	defer tails.Wait()
	defer stop()
	schemas := NewSchemaTail(cluster, ns)
	tails.Go(func() { _ = schemas.Run(following) }) // who waits for it is told why it ended
	v.decoder = schema.NewDecoder(schemas, nil)
	if o.Registry != nil {
		v.decoder = schema.NewDecoder(schema.Chain{schemas, o.Registry}, nil)
	}
	before, err := v.ends(ctx)
	if err != nil {
		return nil, err
	}
	if err := v.verifyRows(ctx); err != nil {
		return nil, err
	}
	if err := v.verifyEvents(ctx); err != nil {
		return nil, err
	}
	after, err := v.ends(ctx)
	if err != nil {
		return nil, err
	}
	for topic, partitions := range before {
		if !maps.Equal(partitions, after[topic]) {
			return nil, fmt.Errorf("%w (topic %s): stop producers and workers for as long as it takes, and run it again", errMoved, topic)
		}
	}
	slices.SortFunc(v.result.Differences, func(a, b Difference) int {
		return strings.Compare(a.Topic+"\x00"+a.Key, b.Topic+"\x00"+b.Key)
	})
	return v.result, nil
}

// verifier compares the topics of one deployment.
type verifier struct {
	cluster   Cluster
	ns        Namespace
	o         VerifyOptions
	client    *kgo.Client
	history   *graph.History
	samples   []string
	features  map[string]*graph.FeaturePlan // by sample topic
	staleness map[string]graph.FeatureKey
	decoder   *schema.Decoder
	result    *Verification
}

func (v *verifier) nameTopics(g *graph.Graph) {
	v.features = map[string]*graph.FeaturePlan{}
	for _, f := range g.Features {
		v.samples = append(v.samples, v.ns.Sample(f))
		v.features[v.ns.Sample(f)] = v.history.Plan().Feature(f.Key)
	}
	v.staleness = map[string]graph.FeatureKey{}
	for _, key := range v.history.FeatureKeys() {
		v.staleness[v.ns.Staleness(key)] = key
	}
}

// ends are those of all topics that are compared.
func (v *verifier) ends(ctx context.Context) (map[string]map[int32]int64, error) {
	return topicEnds(ctx, v.client, append(slices.Sorted(maps.Keys(v.staleness)), append(v.samples, v.ns.Rows(), v.ns.Graph())...))
}

func (v *verifier) differ(d Difference) { v.result.Differences = append(v.result.Differences, d) }

// said is what a record of a staleness topic says, as far as E1 compares it, in few bytes.
func said(s *schema.Staleness) uint64 {
	d := xxhash.New()
	put := func(texts ...string) {
		for _, text := range texts {
			_, _ = d.WriteString(text)
			_, _ = d.Write([]byte{0})
		}
	}
	put(s.Scope.String(), s.Status.String(), s.FeatureVersion)
	put(slices.Sorted(slices.Values(s.Causes))...)
	put("")
	put(slices.Sorted(slices.Values(s.ChangedFields))...)
	put("")
	if s.Expected != nil {
		for _, f := range s.Expected.ByField {
			put(f.Field, f.Text)
		}
		put(s.Expected.Text)
	}
	if s.Failure != nil {
		put("", s.Failure.Type, s.Failure.Message, fmt.Sprint(s.Failure.Attempt))
	}
	if s.Status.Work() {
		put(s.EventID)
	}
	return d.Sum64()
}

// verifyEvents holds what a processor says that begins with nothing against the staleness topics.
func (v *verifier) verifyEvents(ctx context.Context) error {
	there := map[string]uint64{} // by topic and key
	names := slices.Sorted(maps.Keys(v.staleness))
	err := readTopics(ctx, v.cluster, v.client, names, func(r *kgo.Record) error {
		name := r.Topic + "\x00" + string(r.Key)
		if r.Value == nil {
			delete(there, name)
			return nil
		}
		e := readEvent(ctx, v.ns, nil, r)
		if there[name] = 0; e.Err == nil {
			there[name] = said(e.Staleness)
		}
		return nil
	})
	if err != nil {
		return err
	}
	want := map[string]*kgo.Record{}
	if err := v.compute(ctx, func(r *kgo.Record) {
		if name := r.Topic + "\x00" + string(r.Key); r.Value == nil {
			delete(want, name)
		} else {
			want[name] = r
		}
	}); err != nil {
		return err
	}
	v.result.Events = int64(len(want))
	for name, r := range want {
		e := readEvent(ctx, v.ns, nil, r)
		if e.Err != nil {
			return e.Err
		}
		is, ok := there[name]
		delete(there, name)
		switch d := (Difference{Topic: r.Topic, Key: string(r.Key), Want: e.Staleness.Status.String()}); {
		case !ok:
			d.Kind, d.Is = Missing, "FRESH"
			v.differ(d)
		case is != said(e.Staleness):
			d.Kind, d.Is = Wrong, "another event"
			v.differ(d)
		}
	}
	for name := range there {
		topic, key, _ := strings.Cut(name, "\x00")
		v.differ(Difference{Kind: Surplus, Topic: topic, Key: key, Is: "an event", Want: "FRESH"})
	}
	return nil
}

// compute runs a processor that begins with nothing, has all tasks, and writes nothing: say is given what it would say.
func (v *verifier) compute(ctx context.Context, say func(*kgo.Record)) (err error) {
	p, err := NewProcessor(ProcessorOptions{
		Cluster: v.cluster, Namespace: v.ns, StateDir: v.o.Dir, InstanceID: "verify", Registry: v.o.Registry, Log: slog.New(slog.DiscardHandler),
		Hooks: Hooks{OnRecovery: v.o.Progress},
	})
	if err != nil {
		return err
	}
	p.client = v.client
	p.logs = &unsaidLogs{kafkaLogs{v.client, v.cluster, v.ns}}
	p.clock = &swiftClock{}
	p.fetch, p.member = nothingLive{}, &soleMember{p: p}
	p.txns = &toldCommitter{prefix: v.ns.stalenessPrefix(), say: say}
	if err := p.prepareTopics(ctx); err != nil {
		return err
	}
	if v.o.Dir != "" {
		// What is there would be trusted.
		if err := state.Destroy(v.o.Dir); err != nil {
			return err
		}
	}
	if err := p.openStore(ctx); err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, p.store.Close()); v.o.Dir != "" {
			err = errors.Join(err, state.Destroy(v.o.Dir))
		}
	}()
	p.beginAnswers()
	defer p.endAnswers()
	following, stop := context.WithCancel(ctx)
	var tails sync.WaitGroup
	defer tails.Wait()
	defer stop()
	p.openTails(func(run func(context.Context) error) {
		tails.Go(func() { _ = run(following) }) // who waits for it is told why it ended
	})
	if err := p.begin(ctx); err != nil {
		return err
	}
	for {
		if err := p.takeTurn(ctx); err != nil {
			return err
		}
		if p.more || len(p.held) > 0 || p.changed() || p.follow || len(p.tasks) == 0 && len(p.parked) == 0 {
			continue
		}
		next := p.engine.NextDue()
		if next == 0 {
			return nil
		}
		p.clock.(*swiftClock).ahead(time.UnixMilli(next))
	}
}
