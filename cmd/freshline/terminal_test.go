package main

import (
	"bytes"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/freshline/freshline/graph"
)

// TestFormats chooses by what standard output is.
func TestFormats(t *testing.T) {
	texts := []format{formatText, formatMermaid}
	for _, c := range []struct {
		terminal bool
		output   string
		formats  []format
		want     format
	}{
		{true, "", listFormats, formatTable},
		{false, "", listFormats, formatJSONL},
		{true, "json", listFormats, formatJSON},
		{false, "table", listFormats, formatTable},
		{false, "text", listFormats, formatTable},
		{true, "", texts, formatText},
		{false, "", texts, formatText},
		{false, "table", texts, formatText},
		{false, "json", texts, formatText},
	} {
		cli := &cli{settings: map[string]chosen{"output": {text: c.output}}}
		cli.terminal.out = c.terminal
		if got, err := cli.format(c.formats); err != nil || got != c.want {
			t.Errorf("%+v: %s (%v)", c, got, err)
		}
	}
}

// TestColours are for a terminal whose user has not refused them.
func TestColours(t *testing.T) {
	for _, c := range []struct {
		terminal bool
		env      string
		want     bool
	}{{true, "TERM=xterm", true}, {true, "NO_COLOR=1", false}, {true, "NO_COLOR=", true}, {true, "TERM=dumb", false}, {false, "TERM=xterm", false}} {
		cli := &cli{env: newEnvironment([]string{c.env})}
		cli.terminal.out = c.terminal
		if got := cli.colours(); got != c.want {
			t.Errorf("%+v: %t", c, got)
		}
	}
}

func TestTable(t *testing.T) {
	var b bytes.Buffer
	l := newListing(formatTable, &b, true, []string{"NAME", "STATUS", "N"})
	for _, row := range [][]any{{"é", graph.New, 5}, {"a\x1b[2J", graph.Stale, 1000}} {
		if err := l.add(nil, row...); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.end("nothing"); err != nil {
		t.Fatal(err)
	}
	want := "NAME       STATUS     N\n" +
		"é          \x1b[32mNEW\x1b[0m        5\n" +
		"a\\u001b[2J  \x1b[33mSTALE\x1b[0m   1000\n"
	want = strings.Replace(strings.Replace(want, "NAME       ", "NAME        ", 1), "é          ", "é           ", 1)
	if b.String() != want {
		t.Errorf("got\n%q\nwant\n%q", b.String(), want)
	}
}

// TestProgress shows nothing of short work, one line of long work, and nothing after it.
func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		var n atomic.Int64
		c := &cli{stderr: &b}
		c.terminal.err = true
		p := c.startProgress("put", func() string { return grouped(n.Load()) + " samples" })
		time.Sleep(progressAfter / 2)
		p.end()
		if b.Len() > 0 {
			t.Errorf("short work shows %q", b.String())
		}
		p = c.startProgress("put", func() string { return grouped(n.Load()) + " samples" })
		n.Store(1234567)
		time.Sleep(progressAfter + progressEvery/2)
		synctest.Wait()
		if _, err := p.above(&b).Write([]byte("a line\n")); err != nil {
			t.Fatal(err)
		}
		p.end()
		if got, want := b.String(), "\r\x1b[Kput … 1,234,567 samples\r\x1b[Ka line\n"; got != want {
			t.Errorf("long work shows %q, want %q", got, want)
		}
	})
	c := &cli{stderr: &bytes.Buffer{}}
	p := c.startProgress("put", nil)
	p.clear()
	p.end() // off a terminal it is nothing
}

func TestSuggestions(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"brokrs", "brokers"}, {"borkers", "brokers"}, {"stat", "state"}, {"xyz", ""}, {"namespaces", "namespace"},
	} {
		got := didYouMean(c.text, []string{"brokers", "namespace", "state"})
		if want := "; did you mean \"" + c.want + "\"?"; got != want && (c.want != "" || got != "") {
			t.Errorf("%s: %q", c.text, got)
		}
	}
}

func TestNumbers(t *testing.T) {
	for n, want := range map[int64]string{0: "0 samples", 1: "1 sample", 999: "999 samples", 1000: "1,000 samples", -1234567: "-1,234,567 samples"} {
		if got := counted(n, "sample"); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
