package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/freshline/freshline/stream"
)

const doctorLong = `Look at a deployment and at what it stands on, and say what is wrong with it and what to do: brokers and what they have
switched on, the graph, topics (there, compacted, with the partitions that they had), replicas and min.insync.replicas,
the group of the processors and its offsets, the timeouts that brokers allow, transactions that hold readers back,
clocks, and share groups of workers. With --state also the state of a process on this machine, held against the logs; a
process that runs has its own open. It changes nothing.

The exit code is 1 if an error was found; warnings are not errors.`

func (c *cli) newDoctorCommand() *cobra.Command {
	return c.command(&cobra.Command{
		Use:   "doctor",
		Short: "Look for what is wrong with a deployment",
		Long:  doctorLong,
	}, func(cmd *cobra.Command, _ []string) error {
		cluster, err := c.cluster()
		if err != nil {
			return err
		}
		l, err := c.newListing("LEVEL", "CHECK", "SUBJECT", "FINDING")
		if err != nil {
			return err
		}
		progress := c.startProgress("doctor", nil)
		findings, err := stream.Diagnose(cmd.Context(), cluster, c.namespace(), c.text("state"))
		progress.end()
		if err != nil {
			return err
		}
		errs := 0
		for _, f := range findings {
			if f.Level == stream.LevelError {
				errs++
			}
			what := f.What
			if f.Do != "" {
				what += "; " + f.Do
			}
			if err := l.add(f, string(f.Level), f.Check, plain(f.Subject), plain(what)); err != nil {
				return err
			}
		}
		if err := l.end(""); err != nil {
			return err
		}
		if errs > 0 {
			return fmt.Errorf("%s found", counted(int64(errs), "error"))
		}
		return nil
	}, append([]string{"output", "state"}, clusterSettings...)...)
}
