package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/schema"
)

// WorkerOptions are the settings of a Worker.
type WorkerOptions struct {
	Cluster   Cluster
	Namespace Namespace

	// Features to work on. At least one.
	Features []graph.FeatureKey

	// Handle does one piece of work. An error that it returns becomes a failure (Job.Fail), unless
	// the context has ended. It is called by several goroutines where Concurrency is above 1.
	Handle func(ctx context.Context, job *Job) error

	// Concurrency is how many jobs are done at once, 1 to 10,000; those of one key, or of one parent
	// of an expansion, one after another. Default 1.
	Concurrency int

	// Group is a consumer group: its members share the work, and what is done is committed.
	// Default: no group; the work list is read from its start at every start.
	Group string

	// DeleteOrphans deletes samples whose required inputs are gone (UPSTREAM_MISSING), and the
	// records of their expansions. Default: they are left to others. What is left over from an
	// earlier expansion (SUPERSEDED) is deleted always.
	DeleteOrphans bool

	// MaxQueued bounds how many events wait to be worked on, from 1; their bytes are bounded too, to
	// 32 MiB. Default 10,000.
	MaxQueued int

	// Registry is the schema registry, as in ProducerOptions.
	Registry *schema.Registry

	// Log takes what is passed over, and commits that fail. Default: nothing is logged.
	Log *slog.Logger
}

// Validate says what is wrong with the options.
func (o WorkerOptions) Validate() error {
	switch {
	case len(o.Features) == 0:
		return errors.New("the worker has no Features; name at least one")
	case o.Handle == nil:
		return errors.New("the worker has no Handle; give it the function that does a piece of work")
	case o.Concurrency < 0 || o.Concurrency > 10_000:
		return fmt.Errorf("worker with Concurrency %d: it is not from 1 to 10000 (0 takes the default)", o.Concurrency)
	case o.MaxQueued < 0:
		return fmt.Errorf("worker with MaxQueued %d: it is negative", o.MaxQueued)
	}
	if err := o.Namespace.Validate(); err != nil {
		return err
	}
	return o.Cluster.Validate()
}

// Worker does the work that staleness events name, and writes the answers back. It offers each piece
// of work that is NEW or STALE to a handler, the newest event of a key only; what comes for a key
// while its work runs is offered after it. It deletes what expansions have left over.
//
// At least once: a job that a crash cuts short is offered again, and so is one that is done and not
// committed yet, unless the processor has said meanwhile that it is fresh. To write an answer twice
// changes nothing downstream.
//
// Of an expansion the events of the parent (scope INPUT) are the jobs; those of the children follow
// from it. The group record is written by itself, behind the children (S7).
type Worker struct {
	o        WorkerOptions
	log      *slog.Logger
	producer *Producer
	failures *FailureLog
	source   *workSource
	queue    *workQueue
}

// workerCommit is how often a worker in a group commits what is done.
const workerCommit = time.Second

// NewWorker makes a Worker. It starts nothing: that is for Run.
func NewWorker(o WorkerOptions) (*Worker, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.Concurrency == 0 {
		o.Concurrency = 1
	}
	if o.MaxQueued == 0 {
		o.MaxQueued = 10_000
	}
	w := &Worker{o: o, log: o.Log}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	return w, nil
}

// Run works until ctx is done (nil), or until a topic cannot be read or written, or an event cannot
// be decoded. It returns when all jobs have ended: their context ends with ctx; one that has been
// done nevertheless is written to the end. It runs once.
func (w *Worker) Run(ctx context.Context) (err error) {
	if w.producer != nil {
		return errors.New("the worker has run already; make another one")
	}
	if err := w.open(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	defer w.close()
	running, stop := context.WithCancel(ctx)
	var ending sync.WaitGroup
	defer ending.Wait()
	defer stop()
	batches := make(chan workBatch)
	ending.Go(func() { w.source.run(running, batches) })
	err = w.loop(running, batches, &ending)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (w *Worker) open(ctx context.Context) (err error) {
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	// A job waits for its own records, so nothing is gained by waiting for more of them.
	w.producer, err = newProducer(ctx, ProducerOptions{Cluster: w.o.Cluster, Namespace: w.o.Namespace, Registry: w.o.Registry}, kgo.ProducerLinger(0))
	if err != nil {
		return err
	}
	if w.failures, err = OpenFailureLog(ctx, w.o.Cluster, w.o.Namespace); err != nil {
		return err
	}
	w.queue = newWorkQueue(w.o.MaxQueued)
	w.source, err = openWorkSource(ctx, w.o)
	return err
}

func (w *Worker) close() {
	if w.source != nil {
		w.source.close()
	}
	if w.failures != nil {
		w.failures.Close()
	}
	if w.producer != nil {
		w.producer.Close()
	}
}

// jobEnd is how a piece of work has ended.
type jobEnd struct {
	lane *workLane
	err  error // the worker cannot go on; nothing of it counts as done
}

// loop hands out work until ctx is done. What runs then is waited for and, where it was done, committed.
func (w *Worker) loop(ctx context.Context, batches <-chan workBatch, running *sync.WaitGroup) (err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ends := make(chan jobEnd, w.o.Concurrency)
	free := w.o.Concurrency
	commits := time.NewTicker(workerCommit)
	defer commits.Stop()
	for ctx.Err() == nil && err == nil {
		for free > 0 {
			lane, items := w.queue.next()
			if lane == nil {
				break
			}
			free--
			running.Go(func() { ends <- jobEnd{lane, w.work(ctx, items)} })
		}
		in := batches
		if w.queue.full() && free < w.o.Concurrency {
			in = nil // something runs, so there will be room
		}
		select {
		case b := <-in:
			err = w.take(ctx, b)
		case end := <-ends:
			free++
			w.queue.done(end.lane, end.err == nil)
			err = end.err
		case <-commits.C:
			w.commit(ctx)
		case <-ctx.Done():
		}
	}
	stop()
	for ; free < w.o.Concurrency; free++ {
		end := <-ends
		w.queue.done(end.lane, end.err == nil)
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.o.Cluster.connectTimeout())
	defer cancel()
	w.commit(bounded)
	return err
}

// dropLost forgets what has gone to other members.
func (w *Worker) dropLost() {
	for _, p := range w.source.takeLost() {
		w.queue.drop(p)
	}
}

// take puts what has come into the queue.
func (w *Worker) take(ctx context.Context, b workBatch) error {
	if b.err != nil {
		return b.err
	}
	w.dropLost()
	for _, e := range b.events {
		if !w.source.owned(&b, partitionOf(e)) {
			continue
		}
		if e.Err != nil {
			return e.Err
		}
		item, err := w.classify(ctx, e)
		if err != nil {
			return err
		}
		w.queue.take(e, item)
	}
	w.queue.hold(b.behind)
	return nil
}

// commit stores how far the work has come. A commit that fails is made good by the next one.
func (w *Worker) commit(ctx context.Context) {
	if w.o.Group == "" {
		return
	}
	w.dropLost()
	if err := w.source.commit(ctx, w.queue.positions()); err != nil && ctx.Err() == nil {
		w.log.Warn("the work that is done is not committed yet", "group", w.o.Group, "error", err)
	}
}
