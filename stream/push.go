package stream

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
)

// Push is one record of the graph topic.
type Push struct {
	Number   int64            // the offset
	Time     time.Time        // when it was pushed, by the clock of who pushed it
	ID       string           // the record key: 32 hexadecimal digits, random
	Graph    *graph.Graph     // nil where Err is set
	Samples  map[string]int32 // partitions of the sample topics when it was pushed
	Accepted map[string]int32 // partitions of sample topics that have another number from then on
	Err      error            // why the record is no graph; it is skipped
}

// headerPartitions begins the headers of a push that say how many partitions sample topics had.
const headerPartitions = "freshline_partitions/"

// headerAccepted begins those that say which other number was taken over (AcceptPartitions).
const headerAccepted = "freshline_accepted/"

// count adds what the push says of the partitions of sample topics: of each the first word counts, as its samples lie
// by it.
func (p *Push) count(counted map[string]int32) {
	for topic, n := range p.Samples {
		if _, ok := counted[topic]; !ok {
			counted[topic] = n
		}
	}
	for topic, n := range p.Accepted {
		counted[topic] = n
	}
}

func readPush(r *kgo.Record) Push {
	p := Push{Number: r.Offset, Time: r.Timestamp, ID: string(r.Key)}
	p.Samples, p.Accepted = numbersOf(r, headerPartitions), numbersOf(r, headerAccepted)
	g, err := graph.Parse(r.Value, fmt.Sprintf("%s@%d", r.Topic, r.Offset))
	if err != nil {
		p.Err = fmt.Errorf("topic %s, partition %d, offset %d, key %.40q: is not a graph and is skipped: %w", r.Topic, r.Partition, r.Offset, r.Key, err)
		return p
	}
	p.Graph = g
	return p
}

// numbersOf reads the headers that begin with a prefix: what follows it is a topic, the value its number of partitions.
func numbersOf(r *kgo.Record, prefix string) (numbers map[string]int32) {
	for _, h := range r.Headers {
		topic, ok := strings.CutPrefix(h.Key, prefix)
		if !ok {
			continue
		}
		if n, err := strconv.ParseInt(string(h.Value), 10, 32); err == nil && n > 0 {
			if numbers == nil {
				numbers = map[string]int32{}
			}
			numbers[topic] = int32(n)
		}
	}
	return numbers
}

// Apply returns the history with the push. A push that is no usable graph (BAD_GRAPH) is an error and changes nothing: every
// process passes over it alike.
func (p Push) Apply(h *graph.History) (*graph.History, error) {
	if p.Err != nil {
		return h, p.Err
	}
	if err := p.Graph.Check(); err != nil {
		return h, fmt.Errorf("graph %d (push %s) is passed over: %w", p.Number, p.ID, err)
	}
	next, err := h.Push(p.Number, p.Graph)
	if err != nil {
		return h, fmt.Errorf("graph %d (push %s) is passed over: %w", p.Number, p.ID, err)
	}
	return next, nil
}
