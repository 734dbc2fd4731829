package graph

import (
	"fmt"
	"strings"
)

// Names and texts in diagrams: what keys may have and Mermaid or Graphviz may not.

// diagramIDs names the nodes of one diagram: '/' and '-' become '_', and of keys that would be one name, or a
// word of the language, the later get a number.
type diagramIDs struct {
	ids   map[FeatureKey]string
	taken map[string]bool
}

func newDiagramIDs() *diagramIDs {
	// Words that Mermaid does not take as the name of a node.
	taken := map[string]bool{"end": true, "graph": true, "subgraph": true, "flowchart": true, "style": true, "class": true, "click": true, "default": true, "linkstyle": true, "classdef": true, "direction": true, "call": true, "href": true, "interpolate": true}
	return &diagramIDs{map[FeatureKey]string{}, taken}
}

func (d *diagramIDs) of(key FeatureKey) string {
	if id, ok := d.ids[key]; ok {
		return id
	}
	base := strings.NewReplacer("/", "_", "-", "_").Replace(string(key))
	id := base
	for n := 2; d.taken[id]; n++ {
		id = fmt.Sprintf("%s_%d", base, n)
	}
	d.ids[key], d.taken[id] = id, true
	return id
}

// mermaidText writes text so that it stands as it is in a quoted label: Mermaid reads #NAME; as an entity of HTML.
func mermaidText(text string) string {
	return strings.NewReplacer("#", "#35;", "\"", "#quot;", "<", "#lt;", ">", "#gt;", "&", "#amp;", "\n", "#92;n", "`", "#96;", "%%", "%#37;").Replace(text)
}

// relation names how a feature reads an upstream: "" for 1:1, "N:1" or "1:N", and "optional".
func (d *Dependency) relation() string {
	var words []string
	switch d.Lineage.Kind {
	case Aggregation:
		words = append(words, "N:1")
	case Expansion:
		words = append(words, "1:N")
	}
	if d.Optional {
		words = append(words, "optional")
	}
	return strings.Join(words, ", ")
}
