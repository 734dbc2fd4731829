package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/freshline/freshline/graph"
)

// listing prints things of one kind: as the rows of a table, as JSON lines or as one JSON array.
type listing struct {
	format format
	to     io.Writer
	out    *bufio.Writer // to
	array  *jsonArray

	columns []string
	colours bool
	widths  []int
	rows    [][]any
	titled  bool
	n       int
}

// listingBatch is how many rows a table looks at to find the widths of its columns. They grow with later rows.
const listingBatch = 1000

func (c *cli) newListing(columns ...string) (*listing, error) {
	f, err := c.format(listFormats)
	if err != nil {
		return nil, err
	}
	return newListing(f, c.stdout, c.colours(), columns), nil
}

func newListing(f format, w io.Writer, colours bool, columns []string) *listing {
	l := &listing{format: f, to: w, out: bufio.NewWriterSize(w, 1<<16), columns: columns, colours: colours}
	l.array = &jsonArray{w: l.out}
	for _, title := range columns {
		l.widths = append(l.widths, len(title))
	}
	return l
}

// above makes the listing clear the line of progress before it prints.
func (l *listing) above(p *progress) {
	l.out = bufio.NewWriterSize(p.above(l.to), 1<<16)
	l.array.w = l.out
}

// add prints one thing: object as JSON, cells as a row. A cell is text, a whole number (set to the right), or a
// status (coloured).
func (l *listing) add(object any, cells ...any) error {
	l.n++
	if l.format == formatTable {
		l.rows = append(l.rows, cells)
		if len(l.rows) >= listingBatch {
			l.layRows()
		}
		return nil
	}
	line, err := encodeJSON(object)
	if err != nil {
		return err
	}
	if l.format == formatJSON {
		_, err = l.array.Write(line)
		return err
	}
	_, err = l.out.Write(append(line, '\n'))
	return err
}

// flush prints what has been added so far.
func (l *listing) flush() error {
	l.layRows()
	return l.out.Flush()
}

// end prints the rest. A table of nothing says none.
func (l *listing) end(none string) error {
	switch {
	case l.format == formatJSON:
		if err := l.array.end(); err != nil {
			return err
		}
	case l.format == formatTable && l.n == 0 && none != "":
		fmt.Fprintln(l.out, none)
	}
	return l.flush()
}

func (l *listing) layRows() {
	for _, row := range l.rows {
		for i, cell := range row {
			l.widths[i] = max(l.widths[i], utf8.RuneCountInString(cellText(cell)))
		}
	}
	if !l.titled && len(l.rows) > 0 {
		l.titled = true
		titles := make([]any, len(l.columns))
		for i, title := range l.columns {
			titles[i] = title
			if isNumber(l.rows[0][i]) {
				titles[i] = strings.Repeat(" ", l.widths[i]-len(title)) + title
			}
		}
		l.layRow(titles)
	}
	for _, row := range l.rows {
		l.layRow(row)
	}
	l.rows = l.rows[:0]
}

func (l *listing) layRow(cells []any) {
	var line strings.Builder
	for i, cell := range cells {
		text := cellText(cell)
		space := strings.Repeat(" ", l.widths[i]-utf8.RuneCountInString(text))
		if status, ok := cell.(graph.Status); ok && l.colours {
			text = coloured(statusColours[status], text)
		}
		if isNumber(cell) {
			text = space + text
		} else {
			text += space
		}
		if i > 0 {
			line.WriteString("  ")
		}
		line.WriteString(text)
	}
	l.out.WriteString(strings.TrimRight(line.String(), " ") + "\n")
}

func cellText(cell any) string {
	switch v := cell.(type) {
	case string:
		return plain(v)
	case []string:
		return plain(strings.Join(v, ", "))
	}
	return plain(fmt.Sprint(cell))
}

func isNumber(cell any) bool {
	switch cell.(type) {
	case int, int32, int64:
		return true
	}
	return false
}
