package stream

import (
	"cmp"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"
)

// simLog is one partition of a topic in memory: records and markers of transactions, as read_committed readers see
// them. A transaction is settled in a partition when its marker has come, which may be long after its end.
type simLog struct {
	task
	records []simRecord
	end     int64     // the offset behind the last record
	open    []simOpen // transactions without their marker here, in the order of their first records
}

type simRecord struct {
	offset int64
	*kgo.Record
	txn    *simTxn // nil: none
	marker bool
}

type simOpen struct {
	txn   *simTxn
	first int64
}

type simOutcome int8

const (
	simOngoing simOutcome = iota
	simCommitted
	simAborted
)

// simTxn is one transaction.
type simTxn struct {
	producer *simProducer
	outcome  simOutcome
	logs     []*simLog      // that wait for a marker
	offsets  map[task]int64 // of the group, until their marker
	order    int            // among the commits of offsets
}

// simProducer is a transactional id: the newest epoch, and its transaction.
type simProducer struct {
	epoch int
	txn   *simTxn // the last one
}

// append adds a record; its offset is set.
func (l *simLog) append(r *kgo.Record, txn *simTxn) {
	r.Topic, r.Partition, r.Offset = l.topic, l.partition, l.end
	if txn != nil && !slices.ContainsFunc(l.open, func(o simOpen) bool { return o.txn == txn }) {
		l.open = append(l.open, simOpen{txn, l.end})
		txn.logs = append(txn.logs, l)
	}
	l.records = append(l.records, simRecord{offset: l.end, Record: r, txn: txn})
	l.end++
}

// mark writes the marker of a transaction that has ended.
func (l *simLog) mark(txn *simTxn) {
	l.open = slices.DeleteFunc(l.open, func(o simOpen) bool { return o.txn == txn })
	l.records = append(l.records, simRecord{offset: l.end, Record: &kgo.Record{Topic: l.topic, Partition: l.partition, Offset: l.end}, txn: txn, marker: true})
	l.end++
}

// stable is the last stable offset.
func (l *simLog) stable() int64 {
	if len(l.open) > 0 {
		return l.open[0].first
	}
	return l.end
}

// from returns the settled records from a position on, markers and what was aborted among them.
func (l *simLog) from(position int64) []simRecord {
	find := func(offset int64) int {
		at, _ := slices.BinarySearchFunc(l.records, offset, func(r simRecord, p int64) int { return cmp.Compare(r.offset, p) })
		return at
	}
	first, last := find(position), find(l.stable())
	return l.records[first:max(first, last)]
}

// visible reports whether a settled record is one that read_committed gives.
func (r *simRecord) visible() bool {
	return !r.marker && (r.txn == nil || r.txn.outcome == simCommitted)
}

// latest returns the newest committed record of each key, settled or not, tombstones among them.
func (l *simLog) latest() map[string]*kgo.Record {
	latest := map[string]*kgo.Record{}
	for i := range l.records {
		if r := &l.records[i]; r.visible() {
			latest[string(r.Key)] = r.Record
		}
	}
	return latest
}

// compact keeps the newest record of each key below the last stable offset. Tombstones and markers that expire says
// have lived long enough go too, and what was aborted always.
func (l *simLog) compact(expired func(*kgo.Record) bool, markers bool) {
	stable := l.stable()
	newest := map[string]int64{}
	for i := range l.records {
		if r := &l.records[i]; r.offset < stable && r.visible() {
			newest[string(r.Key)] = r.offset
		}
	}
	l.records = slices.DeleteFunc(slices.Clone(l.records), func(r simRecord) bool {
		switch {
		case r.offset >= stable:
			return false
		case r.marker:
			return markers
		case !r.visible() || newest[string(r.Key)] != r.offset:
			return true
		}
		return r.Value == nil && expired(r.Record)
	})
}
