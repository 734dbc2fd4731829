// Command standin takes freshline's place where the container itself is tested: it says with what arguments
// and for which time it was started on this state, that it is ready, and ends on SIGTERM.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "standin:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("standin", flag.ContinueOnError)
	state := flags.String("state", "", "folder of the state")
	for _, ignored := range []string{"brokers", "namespace", "instance-id"} {
		flags.String(ignored, "", "not used")
	}
	fail := flags.Bool("fail", false, "end at once")
	if len(args) == 0 || args[0] != "run" {
		return fmt.Errorf("no command run in %q", args)
	}
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	if *fail {
		return fmt.Errorf("told to fail")
	}
	file := filepath.Join(*state, "starts")
	starts, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	starts = append(starts, 'x')
	if err := os.WriteFile(file, starts, 0o600); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	fmt.Fprintf(os.Stderr, "start %d uid %d args %s env %s\n", len(starts), os.Getuid(), strings.Join(args, " "), os.Getenv("STANDIN"))
	fmt.Fprintln(os.Stderr, `{"msg":"freshline is ready"}`)
	<-ctx.Done()
	fmt.Fprintln(os.Stderr, "goodbye")
	return nil
}
