package stream

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/schema"
)

// queueEvents makes events with offsets that grow.
type queueEvents struct{ offset int64 }

// of is an event of a key with an event id; without one it is a tombstone.
func (q *queueEvents) of(key, id string, status graph.Status) Event {
	q.offset++
	e := Event{Feature: "video/chunk", Key: []byte(key), Topic: "t", Offset: q.offset}
	if id != "" {
		e.Staleness = &schema.Staleness{Status: status}
		e.Staleness.EventID = id
		if status == graph.Failed {
			e.Staleness.Failure = &schema.FailureReport{Attempt: 2}
		}
	}
	return e
}

// TestWorkQueue plays scripts: "A=1" offers work 1 on key A, "A" says that it is fresh, "A!1" that it
// has failed, "a=1" that A's leftover is to be deleted; "next" names what is handed out, "done A" ends it.
func TestWorkQueue(t *testing.T) {
	for _, c := range []struct{ name, script, want string }{
		{"in the order in which it came", "A=1 B=1 next next next", "A1 B1 -"},
		{"the newest event of a key counts", "A=1 B=1 A=2 next next", "B1 A2"},
		{"what has become fresh is dropped", "A=1 B=1 A next next", "B1 -"},
		{"what has failed is dropped", "A=1 A!1 next", "-"},
		{"a key is worked on once at a time", "A=1 next A=2 next done.A next", "A1 - A2"},
		{"a trigger while work runs may be taken back", "A=1 next A=2 A done.A next", "A1 -"},
		{"the same work in other words is no more work", "A=1 next A=1 done.A next", "A1 -"},
		{"nor when it comes after the answer", "A=1 next done.A A=1 next", "A1 -"},
		{"unless the answer changes nothing", "A=1 next done.A A=1 next minute next", "A1 - A1"},
		{"or it is taken back in time", "A=1 next done.A A=1 next A minute next", "A1 - -"},
		{"until then it keeps its place", "A=1 next done.A A=1 B where", "A1 2"},
		{"but when it comes back", "A=1 next done.A A A=1 next", "A1 A1"},
		{"also when it was fresh while it ran", "A=1 next A done.A A=1 next", "A1 A1"},
		{"or comes back while it runs", "A=1 next A A=1 done.A next", "A1 A1"},
		{"or comes back after a deletion", "A=1 next done.A remove.A next done.A A=1 next", "A1 A9 A1"},
		{"or when a failure is taken back", "A=1 next done.A A!1 A=1 next", "A1 A1#3"},
		{"a lane is worked on in order", "a=1 A=1 next next done.a next", "a1 - A1"},
		{"deletions go together", "ab=1 ac=1 A=1 next next done.ab next", "ab1+1 - A1"},
		{"an interrupted job keeps its place", "A=1 B=1 next next broken.A done.B where", "A1 B1 1"},
		{"what waits keeps its place", "A=1 B=1 next done.A where", "A1 2"},
		{"all done", "A=1 B=1 next next done.A done.B B where", "A1 B1 4"},
		{"held until the end has been read", "hold A=1 next A=2 free next", "- A2"},
		{"what has gone to another member is dropped", "A=1 B=1 next drop next where", "A1 - none"},
	} {
		q, events := newWorkQueue(100), &queueEvents{}
		now := time.Unix(0, 0)
		q.memory.now = func() time.Time { return now }
		running := map[string]*workLane{}
		var got []string
		for _, step := range strings.Fields(c.script) {
			verb, key, _ := strings.Cut(step, ".")
			switch verb {
			case "next":
				lane, items := q.next()
				if lane == nil {
					got = append(got, "-")
					continue
				}
				text := string(items[0].event.Key) + items[0].event.Staleness.EventID
				if items[0].attempt > 1 {
					text += fmt.Sprintf("#%d", items[0].attempt)
				}
				if len(items) > 1 {
					text += fmt.Sprintf("+%d", len(items)-1)
				}
				running[string(items[0].event.Key)] = lane
				got = append(got, text)
			case "done", "broken":
				q.done(running[key], verb == "done")
			case "remove":
				e := events.of(key, "9", graph.Orphaned)
				q.take(e, &workItem{event: e, lane: key, remove: true})
			case "minute":
				now = now.Add(memoryLife)
			case "hold":
				q.hold(map[logPartitionName]bool{{"t", 0}: true})
			case "free":
				q.hold(nil)
			case "drop":
				q.drop(logPartitionName{"t", 0})
			case "where":
				at, ok := q.positions()["t"][0]
				if !ok {
					got = append(got, "none")
				} else {
					got = append(got, fmt.Sprint(at.Offset))
				}
			default:
				key, id, work := strings.Cut(step, "=")
				if failed, of, ok := strings.Cut(step, "!"); ok {
					q.take(events.of(failed, of, graph.Failed), nil)
				} else if work {
					e := events.of(key, id, graph.Stale)
					q.take(e, &workItem{event: e, lane: strings.ToUpper(key[:1]), remove: strings.ToLower(key) == key})
				} else {
					q.take(events.of(key, "", graph.Fresh), nil)
				}
			}
		}
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("%s: %s: got %s, want %s", c.name, c.script, text, c.want)
		}
	}
}

// TestWorkerLosesPartition: what was polled of a partition before that went to another member is neither done nor
// committed.
func TestWorkerLosesPartition(t *testing.T) {
	w, events := &Worker{queue: newWorkQueue(10), source: &workSource{}}, &queueEvents{}
	at := logPartitionName{"t", 0}
	if err := w.take(testContext(t), workBatch{events: []Event{events.of("A", "", graph.Fresh)}}); err != nil {
		t.Fatal(err)
	}
	if _, ok := w.queue.positions()["t"][0]; !ok {
		t.Fatal("nothing was taken")
	}
	late := workBatch{events: []Event{events.of("B", "", graph.Fresh)}}
	w.source.lose(map[string][]int32{at.topic: {at.partition}})
	if err := w.take(testContext(t), late); err != nil {
		t.Fatal(err)
	}
	if got, ok := w.queue.positions()["t"][0]; ok {
		t.Errorf("a partition that went is committed at %v", got)
	}
	again := workBatch{events: []Event{events.of("B", "", graph.Fresh)}, losses: w.source.losses}
	if err := w.take(testContext(t), again); err != nil {
		t.Fatal(err)
	}
	if _, ok := w.queue.positions()["t"][0]; !ok {
		t.Error("a partition that has come back is not read")
	}
}

// TestWorkQueueIsBounded: a full queue hands out what it holds back, and forgets what it remembers.
func TestWorkQueueIsBounded(t *testing.T) {
	q, events := newWorkQueue(3), &queueEvents{}
	q.hold(map[logPartitionName]bool{{"t", 0}: true})
	for n := range 3 {
		if lane, _ := q.next(); lane != nil {
			t.Fatal("what is held back was handed out")
		}
		e := events.of(fmt.Sprint(n), "1", graph.New)
		q.take(e, &workItem{event: e, lane: fmt.Sprint(n)})
	}
	lane, _ := q.next()
	if lane == nil {
		t.Fatal("a full queue holds back")
	}
	q.done(lane, true)
	q.hold(nil)
	for n := range 100 {
		e := events.of(fmt.Sprint(n), "2", graph.New)
		q.take(e, &workItem{event: e, lane: fmt.Sprint(n)})
		for lane, _ := q.next(); lane != nil; lane, _ = q.next() {
			q.done(lane, true)
		}
	}
	big := events.of("big", "1", graph.New)
	big.Value = make([]byte, maxQueueBytes)
	q.take(big, &workItem{event: big, lane: "big"})
	if !q.full() {
		t.Error("large events do not fill the queue")
	}
	q.take(events.of("big", "", graph.Fresh), nil)
	if q.full() || q.size != 0 || q.bytes != 0 {
		t.Errorf("an empty queue has %d items of %d bytes", q.size, q.bytes)
	}
	if len(q.memory.known) > 3 || len(q.memory.order) > 3 || len(q.where) > 0 || len(q.lanes) > 0 || len(q.order) > 0 {
		t.Errorf("%d remembered, %d in order, %d keys, %d lanes, %d waiting", len(q.memory.known), len(q.memory.order), len(q.where), len(q.lanes), len(q.order))
	}
}
