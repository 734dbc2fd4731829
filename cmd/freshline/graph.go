package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/freshline/freshline/graph"
)

func (c *cli) newGraphCommand() *cobra.Command {
	return group(&cobra.Command{Use: "graph", Short: "Check, show, compare and publish graphs of features"},
		c.newGraphCheckCommand(),
		c.newGraphVersionsCommand(),
		c.newGraphPlanCommand(),
		c.newGraphDiffCommand(),
		c.newGraphRenderCommand(),
		c.newGraphPublishCommand(),
		c.newGraphListCommand(),
	)
}

// addGraphFile gives a command that reads a graph its flag and its argument. The path is known when it runs.
func addGraphFile(cmd *cobra.Command) {
	s := settingNamed("graph")
	cmd.Use += " [FILE]"
	cmd.Flags().StringP("file", "f", "", s.doc+"; - is standard input")
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		switch f := cmd.Flags().Lookup("file"); {
		case len(args) > 1:
			return usage(cmd, "%s takes one graph file, but %d are given", commandName(cmd), len(args))
		case len(args) == 1 && f.Changed:
			return usage(cmd, "--file %s and the argument %s are both graph files; leave one of the two out", f.Value, args[0])
		}
		return nil
	}
}

// graphPath is the graph file that a command was given: by flag, by argument, or by the setting graph.
func (c *cli) graphPath(cmd *cobra.Command, args []string) (string, error) {
	if path := cmd.Flags().Lookup("file").Value.String(); path != "" {
		return path, nil
	}
	if len(args) == 1 && args[0] != "" {
		return args[0], nil
	}
	if path := c.text("graph"); path != "" {
		return path, nil
	}
	return "", usage(cmd, "%s needs a graph file: name it as the argument or with --file", commandName(cmd))
}

// graphCommand completes a command that reads a graph file.
func (c *cli) graphCommand(cmd *cobra.Command, runE func(cmd *cobra.Command, path string) error, settings ...string) *cobra.Command {
	addGraphFile(cmd)
	cmd = c.command(cmd, func(cmd *cobra.Command, args []string) error {
		path, err := c.graphPath(cmd, args)
		if err != nil {
			return err
		}
		return runE(cmd, path)
	}, append(settings, "graph")...)
	// The setting is for the file and the environment; here its flag is --file.
	_ = cmd.Flags().MarkHidden("graph")
	return cmd
}

// readGraph reads a graph file, "-" for standard input, and parses it.
func (c *cli) readGraph(path string) (*graph.Graph, error) {
	data, err := c.readWhole(path, graph.MaxGraphSize)
	if err != nil {
		return nil, &usageError{text: fmt.Sprintf("cannot read the graph %s: %s", path, reason(err))}
	}
	g, err := graph.Parse(data, path)
	if err != nil {
		return nil, refusedGraph(path, err)
	}
	return g, nil
}

// readWhole reads a file, and of a larger one a byte more than the limit.
func (c *cli) readWhole(path string, limit int64) ([]byte, error) {
	file, err := c.openInput(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var b bytes.Buffer
	_, err = io.Copy(&b, io.LimitReader(file, limit+1))
	return b.Bytes(), err
}

// compileGraph checks a graph in full and compiles it as the push after a history.
func compileGraph(path string, g *graph.Graph, number int64, history *graph.History) (*graph.History, error) {
	if err := g.Check(); err != nil {
		return nil, refusedGraph(path, err)
	}
	next, err := history.Push(number, g)
	if err != nil {
		return nil, refusedGraph(path, err)
	}
	return next, nil
}

// graphRefused is a graph that breaks a rule.
type graphRefused struct {
	path string
	err  error
}

func refusedGraph(path string, err error) error { return &graphRefused{path, err} }

func (e *graphRefused) Unwrap() error { return e.err }

// Error has the problems a line each, below a first line that counts them where there are several.
func (e *graphRefused) Error() string {
	problems := e.problems()
	if len(problems) > 1 {
		return fmt.Sprintf("%s is refused, %s:\n%s", e.path, counted(len(problems), "problem"), e.err)
	}
	if problems[0].Line == 0 { // the text has no place in the file
		return e.path + ": " + e.err.Error()
	}
	return e.err.Error()
}

// problemObject is one reason why a graph is refused, as JSON.
type problemObject struct {
	Line    int              `json:"line,omitempty"`
	Column  int              `json:"column,omitempty"`
	Feature graph.FeatureKey `json:"feature,omitempty"`
	Path    string           `json:"path,omitempty"`
	Text    string           `json:"text"`
}

func (e *graphRefused) problems() []problemObject {
	var list []problemObject
	var found graph.Problems
	var several interface{ Unwrap() []error }
	switch {
	case errors.As(e.err, &found):
		for _, p := range found {
			list = append(list, problemObject{p.Place.Line, p.Place.Column, p.Feature, p.Path, p.Text})
		}
	case errors.As(e.err, &several):
		for _, err := range several.Unwrap() {
			list = append(list, problemObject{Text: err.Error()})
		}
	default:
		list = append(list, problemObject{Text: e.err.Error()})
	}
	return list
}
