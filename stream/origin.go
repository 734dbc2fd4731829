package stream

import (
	"fmt"
	"strconv"
	"strings"
)

// Origin is the place of a record in Kafka. It prints, and is read, as topic/partition/offset.
type Origin struct {
	Topic     string
	Partition int32
	Offset    int64
}

// String returns topic/partition/offset, the record key of a dead letter.
func (o Origin) String() string { return fmt.Sprintf("%s/%d/%d", o.Topic, o.Partition, o.Offset) }

// ParseOrigin reads topic/partition/offset.
func ParseOrigin(text string) (Origin, error) {
	fault := func(what string) (Origin, error) {
		return Origin{}, fmt.Errorf("%.100q: %s; write topic/partition/offset, such as freshline.sample.video.raw/0/17", text, what)
	}
	parts := strings.Split(text, "/")
	if len(parts) != 3 {
		return fault("is no place of a record")
	}
	if why := topicNameFault(parts[0]); why != "" {
		return fault("the topic " + why)
	}
	partition, err := strconv.ParseUint(parts[1], 10, 31)
	if err != nil {
		return fault(fmt.Sprintf("%q is no partition", parts[1]))
	}
	offset, err := strconv.ParseUint(parts[2], 10, 63)
	if err != nil {
		return fault(fmt.Sprintf("%q is no offset", parts[2]))
	}
	return Origin{parts[0], int32(partition), int64(offset)}, nil
}
