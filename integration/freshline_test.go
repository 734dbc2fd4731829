package integration_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/freshline/freshline/integration"
)

// TestFreshlineContainer runs a stand-in for the binary: what is tested is the container around it.
func TestFreshlineContainer(t *testing.T) {
	needContainers(t)
	t.Parallel()
	ctx := deadline(t, 3*time.Minute)
	binary := standin(ctx, t)
	fresh, err := integration.StartFreshline(ctx, []string{"127.0.0.1:1", "127.0.0.1:2"},
		integration.FreshlineBinary(binary),
		integration.FreshlineNamespace("ns"),
		integration.FreshlineInstance("one"),
		integration.FreshlineEnv("STANDIN", "yes"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := fresh.Terminate(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
	})
	for _, step := range []func(context.Context) error{
		fresh.Pause, fresh.Unpause, fresh.Kill, fresh.Start, fresh.Stop, fresh.Start,
	} {
		if err := step(ctx); err != nil {
			t.Fatal(err)
		}
	}
	logs, err := fresh.Logs(ctx)
	if err != nil {
		t.Fatal(err)
	}
	const line = " uid 65532 args run --brokers 127.0.0.1:1,127.0.0.1:2 --namespace ns --state /state --instance-id one env yes\n"
	wantIn(t, logs, "start 1"+line, "start 2"+line, "goodbye\n", "start 3"+line)
}

func TestFreshlineContainerSaysWhyItEnded(t *testing.T) {
	needContainers(t)
	t.Parallel()
	ctx := deadline(t, 3*time.Minute)
	fresh, err := integration.StartFreshline(ctx, broker.Brokers(),
		integration.FreshlineBinary(standin(ctx, t)), integration.FreshlineArgs("--fail"))
	if err == nil {
		t.Error("it starts")
		if err := fresh.Terminate(ctx); err != nil {
			t.Error(err)
		}
		return
	}
	wantIn(t, err.Error(), "exited with code 1", "standin: told to fail")
}

func TestStartFreshlineRefuses(t *testing.T) {
	t.Parallel()
	ctx := deadline(t, time.Minute)
	for want, call := range map[string]func() error{
		"no brokers": func() error { _, err := integration.StartFreshline(ctx, nil); return err },
		"FreshlineImage a and FreshlineBinary b": func() error {
			_, err := integration.StartFreshline(ctx, []string{"127.0.0.1:1"},
				integration.FreshlineImage("a"), integration.FreshlineBinary("b"))
			return err
		},
	} {
		if err := call(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got: %v", want, err)
		}
	}
}

// standin compiles testdata/standin.
func standin(ctx context.Context, t *testing.T) string {
	t.Helper()
	binary, err := integration.Compile(ctx, "./testdata/standin")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "freshline")
	if err := os.WriteFile(path, binary, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func wantIn(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in:\n%s", part, text)
		}
	}
}
