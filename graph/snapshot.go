package graph

import "strconv"

// A graph as it is published: the normalised graph in the long form of Metaxy (metaxy-semantics 8.1) with the
// settings of our own beside it, so that Parse gives the same graph again and nothing depends on defaults.

// Canonical returns the graph as JSON in the long form, ASCII only, features in their order. It is longer than
// what was parsed, and Parse refuses it above MaxGraphSize.
func (g *Graph) Canonical() []byte {
	b := append([]byte(nil), `{"features": [`...)
	for i, f := range g.Features {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = f.appendSpec(b, true)
	}
	b = append(b, ']')
	if g.HashAlgorithm != "" {
		b = appendPythonString(append(b, `, "hash_algorithm": `...), string(g.HashAlgorithm))
	}
	if g.TruncationLength != 0 {
		b = strconv.AppendInt(append(b, `, "hash_truncation_length": `...), int64(g.TruncationLength), 10)
	}
	if g.Gate != GateUnset {
		b = appendPythonString(append(b, `, "gate": `...), g.Gate.String())
	}
	return append(b, '}')
}

// MarshalJSON returns Canonical.
func (g *Graph) MarshalJSON() ([]byte, error) { return g.Canonical(), nil }
