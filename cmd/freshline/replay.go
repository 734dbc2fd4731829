package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream/replay"
)

const replayLong = `Run the rules over a file of events, without Kafka, and print what changes at each checkpoint.

Each line of the file is one JSON object:

  {"push": {"features": [...]}}                   a graph comes into force
  {"write": "video/raw", "row": {"video_id": 1, "metaxy_provenance_by_field": {"audio": "a", "frames": "f"}}}
  {"delete": "video/raw", "row": {"video_id": 1}}
  {"invalidate": "video/raw", "where": "video_id = 1"}
  {"fail": "video/chunk", "key": {"video_id": 1}, "type": "DecodeError", "message": "..."}
  {"checkpoint": "label"}

The file - is standard input. --gate, --hash and --truncate hold where a graph sets none. In the gate settled,
the default as on Kafka, work waits while its inputs are about to change. A line that is refused is printed as a dead
letter and the run goes on; a file that cannot be read and a line that is not JSON end it with exit code 2.`

func (c *cli) newReplayCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "replay EVENTS.jsonl",
		Short: "Run the rules over a file of events, without Kafka",
		Long:  replayLong,
		Args:  oneArgument("a file of events, or - for standard input"),
	}
	gate := cmd.Flags().String("gate", "settled", "`gate` of graphs that set none: settled or immediate")
	hash := cmd.Flags().String("hash", string(graph.DefaultAlgorithm), "`algorithm` of graphs that set none: xxhash32, xxhash64, xxh3_64, wyhash, sha256 or md5")
	length := cmd.Flags().Int("truncate", graph.DefaultLength, "`characters` of a sample hash, 8 to 64, for graphs that set none")
	return c.command(cmd, func(cmd *cobra.Command, args []string) error {
		options, err := replayOptions(cmd, *gate, *hash, *length)
		if err != nil {
			return err
		}
		return c.replay(cmd, args[0], options)
	}, "output")
}

func replayOptions(cmd *cobra.Command, gate, hash string, length int) (o replay.Options, err error) {
	switch gate {
	case "settled":
		o.Gate = graph.GateSettled
	case "immediate":
		o.Gate = graph.GateImmediate
	default:
		return o, usage(cmd, "--gate: unknown gate %q%s", gate, didYouMean(gate, []string{"settled", "immediate"}))
	}
	if o.Hash, err = graph.ParseAlgorithm(hash); err != nil {
		return o, usage(cmd, "--hash: %s", err)
	}
	if length < 8 || length > 64 {
		return o, usage(cmd, "--truncate: %d is not from 8 to 64", length)
	}
	o.Length = length
	return o, nil
}

// replay runs a file and prints what the run says.
func (c *cli) replay(cmd *cobra.Command, path string, options replay.Options) error {
	f, err := c.format(listFormats)
	if err != nil {
		return err
	}
	file, err := c.openInput(path)
	if err != nil {
		return &usageError{text: fmt.Sprintf("cannot read %s: %s", path, reason(err)), hint: "name a file of events, or - for standard input"}
	}
	defer file.Close()
	if path == "-" && c.terminal.in {
		c.say("reading events from the terminal; Ctrl-D ends them")
	}
	in := &interruptible{ctx: cmd.Context(), r: file}
	defer in.close()
	progress := c.startProgress("replay", func() string { return replayed(in.read.Load(), file) })
	defer progress.end()
	out := bufio.NewWriterSize(progress.above(c.stdout), 1<<16)
	printer := &replayPrinter{format: f, array: &jsonArray{w: out}, out: out, colours: c.colours()}
	printer.lines = replay.JSONLines{W: out}
	if f == formatJSON {
		printer.lines.W = printer.array
	}
	err = replay.Run(flushBefore{in, printer}, printer, options)
	if endErr := printer.end(); err == nil {
		err = endErr
	}
	var wrong *replay.LineError
	switch {
	case cmd.Context().Err() != nil:
		return cmd.Context().Err()
	case errors.As(err, &wrong):
		name := path
		if path == "-" {
			name = "standard input"
		}
		var unread *fs.PathError
		if errors.As(wrong.Err, &unread) {
			return &usageError{text: fmt.Sprintf("cannot read %s: line %d: %s", name, wrong.Line, unread.Err)}
		}
		return &usageError{
			text: fmt.Sprintf("%s: line %d: %s", name, wrong.Line, wrong.Err),
			hint: "each line is one JSON object; what stands before that line has been run",
		}
	}
	return err
}

// reason is an error of the file system without the operation and the path.
func reason(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// replayed says how much of the file has been read.
func replayed(read int64, file io.Reader) string {
	if f, ok := file.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && info.Size() > 0 {
			return fmt.Sprintf("%d %% of %s bytes", 100*read/info.Size(), grouped(info.Size()))
		}
	}
	return grouped(read) + " bytes"
}

// flushBefore prints what there is before more input is waited for.
type flushBefore struct {
	io.Reader
	printer *replayPrinter
}

func (f flushBefore) Read(b []byte) (int, error) {
	if err := f.printer.flush(); err != nil {
		return 0, err
	}
	return f.Reader.Read(b)
}
