package stream

import (
	"context"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// GraphTail follows the graph topic. Each push is handed out once, in order, by Take or SyncToEnd;
// they are for one goroutine.
type GraphTail struct {
	tail  *topicTail
	ready chan struct{} // holds a token while there may be pushes to take

	mu      sync.Mutex
	waiting []Push
}

// NewGraphTail returns a follower of the graph topic of a namespace. Run makes it work.
func NewGraphTail(cluster Cluster, ns Namespace) *GraphTail {
	t := &GraphTail{ready: make(chan struct{}, 1)}
	t.tail = newTopicTail(cluster, ns.Graph(), t.add)
	return t
}

// Run follows the topic from its start until ctx is done (nil) or the topic cannot be read. It runs once.
func (t *GraphTail) Run(ctx context.Context) error { return t.tail.Run(ctx) }

// Ready has an element when there are pushes to Take.
func (t *GraphTail) Ready() <-chan struct{} { return t.ready }

// Take returns the pushes that came since the last Take or SyncToEnd, oldest first, without waiting.
func (t *GraphTail) Take() []Push {
	t.mu.Lock()
	defer t.mu.Unlock()
	pushes := t.waiting
	t.waiting = nil
	return pushes
}

// SyncToEnd waits until all has been read that the topic held when it was called, and takes it with
// all else that has come. Run must be running or be started meanwhile.
func (t *GraphTail) SyncToEnd(ctx context.Context) ([]Push, error) {
	if err := t.tail.SyncToEnd(ctx); err != nil {
		return nil, err
	}
	return t.Take(), nil
}

func (t *GraphTail) add(r *kgo.Record) { t.take(readPush(r)) }

func (t *GraphTail) take(push Push) {
	t.mu.Lock()
	t.waiting = append(t.waiting, push)
	t.mu.Unlock()
	select {
	case t.ready <- struct{}{}:
	default:
	}
}
