package graph

import (
	"fmt"
	"slices"
	"strings"
)

// RenderGraphviz returns the graph in the language of Graphviz: a box for each feature with its fields and
// versions, an arrow for each dependency from the upstream to its reader.
func (g *Graph) RenderGraphviz() string {
	versions := g.Versions()
	var b strings.Builder
	b.WriteString("digraph \"Feature Graph\" {\n")
	fmt.Fprintf(&b, "    // project version %s\n", g.projectVersion(versions))
	b.WriteString("    rankdir=TB;\n    node [shape=box, fontname=\"Helvetica\"];\n    edge [color=\"#808080\", fontname=\"Helvetica\", fontsize=10];\n\n")
	order := g.Topological()
	for _, f := range order {
		v := versions[f.Key]
		label := graphvizText(string(f.Key)) + `\n` + graphvizText(v.Feature) + `\n`
		for _, key := range slices.Sorted(slices.Values(f.fieldKeys())) {
			label += fmt.Sprintf(`%s (%s)\l`, graphvizText(string(key)), graphvizText(v.Fields[key]))
		}
		fmt.Fprintf(&b, "    \"%s\" [label=\"%s\"];\n", graphvizText(string(f.Key)), label)
	}
	b.WriteByte('\n')
	for _, f := range order {
		for _, d := range f.Deps {
			if g.Feature(d.Feature) == nil {
				continue
			}
			var attributes []string
			if relation := d.relation(); relation != "" {
				attributes = append(attributes, fmt.Sprintf("label=%q", relation))
			}
			if d.Optional {
				attributes = append(attributes, "style=dashed")
			}
			suffix := ""
			if len(attributes) > 0 {
				suffix = " [" + strings.Join(attributes, ", ") + "]"
			}
			fmt.Fprintf(&b, "    \"%s\" -> \"%s\"%s;\n", graphvizText(string(d.Feature)), graphvizText(string(f.Key)), suffix)
		}
	}
	b.WriteString("}\n")
	return b.String()
}

// graphvizText writes text so that it stands as it is in a quoted string.
func graphvizText(text string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(text)
}
