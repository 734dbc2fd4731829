package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/schema"
	"github.com/freshline/freshline/stream"
)

const failLong = `Say that a piece of work cannot be done: it is FAILED, and nobody is offered it or waits for it, until
` + "`freshline retry`" + ` takes that back or the work becomes another. A worker in Go calls Job.Fail.

  freshline fail video/chunk '{"video_id":1}' --type DecodeError --message 'no video stream'

KEY is that of the event, its columns in any order, or the ids of the sample. Without --event-id the key must have work
now, NEW or STALE, and that is what has failed.`

// failedObject is a failure that was written, as JSON.
type failedObject struct {
	Feature graph.FeatureKey `json:"feature"`
	Key     json.RawMessage  `json:"key"`
	EventID string           `json:"event_id"`
	Type    string           `json:"type"`
	Message string           `json:"message"`
}

func (c *cli) newFailCommand() *cobra.Command {
	var report schema.FailureReport
	var eventID string
	cmd := c.command(&cobra.Command{
		Use:   "fail FEATURE KEY --type TYPE [--message TEXT]",
		Short: "Say that a piece of work cannot be done",
		Long:  failLong,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usage(cmd, "%s needs a feature and a key, such as video/chunk '{\"video_id\":1}'", commandName(cmd))
			}
			return nil
		},
	}, func(cmd *cobra.Command, args []string) error {
		if _, err := graph.ParseFeatureKey(args[0]); err != nil {
			return usage(cmd, "%s", err)
		}
		if report.Type == "" {
			return usage(cmd, "fail needs the kind of the error, such as --type DecodeError")
		}
		if cmd.Flags().Changed("event-id") && !isEventID(eventID) {
			return usage(cmd, "--event-id: %q is not 32 hexadecimal digits", eventID)
		}
		return c.fail(cmd.Context(), args[0], args[1], eventID, report)
	}, append([]string{"output"}, recordSettings...)...)
	cmd.Flags().StringVar(&report.Type, "type", "", "`kind` of the error")
	cmd.Flags().StringVar(&report.Message, "message", "", "what went wrong, a `text` for people")
	cmd.Flags().StringVar(&eventID, "event-id", "", "`id` of the event that was worked on; default that of the present work")
	return cmd
}

func isEventID(text string) bool {
	if len(text) != 32 {
		return false
	}
	for _, r := range text {
		if (r < '0' || r > '9') && (r < 'a' || r > 'f') {
			return false
		}
	}
	return true
}

func (c *cli) fail(ctx context.Context, feature, text, eventID string, report schema.FailureReport) error {
	format, err := c.format(listFormats)
	if err != nil {
		return err
	}
	cluster, f, err := c.workFeature(ctx, feature)
	if err != nil {
		return err
	}
	key, err := parseWorkKey(f, text)
	if err != nil {
		return err
	}
	log, err := stream.OpenFailureLog(ctx, cluster, c.namespace())
	if err != nil {
		return err
	}
	defer log.Close()
	failure := schema.Failure{Feature: f.Key, Key: string(key.event), EventID: eventID, FailureReport: report}
	failure.Attempt = 1
	var partition int32
	if eventID != "" && key.event != nil {
		partition, err = log.Partition(ctx, f, key.names, key.values)
	} else {
		partition, err = c.findWork(ctx, cluster, f, key, &failure)
	}
	if err != nil {
		return err
	}
	if err := log.Fail(ctx, partition, failure); err != nil {
		return err
	}
	if format != formatTable {
		return c.printObject(format, failedObject{f.Key, keyObject([]byte(failure.Key)), failure.EventID, failure.Type, failure.Message})
	}
	_, err = fmt.Fprintf(c.stdout, "%s %s has failed: %s\n", f.Key, plain(failure.Key), plain(failure.Type))
	return err
}

// findWork looks the work of a key up in the work list, and completes the failure with what it does
// not have. It returns the partition.
func (c *cli) findWork(ctx context.Context, cluster stream.Cluster, f *graph.FeaturePlan, key *workKey, failure *schema.Failure) (int32, error) {
	var found stream.Event
	err := c.outstanding(ctx, cluster, f.Key, func(e stream.Event) bool {
		if !key.of(e) {
			return false
		}
		found = e
		return true
	})
	if err != nil {
		return 0, err
	}
	switch s := found.Staleness; {
	case s == nil && failure.EventID != "":
		return 0, fmt.Errorf("%s of %s is not in the work list, so the rest of its key is not known; write it as %s", key.text, f.Key, keyForms(f))
	case s == nil:
		return 0, fmt.Errorf("%s of %s has no work that could fail: it is fresh, or nobody knows of it", key.text, f.Key)
	case failure.EventID != "":
	case s.Status == graph.New || s.Status == graph.Stale:
		failure.EventID = s.EventID
	default:
		return 0, fmt.Errorf("%s of %s has no work that could fail: it is %s", key.text, f.Key, s.Status)
	}
	failure.Key = string(found.Key)
	return found.Partition, nil
}
