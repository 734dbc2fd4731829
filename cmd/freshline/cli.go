package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/spf13/cobra"
)

// cli is one invocation: the outside, and the settings that were chosen.
type cli struct {
	stdin    io.Reader
	stdout   io.Writer
	stderr   io.Writer // lines may come from several goroutines
	terminal struct{ in, out, err bool }
	env      environment
	settings map[string]chosen

	progressing atomic.Bool // a line of progress is in use
}

// run runs one command line and returns the exit code. env has NAME=value entries, as os.Environ.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, env []string) int {
	c := &cli{stdin: stdin, stdout: stdout, stderr: &lockedWriter{w: stderr}, env: newEnvironment(env)}
	c.terminal.in, c.terminal.out, c.terminal.err = isTerminal(stdin), isTerminal(stdout), isTerminal(stderr)
	root := c.newRootCommand()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(c.stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = errors.New("interrupted")
	}
	c.say("%s", strings.ReplaceAll(strings.TrimRight(err.Error(), "\n"), "\n", "\n  "))
	return exitCode(err)
}

// lockedWriter is a writer for several goroutines.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// say writes a line to standard error.
func (c *cli) say(format string, args ...any) {
	fmt.Fprintf(c.stderr, "freshline: "+format+"\n", args...)
}

// command completes a command: its settings become flags, and are resolved before it runs.
func (c *cli) command(cmd *cobra.Command, runE func(cmd *cobra.Command, args []string) error, settings ...string) *cobra.Command {
	for _, name := range settings {
		addFlag(cmd.Flags(), settingNamed(name))
	}
	if cmd.Args == nil {
		cmd.Args = noArguments
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := c.resolve(cmd.Flags(), settings); err != nil {
			return err
		}
		return runE(cmd, args)
	}
	return cmd
}
