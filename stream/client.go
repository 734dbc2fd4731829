package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// DefaultConnectTimeout is how long Connect tries to reach a broker.
const DefaultConnectTimeout = 15 * time.Second

// dialTimeout bounds one attempt to open a connection. It lies below DefaultConnectTimeout, so that
// a broker that swallows packets is tried more than once.
const dialTimeout = 5 * time.Second

// Cluster says how to reach Kafka. Every client of the package is made from one.
type Cluster struct {
	// Brokers are the addresses to start from, host:port each. At least one.
	Brokers []string

	// ClientID names the clients in the broker's logs and quotas. Default "freshline".
	ClientID string

	// ConnectTimeout is how long Connect tries before it gives up, and how long a request is
	// retried. Default 15 s.
	ConnectTimeout time.Duration

	// Log takes the warnings and errors of the Kafka client. Default: they are dropped.
	Log *slog.Logger
}

// ParseBrokers reads a comma-separated list of host:port.
func ParseBrokers(text string) ([]string, error) {
	var brokers []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			brokers = append(brokers, part)
		}
	}
	return brokers, Cluster{Brokers: brokers}.Validate()
}

// Validate says what is wrong with the settings.
func (c Cluster) Validate() error {
	if len(c.Brokers) == 0 {
		return errors.New("no Kafka broker is named; give at least one host:port with --brokers")
	}
	for _, address := range c.Brokers {
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			return fmt.Errorf("broker address %q: is not host:port; write it like 127.0.0.1:9092", address)
		}
		if host == "" {
			return fmt.Errorf("broker address %q: has no host; write it like 127.0.0.1:9092", address)
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return fmt.Errorf("broker address %q: port %q is not a number from 1 to 65535", address, port)
		}
	}
	if c.ConnectTimeout < 0 {
		return fmt.Errorf("connect timeout %s is negative", c.ConnectTimeout)
	}
	return nil
}

func (c Cluster) connectTimeout() time.Duration {
	if c.ConnectTimeout == 0 {
		return DefaultConnectTimeout
	}
	return c.ConnectTimeout
}

// options are the client options that every client of the package starts with; extra ones win.
//
// The reset offset is always set: franz-go's default rewinds a minute, which would re-read some
// records and skip others, and no reader here could tell.
func (c Cluster) options(extra ...kgo.Opt) []kgo.Opt {
	id := c.ClientID
	if id == "" {
		id = "freshline"
	}
	opts := []kgo.Opt{
		kgo.SeedBrokers(c.Brokers...),
		kgo.ClientID(id),
		kgo.DialTimeout(min(dialTimeout, c.connectTimeout())),
		kgo.RetryTimeout(c.connectTimeout()),
		// A broker that goes down closes connections that were just opened, too. By default that is taken for the
		// wrong setting of TLS, and ends what has been running for days.
		kgo.AlwaysRetryEOF(),
		// Topics appear while clients run (a pushed graph makes them); the default of 5 s would be
		// the time until such a topic is seen.
		kgo.MetadataMinAge(250 * time.Millisecond),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	}
	if c.Log != nil {
		opts = append(opts, kgo.WithLogger(clientLog{c.Log}))
	}
	return append(opts, extra...)
}

// newClient makes a client without asking whether a broker is there.
func (c Cluster) newClient(extra ...kgo.Opt) (*kgo.Client, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(c.options(extra...)...)
	if err != nil {
		return nil, fmt.Errorf("set up a Kafka client: %w", err)
	}
	return client, nil
}

// Connect makes a client with the settings of the cluster and the options given, which win, and
// waits until a broker answers (Ping). The caller closes it.
func Connect(ctx context.Context, cluster Cluster, opts ...kgo.Opt) (*kgo.Client, error) {
	client, err := cluster.newClient(opts...)
	if err != nil {
		return nil, err
	}
	if err := ping(ctx, client, cluster); err != nil {
		client.Close()
		return nil, err
	}
	return client, nil
}

// Ping waits until a broker answers, at most ConnectTimeout. The error names the addresses that
// were tried and why each round failed last. It also fails where a broker answers but sends its
// clients to addresses that cannot be reached from here.
func Ping(ctx context.Context, cluster Cluster) error {
	client, err := Connect(ctx, cluster)
	if err != nil {
		return err
	}
	client.Close()
	return nil
}

func ping(ctx context.Context, client *kgo.Client, cluster Cluster) error {
	limit := cluster.connectTimeout()
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var last error
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		err := reach(bounded, client)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		// The error of the round that the deadline cut short says less than the one before it.
		if last == nil || bounded.Err() == nil {
			last = err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
			continue
		case <-bounded.Done():
			timer.Stop()
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var advertised *advertisedError
		if errors.As(last, &advertised) {
			return fmt.Errorf("%w (tried for %s)", advertised, limit)
		}
		return fmt.Errorf("cannot reach a Kafka broker at %s (tried for %s): %w; check --brokers", strings.Join(cluster.Brokers, ", "), limit, trimDial(last))
	}
}

// reach asks a seed for the brokers of the cluster and then one of these for an answer: a seed
// alone proves little where the brokers advertise addresses that only others can reach.
func reach(ctx context.Context, client *kgo.Client) error {
	if err := client.Ping(ctx); err != nil {
		return err
	}
	var last error
	for _, b := range client.DiscoveredBrokers() {
		request := kmsg.NewPtrMetadataRequest()
		request.Topics = []kmsg.MetadataRequestTopic{}
		if _, last = b.Request(ctx, request); last == nil {
			return nil
		}
	}
	if last == nil {
		return nil
	}
	return &advertisedError{cause: trimDial(last)}
}

// advertisedError says that the cluster answers at one address and cannot be reached at those that
// it tells its clients to use.
type advertisedError struct{ cause error }

func (e *advertisedError) Error() string {
	return "a Kafka broker answers, but at the address that it advertises it cannot be reached: " + e.cause.Error() +
		"; check advertised.listeners of the broker"
}

func (e *advertisedError) Unwrap() error { return e.cause }

// trimDial leaves out what franz-go puts before the error of the network.
func trimDial(err error) error {
	var network *net.OpError
	if errors.As(err, &network) {
		return network
	}
	return err
}

// clientLog passes the warnings and errors of franz-go on.
type clientLog struct{ log *slog.Logger }

// Level asks franz-go for warnings and errors only.
func (clientLog) Level() kgo.LogLevel { return kgo.LogLevelWarn }

// Log writes one line of franz-go.
func (l clientLog) Log(level kgo.LogLevel, text string, pairs ...any) {
	at := slog.LevelWarn
	if level == kgo.LogLevelError {
		at = slog.LevelError
	}
	l.log.Log(context.Background(), at, "kafka client: "+text, pairs...)
}

// produceFault says which record could not be written and what to do.
func produceFault(r *kgo.Record, err error) error {
	advice := ""
	switch {
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		advice = "; create the topic with `freshline topics create`"
	case errors.Is(err, kerr.MessageTooLarge):
		advice = fmt.Sprintf("; the record has %d bytes: make it smaller or raise max.message.bytes of the topic", len(r.Key)+len(r.Value))
	case errors.Is(err, kerr.TopicAuthorizationFailed):
		advice = "; allow this user to write to the topic"
	}
	return fmt.Errorf("write to topic %s, key %.100q: %w%s", r.Topic, r.Key, err, advice)
}
