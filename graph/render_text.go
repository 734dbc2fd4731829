package graph

import (
	"fmt"
	"slices"
	"strings"
)

// RenderText returns the graph for a terminal: each feature in topological order with its version, its fields,
// and below them what it reads.
//
//	video/raw  d842b740
//	    audio   7132721c
//	    frames  3f6f401c
//	video/chunk  504507a9
//	    audio   1549b1fa
//	    ← video/raw (1:N)
func (g *Graph) RenderText() string {
	versions := g.Versions()
	var b strings.Builder
	for _, f := range g.Topological() {
		v := versions[f.Key]
		fmt.Fprintf(&b, "%s  %s\n", f.Key, v.Feature)
		width := 0
		for _, field := range f.Fields {
			width = max(width, len(field.Key))
		}
		for _, key := range slices.Sorted(slices.Values(f.fieldKeys())) {
			fmt.Fprintf(&b, "    %-*s  %s\n", width, key, v.Fields[key])
		}
		for _, d := range f.Deps {
			relation := d.relation()
			if relation != "" {
				relation = " (" + relation + ")"
			}
			fmt.Fprintf(&b, "    ← %s%s\n", d.Feature, relation)
		}
	}
	fmt.Fprintf(&b, "%d features, project version %s\n", len(g.Features), g.projectVersion(versions))
	return b.String()
}
