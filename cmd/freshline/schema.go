package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/freshline/freshline/schema"
	"github.com/freshline/freshline/stream"
)

// schemaObject is one published schema, as JSON.
type schemaObject struct {
	Offset      *int64          `json:"offset,omitempty"`
	Fingerprint string          `json:"fingerprint,omitempty"`
	Name        string          `json:"name,omitempty"`
	Schema      json.RawMessage `json:"schema,omitempty"`
	Error       string          `json:"error,omitempty"`
}

func (c *cli) newSchemaCommand() *cobra.Command {
	return group(&cobra.Command{Use: "schema", Short: "Add and list the Avro schemas of writers, where there is no registry"},
		c.newSchemaAddCommand(),
		c.newSchemaListCommand(),
	)
}

func (c *cli) newSchemaAddCommand() *cobra.Command {
	return c.command(&cobra.Command{
		Use:   "add FILE",
		Short: "Publish the Avro schema of a writer that is not ours",
		Long: `Publish an Avro schema, so that samples written with it in single-object encoding can be read. The file - is
standard input. freshline put and the Go producer publish theirs by themselves. To add one again changes nothing.`,
		Args: oneArgument("a file with an Avro schema, or - for standard input"),
	}, func(cmd *cobra.Command, args []string) error {
		f, err := c.format(listFormats)
		if err != nil {
			return err
		}
		text, err := c.readWhole(args[0], schema.MaxSchemaText)
		if err != nil {
			return &usageError{text: fmt.Sprintf("cannot read the schema %s: %s", args[0], reason(err))}
		}
		parsed, err := schema.ParseSchema(text)
		if err != nil {
			return fmt.Errorf("%s: %s", args[0], strings.TrimPrefix(err.Error(), schema.ErrBadBytes.Error()+": "))
		}
		cluster, err := c.cluster()
		if err != nil {
			return err
		}
		log, err := stream.OpenSchemaLog(cmd.Context(), cluster, c.namespace())
		if err != nil {
			return err
		}
		defer log.Close()
		fingerprint, err := log.Add(cmd.Context(), string(text))
		if err != nil {
			return c.noSchemas(err)
		}
		if f != formatTable {
			return c.printObject(f, schemaObject{Fingerprint: fingerprintText(fingerprint), Name: parsed.Name()})
		}
		_, err = fmt.Fprintf(c.stdout, "added %s, fingerprint %s\n", plain(parsed.Name()), fingerprintText(fingerprint))
		return err
	}, append([]string{"output"}, clusterSettings...)...)
}

// noSchemas words the error of a schema topic that does not exist.
func (c *cli) noSchemas(err error) error {
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		return fmt.Errorf("there is nothing in namespace %s: topic %s does not exist; create it with `freshline topics create`, or name another --namespace", c.namespace(), c.namespace().Schemas())
	}
	return err
}

func fingerprintText(fingerprint uint64) string { return fmt.Sprintf("%016x", fingerprint) }

func (c *cli) newSchemaListCommand() *cobra.Command {
	return c.command(&cobra.Command{
		Use:   "list",
		Short: "List the schemas of the schema topic",
	}, func(cmd *cobra.Command, _ []string) error {
		cluster, err := c.cluster()
		if err != nil {
			return err
		}
		l, err := c.newListing("OFFSET", "FINGERPRINT", "NAME")
		if err != nil {
			return err
		}
		log, err := stream.OpenSchemaLog(cmd.Context(), cluster, c.namespace())
		if err != nil {
			return err
		}
		defer log.Close()
		entries, err := log.List(cmd.Context())
		if err != nil {
			return c.noSchemas(err)
		}
		for _, entry := range entries {
			o := schemaObject{Offset: &entry.Offset, Fingerprint: fingerprintText(entry.Fingerprint)}
			if entry.Err != nil {
				o.Error = entry.Err.Error()
				err = l.add(o, entry.Offset, o.Fingerprint, "unreadable: "+o.Error)
			} else {
				o.Name, o.Schema = entry.Schema.Name(), json.RawMessage(entry.Schema.Text())
				err = l.add(o, entry.Offset, o.Fingerprint, o.Name)
			}
			if err != nil {
				return err
			}
		}
		return l.end("the schema topic is empty")
	}, append([]string{"output"}, clusterSettings...)...)
}
