package graph

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Parse, the way of a graph file into the types of spec.go (G1). The file is YAML or JSON and has one of
// four forms: ours, {features: [...], ...}; a list of feature specs; one feature spec; or a snapshot as
// Metaxy writes it, {KEY: {feature_spec: ..., ...}, ...} (metaxy-semantics 8.1, 8.2).

// MaxGraphSize bounds what Parse reads, in bytes.
const MaxGraphSize = 8 << 20

// Bounds of a graph file besides.
const (
	maxFeatures = 10_000
	maxFields   = 1_000 // of one feature
	maxColumns  = 1_000 // in one list of columns, of renames or of filters
)

// minTruncation and maxTruncation bound hash_truncation_length: Metaxy takes no less than 8, and no hash has more than 64 characters.
const (
	minTruncation     = 8
	maxTruncation     = 64
	defaultTruncation = 8
)

// Parse reads a graph, YAML or JSON, and checks what versions are made of: keys, properties, references,
// cycles, and that every field finds its parents. Check does the rest of G2. The name of the file stands
// in messages only. What is refused is refused as Problems, all that were found.
func Parse(data []byte, name string) (*Graph, error) {
	r := &refusal{file: name}
	top := spot{refusal: r, near: Place{Line: 1, Column: 1}}
	switch {
	case len(data) > MaxGraphSize:
		top.fail("the graph has %d bytes; %d are the limit", len(data), MaxGraphSize)
		return nil, r.err()
	case !utf8.Valid(data):
		top.fail("the graph is not UTF-8; save it as UTF-8")
		return nil, r.err()
	}
	root, f := parseFile(data, name)
	if f != nil {
		top.near = Place{Line: f.line, Column: f.col}
		top.fail("%s", f.text)
		return nil, r.err()
	}
	if root == nil {
		top.fail("the graph is empty; write features: [...]")
		return nil, r.err()
	}
	top.n = root
	l := &loader{graph: &Graph{Name: name}, top: top}
	l.readTop()
	if err := l.check(); err != nil {
		return nil, err
	}
	return l.graph, nil
}

// parseFile reads JSON where it is JSON, else YAML. Valid JSON goes to the JSON reader whatever the name of
// the file: YAML reads "\ud83d\ude00" otherwise. What is neither is judged by the name, else by how it begins.
func parseFile(data []byte, name string) (*node, *fault) {
	trimmed := bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\ufeff")))
	if len(trimmed) > 0 && json.Valid(trimmed) {
		return parseJSON(data)
	}
	extension := filepath.Ext(name)
	if extension == ".json" && len(trimmed) > 0 {
		return parseJSON(data)
	}
	root, f := parseYAML(data)
	if f != nil && extension == "" && len(trimmed) > 0 && (trimmed[0] == '{' || trimmed[0] == '[') {
		return parseJSON(data)
	}
	return root, f
}

// algorithms are those of ParseAlgorithm, for messages.
var algorithms = []Algorithm{XXHash64, XXHash32, XXH3, WyHash, SHA256, MD5}

// A loader reads one graph.
type loader struct {
	graph *Graph
	top   spot
	holes bool // the key of a feature could not be read: what seems to be missing may be there
}

func (l *loader) readTop() {
	top := l.top
	features := top.at("features")
	switch {
	case top.n.kind == nodeList:
		l.readFeatures(top)
	case top.n.kind == nodeMap && !features.isSnapshotEntry() && features.n != nil:
		top.refuseRepeats(false)
		top.object("features", "hash_algorithm", "hash_truncation_length", "gate")
		if features.n.kind != nodeList {
			features.fail("is %v; write a list of features", features.n.kind)
		} else {
			l.readFeatures(features)
		}
		l.readSettings()
	case top.n.kind == nodeMap && top.n.value("key") != nil && !top.at("key").isSnapshotEntry():
		l.readFeature(top)
	case top.n.kind == nodeMap && len(top.n.items) > 0 && slices.ContainsFunc(top.n.items, func(n *node) bool { return n.value("feature_spec") != nil }):
		l.readSnapshot(top)
	default:
		top.fail("no features; write features: [...]")
	}
}

func (s spot) isSnapshotEntry() bool { return s.n.value("feature_spec") != nil }

func (l *loader) readSettings() {
	g := l.graph
	if s := l.top.at("hash_algorithm"); s.given() {
		if text, ok := s.readText(); ok {
			algorithm, err := ParseAlgorithm(text)
			switch {
			case text == "farmhash":
				s.fail("farmhash exists in BigQuery only and is not supported; write another, such as %s", DefaultAlgorithm)
			case err != nil:
				s.fail("unknown algorithm %.60q; write one of %s", text, quoted(algorithms))
			}
			g.HashAlgorithm = algorithm
		}
	}
	if s := l.top.at("hash_truncation_length"); s.given() {
		length, err := strconv.Atoi(s.n.text)
		switch {
		case s.n.kind != nodeInt:
			s.fail("is %v; write a whole number from %d to %d", s.n.kind, minTruncation, maxTruncation)
		case err != nil || length < minTruncation || length > maxTruncation:
			s.fail("%.30s is out of range; write a whole number from %d to %d", s.n.text, minTruncation, maxTruncation)
		default:
			g.TruncationLength = length
		}
	}
	if s := l.top.at("gate"); s.given() {
		if text, ok := s.readText(); ok {
			if g.Gate, ok = parseGate(text); !ok {
				s.fail("unknown gate %.60q; write settled or immediate", text)
			}
		}
	}
}

// String returns the gate as a graph writes it; "" for GateUnset.
func (g Gate) String() string {
	switch g {
	case GateSettled:
		return "settled"
	case GateImmediate:
		return "immediate"
	}
	return ""
}

func parseGate(text string) (Gate, bool) {
	switch text {
	case "settled":
		return GateSettled, true
	case "immediate":
		return GateImmediate, true
	}
	return GateUnset, false
}

func (l *loader) readFeatures(s spot) {
	if len(s.n.items) > maxFeatures {
		s.fail("%d features; %d are the limit", len(s.n.items), maxFeatures)
		return
	}
	for i := range s.n.items {
		l.readFeature(s.index(i))
	}
}

func (l *loader) readSnapshot(s spot) {
	s.refuseRepeats(false)
	if len(s.n.items) > maxFeatures {
		s.fail("%d features; %d are the limit", len(s.n.items), maxFeatures)
		return
	}
	for i, key := range s.n.keys {
		entry := s.entry(i)
		spec := entry.at("feature_spec")
		if spec.n == nil {
			l.holes = true
			entry.fail("has no feature_spec; write the snapshot as Metaxy does, or features: [...]")
			continue
		}
		if f := l.readFeature(spec); f != nil && string(f.Key) != key.text {
			spec.at("key").fail("is %q under the name %.60q; give both the same key", string(f.Key), key.text)
		}
	}
}
