package graph

import (
	"fmt"
	"slices"
	"strings"
)

// RenderMermaid returns the graph as a Mermaid flowchart, in the form of metaxy-semantics 8.4: the project
// version in a comment, features in topological order with their fields and versions.
func (g *Graph) RenderMermaid() string {
	const (
		colourFeature = "#00FFFF"
		colourField   = "#5F87AF"
		colourVersion = "#FFFF00"
		colourEdge    = "#808080"
	)
	versions := g.Versions()
	project := g.projectVersion(versions)
	ids := newDiagramIDs()
	var b strings.Builder
	b.WriteString("---\ntitle: Feature Graph\n---\nflowchart TB\n")
	fmt.Fprintf(&b, "    %%%% project version %s\n", project)
	b.WriteString("    %%{init: {'flowchart': {'htmlLabels': true, 'curve': 'basis'}, 'themeVariables': {'fontSize': '14px'}}}%%\n\n")
	order := g.Topological()
	for _, f := range order {
		v := versions[f.Key]
		lines := []string{
			"<b>" + coloured(colourFeature, mermaidText(string(f.Key))) + "</b>",
			coloured(colourVersion, mermaidText(v.Feature)),
		}
		if len(f.Fields) > 0 {
			lines = append(lines, "<font color='#999'>---</font>")
		}
		for _, key := range slices.Sorted(slices.Values(f.fieldKeys())) {
			lines = append(lines, fmt.Sprintf("- %s %s", coloured(colourField, mermaidText(string(key))), coloured(colourVersion, "("+mermaidText(v.Fields[key])+")")))
		}
		fmt.Fprintf(&b, "        %s[\"<div style='text-align:left'>%s</div>\"]\n", ids.of(f.Key), strings.Join(lines, "<br/>"))
	}
	b.WriteByte('\n')
	edges := 0
	for _, f := range order {
		for _, d := range f.Deps {
			if g.Feature(d.Feature) == nil {
				continue
			}
			edges++
			arrow := "-->"
			if d.Optional {
				arrow = "-.->"
			}
			if relation := d.relation(); relation != "" {
				arrow += fmt.Sprintf("|%s|", relation)
			}
			fmt.Fprintf(&b, "        %s %s %s\n", ids.of(d.Feature), arrow, ids.of(f.Key))
		}
	}
	b.WriteByte('\n')
	for _, f := range order {
		fmt.Fprintf(&b, "        style %s stroke:#808080\n", ids.of(f.Key))
	}
	if edges > 0 {
		fmt.Fprintf(&b, "        linkStyle default stroke:%s\n", colourEdge)
	}
	return b.String()
}
