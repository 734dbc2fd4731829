package replay

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/freshline/freshline/graph"
)

// The operations of a line.
const (
	opPush       = "push"
	opWrite      = "write"
	opDelete     = "delete"
	opInvalidate = "invalidate"
	opFail       = "fail"
	opCheckpoint = "checkpoint"
)

// further are the properties that a line may have besides its operation.
var further = map[string][]string{
	opPush:       nil,
	opWrite:      {"row"},
	opDelete:     {"row"},
	opInvalidate: {"where"},
	opFail:       {"key", "type", "message"},
	opCheckpoint: nil,
}

// operation is one line, taken apart.
type operation struct {
	kind  string
	text  string          // the feature, or the label of a checkpoint
	value json.RawMessage // the graph, the row or the filter; nil if it is not there
	where string          // the text of value, of an invalidate

	failure, message string // of a fail
}

// parseOperation takes a line apart that is known to be JSON.
func parseOperation(text []byte) (*operation, *graph.Refusal) {
	bad := func(format string, args ...any) (*operation, *graph.Refusal) {
		return nil, &graph.Refusal{Reason: BadLine, Detail: fmt.Sprintf(format, args...)}
	}
	var line map[string]json.RawMessage
	if text[0] != '{' || json.Unmarshal(text, &line) != nil {
		return bad("the line is no JSON object")
	}
	op := &operation{}
	for name := range line {
		if _, ok := further[name]; !ok {
			continue
		}
		if op.kind != "" {
			return bad("the line has two operations, %s and %s", min(op.kind, name), max(op.kind, name))
		}
		op.kind = name
	}
	if op.kind == "" {
		return bad("the line has no operation: write push, write, delete, invalidate, fail or checkpoint")
	}
	for name := range line {
		if name != op.kind && !slices.Contains(further[op.kind], name) {
			return bad("%s has no property %q", op.kind, name)
		}
	}
	if op.kind == opPush {
		op.value = line[opPush]
		return op, nil
	}
	if json.Unmarshal(line[op.kind], &op.text) != nil || string(line[op.kind]) == "null" {
		return bad("%s is no text", op.kind)
	}
	switch op.kind {
	case opWrite, opDelete:
		op.value = line["row"]
	case opFail:
		op.value = line["key"]
		if op.value == nil {
			return bad("fail has no key")
		}
		for name, into := range map[string]*string{"type": &op.failure, "message": &op.message} {
			if text, ok := line[name]; ok && (json.Unmarshal(text, into) != nil || string(text) == "null") {
				return bad("%s is no text", name)
			}
		}
	case opInvalidate:
		op.value = line["where"]
		if op.value != nil && (json.Unmarshal(op.value, &op.where) != nil || string(op.value) == "null") {
			return bad("where is no text")
		}
	}
	return op, nil
}
