package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const rootLong = `Freshline tells a data pipeline, as it happens, which samples are out of date.

Try it:            freshline demo
Check a graph:     freshline graph check graph.yaml
Run it on Kafka:   freshline graph publish graph.yaml --brokers HOST:PORT
                   freshline run --brokers HOST:PORT --state DIR

Settings come from flags, else from FRESHLINE_* variables, else from the nearest freshline.toml in this
directory or above: --commit-interval is FRESHLINE_COMMIT_INTERVAL and commit_interval = "100ms".

Exit codes: 0 done, 1 failed, 2 usage, 3 not in sync.`

func (c *cli) newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "freshline",
		Short:         "Which samples of a data pipeline are out of date, as it happens",
		Long:          rootLong,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          unknownCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(
		c.newDemoCommand(),
		c.newRunCommand(),
		c.newDevCommand(),
		c.newGraphCommand(),
		c.newTopicsCommand(),
		c.newResetCommand(),
		c.newDoctorCommand(),
		c.newVerifyCommand(),
		c.newSchemaCommand(),
		c.newPutCommand(),
		c.newWatchCommand(),
		c.newWorklistCommand(),
		c.newFailCommand(),
		c.newRetryCommand(),
		c.newStatusCommand(),
		c.newExplainCommand(),
		c.newInvalidateCommand(),
		c.newDeadletterCommand(),
		c.newReplayCommand(),
		c.newVersionCommand(),
	)
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() == "completion" {
			describeCompletion(cmd)
		}
	}
	return root
}

// describeCompletion makes the mistakes of cobra's own command usage errors like all others.
func describeCompletion(cmd *cobra.Command) {
	cmd.Args = unknownCommand
	cmd.RunE = needsCommand
	for _, shell := range cmd.Commands() {
		shell.Args = noArguments
	}
}

// group makes a command that is nothing but the parent of others.
func group(cmd *cobra.Command, children ...*cobra.Command) *cobra.Command {
	cmd.Args = unknownCommand
	cmd.RunE = needsCommand
	cmd.AddCommand(children...)
	return cmd
}

func commandNames(cmd *cobra.Command) []string {
	var names []string
	for _, child := range cmd.Commands() {
		if child.IsAvailableCommand() {
			names = append(names, child.Name())
		}
	}
	return names
}

// commandName is the name without that of the program.
func commandName(cmd *cobra.Command) string {
	return strings.TrimPrefix(cmd.CommandPath(), "freshline ")
}

// unknownCommand refuses whatever follows a command that has commands of its own.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usage(cmd, "unknown command %q%s", args[0], didYouMean(args[0], commandNames(cmd)))
}

func needsCommand(cmd *cobra.Command, _ []string) error {
	return usage(cmd, "%s needs a command: %s", commandName(cmd), strings.Join(commandNames(cmd), ", "))
}

func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usage(cmd, "%s takes no argument, but %q is given", commandName(cmd), args[0])
}

// oneArgument says what the argument is, for the message where it is missing.
func oneArgument(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch len(args) {
		case 0:
			return usage(cmd, "%s needs %s", commandName(cmd), what)
		case 1:
			return nil
		}
		return usage(cmd, "%s takes one argument, but %d are given", commandName(cmd), len(args))
	}
}

// flagError words what is wrong with flags.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "" {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
		name := "--" + unknown.GetSpecifiedName()
		return usage(cmd, "unknown flag %s%s", name, didYouMean(name, names))
	}
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) && invalid.GetFlag().Value.Type() == "int" {
		return usage(cmd, "--%s: %q is no number", invalid.GetFlag().Name, invalid.GetValue())
	}
	return usage(cmd, "%s", err)
}

// usage is an error of the command line.
func usage(cmd *cobra.Command, format string, args ...any) error {
	return &usageError{text: fmt.Sprintf(format, args...), hint: fmt.Sprintf("see `%s --help`", cmd.CommandPath())}
}
