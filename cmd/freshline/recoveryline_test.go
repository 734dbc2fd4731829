package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/freshline/freshline/stream"
)

func TestRecoveryText(t *testing.T) {
	r := stream.Recovery{Tasks: 2, Read: 250, Total: 1000, Took: 10 * time.Second}
	if got, want := recoveryText(r), "250 of 1000 records, 25 a second, 30s left"; got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
	if got, want := recoveryText(stream.Recovery{Tasks: 2, Total: 1000}), "0 of 1000 records"; got != want {
		t.Errorf("at the beginning it says %q, want %q", got, want)
	}
}

func TestRecoveryIsLoggedWhileItGoesOn(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	tellRecovery(stream.Recovery{}, log)
	tellRecovery(stream.Recovery{Tasks: 2, Total: 1000, Took: time.Second}, log)
	if out.Len() > 0 {
		t.Errorf("it logs %q", out.String())
	}
	tellRecovery(stream.Recovery{Tasks: 2, Read: 250, Total: 1000, Took: 10 * time.Second}, log)
	if want := "tasks=2 read=250 of=1000 a_second=25 left=30s"; !strings.Contains(out.String(), want) {
		t.Errorf("it logs %q, want %q in it", out.String(), want)
	}
}

func TestWhatIsLoggedGoesAboveTheLine(t *testing.T) {
	var out bytes.Buffer
	c := &cli{stderr: &lockedWriter{w: &out}}
	c.terminal.err = true
	line := &recoveryLine{cli: c, recovery: func() stream.Recovery { return stream.Recovery{Tasks: 1, Total: 10} }}
	line.onRecovering(1)
	p := line.line
	p.mu.Lock()
	p.shown = true
	p.mu.Unlock()
	if _, err := line.Write([]byte("logged\n")); err != nil {
		t.Fatal(err)
	}
	line.onRecovering(0)
	if !strings.Contains(out.String(), "\r\x1b[Klogged\n") {
		t.Errorf("standard error has %q", out.String())
	}
	if c.progressing.Load() {
		t.Error("the line is still in use")
	}
}
