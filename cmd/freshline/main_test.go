package main

import (
	"bytes"
	"context"
	"flag"
	"io"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/freshline/freshline/stream"
)

var update = flag.Bool("update", false, "write what the commands print into the files of testdata")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testContext ends with the test, and long before the test run does.
func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// testBroker starts an embedded broker that ends with the test, and returns its address.
func testBroker(t *testing.T) string {
	t.Helper()
	b, err := stream.StartEmbedded(stream.EmbeddedOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b.Brokers()[0]
}

// outcome is what one command line came to.
type outcome struct {
	stdout, stderr string
	code           int
}

// invoke runs a command line in the process.
func invoke(t *testing.T, env []string, stdin io.Reader, args ...string) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(testContext(t), args, stdin, &stdout, &stderr, env)
	return outcome{stdout.String(), stderr.String(), code}
}

// must runs a command line that has to succeed, and returns its standard output.
func must(t *testing.T, env []string, stdin string, args ...string) string {
	t.Helper()
	o := invoke(t, env, strings.NewReader(stdin), args...)
	if o.code != exitDone {
		t.Fatalf("freshline %s: exit code %d\n%s", strings.Join(args, " "), o.code, o.stderr)
	}
	return o.stdout
}

// contextWithInterrupt is the context of a command, and what Ctrl-C would do.
func contextWithInterrupt(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithCancel(testContext(t))
}
