package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/schema"
	"github.com/freshline/freshline/state"
	"github.com/freshline/freshline/stream/engine"
)

// ProcessorOptions are the settings of a Processor.
type ProcessorOptions struct {
	Cluster   Cluster
	Namespace Namespace

	// StateDir is where Badger keeps the state. Default "": in memory, rebuilt from Kafka at
	// every start.
	StateDir string

	// InstanceID names this process among those of the namespace. A process that starts with the
	// id of another takes its place. Default: the host name.
	InstanceID string

	// OnStop says what becomes of the tasks when ctx ends. Default StopLeave: others take them over at once.
	OnStop StopMode

	// APIAddress is where this process answers questions, host:port: it is told to the group, so that others
	// find it. Default: nowhere.
	APIAddress string

	// CommitInterval is how long an epoch lasts under load, 10 ms to 5 s. Default 100 ms.
	CommitInterval time.Duration

	// Hold is how long work that could still be about to change is held back in the gate settled, for each step
	// through rows that the news of that takes, 1 ms to 1 min. Default: two commit intervals.
	Hold time.Duration

	// Registry is the schema registry of the cluster, if samples are in the Confluent wire format.
	// Default: none; schemas are found in the schema topic. Records in either framing are read.
	Registry *schema.Registry

	// Log takes what the process does. Default: nothing is logged.
	Log *slog.Logger

	Hooks Hooks
}

// Hooks are told what a Processor does. Every func may be nil, and must not block.
type Hooks struct {
	OnEpoch func(EpochStats)

	// OnRecovering says that so many tasks begin to recover, and 0 when they have, or have failed to.
	OnRecovering func(tasks int)
	// OnRecovery says how far a log is read meanwhile: first with the position where that begins.
	OnRecovery func(topic string, partition int32, position, end int64)

	OnGraph func(number int64)
}

// EpochStats counts what one committed epoch did.
type EpochStats struct {
	Samples     int // records of sample topics
	Failures    int // records of the failure topic
	RowsIn      int // records of rows read
	RowsOut     int // records of rows written
	Events      int // staleness records, tombstones among them
	DeadLetters int
	Unfinished  int          // tasks that have work left that no record waits for: sweeps, scans, keys held back
	Slipped     int          // keys that were offered and wait after all, since Hold was too short
	Reads       state.Reads  // of Badger
	Writes      state.Writes // of Badger
	Took        time.Duration
}

const (
	minCommitInterval     = 10 * time.Millisecond // commit_min: an idle process commits no more often
	defaultCommitInterval = 100 * time.Millisecond
	maxCommitInterval     = 5 * time.Second
	maxHold               = time.Minute

	epochRecords = 5000    // polled for one epoch, at most
	epochKeys    = 20_000  // evaluated in one epoch, about
	rowsLag      = 100_000 // records of rows behind which sample partitions pause
	idlePoll     = 500 * time.Millisecond
	drainPoll    = 2 * time.Millisecond
)

func (o *ProcessorOptions) check() error {
	if err := o.Cluster.Validate(); err != nil {
		return err
	}
	if err := o.Namespace.Validate(); err != nil {
		return err
	}
	if o.InstanceID == "" {
		host, err := os.Hostname()
		if err != nil || host == "" {
			return errors.New("the host has no name; give this process a name with --instance-id")
		}
		o.InstanceID = host
	}
	if err := o.OnStop.Validate(); err != nil {
		return fmt.Errorf("OnStop: %w", err)
	}
	if o.CommitInterval == 0 {
		o.CommitInterval = defaultCommitInterval
	}
	if o.CommitInterval < minCommitInterval || o.CommitInterval > maxCommitInterval {
		return fmt.Errorf("commit interval %s is not from %s to %s", o.CommitInterval, minCommitInterval, maxCommitInterval)
	}
	if o.Hold == 0 {
		o.Hold = 2 * o.CommitInterval
	}
	if o.Hold < time.Millisecond || o.Hold > maxHold {
		return fmt.Errorf("hold %s is not from 1ms to %s", o.Hold, maxHold)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}

// Processor is one process of a deployment: it owns a share of the sample topics and of rows, as
// the consumer group of the namespace gives it, and runs their tasks epoch by epoch. How an epoch
// commits and how a task recovers is told in the package documentation.
type Processor struct {
	o      ProcessorOptions
	ready  chan struct{}
	opened sync.Once // of ready

	testStore state.Store // of tests: instead of what StateDir says

	client   *kgo.Client // for questions of others about the group
	clock    clock
	logs     logs
	store    state.Store
	member   groupMember
	fetch    liveReader
	txns     committer
	graphs   *GraphTail
	requests *requestTail
	schemas  *SchemaTail
	decode   *schema.Decoder

	// What follows belongs to the goroutine of Run.
	engine     *engine.Engine
	history    *graph.History
	pushed     map[int64]time.Time // when each graph was pushed
	overlay    *state.Overlay
	tasks      map[task]*taskState
	parked     map[task]bool    // owned, of topics that the graph has no use for
	wanted     map[string]bool  // topics of the graph in force, and rows
	behind     bool             // the newest graph is not in force in the engine yet
	follow     bool             // wanted has changed, or tasks that are parked wait
	counts     map[string]int32 // partitions of topics
	counted    map[string]int32 // partitions of sample topics when they were first published
	partitions int32            // of rows
	produced   []int64          // rows: per partition the offset behind the last record of ours
	held       []fetched        // polled, and not done with
	lag        map[int32]int64  // rows: records behind
	paused     bool             // sample partitions are
	more       bool             // the engine has work left
	stranded   map[task]bool    // records of theirs were polled and left: they recover
	keys       int              // that an epoch evaluates, about
	batch      int              // records that an epoch takes; fewer after one that was too much
	waiting    bool             // for a schema that cannot be asked for
	unsettled  error            // why it is not known, or not in the state, what became of the last epoch
	last       time.Time        // end of the last epoch
	finished   []finished       // requests that are done and not tidied away
	tidied     map[string]bool  // ids of those of them that we have tidied away

	asked atomic.Bool // something has come in the request topic

	inspect inspection

	mu      sync.Mutex // guards what follows
	changes []change   // of ownership, not yet applied
	wake    context.CancelFunc
}

// task names one partition that a process works on.
type task struct {
	topic     string
	partition int32
}

func (t task) source() engine.Source { return engine.Source{Topic: t.topic, Partition: t.partition} }

// change is one change of ownership.
type change struct {
	partitions map[string][]int32
	own        bool
}

// NewProcessor checks the options. It starts nothing.
func NewProcessor(o ProcessorOptions) (*Processor, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	return &Processor{o: o, clock: wallClock{}, ready: make(chan struct{}), pushed: map[int64]time.Time{}, tasks: map[task]*taskState{}, parked: map[task]bool{}, stranded: map[task]bool{}, batch: epochRecords, keys: epochKeys, counts: map[string]int32{}, counted: map[string]int32{}, lag: map[int32]int64{}}, nil
}

// Ready is closed once the first tasks that the group has given are recovered.
func (p *Processor) Ready() <-chan struct{} { return p.ready }

// Run works until ctx is done (nil) or the process can go on no more. A Processor runs once.
func (p *Processor) Run(ctx context.Context) (err error) {
	client, err := Connect(ctx, p.o.Cluster)
	if err != nil {
		return err
	}
	defer client.Close()
	p.client, p.logs = client, &kafkaLogs{client, p.o.Cluster, p.o.Namespace}
	if err := p.prepareTopics(ctx); err != nil {
		return err
	}
	if err := p.openStore(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.store.Close()) }()
	p.beginAnswers()
	defer p.endAnswers()

	ctx, cancel := context.WithCancelCause(ctx)
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel(nil)
	start := func(run func(context.Context) error) {
		group.Go(func() {
			if err := run(ctx); err != nil {
				cancel(err)
			}
		})
	}
	p.openTails(start)
	start(p.watchGraphs)
	start(p.watchRequests)
	if err := p.open(ctx); err != nil {
		return endedBy(ctx, err)
	}
	defer p.fetch.Close()
	defer p.txns.Close()
	defer p.leave()
	start(p.member.Run)
	return endedBy(ctx, p.loop(ctx))
}

// openTails follows the topics of graphs, schemas and requests.
func (p *Processor) openTails(start func(func(context.Context) error)) {
	p.graphs, p.schemas = NewGraphTail(p.o.Cluster, p.o.Namespace), NewSchemaTail(p.o.Cluster, p.o.Namespace)
	p.requests = newRequestTail(p.o.Cluster, p.o.Namespace, p.o.Log)
	p.decode = schema.NewDecoder(p.finder(), nil)
	start(p.graphs.Run)
	start(p.schemas.Run)
	start(p.requests.Run)
}

// finder finds the writer schemas of samples.
func (p *Processor) finder() schema.Schemas {
	if p.o.Registry == nil {
		return p.schemas
	}
	return schema.Chain{p.schemas, p.o.Registry}
}

// endedBy tells the end that was asked for from one that was not.
func endedBy(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		if errors.Is(cause, context.Canceled) || errors.Is(cause, context.DeadlineExceeded) {
			return nil
		}
		return cause
	}
	return err
}

// leave leaves the group, so that others go on at once, or does not (OnStop).
func (p *Processor) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := p.member.Close(ctx); err != nil {
		p.o.Log.Warn("could not leave the group", "error", err)
	}
}

// prepareTopics finds how many partitions rows has.
func (p *Processor) prepareTopics(ctx context.Context) error {
	ns := p.o.Namespace
	internal := []string{ns.Rows(), ns.Failures(), ns.Graph(), ns.Requests(), ns.Schemas(), ns.DeadLetter()}
	counts, err := p.logs.Partitions(ctx, internal)
	if err != nil {
		return err
	}
	for _, name := range internal {
		if counts[name] == 0 {
			return fmt.Errorf("topic %s does not exist; publish a graph with `freshline graph publish`, which makes the topics, or run `freshline topics create`", name)
		}
	}
	if err := p.logs.Check(ctx); err != nil {
		return err
	}
	p.partitions = counts[p.o.Namespace.Rows()]
	p.produced = make([]int64, p.partitions)
	p.engine = engine.New(p.engineConfig(p.partitions))
	return nil
}

// openStore opens the state. A directory that cannot be trusted is started anew: Kafka has it all.
func (p *Processor) openStore(ctx context.Context) error {
	switch {
	case p.testStore != nil:
		p.store = p.testStore
	case p.o.StateDir == "":
		memory := state.NewMemory()
		memory.Max = state.Limit{Keys: 100_000, Bytes: 32 << 20} // so that recovery applies what it reads in pieces
		p.store = memory
	default:
		// Without Verify a table with changed bytes would give wrong answers, or end the process in the middle.
		store, err := state.OpenBadger(p.o.StateDir, state.Verify())
		if errors.Is(err, state.ErrFormat) || errors.Is(err, state.ErrDamaged) {
			p.o.Log.Warn("the state is rebuilt from Kafka", "reason", err)
			store, err = state.OpenBadger(p.o.StateDir, state.Verify(), state.Rebuild())
		}
		if err != nil {
			return err
		}
		p.store = store
	}
	p.engine.BoundWrites(writeLimit(p.store))
	if err := p.recognise(ctx); err != nil {
		return errors.Join(err, p.store.Close())
	}
	return nil
}

// recognise drops a state that is of another deployment: another cluster or namespace, or of a rows topic that has
// been deleted and made anew since.
func (p *Processor) recognise(ctx context.Context) error {
	identity, err := p.logs.Identity(ctx)
	if err != nil {
		return err
	}
	var was []byte
	key := []byte{positionPrefix, positionIdentity}
	err = p.write(func(o *state.Overlay) error {
		value, _, err := o.Get(key)
		was = bytes.Clone(value)
		return err
	})
	if err != nil {
		return err
	}
	if !bytes.Equal(was, identity) {
		if len(was) > 0 {
			p.o.Log.Warn("the state is of another deployment and is rebuilt", "state", string(was), "deployment", string(identity))
		}
		for _, prefix := range append(engine.Prefixes(), []byte{positionPrefix}) {
			if err := p.store.DropPrefix(prefix); err != nil {
				return fmt.Errorf("drop state: %w", err)
			}
		}
		if err := p.write(func(o *state.Overlay) error { o.Set(key, identity); return nil }); err != nil {
			return err
		}
	}
	return p.thaw()
}

// open makes the clients, reads the graphs that there are, and joins the group.
func (p *Processor) open(ctx context.Context) error {
	if err := p.openPorts(ctx); err != nil {
		return err
	}
	err := p.begin(ctx)
	if err != nil {
		p.txns.Close()
		p.fetch.Close()
		p.leave()
	}
	return err
}

// begin reads the graphs and the requests that there are. The group is joined with the topics of the newest graph.
func (p *Processor) begin(ctx context.Context) error {
	if err := p.syncGraphs(ctx); err != nil {
		return err
	}
	defer p.asked.Store(true)
	return p.requests.SyncToEnd(ctx)
}
