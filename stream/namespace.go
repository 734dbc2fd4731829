package stream

import (
	"fmt"
	"strings"

	"github.com/freshline/freshline/graph"
)

// DefaultNamespace is the namespace of a deployment that was not given one.
const DefaultNamespace Namespace = "freshline"

// maxNamespace keeps room in a topic name (249 characters) for the longest suffix and a feature key.
const maxNamespace = 100

// maxTopicName is the length in characters that Kafka allows a topic name.
const maxTopicName = 249

// Namespace is the name of one deployment: every topic, group and transactional id that belongs
// to it begins with it, so that several deployments can share a cluster. The zero value is
// DefaultNamespace.
type Namespace string

// ParseNamespace reads a namespace: 1 to 100 of the characters that Kafka allows in a topic name.
func ParseNamespace(text string) (Namespace, error) {
	if text == "" {
		return "", fmt.Errorf("namespace is empty; leave it out for %q or name it", DefaultNamespace)
	}
	n := Namespace(text)
	return n, n.Validate()
}

// Validate says what is wrong with the namespace. The zero value is valid.
func (n Namespace) Validate() error {
	switch {
	case n == "." || n == "..":
		return fmt.Errorf("namespace %q: Kafka reserves this name; use letters, digits, '.', '_' and '-'", string(n))
	case len(n) > maxNamespace:
		return fmt.Errorf("namespace %.20q...: has %d characters, at most %d are allowed", string(n), len(n), maxNamespace)
	}
	if c, ok := badTopicCharacter(string(n)); ok {
		return fmt.Errorf("namespace %q: has the character %q; use letters, digits, '.', '_' and '-'", string(n), c)
	}
	return nil
}

// String returns the namespace as it stands in names.
func (n Namespace) String() string {
	if n == "" {
		return string(DefaultNamespace)
	}
	return string(n)
}

// Rows is the internal topic that the router files rows in.
func (n Namespace) Rows() string { return n.String() + ".rows.v1" }

// Failures is the topic of what workers could not do (S12).
func (n Namespace) Failures() string { return n.String() + ".failures" }

// Graph is the topic of every graph ever pushed.
func (n Namespace) Graph() string { return n.String() + ".graph" }

// Requests is the topic of what has been asked for again (S10), and of what is done of it.
func (n Namespace) Requests() string { return n.String() + ".requests" }

// Schemas is the topic of writer schemas, where there is no registry.
func (n Namespace) Schemas() string { return n.String() + ".schemas" }

// DeadLetter is the topic of records that could not be used (R7).
func (n Namespace) DeadLetter() string { return n.String() + ".deadletter" }

// Staleness is the topic of the events of one feature.
func (n Namespace) Staleness(feature graph.FeatureKey) string {
	return n.stalenessPrefix() + feature.TopicName()
}

// Sample is the topic that holds the samples of a feature: its own, or the default of the namespace.
func (n Namespace) Sample(feature *graph.Feature) string {
	if feature.Topic != "" {
		return feature.Topic
	}
	return n.String() + ".sample." + feature.Key.TopicName()
}

// Group is the consumer group of the processor.
func (n Namespace) Group() string { return n.String() + ".processor" }

// TransactionalID is the transactional id of one instance of the processor. It is the same after
// a restart, so that the restarted instance fences the one before.
func (n Namespace) TransactionalID(instance string) string { return n.Group() + "." + instance }

func (n Namespace) stalenessPrefix() string { return n.String() + ".staleness." }

// topicNameFault says why Kafka would refuse a topic name, or "".
func topicNameFault(name string) string {
	switch {
	case name == "":
		return "is empty"
	case name == "." || name == "..":
		return "is a name that Kafka reserves"
	case len(name) > maxTopicName:
		return fmt.Sprintf("has %d characters, Kafka allows %d", len(name), maxTopicName)
	}
	if c, ok := badTopicCharacter(name); ok {
		return fmt.Sprintf("has the character %q; Kafka allows letters, digits, '.', '_' and '-'", c)
	}
	return ""
}

func badTopicCharacter(name string) (rune, bool) {
	i := strings.IndexFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' && r != '_' && r != '-'
	})
	if i < 0 {
		return 0, false
	}
	for _, r := range name[i:] {
		return r, true
	}
	return 0, false
}
