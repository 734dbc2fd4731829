package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
)

// live is a command that runs until it is interrupted.
type live struct {
	args   string
	cancel context.CancelFunc
	stdout chan string // lines
	stderr chan string
	code   chan int
	passed []map[string]any // events that nobody has waited for yet
	said   *bytes.Buffer    // all of standard error; read it after stop
	ended  sync.Once
}

// start runs a command line in the background. It is interrupted at the end of the test at the latest.
func start(t *testing.T, env []string, args ...string) *live {
	t.Helper()
	ctx, cancel := context.WithCancel(testContext(t))
	l := &live{
		args: strings.Join(args, " "), cancel: cancel,
		stdout: make(chan string, 100_000), stderr: make(chan string, 100_000), code: make(chan int, 1), said: &bytes.Buffer{},
	}
	outReader, outWriter := io.Pipe()
	errReader, errWriter := io.Pipe()
	var reading sync.WaitGroup
	follow := func(r io.Reader, lines chan string) {
		defer close(lines)
		for scanner := bufio.NewScanner(r); scanner.Scan(); {
			lines <- scanner.Text()
		}
	}
	reading.Go(func() { follow(outReader, l.stdout) })
	reading.Go(func() { follow(io.TeeReader(errReader, l.said), l.stderr) })
	go func() {
		code := run(ctx, args, strings.NewReader(""), outWriter, errWriter, env)
		outWriter.Close()
		errWriter.Close()
		reading.Wait()
		l.code <- code
	}()
	t.Cleanup(func() { l.stop(t) })
	return l
}

// stop interrupts the command, which has to end well.
func (l *live) stop(t *testing.T) {
	t.Helper()
	l.ended.Do(func() {
		l.cancel()
		if code := <-l.code; code != exitDone {
			t.Errorf("freshline %s: exit code %d after it was interrupted\n%s", l.args, code, l.said)
		}
	})
}

// await returns the first line that has the text.
func (l *live) await(t *testing.T, lines chan string, text string) string {
	t.Helper()
	for line := range lines {
		if strings.Contains(line, text) {
			return line
		}
	}
	l.cancel()
	t.Fatalf("freshline %s: exit code %d, and it never said %q\n%s", l.args, <-l.code, text, l.said)
	return ""
}

// awaitEvents waits for n events of a status that it has not returned before.
func (l *live) awaitEvents(t *testing.T, feature, scope, status string, n int) []map[string]any {
	t.Helper()
	var events []map[string]any
	take := func(event map[string]any) bool {
		if len(events) == n || event["feature"] != feature || (scope != "" && event["scope"] != scope) || event["status"] != status {
			return false
		}
		events = append(events, event)
		return true
	}
	l.passed = slices.DeleteFunc(l.passed, take)
	for len(events) < n {
		if event := parseObject(t, l.await(t, l.stdout, "{")); !take(event) {
			l.passed = append(l.passed, event)
		}
	}
	return events
}

func parseObject(t *testing.T, text string) map[string]any {
	t.Helper()
	var object map[string]any
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&object); err != nil {
		t.Fatalf("%q is no JSON object: %v", text, err)
	}
	return object
}
