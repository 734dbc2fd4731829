package stream

import (
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
)

// Headers of dead letters. The value is the record's own, untouched; so is its key, in a header. Behind
// these come the headers that the record had.
const (
	headerReason    = "freshline_reason"
	headerDetail    = "freshline_detail"
	headerColumn    = "freshline_column"
	headerTopic     = "freshline_topic"
	headerPartition = "freshline_partition"
	headerOffset    = "freshline_offset"
	headerTimestamp = "freshline_timestamp" // ms since 1970
	headerKey       = "freshline_key"       // not there where the record had none
	headerKeyCut    = "freshline_key_cut"   // the size of the key in bytes, where it was too large to keep whole
	headerTombstone = "freshline_tombstone" // present where the value was none
	headerCut       = "freshline_cut"       // the size of the value in bytes, where it was too large to keep whole
	headerHeaders   = "freshline_headers"   // how many headers the record had; the last of ours. Fewer follow where not all had room
)

// headerRetried is the only header of a mark of a retry: the offset of the copy, in the topic and partition
// of the original. A mark has the key of its dead letter and no value.
const headerRetried = "freshline_retried"

// maxLetter bounds the value of a dead letter and the headers that the record brought, in bytes:
// what is larger would be refused by the broker, and the whole epoch with it.
const maxLetter = 900_000

// maxDetail bounds the words of a dead letter, maxLetterKey the key that it keeps, in bytes.
const (
	maxDetail    = 4 << 10
	maxLetterKey = 64 << 10
)

// headerFrame is more than what a header takes besides its key and value.
const headerFrame = 16

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
	}
	if record.Key != nil {
		headers = append(headers, kgo.RecordHeader{Key: headerKey, Value: record.Key[:min(len(record.Key), maxLetterKey)]})
	}
	if len(record.Key) > maxLetterKey {
		headers = append(headers, kgo.RecordHeader{Key: headerKeyCut, Value: []byte(strconv.Itoa(len(record.Key)))})
	}
	if refusal.Column != "" {
		headers = append(headers, kgo.RecordHeader{Key: headerColumn, Value: []byte(refusal.Column)})
	}
	if record.Value == nil {
		headers = append(headers, kgo.RecordHeader{Key: headerTombstone})
	}
	value := record.Value
	if len(value) > maxLetter {
		headers = append(headers, kgo.RecordHeader{Key: headerCut, Value: []byte(strconv.Itoa(len(value)))})
		value = value[:maxLetter]
	}
	headers = append(headers, kgo.RecordHeader{Key: headerHeaders, Value: []byte(strconv.Itoa(len(record.Headers)))})
	room := maxLetter - len(value)
	for _, h := range record.Headers {
		if room -= len(h.Key) + len(h.Value) + headerFrame; room < 0 {
			break
		}
		headers = append(headers, h)
	}
	return &kgo.Record{
		Topic: ns.DeadLetter(), Partition: 0,
		Key:   []byte(Origin{record.Topic, record.Partition, record.Offset}.String()),
		Value: value, Headers: headers,
	}
}
