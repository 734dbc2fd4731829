// Package replay runs the router, the resolver and the state over a file of events and prints
// the net changes at each checkpoint: the rules without Kafka (SEMANTICS, section 6). It is the
// very code that the processor runs, over one partition of everything, in memory.
package replay

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream/engine"
)

// Options hold where a graph in the file sets none.
type Options struct {
	Gate   graph.Gate      // GateUnset = settled
	Hash   graph.Algorithm // "" = xxhash64
	Length int             // characters of a sample hash; 0 = 16
}

// MaxLine is the greatest length of a line, in bytes.
const MaxLine = 64 << 20

// LineError is a file that cannot be read, or a line that is not JSON.
type LineError struct {
	Line int // from 1
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

func (e *LineError) Unwrap() error { return e.Err }

// Reasons that only a replay has, besides those of graph.Reason.
const (
	BadLine   graph.Reason = "BAD_LINE"
	BadGraph  graph.Reason = "BAD_GRAPH"
	BadFilter graph.Reason = "BAD_FILTER"
)

// Printer takes what a run prints.
type Printer interface {
	DeadLetter(line int, refusal *graph.Refusal) error
	Change(change *Change) error
}

// Run reads events from r and prints to p. An error of the file is a *LineError.
func Run(r io.Reader, p Printer, o Options) error {
	run := &run{
		local:   engine.NewLocal(graph.Defaults{Hash: o.Hash, Length: o.Length, Gate: cmp.Or(o.Gate, graph.GateSettled)}),
		printer: p,
		now:     map[string]*Change{},
		before:  map[string]*Change{},
	}
	in := bufio.NewReaderSize(r, 1<<16)
	for number := 1; ; number++ {
		line, err := readLine(in)
		if len(line) > 0 {
			if err := run.line(number, line); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return &LineError{number, err}
		}
	}
}

// readLine reads one line, bounded, without what is blank around it.
func readLine(in *bufio.Reader) (line []byte, err error) {
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > MaxLine {
			return nil, fmt.Errorf("longer than %d bytes", MaxLine)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return trimBlank(line), err
		}
	}
}

func trimBlank(line []byte) []byte {
	blank := func(b byte) bool { return b == ' ' || b == '\t' || b == '\r' || b == '\n' }
	for len(line) > 0 && blank(line[0]) {
		line = line[1:]
	}
	for len(line) > 0 && blank(line[len(line)-1]) {
		line = line[:len(line)-1]
	}
	return line
}

// run is the state of one run.
type run struct {
	local   *engine.Local
	printer Printer
	now     map[string]*Change // by feature and record key: what was last emitted and is not fresh
	before  map[string]*Change // as of the last checkpoint
	touched map[string]bool    // since the last checkpoint
	number  int64              // of graphs pushed
}

// line runs one line.
func (r *run) line(number int, text []byte) error {
	if !utf8.Valid(text) || !json.Valid(text) {
		return &LineError{number, errors.New("not JSON")}
	}
	op, refusal := parseOperation(text)
	if refusal != nil {
		return r.printer.DeadLetter(number, refusal)
	}
	refusal, err := r.do(number, op)
	if err != nil {
		return fmt.Errorf("line %d: %w", number, err)
	}
	if refusal != nil {
		return r.printer.DeadLetter(number, refusal)
	}
	return nil
}

func (r *run) do(number int, op *operation) (*graph.Refusal, error) {
	switch op.kind {
	case opPush:
		return r.push(number, op.value), nil
	case opWrite, opDelete:
		return r.write(number, op)
	case opCheckpoint:
		return nil, r.checkpoint(op.text)
	case opInvalidate:
		return r.invalidate(number, op)
	default:
		return r.fail(op)
	}
}

// push puts a graph in force.
func (r *run) push(line int, text []byte) *graph.Refusal {
	g, err := graph.Parse(text, fmt.Sprintf("line %d", line))
	if err == nil {
		err = g.Check()
	}
	if err == nil {
		err = r.local.Push(r.number, g)
	}
	if err != nil {
		return &graph.Refusal{Reason: BadGraph, Detail: err.Error()}
	}
	r.number++
	return nil
}

// known refuses a feature that is not in the graph in force.
func (r *run) known(feature string) *graph.Refusal {
	if r.local.Plan().Feature(graph.FeatureKey(feature)) == nil {
		return &graph.Refusal{Reason: graph.UnknownFeature, Detail: fmt.Sprintf("the graph in force has no feature %q", feature)}
	}
	return nil
}

// write files a row, or takes one back.
func (r *run) write(line int, op *operation) (*graph.Refusal, error) {
	if refusal := r.known(op.text); refusal != nil {
		return refusal, nil
	}
	f := r.local.Plan().Feature(graph.FeatureKey(op.text))
	if op.value == nil {
		return &graph.Refusal{Reason: graph.BadRow, Detail: "the line has no row"}, nil
	}
	record, err := graph.ParseRecordJSON(op.value, graph.RecordOptions{})
	if err != nil {
		return &graph.Refusal{Reason: graph.BadRow, Detail: err.Error()}, nil
	}
	if !record.HasVersion && op.kind == opWrite {
		record.FeatureVersion = graph.String(f.Version)
	}
	return r.local.Route(f.Key, &engine.Write{
		Offset: int64(line), Key: f.RecordKey(record), Record: record, Delete: op.kind == opDelete,
	})
}

// invalidate marks the rows of a feature that a filter keeps.
func (r *run) invalidate(line int, op *operation) (*graph.Refusal, error) {
	if refusal := r.known(op.text); refusal != nil {
		return refusal, nil
	}
	var filter *graph.Filter
	if op.value != nil {
		var err error
		if filter, err = graph.ParseFilter(op.where); err != nil {
			return &graph.Refusal{Reason: BadFilter, Detail: err.Error()}, nil
		}
	}
	r.local.Request(graph.FeatureKey(op.text), filter, int64(line))
	return nil, nil
}

// fail says that the present work of a key could not be done; of a key without work it says nothing.
func (r *run) fail(op *operation) (*graph.Refusal, error) {
	if refusal := r.known(op.text); refusal != nil {
		return refusal, nil
	}
	key, err := graph.ParseRecordJSON(op.value, graph.RecordOptions{TypedObjects: true})
	if err != nil {
		return &graph.Refusal{Reason: BadLine, Detail: "fail: key: " + err.Error()}, nil
	}
	if err := r.settle(); err != nil {
		return nil, err
	}
	for _, c := range r.now {
		if c.Feature != graph.FeatureKey(op.text) || !c.Status.Work() || !sameColumns(c.Key, key.Columns) {
			continue
		}
		return r.local.Fail(c.Feature, []byte(c.key), &engine.Failure{EventID: c.event, Attempt: 1, Type: op.failure, Message: op.message})
	}
	return nil, nil
}

// sameColumns compares columns in any order; those of key are sorted by name.
func sameColumns(columns, key []graph.Column) bool {
	sorted := slices.SortedFunc(slices.Values(columns), func(a, b graph.Column) int { return strings.Compare(a.Name, b.Name) })
	return slices.Equal(sorted, key)
}
