package integration

import "fmt"

// BrokerKind says where the broker of [FindBroker] comes from. The smaller, the sooner it is taken.
type BrokerKind int

const (
	// NamedBroker: FRESHLINE_TEST_BROKERS names it; it is not ours to stop, and may hold other topics.
	NamedBroker BrokerKind = iota + 1
	// ContainerBroker: a container that [StartKafka] started.
	ContainerBroker
	// JarsBroker: a process started from Maven Central's jars.
	JarsBroker
	// EmbeddedBroker: kfake in this process, no real Kafka.
	EmbeddedBroker
)

// String is one word, for names of tests and for logs.
func (k BrokerKind) String() string {
	switch k {
	case NamedBroker:
		return "named"
	case ContainerBroker:
		return "container"
	case JarsBroker:
		return "jars"
	case EmbeddedBroker:
		return "embedded"
	}
	return fmt.Sprintf("BrokerKind(%d)", int(k))
}
