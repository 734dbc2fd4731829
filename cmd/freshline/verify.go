package main

import (
	"fmt"
	"os"
	"sync"

	"github.com/spf13/cobra"

	"github.com/freshline/freshline/stream"
)

const verifyLong = `Read the logs of a deployment again and compare. Of each record key of a sample topic the newest record has to be filed
in the topic of rows, or to have a dead letter. Then the statuses are computed anew from what is filed, and every event
has to be in its topic as it follows from the rules, and no other. It writes nothing to Kafka, and takes no part in the
group.

Processors may run; it waits until they have nothing left to do, and fails where samples are written meanwhile. It keeps
a state of its own, as large as that of all processes together, in memory or in the --dir that is named, which must not
be there or be empty, and is emptied at the end. The exit code is 3 where anything differs; what to do then is "freshline reset", and to tell us.`

// shownDifferences is how many differences are printed without --all.
const shownDifferences = 100

// differenceObject is a difference, as JSON.
type differenceObject struct {
	Kind  stream.DifferenceKind `json:"kind"`
	Topic string                `json:"topic"`
	Key   string                `json:"key"`
	Is    string                `json:"is"`
	Want  string                `json:"want"`
}

func (c *cli) newVerifyCommand() *cobra.Command {
	var dir string
	var all bool
	cmd := c.command(&cobra.Command{
		Use:   "verify",
		Short: "Read the logs again and compare what is filed and said",
		Long:  verifyLong,
	}, func(cmd *cobra.Command, _ []string) error { return c.verify(cmd, dir, all) }, append([]string{"output"}, recordSettings...)...)
	cmd.Flags().StringVar(&dir, "dir", "", "an empty `dir` for the state that is built; default in memory")
	cmd.Flags().BoolVar(&all, "all", false, fmt.Sprintf("print all differences, not only the first %d", shownDifferences))
	return cmd
}

func (c *cli) verify(cmd *cobra.Command, dir string, all bool) error {
	l, err := c.newListing("KIND", "TOPIC", "KEY", "IS", "SHOULD BE")
	if err != nil {
		return err
	}
	cluster, err := c.cluster()
	if err != nil {
		return err
	}
	registry, err := c.registry()
	if err != nil {
		return err
	}
	if entries, err := os.ReadDir(dir); dir != "" && err == nil && len(entries) > 0 {
		return fmt.Errorf("--dir %s is not empty: name a directory that is, or that is not there", dir)
	}
	reading := &readingProgress{positions: map[string][2]int64{}}
	progress := c.startProgress("verify", reading.text)
	v, err := stream.Verify(cmd.Context(), cluster, c.namespace(), stream.VerifyOptions{Dir: dir, Registry: registry, Progress: reading.note})
	progress.end()
	if err != nil {
		return err
	}
	for i, d := range v.Differences {
		if i == shownDifferences && !all {
			break
		}
		if err := l.add(differenceObject(d), string(d.Kind), d.Topic, plain(d.Key), plain(d.Is), plain(d.Want)); err != nil {
			return err
		}
	}
	if err := l.end(""); err != nil {
		return err
	}
	compared := fmt.Sprintf("%s and %s were compared", counted(v.Samples, "sample record"), counted(v.Events, "event"))
	if n := len(v.Differences); n > 0 {
		return fmt.Errorf("%w: %s, and %s", errNotInSync, compared, counted(int64(n), "difference"))
	}
	_, err = fmt.Fprintf(c.stderr, "%s: nothing differs\n", compared)
	return err
}

// readingProgress is how far logs are read.
type readingProgress struct {
	mu        sync.Mutex
	positions map[string][2]int64
}

func (r *readingProgress) note(topic string, partition int32, position, end int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.positions[fmt.Sprintf("%s/%d", topic, partition)] = [2]int64{position, end}
}

func (r *readingProgress) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var at, of int64
	for _, p := range r.positions {
		at, of = at+p[0], of+p[1]
	}
	return fmt.Sprintf("read %d of %d records of rows", at, of)
}
