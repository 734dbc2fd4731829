package stream

import (
	"strconv"
	"time"
)

// TopicKind is the purpose of a topic.
type TopicKind string

// The kinds, in the order of listings.
const (
	TopicRows       TopicKind = "rows"
	TopicFailures   TopicKind = "failures"
	TopicGraph      TopicKind = "graph"
	TopicRequests   TopicKind = "requests"
	TopicSchemas    TopicKind = "schemas"
	TopicDeadLetter TopicKind = "deadletter"
	TopicStaleness  TopicKind = "staleness"
	TopicSample     TopicKind = "sample"
)

// compacted says whether topics of the kind keep the latest record of each key for ever.
func (k TopicKind) compacted() bool { return k != TopicDeadLetter }

// likeRows says whether topics of the kind must have as many partitions as rows.
func (k TopicKind) likeRows() bool { return k == TopicStaleness || k == TopicFailures }

const (
	// tombstoneLife is delete.retention.ms of what we create: a reader that was away for less has
	// seen every deletion, and a cache that is older is rebuilt.
	tombstoneLife = 7 * 24 * time.Hour
	// deadLetterLife is how long a dead letter can be looked at.
	deadLetterLife = 30 * 24 * time.Hour
)

// topicSettings are what a new topic is made with.
type topicSettings struct {
	kind                    TopicKind
	partitions, replication int
}

func settingsOf(kind TopicKind, rows int, opts TopicOptions) topicSettings {
	s := topicSettings{kind: kind, partitions: 1, replication: opts.ReplicationFactor}
	switch {
	case kind == TopicRows || kind.likeRows():
		s.partitions = rows
	case kind == TopicSample && opts.SamplePartitions == 0:
		s.partitions = DefaultPartitions
	case kind == TopicSample:
		s.partitions = opts.SamplePartitions
	}
	if s.replication == 0 {
		s.replication = -1
	}
	return s
}

// configs are the topic's own settings. The segment that is written to is never compacted, and a
// restart reads all that is not: so the segments of the large internal topics are far below Kafka's
// 1 GiB and roll once a day, and they are cleaned when a third of them is superseded.
func (s topicSettings) configs() map[string]*string {
	values := map[string]string{}
	if s.kind.compacted() {
		values["cleanup.policy"] = "compact"
		values["delete.retention.ms"] = millis(tombstoneLife)
	} else {
		values["cleanup.policy"] = "delete"
		values["retention.ms"] = millis(deadLetterLife)
	}
	switch s.kind {
	case TopicRows:
		values["segment.bytes"] = strconv.Itoa(128 << 20)
		values["segment.ms"] = millis(24 * time.Hour)
		values["min.cleanable.dirty.ratio"] = "0.3"
	case TopicStaleness, TopicFailures, TopicRequests:
		values["segment.bytes"] = strconv.Itoa(64 << 20)
		values["segment.ms"] = millis(24 * time.Hour)
		values["min.cleanable.dirty.ratio"] = "0.3"
	}
	configs := make(map[string]*string, len(values))
	for name, value := range values {
		configs[name] = &value
	}
	return configs
}

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
