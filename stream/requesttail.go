package stream

import (
	"context"
	"log/slog"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/stream/engine"
)

// requestTail follows the request topic. Its methods may be called from any goroutine.
//
// Memory: the requests that are not done, and an entry for each partition that ever did one. While it
// reads the topic from the start it has those that are done too, until it comes to their tombstones.
type requestTail struct {
	tail  *topicTail
	ready chan struct{} // holds a token while something has come that was not taken
	log   *slog.Logger

	mu   sync.Mutex
	list *requestList
}

func newRequestTail(cluster Cluster, ns Namespace, log *slog.Logger) *requestTail {
	t := &requestTail{ready: make(chan struct{}, 1), log: log, list: newRequestList()}
	t.tail = newTopicTail(cluster, ns.Requests(), t.add)
	return t
}

// Run follows the topic from its start until ctx is done (nil) or the topic cannot be read. It runs once.
func (t *requestTail) Run(ctx context.Context) error { return t.tail.Run(ctx) }

// SyncToEnd waits until all has been read that the topic held when it was called.
func (t *requestTail) SyncToEnd(ctx context.Context) error { return t.tail.SyncToEnd(ctx) }

// Ready has an element when something has come since it was last received from.
func (t *requestTail) Ready() <-chan struct{} { return t.ready }

func (t *requestTail) add(r *kgo.Record) {
	t.mu.Lock()
	err := t.list.add(r)
	t.mu.Unlock()
	if err != nil {
		t.log.Error(err.Error())
	}
	select {
	case t.ready <- struct{}{}:
	default:
	}
}

// state returns the requests that are still to be done, and those that are done and not tidied away.
func (t *requestTail) state() (undone []*engine.Request, done []finished) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.list.undone(), t.list.finished()
}

// next returns the number of the first request that a task has not done, as far as the topic has been read.
func (t *requestTail) next(source engine.Source) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.list.next[source]
}
