package stream

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream/engine"
)

// Inspection is what a running Processor says of itself, for whoever asks from another goroutine. It is a value:
// what changes later does not show in it.
type Inspection struct {
	InstanceID string
	Namespace  Namespace
	History    *graph.History      // of the graphs; its Plan is nil before the first
	Pushed     map[int64]time.Time // when each graph was pushed
	Partitions int32               // of rows
	Rows       []int32             // the partitions of rows that are owned and recovered, ascending
	Samples    map[string]int32    // sample topic → number of its partitions that are owned and recovered
}

// Errors of questions to a Processor.
var (
	ErrNotRunning = errors.New("the processor does not run")
	ErrNotOwned   = errors.New("the processor does not own the partition")
)

// inspection is what the goroutine of Run tells those who ask.
type inspection struct {
	shown   atomic.Pointer[shown]
	epochs  atomic.Int64 // committed so far
	ends    context.Context
	end     context.CancelFunc
	commit  atomic.Pointer[chan struct{}] // of the commit under way, closed when the state has it; nil: there is none
	asking  sync.RWMutex                  // held for reading while the state is read, for writing before it is closed
	renewed int64                         // numbers of ownership given so far; of the goroutine of Run
}

// committing says that a commit is under way, until done: others may see what it commits before the state has it.
func (i *inspection) committing() (done func()) {
	ch := make(chan struct{})
	i.commit.Store(&ch)
	return func() {
		i.commit.Store(nil)
		close(ch)
	}
}

// settled waits for the end of a commit under way.
func (i *inspection) settled(ctx context.Context) error {
	ch := i.commit.Load()
	if ch == nil {
		return nil
	}
	select {
	case <-*ch:
		return nil
	case <-i.ends.Done():
		return ErrNotRunning
	case <-ctx.Done():
		return ctx.Err()
	}
}

// shown is what was shown last. It is never changed.
type shown struct {
	Inspection
	owned  map[int32]int64 // partition of rows → a number of this ownership of it
	client *kgo.Client
}

// show shows graph and ownership as they are. It is called when either has changed, and of partitions that
// are let go before anything happens to their state.
func (p *Processor) show() {
	s := &shown{owned: map[int32]int64{}, client: p.client, Inspection: Inspection{
		InstanceID: p.o.InstanceID, Namespace: p.o.Namespace, History: p.history, Pushed: maps.Clone(p.pushed), Partitions: p.partitions, Samples: map[string]int32{},
	}}
	before := p.inspect.shown.Load()
	for t := range p.tasks {
		if t.topic != p.o.Namespace.Rows() {
			s.Samples[t.topic]++
			continue
		}
		s.Rows = append(s.Rows, t.partition)
		if before != nil && before.owned[t.partition] != 0 {
			s.owned[t.partition] = before.owned[t.partition]
			continue
		}
		p.inspect.renewed++
		s.owned[t.partition] = p.inspect.renewed
	}
	slices.Sort(s.Rows)
	p.inspect.shown.Store(s)
}

// beginAnswers lets others ask, from when the state is open.
func (p *Processor) beginAnswers() {
	p.inspect.ends, p.inspect.end = context.WithCancel(context.Background())
	p.show()
}

// endAnswers ends the answers under way, and waits for them: the state is closed next.
func (p *Processor) endAnswers() {
	p.inspect.shown.Store(nil)
	p.inspect.end()
	p.inspect.asking.Lock() // a question that is asked from now on finds nothing shown
	defer p.inspect.asking.Unlock()
}

// Inspect says how the processor stands, as of a moment ago; nil while it does not run.
func (p *Processor) Inspect() *Inspection {
	s := p.inspect.shown.Load()
	if s == nil {
		return nil
	}
	return &s.Inspection
}

// Epochs counts the epochs that were committed, one under way among them: between two equal answers the state has not
// changed by any.
func (p *Processor) Epochs(ctx context.Context) (int64, error) {
	if p.inspect.shown.Load() == nil {
		return 0, ErrNotRunning
	}
	if err := p.inspect.settled(ctx); err != nil {
		return 0, err
	}
	return p.inspect.epochs.Load(), nil
}

// Members lists the processes of the deployment, as the function Members does.
func (p *Processor) Members(ctx context.Context) ([]Member, error) {
	s := p.inspect.shown.Load()
	if s == nil {
		return nil, ErrNotRunning
	}
	return listMembers(ctx, s.client, s.Namespace)
}

// View opens a view of a partition of rows for the time of fn. It reads the state as of the last commit, a commit under
// way among them: whoever has seen an event finds it in the state. It holds nothing up. The error is ErrNotRunning, ErrNotOwned, engine.ErrNoGraph or that of fn; ctx of fn ends also when the
// processor does.
func (p *Processor) View(ctx context.Context, q int32, fn func(ctx context.Context, in *Inspection, view *engine.View) error) error {
	p.inspect.asking.RLock()
	defer p.inspect.asking.RUnlock()
	for range 3 {
		before := p.inspect.shown.Load()
		if before == nil {
			return ErrNotRunning
		}
		if before.owned[q] == 0 {
			return ErrNotOwned
		}
		if err := p.inspect.settled(ctx); err != nil {
			return err
		}
		again, err := p.view(ctx, q, before, fn)
		if !again {
			return err
		}
	}
	return ErrNotOwned // it comes and goes
}

// view does so, unless the partition was let go while the state was opened.
func (p *Processor) view(ctx context.Context, q int32, before *shown, fn func(context.Context, *Inspection, *engine.View) error) (again bool, err error) {
	reader, err := p.store.Reader()
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	// What was owned before the reader was opened and is so now, by the same ownership, was whole in between.
	if after := p.inspect.shown.Load(); after == nil || after.owned[q] != before.owned[q] || after.History != before.History {
		return true, nil
	}
	view, err := engine.OpenView(p.engineConfig(before.Partitions), before.History, reader, q)
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(p.inspect.ends, cancel)()
	return false, fn(ctx, &before.Inspection, view)
}

// engineConfig is how every engine of the deployment is set up.
func (p *Processor) engineConfig(partitions int32) engine.Config {
	return engine.Config{
		Partitions: partitions,
		Hold:       p.o.Hold.Milliseconds(),
		Topic:      func(f *graph.FeaturePlan) string { return p.o.Namespace.Sample(f.Spec) },
	}
}
