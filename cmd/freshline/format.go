package main

import (
	"fmt"
	"slices"
	"strings"
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
