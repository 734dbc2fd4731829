package engine_test

import (
	"slices"

	"github.com/freshline/freshline/stream/engine"
)

// simLog is one partition of a topic in memory. Offsets of rows and staleness logs come from one
// counter of the cluster, so that a position is one number for all of them; they have gaps, as
// logs with control records do.
type simLog struct {
	records []simRecord
	end     int64 // the offset behind the last record
}

type simRecord struct {
	offset int64
	key    string
	value  []byte        // of rows; nil: a tombstone
	event  *simEvent     // of a staleness log; nil: a tombstone
	write  *engine.Write // of a sample topic
	gone   bool          // it is a tombstone
}

func (l *simLog) append(rec simRecord) {
	l.records = append(l.records, rec)
	l.end = rec.offset + 1
}

// from returns the records from a position on.
func (l *simLog) from(position int64) []simRecord {
	at, _ := slices.BinarySearchFunc(l.records, position, func(r simRecord, p int64) int { return int(r.offset - p) })
	return l.records[at:]
}

// compact keeps the newest record of each key. Tombstones below a position go too.
func (l *simLog) compact(below int64) {
	newest := map[string]int64{}
	for _, r := range l.records {
		newest[r.key] = r.offset
	}
	l.records = slices.DeleteFunc(slices.Clone(l.records), func(r simRecord) bool {
		return newest[r.key] != r.offset || r.gone && r.offset < below
	})
}

// latest returns what compaction would leave: the newest record of each key that is no tombstone.
func (l *simLog) latest() map[string]*simEvent {
	latest := map[string]*simEvent{}
	for i := range l.records {
		if r := &l.records[i]; r.gone {
			delete(latest, r.key)
		} else {
			latest[r.key] = r.event
		}
	}
	return latest
}
