package httpapi

import (
	"encoding/json"
	"time"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream/engine"
)

// Origin names one record: where it is, and when it was written by the clock of who wrote it.
type Origin struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
	Time      string `json:"time,omitempty"` // RFC 3339, UTC; left out where it is not known
}

func newOrigin(o engine.Origin) Origin {
	return Origin{Topic: o.Topic, Partition: o.Partition, Offset: o.Offset, Time: timeText(o.Time)}
}

// timeText words ms since 1970, so that texts sort as times do; 0 is no time.
func timeText(ms int64) string {
	if ms == 0 {
		return ""
	}
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z")
}

// columnsJSON is an object of columns, in their order.
func columnsJSON(columns []graph.Column) json.RawMessage {
	b := []byte{'{'}
	for i, column := range columns {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(graph.AppendJSONString(b, column.Name), ':')
		b = graph.AppendJSON(b, column.Value)
	}
	return append(b, '}')
}

func keyTexts[K ~string](keys []K) []string {
	texts := make([]string, len(keys))
	for i, key := range keys {
		texts[i] = string(key)
	}
	return texts
}

// rawKey is a key as JSON; none is left out where a field is to be.
type rawKey []byte

// MarshalJSON returns the key itself.
func (k rawKey) MarshalJSON() ([]byte, error) { return k, nil }

// UnmarshalJSON keeps a copy.
func (k *rawKey) UnmarshalJSON(text []byte) error {
	*k = append((*k)[:0], text...)
	return nil
}
