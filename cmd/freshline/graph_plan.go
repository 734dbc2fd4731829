package main

import (
	"github.com/spf13/cobra"
)

func (c *cli) newGraphPlanCommand() *cobra.Command {
	return c.graphCommand(&cobra.Command{
		Use:   "plan",
		Short: "Show what a graph is compiled to: order, keys, edges, parents of fields",
		Long: `Show what a graph is compiled to. Features come in topological order; of each:

  ids       its id columns
  match     the columns by which a sample meets its inputs
  join      those of them that all inputs share: what lies in one partition
  reads     its dependencies, their lineage, and the edge on which their rows are filed
  fields    versions, and the upstream fields that each field is made of`,
	}, func(_ *cobra.Command, path string) error {
		f, err := c.format(listFormats)
		if err != nil {
			return err
		}
		g, err := c.readGraph(path)
		if err != nil {
			return err
		}
		history, err := compileGraph(path, g, 0, nil)
		if err != nil {
			return err
		}
		plan := newPlanObject(history.Plan())
		if f != formatTable {
			return c.printObject(f, plan)
		}
		return plan.print(c.stdout)
	}, "output")
}
