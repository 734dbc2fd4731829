// Command freshline says, as it happens, which samples of a data pipeline are out of date.
//
// # Commands
//
// A command is a method of cli that makes a *cobra.Command, in a file of its name. Everything it needs of the
// outside (arguments, the three streams, the environment) comes through run, so that tests call it in the process.
// What a command prints for others to read goes to standard output by a listing or printObject, in the format that
// -o chose; what it says about itself goes to standard error.
//
// # Settings
//
// settingTable has every setting: its name, default, doc and check. A command names those that it uses and gets
// their flags. A value is taken from the flag, else from FRESHLINE_NAME, else from the nearest freshline.toml in
// the working directory or above it, else the default. A key of the file or a variable that is no setting is an
// error; the variables that Kubernetes makes of a service named freshline, and FRESHLINE_TEST_*, are not looked at.
// A path in the file is relative to the file.
//
// # Exit codes
//
//	0  done; for run, dev and watch also that they were interrupted
//	1  failed
//	2  usage: the command line, a setting, or a file that cannot be read
//	3  not in sync (status --assert-in-sync)
//
// # Asking a running processor
//
// run and dev answer questions over HTTP (stream/httpapi) at an address that they tell the consumer group. explain asks
// any of them; status asks all, and reads topics where their sum is not that of the whole deployment.
//
// # Non-obvious
//
//   - The format of -o is a setting like others. A format in the environment or the file that a command does not
//     have is passed over: it is meant for the commands that have it. As a flag it is an error.
//   - A graph that is refused is a failure (1); a graph file that is not there is usage (2).
//   - Replay writes what it has before it waits for more input, so a pipe sees each checkpoint as it is reached.
//   - Text from outside may hold control characters; a table shows them escaped, as a terminal would obey them.
package main
