package main

import (
	"io"

	"github.com/spf13/cobra"
)

func (c *cli) newGraphRenderCommand() *cobra.Command {
	return hasFormats(c.graphCommand(&cobra.Command{
		Use:   "render",
		Short: "Draw a graph: -o text, mermaid or graphviz",
		Long:  "Draw a graph with its versions: as text, as a Mermaid flowchart (-o mermaid) or for Graphviz (-o graphviz).",
	}, func(_ *cobra.Command, path string) error {
		f, err := c.format(drawFormats)
		if err != nil {
			return err
		}
		g, err := c.readGraph(path)
		if err != nil {
			return err
		}
		text := ""
		switch f {
		case formatMermaid:
			text = g.RenderMermaid()
		case formatGraphviz:
			text = g.RenderGraphviz()
		default:
			text = g.RenderText()
		}
		_, err = io.WriteString(c.stdout, text)
		return err
	}, "output"), drawFormats)
}
