package main

import (
	"bufio"
	"fmt"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream/replay"
)

// replayPrinter prints a run in any format. A table has one part for each checkpoint with changes.
type replayPrinter struct {
	format  format
	lines   replay.JSONLines // of JSON
	array   *jsonArray
	out     *bufio.Writer
	colours bool

	table *listing // of the checkpoint that is being printed; nil before the first
	label string   // of the checkpoint
	n     int      // refused lines and changes
}

// DeadLetter prints a line that was refused.
func (p *replayPrinter) DeadLetter(line int, refusal *graph.Refusal) error {
	p.n++
	if p.format != formatTable {
		return p.lines.DeadLetter(line, refusal)
	}
	if err := p.endTable(); err != nil {
		return err
	}
	text := plain(fmt.Sprintf("line %d is refused: %s: %s", line, refusal.Reason, refusal.Detail))
	if p.colours {
		text = coloured(statusColours[graph.Failed], text)
	}
	_, err := fmt.Fprintln(p.out, text)
	return err
}

// Change prints a change.
func (p *replayPrinter) Change(c *replay.Change) error {
	p.n++
	if p.format != formatTable {
		return p.lines.Change(c)
	}
	if p.table != nil && p.label != c.Checkpoint {
		if err := p.endTable(); err != nil {
			return err
		}
	}
	if p.table == nil {
		fmt.Fprintf(p.out, "\n%s\n", plain("checkpoint: "+c.Checkpoint))
		p.label = c.Checkpoint
		p.table = newListing(formatTable, p.out, p.colours, []string{"FEATURE", "SCOPE", "STATUS", "KEY", "CAUSES", "FIELDS"})
	}
	names, values := make([]string, len(c.Key)), make([]graph.Value, len(c.Key))
	for i, column := range c.Key {
		names[i], values[i] = column.Name, column.Value
	}
	return p.table.add(nil, string(c.Feature), c.Scope.String(), c.Status, string(graph.AppendKeyJSON(nil, names, values)), c.Causes, c.Changed)
}

func (p *replayPrinter) endTable() error {
	if p.table == nil {
		return nil
	}
	err := p.table.end("")
	p.table = nil
	return err
}

// flush prints what there is. A table is printed whole, as its widths follow from its rows.
func (p *replayPrinter) flush() error {
	if p.table != nil {
		if err := p.table.flush(); err != nil {
			return err
		}
	}
	return p.out.Flush()
}

// end prints the rest.
func (p *replayPrinter) end() error {
	if err := p.endTable(); err != nil {
		return err
	}
	switch {
	case p.format == formatJSON:
		if err := p.array.end(); err != nil {
			return err
		}
	case p.format == formatTable && p.n == 0:
		fmt.Fprintln(p.out, "nothing changes at any checkpoint")
	}
	return p.out.Flush()
}
