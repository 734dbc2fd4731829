package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// checkObject is the answer of graph check, as JSON.
type checkObject struct {
	File           string          `json:"file"`
	OK             bool            `json:"ok"`
	Features       int             `json:"features,omitempty"`
	ProjectVersion string          `json:"project_version,omitempty"`
	Problems       []problemObject `json:"problems,omitempty"`
}

func (c *cli) newGraphCheckCommand() *cobra.Command {
	return c.graphCommand(&cobra.Command{
		Use:   "check",
		Short: "Say whether a graph can be published",
		Long:  "Check everything that publish and run check, without Kafka. A graph that is refused ends with exit code 1.",
	}, func(_ *cobra.Command, path string) error {
		f, err := c.format(listFormats)
		if err != nil {
			return err
		}
		answer := checkObject{File: path}
		g, err := c.readGraph(path)
		if err == nil {
			_, err = compileGraph(path, g, 0, nil)
		}
		var refused *graphRefused
		switch {
		case errors.As(err, &refused):
			answer.Problems = refused.problems()
		case err != nil:
			return err
		default:
			answer.OK, answer.Features, answer.ProjectVersion = true, len(g.Features), g.ProjectVersion()
		}
		if f != formatTable {
			return errors.Join(c.printObject(f, answer), err)
		}
		if err == nil {
			_, err = fmt.Fprintf(c.stdout, "%s: ok, %s, project version %s\n", path, counted(answer.Features, "feature"), answer.ProjectVersion)
		}
		return err
	}, "output")
}
