package engine

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/freshline/freshline/graph"
)

// The keys of records of rows begin with a byte that says what they are:
//
//	'o' edge bytes(K) bytes(rest) log recordkey   an own row, the router's memory; value: rowbytes.go
//	'e' edge bytes(K) bytes(rest) log recordkey   a row on another edge
//	'm' edge log                                  a mark of hydration: the log's task has filed all that was there when the
//	                                              edge came; value: uvarint number of partitions of the log's topic
//	'g' log                                       the graph under which what follows was filed; value: uvarint number
//	'x' shape bytes(K) bytes(rest) log suffix     what a worker could not do (S12), log being empty; value: failure.go
//	'f', 'c' edge bytes(K) bytes(rest) log ...    what is suspect, and still to come (suspect.go)
//	'y' name bytes(K) bytes(rest) log tail        what a resolver has said of a row to others, log being empty (told.go)
//	'j' name uvarint(partition)                   a resolver has judged all rows of a feature (judged.go); value: 1
//	't' name uvarint(partition)                   a resolver has taken back what it had under an earlier join key; value: 1
//
// log is bytes(topic) uvarint(partition). A key without a value takes the record back.
const (
	recordOwn   = 'o'
	recordEdge  = 'e'
	recordMark  = 'm'
	recordGraph = 'g'
	recordMoved = 't'
	recordFail  = 'x'
)

var errRowsKey = errors.New("not a key of rows")

// rowsKey is the key of a record of rows, taken apart.
type rowsKey struct {
	kind   byte
	edge   graph.EdgeName // of 't': the name of the move
	join   []byte
	rest   []byte
	source Source
	record []byte // the record key
}

func appendLog(dst []byte, s Source) []byte {
	return binary.AppendUvarint(appendText(dst, s.Topic), uint64(s.Partition))
}

// append appends the bytes of the key.
func (k *rowsKey) append(dst []byte) []byte {
	dst = append(dst, k.kind)
	switch k.kind {
	case recordOwn, recordEdge, recordFail, recordFlag, recordComing, recordTold:
		dst = append(dst, k.edge[:]...)
		dst = appendText(dst, k.join)
		dst = appendText(dst, k.rest)
		return append(appendLog(dst, k.source), k.record...)
	case recordMark:
		return appendLog(append(dst, k.edge[:]...), k.source)
	case recordGraph:
		return appendLog(dst, k.source)
	default:
		return binary.AppendUvarint(append(dst, k.edge[:]...), uint64(k.source.Partition))
	}
}

// parseRowsKey takes a key apart; its slices point into key.
func parseRowsKey(key []byte) (k rowsKey, err error) {
	if len(key) == 0 {
		return k, errRowsKey
	}
	k.kind = key[0]
	r := byteReader{b: key[1:]}
	if k.kind != recordGraph {
		copy(k.edge[:], r.take(nameSize))
	}
	switch k.kind {
	case recordOwn, recordEdge, recordFail, recordFlag, recordComing, recordTold:
		k.join, k.rest = r.bytes(), r.bytes()
		k.source = r.log()
		k.record = r.b
	case recordMark, recordGraph:
		k.source = r.log()
	case recordMoved, recordJudged:
		k.source.Partition = int32(r.uvarint())
	default:
		return k, fmt.Errorf("%w: kind %q", errRowsKey, k.kind)
	}
	if r.bad {
		return k, errRowsKey
	}
	return k, nil
}

func (r *byteReader) log() Source {
	topic := string(r.bytes())
	return Source{Topic: topic, Partition: int32(r.uvarint())}
}

// hash names the record in the state: its log and its record key.
func (k *rowsKey) hash() uint64 { return recordHash(k.source, k.record) }
