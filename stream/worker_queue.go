package stream

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// workQueue holds the newest event of each key that waits to be worked on. Its lanes are what must
// be done one after another: the events of one key, of an expansion all those of one parent, in the
// order in which they came. It is for one goroutine.
type workQueue struct {
	limit  int
	lanes  map[string]*workLane
	where  map[string]*workLane // of each key that waits or runs
	order  []*workLane          // that wait, by when they began to
	size   int                  // items that wait
	bytes  int                  // of their events
	read   map[logPartitionName]int64
	behind map[logPartitionName]bool
	memory workMemory
}

// workLane is what must be done one after another.
type workLane struct {
	name    string
	waiting []*workItem
	running []*workItem // nil: nothing runs
	freshed bool        // while it ran, its event was taken back
}

// workItem is one event that asks for something.
type workItem struct {
	lane    string
	event   Event
	remove  bool // the sample is to be deleted; else the handler has work
	attempt int32
	from    time.Time // it is not to be done before
}

// maxQueueBytes bounds the events that wait: most have some hundred bytes, those that list many inputs
// up to 64 KiB and more.
const maxQueueBytes = 32 << 20

// maxRemovals is how many deletions that follow one another are done at once.
const maxRemovals = 1000

func newWorkQueue(limit int) *workQueue {
	return &workQueue{
		limit: limit, lanes: map[string]*workLane{}, where: map[string]*workLane{}, read: map[logPartitionName]int64{},
		memory: workMemory{limit: limit, now: time.Now, known: map[string]workDone{}},
	}
}

func (i *workItem) key() string { return workKey(i.event) }

func workKey(e Event) string { return string(e.Feature) + " " + string(e.Key) }

func partitionOf(e Event) logPartitionName { return logPartitionName{e.Topic, e.Partition} }

// take takes the newest word on a key: item is what it asks for, nil for nothing.
func (q *workQueue) take(e Event, item *workItem) {
	at, key := partitionOf(e), workKey(e)
	q.read[at] = max(q.read[at], e.Offset+1)
	id := ""
	if e.Staleness != nil {
		id = e.Staleness.EventID
	}
	if lane := q.where[key]; lane != nil {
		q.forget(lane, func(i *workItem) bool { return i.key() == key })
		for _, i := range lane.running {
			if i.key() != key || i.remove {
				continue
			}
			if item != nil && !lane.freshed && i.event.Staleness.EventID == id {
				return // the same work, said in other words; after a tombstone it has come back
			}
			lane.freshed = true
		}
	}
	if item == nil || item.remove { // what was answered before says nothing of the work to come
		q.memory.hear(key, e)
	}
	if item == nil {
		return
	}
	if !item.remove {
		item.from, item.attempt = q.memory.offered(key, id)
	}
	lane := q.lanes[item.lane]
	if lane == nil {
		lane = &workLane{name: item.lane}
		q.lanes[item.lane] = lane
	}
	if len(lane.waiting) == 0 {
		q.order = append(q.order, lane)
	}
	lane.waiting = append(lane.waiting, item)
	q.where[key] = lane
	q.count(item, 1)
}

// count counts an item that comes to wait, or does no more.
func (q *workQueue) count(i *workItem, n int) {
	q.size += n
	q.bytes += n * len(i.event.Value)
}

// forget takes items out of those that wait in a lane.
func (q *workQueue) forget(lane *workLane, which func(*workItem) bool) {
	lane.waiting = slices.DeleteFunc(lane.waiting, func(i *workItem) bool {
		if !which(i) {
			return false
		}
		q.count(i, -1)
		if !lane.runs(i.key()) {
			delete(q.where, i.key())
		}
		return true
	})
	q.tidy(lane)
}

// runs reports whether the work of a key is being done.
func (l *workLane) runs(key string) bool {
	return slices.ContainsFunc(l.running, func(i *workItem) bool { return i.key() == key })
}

// waits reports whether the work of a key is to be done.
func (l *workLane) waits(key string) bool {
	return slices.ContainsFunc(l.waiting, func(i *workItem) bool { return i.key() == key })
}

// tidy forgets a lane that has nothing.
func (q *workQueue) tidy(lane *workLane) {
	if len(lane.waiting) > 0 {
		return
	}
	q.order = slices.DeleteFunc(q.order, func(l *workLane) bool { return l == lane })
	if lane.running == nil {
		delete(q.lanes, lane.name)
	}
}

// hold says in which partitions what comes may take back what waits.
func (q *workQueue) hold(behind map[logPartitionName]bool) { q.behind = behind }

// full reports whether nothing more should be taken before something has been done.
func (q *workQueue) full() bool { return q.size >= q.limit || q.bytes >= maxQueueBytes }

// next hands out what is to be done next: one job, or deletions. Nil: nothing can be done now. What
// waits in a partition that has not been read to its end is held back, unless the queue is full, and work that was
// answered a moment ago until the processor has had time to see that.
func (q *workQueue) next() (*workLane, []*workItem) {
	now := q.memory.now()
	for at, lane := range q.order {
		if lane.running != nil || now.Before(lane.waiting[0].from) || (q.behind[partitionOf(lane.waiting[0].event)] && !q.full()) {
			continue
		}
		n := 1
		for lane.waiting[0].remove && n < min(len(lane.waiting), maxRemovals) && lane.waiting[n].remove {
			n++
		}
		lane.running = slices.Clone(lane.waiting[:n])
		lane.waiting = slices.Delete(lane.waiting, 0, n)
		lane.freshed = false
		for _, i := range lane.running {
			q.count(i, -1)
		}
		q.order = slices.Delete(q.order, at, at+1)
		if len(lane.waiting) > 0 {
			q.order = append(q.order, lane)
		}
		return lane, lane.running
	}
	return nil, nil
}

// done says that what a lane was doing has ended. What is not settled keeps its place: it is not
// committed, and offered again to who comes next.
func (q *workQueue) done(lane *workLane, settled bool) {
	if !settled {
		return
	}
	for _, i := range lane.running {
		if !i.remove && !lane.freshed {
			q.memory.answered(i.key(), i.event.Staleness.EventID)
		}
		if q.where[i.key()] == lane && !lane.waits(i.key()) {
			delete(q.where, i.key())
		}
	}
	lane.running = nil
	q.tidy(lane)
}

// drop forgets what waits in a partition that has gone to somebody else.
func (q *workQueue) drop(p logPartitionName) {
	delete(q.read, p)
	for _, lane := range q.lanes {
		q.forget(lane, func(i *workItem) bool { return partitionOf(i.event) == p })
	}
	clear(q.memory.known) // what comes while the partition is away is not heard
	q.memory.order = nil
}

// positions are the offsets below which everything is done.
func (q *workQueue) positions() map[string]map[int32]kgo.EpochOffset {
	least := make(map[logPartitionName]int64, len(q.read))
	for p, at := range q.read {
		least[p] = at
	}
	for _, lane := range q.lanes {
		for _, items := range [][]*workItem{lane.waiting, lane.running} {
			for _, i := range items {
				p := partitionOf(i.event)
				if at, ok := least[p]; ok {
					least[p] = min(at, i.event.Offset)
				}
			}
		}
	}
	positions := map[string]map[int32]kgo.EpochOffset{}
	for p, at := range least {
		if positions[p.topic] == nil {
			positions[p.topic] = map[int32]kgo.EpochOffset{}
		}
		positions[p.topic][p.partition] = kgo.EpochOffset{Epoch: -1, Offset: at}
	}
	return positions
}
