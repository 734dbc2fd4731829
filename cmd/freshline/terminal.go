package main

import (
	"fmt"
	"os"
	"strings"
	"unicode"

	"golang.org/x/term"

	"github.com/freshline/freshline/graph"
)

// isTerminal says whether a stream is a terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// colours says whether standard output is coloured: it is a terminal that knows colours, and its user has not set
// NO_COLOR.
func (c *cli) colours() bool {
	return c.terminal.out && c.env["NO_COLOR"] == "" && c.env["TERM"] != "dumb"
}

// statusColours are the parameters of SGR.
var statusColours = map[graph.Status]string{
	graph.Fresh: "2", graph.New: "32", graph.Stale: "33", graph.Awaiting: "36", graph.Orphaned: "35", graph.Failed: "31",
}

func coloured(sgr, text string) string { return "\x1b[" + sgr + "m" + text + "\x1b[0m" }

// plain shows the control characters of text escaped, as a terminal would obey them.
func plain(text string) string {
	if !strings.ContainsFunc(text, unicode.IsControl) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if unicode.IsControl(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}
