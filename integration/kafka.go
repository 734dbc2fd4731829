package integration

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/testcontainers/testcontainers-go"
)

// DefaultKafkaImage is what runs where neither [KafkaImage] nor FRESHLINE_TEST_KAFKA_IMAGE names another.
const DefaultKafkaImage = "apache/kafka:4.3.1"

const (
	imageVariable = "FRESHLINE_TEST_KAFKA_IMAGE"
	// kafkaStartLimit bounds one start, first or later; about 2 s on an idle machine, 15 s after Kill.
	kafkaStartLimit = 3 * time.Minute
	// portTries is how often a start is tried where another process took one of the picked ports.
	portTries = 3
)

// Kafka is one broker, its own controller, in a container. Its address stays the same until Terminate.
type Kafka struct {
	machine
	image  string
	broker string
}

// StartKafka starts a broker on free ports of 127.0.0.1 and returns when it answers. The image takes the
// variables of apache/kafka 4.x; it is pulled unless the daemon has it. The caller calls Terminate.
// All replication factors are 1, new groups do not wait for members, topics are not made by use of them
// unless [KafkaSetting] says otherwise.
func StartKafka(ctx context.Context, opts ...KafkaOption) (*Kafka, error) {
	cfg := kafkaConfig{image: os.Getenv(imageVariable), settings: map[string]string{}}
	for _, opt := range opts {
		opt(&cfg)
	}
	if cfg.image == "" {
		cfg.image = DefaultKafkaImage
	}
	docker, err := connectDocker(ctx)
	if err != nil {
		return nil, fmt.Errorf("start kafka: %w", err)
	}
	if err := needImage(ctx, docker, cfg.image); err != nil {
		return nil, errors.Join(fmt.Errorf("start kafka: %w", err), docker.Close())
	}
	for try := 1; ; try++ {
		k, err := startKafka(ctx, docker, cfg)
		if err == nil {
			return k, nil
		}
		if try == portTries || !portTaken(err) {
			return nil, errors.Join(fmt.Errorf("start kafka of %s: %w", cfg.image, err), docker.Close())
		}
	}
}

func startKafka(ctx context.Context, docker *testcontainers.DockerClient, cfg kafkaConfig) (*Kafka, error) {
	ports, err := freePorts(3)
	if err != nil {
		return nil, err
	}
	m, err := runMachine(ctx, docker, cfg.image, testcontainers.WithEnv(kafkaEnv(ports, cfg.settings)))
	if err != nil {
		return nil, err
	}
	k := &Kafka{machine: *m, image: cfg.image, broker: hostPort(ports[0])}
	k.machine.ready = k.answers
	if err := k.answers(ctx); err != nil {
		return nil, errors.Join(err, k.remove(ctx))
	}
	return k, nil
}

// Brokers is the address to give to clients as seed.
func (k *Kafka) Brokers() []string { return []string{k.broker} }

// Image is what runs in the container.
func (k *Kafka) Image() string { return k.image }

func (k *Kafka) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, kafkaStartLimit)
	defer cancel()
	return awaitAnswer(ctx, k.Brokers(), k.alive)
}

// portTaken tells from the broker's own words that a port was no longer free when it bound it.
func portTaken(err error) bool {
	e, ok := errors.AsType[*exitError](err)
	return ok && (strings.Contains(e.logs, "Address already in use") || strings.Contains(e.logs, "is in use by another process"))
}

// kafkaEnv is the complete configuration: both images drop their default server.properties as soon as one
// variable is set. ports: clients, broker to broker, controller.
// The second listener is for the broker's requests to itself (a transaction's markers): both are on the
// loopback interface here, but only so can a test later cut the clients' listener off alone.
func kafkaEnv(ports []int, settings map[string]string) map[string]string {
	host, broker, controller := hostPort(ports[0]), hostPort(ports[1]), hostPort(ports[2])
	all := map[string]string{
		"node.id":                                          "1",
		"process.roles":                                    "broker,controller",
		"listeners":                                        fmt.Sprintf("HOST://%s,BROKER://%s,CONTROLLER://%s", host, broker, controller),
		"advertised.listeners":                             fmt.Sprintf("HOST://%s,BROKER://%s", host, broker),
		"listener.security.protocol.map":                   "HOST:PLAINTEXT,BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"inter.broker.listener.name":                       "BROKER",
		"controller.listener.names":                        "CONTROLLER",
		"controller.quorum.voters":                         "1@" + controller,
		"log.dirs":                                         "/tmp/kraft-combined-logs",
		"auto.create.topics.enable":                        "false",
		"offsets.topic.num.partitions":                     "5",
		"offsets.topic.replication.factor":                 "1",
		"transaction.state.log.num.partitions":             "5",
		"transaction.state.log.replication.factor":         "1",
		"transaction.state.log.min.isr":                    "1",
		"share.coordinator.state.topic.num.partitions":     "5",
		"share.coordinator.state.topic.replication.factor": "1",
		"share.coordinator.state.topic.min.isr":            "1",
		"group.initial.rebalance.delay.ms":                 "0",
	}
	maps.Copy(all, settings)
	env := map[string]string{
		"CLUSTER_ID":      "5L6g3nShT-eMCtK--X86sw",
		"KAFKA_HEAP_OPTS": "-Xms256m -Xmx768m",
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		env[settingVariable(name)] = all[name]
	}
	return env
}

// settingVariable is the images' way to write a setting's name: foo.bar is KAFKA_FOO_BAR, _ is __, - is ___.
func settingVariable(name string) string {
	return "KAFKA_" + strings.ToUpper(strings.NewReplacer(".", "_", "_", "__", "-", "___").Replace(name))
}
