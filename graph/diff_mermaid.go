package graph

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// The difference of two graphs as a Mermaid flowchart, the merged form of metaxy-semantics 8.4.

const (
	colourOld     = "#CC0000"
	colourNew     = "#00AA00"
	colourChanged = "#FFAA00"
)

var diffStrokes = map[DiffStatus]string{DiffAdded: "#00FF00", DiffRemoved: "#FF0000", DiffChanged: "#FFAA00"}

// Mermaid returns the difference as a Mermaid flowchart with all features of both graphs.
func (d *GraphDiff) Mermaid() string {
	ids := newDiagramIDs()
	var b strings.Builder
	b.WriteString("---\ntitle: Feature Graph Changes\n---\nflowchart TB\n")
	b.WriteString("    %%{init: {'flowchart': {'htmlLabels': true, 'curve': 'basis'}, 'themeVariables': {'fontSize': '14px'}}}%%\n\n")
	features := slices.Clone(d.Features)
	slices.SortStableFunc(features, func(a, b FeatureDiff) int {
		return cmp.Compare(strings.ToLower(string(a.Key)), strings.ToLower(string(b.Key)))
	})
	for _, f := range features {
		id := ids.of(f.Key)
		fmt.Fprintf(&b, "    %s[\"%s\"]\n", id, f.mermaidLabel())
		if stroke := diffStrokes[f.Status]; stroke != "" {
			fmt.Fprintf(&b, "    style %s stroke:%s,stroke-width:2px\n", id, stroke)
		}
	}
	b.WriteByte('\n')
	for _, f := range features {
		for _, dep := range f.Dependencies {
			fmt.Fprintf(&b, "    %s --> %s\n", ids.of(dep), ids.of(f.Key))
		}
	}
	return b.String()
}

func (f *FeatureDiff) mermaidLabel() string {
	lines := []string{"<b>" + mermaidText(string(f.Key)) + "</b>"}
	if f.Status == DiffChanged && f.Old != f.New {
		lines = append(lines, fromTo(f.Old, f.New))
	} else {
		lines = append(lines, mermaidText(shortVersion(cmp.Or(f.New, f.Old))))
	}
	if len(f.Fields) > 0 {
		lines = append(lines, "<font color='#999'>---</font>")
	}
	for _, field := range f.Fields {
		key := mermaidText(string(field.Key))
		line := fmt.Sprintf("- %s (%s)", key, mermaidText(shortVersion(cmp.Or(field.New, field.Old))))
		switch {
		case f.Status == DiffAdded || f.Status == DiffRemoved: // the stroke of the feature says it
		case field.Status == DiffAdded:
			line = coloured(colourNew, line)
		case field.Status == DiffRemoved:
			line = coloured(colourOld, line)
		case field.Status == DiffChanged:
			line = fmt.Sprintf("- %s (%s)", coloured(colourChanged, key), fromTo(field.Old, field.New))
		}
		lines = append(lines, line)
	}
	return "<div style='text-align:left'>" + strings.Join(lines, "<br/>") + "</div>"
}

func fromTo(old, now string) string {
	return coloured(colourOld, mermaidText(shortVersion(old))) + " → " + coloured(colourNew, mermaidText(shortVersion(now)))
}

func coloured(colour, text string) string {
	return "<font color='" + colour + "'>" + text + "</font>"
}

// shortVersion returns the 6 characters of a version that a diagram of changes shows.
func shortVersion(version string) string { return version[:min(6, len(version))] }
