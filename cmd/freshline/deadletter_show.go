package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/freshline/freshline/schema"
	"github.com/freshline/freshline/stream"
)

const deadletterShowLong = `Show one record that could not be used: why, where it lies, its key, headers and value. It is named by its place, as
deadletter list has it (topic/partition/offset), or by the offset of the dead letter. A value that does not decode is
shown as it is, at most 4 KiB of it. --raw writes the value as it is to standard output, and nothing else.`

// maxDump bounds the bytes of a value or a header that are shown for people.
const maxDump = 4 << 10

func (c *cli) newDeadletterShowCommand() *cobra.Command {
	var raw bool
	cmd := c.command(&cobra.Command{
		Use:   "show ORIGIN | OFFSET",
		Short: "Show one record that could not be used",
		Long:  deadletterShowLong,
		Args:  oneArgument("the place of a record, such as freshline.sample.video.raw/0/17"),
	}, func(cmd *cobra.Command, args []string) error {
		name, err := parseLetterName(args[0])
		if err != nil {
			return usage(cmd, "%s", err)
		}
		if o := c.settings["output"]; raw && o.flag {
			return usage(cmd, "--raw and %s: the bytes have no format; leave one of the two out", o.origin)
		}
		return c.showLetter(cmd.Context(), name, raw)
	}, append([]string{"output"}, recordSettings...)...)
	cmd.Flags().BoolVar(&raw, "raw", false, "write the value untouched, and nothing else")
	return hasFormats(cmd, publishFormats)
}

// shownLetter is one dead letter whole, as JSON.
type shownLetter struct {
	letterObject
	KeyBytes   []byte          `json:"key_bytes,omitempty"` // base64
	Headers    []shownHeader   `json:"headers"`
	ValueBytes []byte          `json:"value_bytes,omitempty"` // base64
	Record     json.RawMessage `json:"record,omitempty"`      // the value as a sample, where it decodes
	Unreadable string          `json:"unreadable,omitempty"`  // why it does not
}

type shownHeader struct {
	Name  string `json:"name"`
	Value []byte `json:"value"` // base64
}

func (c *cli) showLetter(ctx context.Context, name letterName, raw bool) error {
	f, err := c.format(publishFormats)
	if err != nil {
		return err
	}
	cluster, err := c.cluster()
	if err != nil {
		return err
	}
	d, err := c.findLetter(ctx, cluster, name)
	if err != nil {
		return err
	}
	if raw {
		switch {
		case d.Value == nil:
			return fmt.Errorf("%s is a deletion: it has no value", d.Origin)
		case d.Size > len(d.Value):
			c.say("%s", d.Cut)
		}
		_, err := c.stdout.Write(d.Value)
		return err
	}
	s := shownLetter{letterObject: newLetterObject(*d), KeyBytes: d.Key, ValueBytes: d.Value, Headers: []shownHeader{}}
	for _, h := range d.Headers {
		s.Headers = append(s.Headers, shownHeader{h.Key, h.Value})
	}
	if d.Value != nil {
		if s.Record, s.Unreadable, err = c.decodeLetter(ctx, cluster, d.Value); err != nil {
			return err
		}
	}
	if f != formatText {
		return c.printObject(f, s)
	}
	_, err = io.WriteString(c.stdout, s.text(d))
	return err
}

// findLetter reads the dead letter of a name.
func (c *cli) findLetter(ctx context.Context, cluster stream.Cluster, name letterName) (*stream.DeadLetter, error) {
	defer c.startProgress("deadletter show", nil).end()
	for d, err := range stream.DeadLetters(ctx, cluster, c.namespace(), stream.DeadLetterOptions{From: max(0, name.offset)}) {
		if err != nil {
			return nil, c.noLetters(err)
		}
		if name.names(d) {
			return &d, d.Err
		}
	}
	return nil, c.noLetter(name)
}

func (c *cli) noLetter(name letterName) error {
	return fmt.Errorf("topic %s has no dead letter %s; `freshline deadletter list --all` lists them", c.namespace().DeadLetter(), name.text)
}

// decodeLetter decodes a value as a sample, or says why it is none.
func (c *cli) decodeLetter(ctx context.Context, cluster stream.Cluster, value []byte) (record json.RawMessage, unreadable string, err error) {
	schemas, closeSchemas, err := c.sampleSchemas(ctx, cluster)
	if err != nil {
		return nil, "", err
	}
	defer closeSchemas()
	decoded, err := schema.NewDecoder(schemas, nil).Decode(ctx, value)
	switch {
	case ctx.Err() != nil:
		return nil, "", ctx.Err()
	case err != nil && json.Valid(value):
		return nil, "it is JSON and not Avro", nil
	case err != nil:
		return nil, err.Error(), nil
	}
	return recordObject(decoded), "", nil
}

// text is the dead letter for people.
func (s *shownLetter) text(d *stream.DeadLetter) string {
	var b strings.Builder
	line := func(title, text string) { fmt.Fprintf(&b, "%-8s  %s\n", title, plain(text)) }
	line("origin", fmt.Sprintf("%s, written %s", s.Origin, s.Timestamp))
	line("reason", fmt.Sprintf("%s: %s", s.Reason, s.Detail))
	if s.Column != "" {
		line("column", s.Column)
	}
	line("refused", fmt.Sprintf("%s, dead letter %d", s.RefusedAt, s.DeadLetter.Offset))
	if s.Retried != nil {
		line("retried", fmt.Sprintf("%s, the copy is %s", s.Retried.Timestamp, stream.Origin{Topic: s.Topic, Partition: s.Partition, Offset: s.Retried.Offset}))
	}
	if s.Cut != "" {
		line("cut", s.Cut)
	}
	if d.Key == nil {
		line("key", "none")
	} else {
		line("key", shortText(d.Key))
	}
	for i, h := range d.Headers {
		title := "headers"
		if i > 0 {
			title = ""
		}
		line(title, fmt.Sprintf("%s: %s", h.Key, shortText(h.Value)))
	}
	switch {
	case d.Value == nil:
		line("value", "none: the record deletes its key")
	case s.Record != nil:
		line("value", counted(s.Bytes, "byte"))
		var indented bytes.Buffer
		if err := json.Indent(&indented, s.Record, "", "  "); err != nil {
			indented.Write(s.Record)
		}
		for text := range strings.SplitSeq(indented.String(), "\n") {
			fmt.Fprintf(&b, "%s\n", plain(text))
		}
	default:
		line("value", fmt.Sprintf("%s, not decoded: %s", counted(s.Bytes, "byte"), s.Unreadable))
		if shown := d.Value[:min(len(d.Value), maxDump)]; json.Valid(d.Value) {
			fmt.Fprintf(&b, "%s\n", plain(strings.ToValidUTF8(string(shown), "")))
		} else {
			b.WriteString(hex.Dump(shown))
		}
		if len(d.Value) > maxDump {
			fmt.Fprintf(&b, "and %s more; --raw writes them all\n", counted(len(d.Value)-maxDump, "byte"))
		}
	}
	return b.String()
}

// shortText is text as it is, or other bytes in hexadecimal.
func shortText(value []byte) string {
	text, form := string(value), "%s"
	if !utf8.Valid(value) {
		text, form = hex.EncodeToString(value), "0x%s"
	}
	if len(text) > maxDump {
		return fmt.Sprintf(form+"… (%s)", strings.ToValidUTF8(text[:maxDump], ""), counted(len(value), "byte"))
	}
	return fmt.Sprintf(form, text)
}
