package engine

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"

	"github.com/freshline/freshline/graph"
)

// The keys of the state. Tuples are those of graph.AppendTuple, whose bytes are 0x10 and
// above, so that what follows a tuple is told by a byte below that.
//
// Of a router task (task is the hash of its topic and partition):
//
//	'F' task recordkey                      what is filed of a record key (filed.go)
//	'X' task name 0x00 recordkey            of a feature with many keys: the offset, so that the latest write of a sample is found
//	'H' task edge                           the edges that it has marked as filed
//	'A' task                                how far it has filed under which graph (scan.go)
//	'Q' task                                how far it has come with requests (request.go)
//
// Of a resolver task (q is its partition, two bytes; K a join key, rest what a key has besides):
//
//	'S' q 'G'                               the graph that it has applied
//	'S' q 'W'                               its sweep (sweep.go)
//	'S' q 'H' edge task                     marks of hydration
//	'S' q 'T' name                          it has taken back what it had under an earlier join key
//	'S' q 'D' feature columns prefix 0x00 suffix   dirty keys (job.go)
//	'S' q 'P' feature columns prefix 0x00 suffix   held keys (held.go)
//	'S' q 'J' name partition                marks of what partitions have judged (judged.go)
//	'S' q 'I' edge ids 0x00 match           where a sample is, where its ids do not hold its match key
//	'S' q 'K' K 0x00 0x01 edge rest 0x00 source    rows
//	'S' q 'K' K 0x00 0x02 edge rest 0x00 digest    children of one parent that are alike (class.go)
//	'S' q 'K' K 0x00 0x03 shape rest 0x00 suffix   what was last emitted (page.go)
//	'S' q 'K' K 0x00 0x04 shape rest 0x00 suffix   what a worker could not do (failure.go)
//	'S' q 'K' K 0x00 0x05 edge rest 0x00 source matchhash   flags: what is suspect of a row (suspect.go)
//	'S' q 'K' K 0x00 0x06 edge rest 0x00 shape match   what is still to come to a group
//	'S' q 'K' K 0x00 0x07 name rest 0x00 tail   what was said of a row to others (told.go)
//
// All that one evaluation reads lies under one K, rows in the order in which an aggregation
// concatenates, the children of a parent side by side.
const (
	prefixFiled    = 'F'
	prefixByIDs    = 'X'
	prefixMarked   = 'H'
	prefixScan     = 'A'
	prefixRequests = 'Q'
	prefixState    = 'S'

	partGraph  = 'G'
	partSweep  = 'W'
	partMarks  = 'H'
	partMoved  = 'T'
	partDirty  = 'D'
	partByID   = 'I'
	partJoined = 'K'

	sectionRows    = 0x01
	sectionClasses = 0x02
	sectionPages   = 0x03
	sectionFailed  = 0x04

	tupleEnd = 0x00 // follows a tuple; below every byte that a tuple can go on with
	tupleTop = 0xF0 // above every byte that a tuple can go on with
	nameSize = 8
)

// Source names the log of a router task.
type Source struct {
	Topic     string
	Partition int32
}

// hash names the source in keys of the state and of rows.
func (s Source) hash() uint64 {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(s.Partition))
	d := xxhash.New()
	_, _ = d.WriteString(s.Topic) // a hash never fails
	_, _ = d.Write(b[:])
	return d.Sum64()
}

func (s Source) compare(o Source) int {
	switch {
	case s.Topic < o.Topic:
		return -1
	case s.Topic > o.Topic:
		return 1
	}
	return int(s.Partition) - int(o.Partition)
}

func taskKey(dst []byte, kind byte, task uint64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, kind), task)
}

func partKey(dst []byte, q int32, part byte) []byte {
	return append(binary.BigEndian.AppendUint16(append(dst, prefixState), uint16(q)), part)
}

// joinedKey begins a key under a join key: section and name follow it.
func joinedKey(dst []byte, q int32, join []byte, section byte, name []byte) []byte {
	dst = append(partKey(dst, q, partJoined), join...)
	return append(append(dst, tupleEnd, section), name...)
}

func nameOf(n uint64) (name [nameSize]byte) {
	binary.BigEndian.PutUint64(name[:], n)
	return name
}

// rowKey is the key of a filed row in the state.
func rowKey(dst []byte, q int32, edge graph.EdgeName, join, rest []byte, source uint64) []byte {
	dst = append(joinedKey(dst, q, join, sectionRows, edge[:]), rest...)
	return binary.BigEndian.AppendUint64(append(dst, tupleEnd), source)
}

// joined takes a key under a join key apart.
type joined struct {
	join    []byte
	section byte
	name    []byte // nameSize bytes
	rest    []byte // the tuple behind the name
	tail    []byte // what follows its end
}

// parseJoined takes the part of a key behind 'S' q 'K' apart.
func parseJoined(key []byte) (j joined, ok bool) {
	at := tupleLen(key)
	if at < 0 || at+2+nameSize > len(key) {
		return j, false
	}
	j.join, j.section = key[:at], key[at+1]
	j.name = key[at+2 : at+2+nameSize]
	rest := key[at+2+nameSize:]
	end := tupleLen(rest)
	if end < 0 {
		return j, false
	}
	j.rest, j.tail = rest[:end], rest[end+1:]
	return j, true
}

// tupleLen returns the length of the tuple at the start of b, -1 if b ends before a tupleEnd does.
func tupleLen(b []byte) int {
	rest := b
	for len(rest) > 0 {
		if rest[0] == tupleEnd {
			return len(b) - len(rest)
		}
		next, err := graph.SkipValue(rest)
		if err != nil {
			return -1
		}
		rest = next
	}
	return -1
}

// cut returns the first n values of a tuple and what follows them; ok is false if there are fewer.
func cut(tuple []byte, n int) (head, rest []byte, ok bool) {
	rest = tuple
	for range n {
		next, err := graph.SkipValue(rest)
		if err != nil {
			return nil, nil, false
		}
		rest = next
	}
	return tuple[:len(tuple)-len(rest)], rest, true
}

// values decodes a tuple.
func values(dst []graph.Value, tuple []byte) []graph.Value {
	for len(tuple) > 0 {
		v, rest, err := graph.DecodeValue(tuple)
		if err != nil {
			return dst
		}
		dst = append(dst, v)
		tuple = rest
	}
	return dst
}
