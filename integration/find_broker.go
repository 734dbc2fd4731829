package integration

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kfake"
)

const (
	brokersVariable = "FRESHLINE_TEST_BROKERS"
	kafkaVariable   = "FRESHLINE_TEST_KAFKA"
	kafkaRequired   = "required"
	// namedLimit is how long the brokers of FRESHLINE_TEST_BROKERS may take to answer.
	namedLimit = 15 * time.Second
	// reasonLength bounds, in bytes, why one way was not taken.
	reasonLength = 300
	// defaultLeftOut is what kfake cannot show.
	defaultLeftOut = "what only a real broker shows (late transaction markers, concurrent transactions, limits of sizes)"
)

// finder looks for a broker. Its funcs are the ways to get one, so that the order can be tested without any.
type finder struct {
	short     bool
	leftOut   string
	getenv    func(string) string
	named     func(ctx context.Context, seeds []string) error
	container func(context.Context) (*Kafka, error)
	jars      func(context.Context) (*jarKafka, error)
	embedded  func() (*kfake.Cluster, error)
}

// FindBroker takes the best broker that the environment names or this machine can run; the package's comment
// has the order. It fails where the environment asks for something that cannot be had: brokers that do not
// answer, an image that does not run though a daemon is there, or, with FRESHLINE_TEST_KAFKA=required, any real
// Kafka at all. The caller calls Close.
func FindBroker(ctx context.Context, opts ...BrokerOption) (*Broker, error) {
	f := &finder{
		leftOut:   defaultLeftOut,
		getenv:    os.Getenv,
		named:     func(ctx context.Context, seeds []string) error { return awaitAnswer(ctx, seeds, nil) },
		container: func(ctx context.Context) (*Kafka, error) { return StartKafka(ctx) },
		jars:      startJars,
		embedded:  func() (*kfake.Cluster, error) { return kfake.NewCluster(kfake.NumBrokers(1)) },
	}
	for _, opt := range opts {
		opt(f)
	}
	b, err := f.find(ctx)
	if err != nil {
		return nil, fmt.Errorf("find a broker: %w", err)
	}
	return b, nil
}

func (f *finder) find(ctx context.Context) (*Broker, error) {
	required := false
	switch v := f.getenv(kafkaVariable); v {
	case "":
	case kafkaRequired:
		required = true
	default:
		return nil, fmt.Errorf("%s is %q: it may be unset or %q", kafkaVariable, v, kafkaRequired)
	}
	if f.short {
		if required {
			return nil, fmt.Errorf("%s=%s and -short contradict each other: drop one", kafkaVariable, kafkaRequired)
		}
		return f.embed(nil)
	}
	if list := f.getenv(brokersVariable); list != "" {
		return f.name(ctx, list)
	}

	var passed []string
	k, err := f.container(ctx)
	switch {
	case err == nil:
		return &Broker{
			kind: ContainerBroker, seeds: k.Brokers(), about: "a container of " + k.Image(), kafka: k, stop: k.Terminate,
		}, nil
	case ctx.Err() != nil:
		return nil, err
	case f.getenv(imageVariable) != "" && !errors.Is(err, errNoDocker):
		return nil, fmt.Errorf("the image that %s names: %w", imageVariable, err)
	}
	passed = append(passed, "docker: "+reason(err))

	j, err := f.jars(ctx)
	switch {
	case err == nil:
		return &Broker{
			kind: JarsBroker, seeds: j.brokers(), about: "a broker from Maven Central's jars", passed: passed, stop: j.close,
		}, nil
	case ctx.Err() != nil:
		return nil, err
	}
	passed = append(passed, "java: "+reason(err))

	passed = append([]string{brokersVariable + " unset"}, passed...)
	if required {
		return nil, fmt.Errorf("%s=%s, but there is no real Kafka (%s): start a Docker daemon that has %s or can pull it "+
			"(%s names another image), or install bash, Java >= 17 and Maven, or name running brokers in %s",
			kafkaVariable, kafkaRequired, strings.Join(passed, "; "), DefaultKafkaImage, imageVariable, brokersVariable)
	}
	return f.embed(passed)
}

// name takes the brokers of a list, host:port and comma separated.
func (f *finder) name(ctx context.Context, list string) (*Broker, error) {
	var seeds []string
	for seed := range strings.SplitSeq(list, ",") {
		if seed = strings.TrimSpace(seed); seed != "" {
			seeds = append(seeds, seed)
		}
	}
	if len(seeds) == 0 {
		return nil, fmt.Errorf("%s is %q: it names no broker", brokersVariable, list)
	}
	ctx, cancel := context.WithTimeout(ctx, namedLimit)
	defer cancel()
	if err := f.named(ctx, seeds); err != nil {
		return nil, fmt.Errorf("the brokers that %s names: %w", brokersVariable, err)
	}
	return &Broker{
		kind: NamedBroker, seeds: seeds, about: "brokers of " + brokersVariable,
		stop: func(context.Context) error { return nil },
	}, nil
}

func (f *finder) embed(passed []string) (*Broker, error) {
	c, err := f.embedded()
	if err != nil {
		return nil, fmt.Errorf("start the embedded broker: %w", err)
	}
	return &Broker{
		kind: EmbeddedBroker, seeds: c.ListenAddrs(), passed: passed, short: f.short, leftOut: f.leftOut,
		stop: func(context.Context) error { c.Close(); return nil },
	}, nil
}

// reason puts an error into one short line.
func reason(err error) string {
	text := strings.Join(strings.Fields(err.Error()), " ")
	if len(text) <= reasonLength {
		return text
	}
	cut := reasonLength
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}
