package schema

import (
	"fmt"
	"slices"
	"strings"

	"github.com/freshline/freshline/graph"
)

// members collects the entries of a map, or the fields of a record, and orders them by name.
type members []graph.Column

// sort orders by name. A name twice is an error: which of the two counts would be anybody's choice.
func (m members) sort() error {
	slices.SortFunc(m, func(a, b graph.Column) int { return strings.Compare(a.Name, b.Name) })
	for i := 1; i < len(m); i++ {
		if m[i].Name == m[i-1].Name {
			return fmt.Errorf("the name %q stands twice", m[i].Name)
		}
	}
	return nil
}

// json is the canonical JSON of the members, which are sorted.
func (m members) json() graph.Value {
	text := []byte{'{'}
	for i, member := range m {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(graph.AppendJSONString(text, member.Name), ':')
		text = graph.AppendJSON(text, member.Value)
	}
	return graph.Other(string(append(text, '}')))
}

// mapColumn is what a *_by_field column holds, from members of any source.
// Pairs with a name twice are no map.
func (m members) mapColumn() graph.MapColumn {
	if m.sort() != nil {
		return graph.MapColumn{State: graph.MapInvalid}
	}
	return graph.MapColumn{State: graph.MapPresent, Entries: m}
}

// isPair says whether n is the record {key, value} of which lists stand for a map: so Arrow writes the map
// columns of Metaxy's tables.
func isPair(n *node) bool {
	if n.kind != avroRecord || len(n.fields) != 2 {
		return false
	}
	a, b := n.fields[0].name, n.fields[1].name
	return a == "key" && b == "value" || a == "value" && b == "key"
}

// listsPairs says whether the array n can stand for a map: its items are pairs, possibly null.
func listsPairs(n *node) bool {
	return isPair(n.item) || n.item.kind == avroUnion && slices.ContainsFunc(n.item.branches, isPair)
}
