package integration

import (
	"context"
	"fmt"
	"strings"
)

// Broker is what [FindBroker] found. One serves all tests of a test binary: each test uses a namespace, and so
// topics, groups and transactional ids, of its own.
type Broker struct {
	kind  BrokerKind
	seeds []string
	// about says what runs, in a few words; it is empty for the embedded broker.
	about string
	// passed is why each better way was not taken, in the order of FindBroker.
	passed  []string
	short   bool
	leftOut string
	kafka   *Kafka
	stop    func(context.Context) error
}

// Brokers are the addresses to give to clients as seeds.
func (b *Broker) Brokers() []string { return b.seeds }

// Kind says where the broker comes from.
func (b *Broker) Kind() BrokerKind { return b.kind }

// Real says whether this is Apache Kafka (or what FRESHLINE_TEST_BROKERS names), not the embedded broker.
func (b *Broker) Real() bool { return b.kind != EmbeddedBroker }

// Kafka is the container, for faults, or nil where the broker is of another kind. Tests that cause faults
// should rather start their own: others use this one at the same time.
func (b *Broker) Kafka() *Kafka { return b.kafka }

// Close stops the broker and deletes its data; a broker named by the environment is left alone.
func (b *Broker) Close(ctx context.Context) error { return b.stop(ctx) }

// String is one line: what the tests run on, why nothing better was found, and what is left out for that.
func (b *Broker) String() string {
	passed := strings.Join(b.passed, "; ")
	if b.Real() {
		line := fmt.Sprintf("integration tests run on a real Kafka: %s at %s", b.about, strings.Join(b.seeds, ","))
		if passed != "" {
			line += " (" + passed + ")"
		}
		return line
	}
	why := fmt.Sprintf("no real Kafka found (%s)", passed)
	if b.short {
		why = "no real Kafka looked for (-short)"
	}
	return fmt.Sprintf("%s: integration tests run on the embedded broker; left out: %s", why, b.leftOut)
}
