package stream

import (
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/stream/engine"
)

// requestList is what the records of the request topic come to: the requests that are not done in every
// partition, and how far each task has come. It has no lock.
type requestList struct {
	open []*openRequest          // in the order of their numbers; those that are done, too, until their tombstone comes
	next map[engine.Source]int64 // the first request that a task has not done
}

func newRequestList() *requestList { return &requestList{next: map[engine.Source]int64{}} }

// add takes one record. An error says why it is passed over.
func (l *requestList) add(r *kgo.Record) error {
	switch {
	case strings.HasPrefix(string(r.Key), donePrefix):
		if source, next, ok := readDone(r); ok {
			l.next[source] = max(l.next[source], next)
		}
	case r.Value == nil:
		l.open = slices.DeleteFunc(l.open, func(q *openRequest) bool { return q.id == string(r.Key) })
	default:
		q, err := readRequest(r)
		if err != nil {
			return err
		}
		l.open = append(l.open, q)
	}
	return nil
}

// left returns the partitions that have not done a request, ascending.
func (l *requestList) left(q *openRequest) (partitions []int32) {
	for partition, bound := range q.Bounds {
		if bound > 0 && l.next[engine.Source{Topic: q.Topic, Partition: partition}] <= q.Number {
			partitions = append(partitions, partition)
		}
	}
	slices.Sort(partitions)
	return partitions
}

// undone returns the requests that are still to be done.
func (l *requestList) undone() (list []*engine.Request) {
	for _, q := range l.open {
		if len(l.left(q)) > 0 {
			list = append(list, &q.Request)
		}
	}
	return list
}

// finished is a request that every partition has done.
type finished struct {
	id    string
	owner task // its owner writes the tombstone
}

// finished returns the requests that are done and have no tombstone yet.
func (l *requestList) finished() (list []finished) {
	for _, q := range l.open {
		if len(l.left(q)) == 0 {
			owner := task{topic: q.Topic}
			if len(q.Bounds) > 0 {
				owner.partition = slices.Min(slices.Collect(maps.Keys(q.Bounds)))
			}
			list = append(list, finished{q.id, owner})
		}
	}
	return list
}
