package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// format is how a command prints what it is asked for.
type format string

const (
	formatTable    format = "table"    // for people
	formatJSON     format = "json"     // one JSON value
	formatJSONL    format = "jsonl"    // one JSON object a line
	formatText     format = "text"     // for people, where it is no table
	formatMermaid  format = "mermaid"  // a diagram
	formatGraphviz format = "graphviz" // a diagram
)

var allFormats = []format{formatTable, formatJSON, formatJSONL, formatText, formatMermaid, formatGraphviz}

// listFormats are those of commands that list things.
var listFormats = []format{formatTable, formatJSON, formatJSONL}

// Formats of commands that print something else.
var (
	drawFormats    = []format{formatText, formatMermaid, formatGraphviz}
	diffFormats    = []format{formatText, formatJSON, formatJSONL, formatMermaid}
	publishFormats = []format{formatText, formatJSON, formatJSONL}
)

func checkFormat(text string) error {
	if slices.Contains(allFormats, format(text)) {
		return nil
	}
	return fmt.Errorf("unknown format %q; write %s", text, formatNames(allFormats))
}

func formatNames(formats []format) string {
	texts := make([]string, len(formats))
	for i, f := range formats {
		texts[i] = string(f)
	}
	if len(texts) == 1 {
		return texts[0]
	}
	return strings.Join(texts[:len(texts)-1], ", ") + " or " + texts[len(texts)-1]
}

// hasFormats tells the help of -o which formats a command has that are not listFormats.
func hasFormats(cmd *cobra.Command, formats []format) *cobra.Command {
	byDefault := ""
	if slices.Contains(formats, formatJSONL) {
		byDefault = " on a terminal, jsonl in a pipe"
	}
	cmd.Flags().Lookup("output").Usage = fmt.Sprintf("`format`: %s; by default %s%s", formatNames(formats), formats[0], byDefault)
	return cmd
}

// format chooses among the formats that a command has; the first is the one for people, which is the default on a
// terminal. Elsewhere the default is JSON lines, for a command that has them.
func (c *cli) format(formats []format) (format, error) {
	byDefault := formats[0]
	if !c.terminal.out && slices.Contains(formats, formatJSONL) {
		byDefault = formatJSONL
	}
	v := c.settings["output"]
	if v.text == "" {
		return byDefault, nil
	}
	f := format(v.text)
	// What is for people is a table or a text, and either name will do.
	if (f == formatTable || f == formatText) && !slices.Contains(formats, f) {
		f = formats[0]
	}
	if slices.Contains(formats, f) {
		return f, nil
	}
	if v.flag {
		return "", &usageError{text: fmt.Sprintf("%s: this command has no format %s; write %s", v.origin, f, formatNames(formats))}
	}
	return byDefault, nil
}
