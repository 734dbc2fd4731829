package stream

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/twmb/franz-go/pkg/kfake"
)

// EmbeddedOptions are the settings of an Embedded broker. The zero value works: a random port and
// nothing on disk.
type EmbeddedOptions struct {
	// Port to listen on, on 127.0.0.1. 0 takes a free one.
	Port int

	// DataDir keeps topics, records and committed offsets over a restart; it is made if it is not
	// there. Empty: all is in memory and gone after Close. What is written reaches the disk
	// when the operating system writes it, and at Close: a machine that loses power may lose the newest records.
	DataDir string

	// Log takes the broker's warnings and errors. Default: they are dropped.
	Log *slog.Logger
}

// Validate says what is wrong with the options.
func (o EmbeddedOptions) Validate() error {
	if o.Port < 0 || o.Port > 65535 {
		return fmt.Errorf("port %d of the embedded broker is not from 0 to 65535", o.Port)
	}
	return nil
}

// Embedded is a Kafka broker inside the process (franz-go's kfake), for a first try, tests and
// demonstrations. It speaks Kafka's protocol with groups and transactions on 127.0.0.1, has one
// node, never creates a topic unasked, and is no replacement for Kafka in production.
type Embedded struct {
	cluster *kfake.Cluster
}

// StartEmbedded starts a broker. The caller closes it.
func StartEmbedded(opts EmbeddedOptions) (*Embedded, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	settings := []kfake.Opt{
		kfake.ClusterID("freshline-embedded"),
		// kfake has a number of ports and no number of brokers where both are given.
		kfake.Ports(opts.Port),
		kfake.DefaultNumPartitions(1),
		kfake.BrokerConfigs(map[string]string{"default.replication.factor": "1"}),
	}
	if opts.DataDir != "" {
		settings = append(settings, kfake.DataDir(opts.DataDir))
	}
	if opts.Log != nil {
		settings = append(settings, kfake.WithLogger(embeddedLog{opts.Log}))
	}
	cluster, err := kfake.NewCluster(settings...)
	if err != nil {
		where := "in memory"
		if opts.DataDir != "" {
			where = "on " + opts.DataDir
		}
		return nil, fmt.Errorf("start the embedded broker on port %d, %s: %w", opts.Port, where, err)
	}
	return &Embedded{cluster: cluster}, nil
}

// Brokers returns the address to connect to, as host:port.
func (e *Embedded) Brokers() []string { return e.cluster.ListenAddrs() }

// Cluster returns settings that reach the broker.
func (e *Embedded) Cluster() Cluster { return Cluster{Brokers: e.Brokers()} }

// Compact runs the log cleaner over every compacted topic now. Kafka does so by itself; the
// embedded broker once an hour.
func (e *Embedded) Compact() { e.cluster.Compact() }

// Close stops the broker and, with a DataDir, writes what is left to disk.
func (e *Embedded) Close() { e.cluster.Close() }

// embeddedLog passes the warnings and errors of kfake on.
type embeddedLog struct{ log *slog.Logger }

// Logf writes one line of kfake.
func (l embeddedLog) Logf(level kfake.LogLevel, format string, args ...any) {
	switch level {
	case kfake.LogLevelError:
		l.log.Error("embedded broker: " + strings.TrimSpace(fmt.Sprintf(format, args...)))
	case kfake.LogLevelWarn:
		l.log.Warn("embedded broker: " + strings.TrimSpace(fmt.Sprintf(format, args...)))
	}
}
