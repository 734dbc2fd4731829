package stream

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
)

// Headers of dead letters. The value is the record's own, untouched; so is its key, in a header.
const (
	headerReason    = "freshline_reason"
	headerDetail    = "freshline_detail"
	headerColumn    = "freshline_column"
	headerTopic     = "freshline_topic"
	headerPartition = "freshline_partition"
	headerOffset    = "freshline_offset"
	headerTimestamp = "freshline_timestamp" // ms since 1970
	headerKey       = "freshline_key"
	headerTombstone = "freshline_tombstone" // present where the value was none
)

// maxDetail bounds the words of a dead letter, in bytes.
const maxDetail = 4 << 10

// deadLetter makes the dead letter of a record that cannot be used. Its key is the record's place,
// so the same record has one dead letter however often it is read.
func deadLetter(ns Namespace, record *kgo.Record, refusal *graph.Refusal) *kgo.Record {
	detail := refusal.Detail
	if len(detail) > maxDetail {
		detail = detail[:maxDetail]
	}
	headers := []kgo.RecordHeader{
		{Key: headerReason, Value: []byte(refusal.Reason)},
		{Key: headerDetail, Value: []byte(detail)},
		{Key: headerTopic, Value: []byte(record.Topic)},
		{Key: headerPartition, Value: []byte(strconv.Itoa(int(record.Partition)))},
		{Key: headerOffset, Value: []byte(strconv.FormatInt(record.Offset, 10))},
		{Key: headerTimestamp, Value: []byte(strconv.FormatInt(record.Timestamp.UnixMilli(), 10))},
		{Key: headerKey, Value: record.Key},
	}
	if refusal.Column != "" {
		headers = append(headers, kgo.RecordHeader{Key: headerColumn, Value: []byte(refusal.Column)})
	}
	if record.Value == nil {
		headers = append(headers, kgo.RecordHeader{Key: headerTombstone})
	}
	return &kgo.Record{
		Topic: ns.DeadLetter(), Partition: 0,
		Key:     fmt.Appendf(nil, "%s/%d/%d", record.Topic, record.Partition, record.Offset),
		Value:   record.Value,
		Headers: slices.Concat(headers, record.Headers),
	}
}
