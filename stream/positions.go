package stream

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/freshline/freshline/state"
)

// How far the state is a view of which logs is kept in the state, in the same write as what was
// read. The keys begin with 'P', which the engine has no use for:
//
//	'P' 'a'                          the time of the last write, ms since 1970 (varint)
//	'P' 'i'                          of which deployment the state is: cluster, namespace, id of the topic rows
//	'P' 'v'                          for each partition of rows the offset behind the last record that this process produced
//	'P' 't' topic 0x00 partition     a task: a byte (1: owned), varint time at which it was last known to be complete,
//	                                 uvarint number of logs, each: bytes topic, uvarint partition, varint offset
//
// Of a resolver task the logs are its partitions of rows and of every staleness topic. Of a
// router task they are all partitions of rows, since that is where what it has filed is; while it
// is owned nobody else files for its log, so the state is complete up to what this process has
// produced ('v'), and only when the task goes, or at the next start, that is written down. A task of the failure
// topic has no state, and no logs.
const (
	positionPrefix   = 'P'
	positionTime     = 'a'
	positionProduced = 'v'
	positionTask     = 't'
	positionIdentity = 'i'
)

// positions are the offsets up to which logs have been read.
type positions map[string]map[int32]int64

func (p positions) get(topic string, partition int32) int64 { return p[topic][partition] }

func (p positions) set(topic string, partition int32, offset int64) {
	if p[topic] == nil {
		p[topic] = map[int32]int64{}
	}
	p[topic][partition] = offset
}

func (p positions) clone() positions {
	c := make(positions, len(p))
	for topic, partitions := range p {
		c[topic] = maps.Clone(partitions)
	}
	return c
}

// taskRecord is what the state says of a task.
type taskRecord struct {
	owned bool
	time  int64 // ms
	logs  positions
}

// taskState is a task at work.
type taskState struct {
	position  int64 // of its input: the next offset
	committed int64 // of its input: what the group has; below position where recovery has read on
	record    taskRecord

	told       bool // whether the group was told how the task stands; what it has is of whoever had the task before
	unfinished bool // what it was told last (Epoch.Unfinished)
}

func taskRecordKey(t task) []byte {
	key := append([]byte{positionPrefix, positionTask}, t.topic...)
	return binary.BigEndian.AppendUint32(append(key, 0), uint32(t.partition))
}

func (r *taskRecord) encode() []byte {
	b := []byte{0}
	if r.owned {
		b[0] = 1
	}
	b = binary.AppendVarint(b, r.time)
	n := 0
	for _, partitions := range r.logs {
		n += len(partitions)
	}
	b = binary.AppendUvarint(b, uint64(n))
	for topic, partitions := range r.logs {
		for partition, offset := range partitions {
			b = append(binary.AppendUvarint(b, uint64(len(topic))), topic...)
			b = binary.AppendUvarint(b, uint64(partition))
			b = binary.AppendVarint(b, offset)
		}
	}
	return b
}

func decodeTaskRecord(b []byte) (r taskRecord, ok bool) {
	r.logs = positions{}
	if len(b) == 0 {
		return r, false
	}
	r.owned = b[0] == 1
	b = b[1:]
	ok = true
	varint := func() int64 {
		v, n := binary.Varint(b)
		if n <= 0 {
			ok, b = false, nil
			return 0
		}
		b = b[n:]
		return v
	}
	uvarint := func() uint64 {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			ok, b = false, nil
			return 0
		}
		b = b[n:]
		return v
	}
	r.time = varint()
	for n := uvarint(); n > 0 && ok; n-- {
		size := uvarint()
		if size > uint64(len(b)) {
			return r, false
		}
		topic := string(b[:size])
		b = b[size:]
		partition := int32(uvarint())
		r.logs.set(topic, partition, varint())
	}
	return r, ok
}

// savePositions adds to the overlay of a committed epoch how far it has come. What it returns takes
// note of that, and is to be called once the overlay is applied: until then the state is where it was, and a
// task that is dropped must not be written down as further.
func (p *Processor) savePositions(ep *epoch, committed Committed) (note func()) {
	rows := p.o.Namespace.Rows()
	changed := map[task]taskRecord{}
	record := func(t task) taskRecord {
		r, ok := changed[t]
		if !ok {
			r = p.tasks[t].record
			r.logs = r.logs.clone()
			changed[t] = r
		}
		return r
	}
	for t, position := range ep.positions {
		if t.topic == rows {
			record(t).logs.set(rows, t.partition, position)
		}
	}
	produced := slices.Clone(p.produced)
	for topic, partitions := range committed {
		for partition, offset := range partitions {
			if topic == rows {
				produced[partition] = offset + 1
				continue
			}
			if t := (task{rows, partition}); p.tasks[t] != nil && topic != p.o.Namespace.DeadLetter() && topic != p.o.Namespace.Requests() {
				record(t).logs.set(topic, partition, offset+1)
			}
		}
	}
	now := p.clock.Now().UnixMilli()
	for t, r := range changed {
		r.time = now
		changed[t] = r
		p.overlay.Set(taskRecordKey(t), r.encode())
	}
	if committed[rows] != nil {
		var b []byte
		for _, offset := range produced {
			b = binary.AppendVarint(b, offset)
		}
		p.overlay.Set([]byte{positionPrefix, positionProduced}, b)
	}
	p.overlay.Set([]byte{positionPrefix, positionTime}, binary.AppendVarint(nil, now))
	return func() {
		p.produced = produced
		for t, position := range ep.positions {
			p.tasks[t].position, p.tasks[t].committed = position, position
		}
		for t, r := range changed {
			p.tasks[t].record = r
		}
	}
}

// freeze writes down how far the state of a task that is not owned any more is complete.
func (p *Processor) freeze(t task, now int64) error {
	return p.write(func(o *state.Overlay) error {
		value, ok, err := o.Get(taskRecordKey(t))
		if err != nil || !ok {
			return err
		}
		record, ok := decodeTaskRecord(value)
		if !ok {
			o.Delete(taskRecordKey(t))
			return nil
		}
		p.frozen(t, &record, now)
		o.Set(taskRecordKey(t), record.encode())
		return nil
	})
}

func (p *Processor) frozen(t task, record *taskRecord, now int64) {
	if !record.owned {
		return
	}
	record.owned, record.time = false, now
	rows := p.o.Namespace.Rows()
	if !p.isSample(t.topic) {
		return
	}
	for q, offset := range p.produced {
		if offset > record.logs.get(rows, int32(q)) {
			record.logs.set(rows, int32(q), offset)
		}
	}
}

// thaw reads, when a process starts, how far its state is complete, and freezes the tasks that it
// owned when it ended.
func (p *Processor) thaw() error {
	return p.write(func(o *state.Overlay) error {
		value, _, err := o.Get([]byte{positionPrefix, positionProduced})
		if err != nil {
			return err
		}
		for q := range p.produced {
			offset, n := binary.Varint(value)
			if n <= 0 {
				break
			}
			p.produced[q], value = offset, value[n:]
		}
		last, _, err := o.Get([]byte{positionPrefix, positionTime})
		if err != nil {
			return err
		}
		now, _ := binary.Varint(last)
		records, err := readTaskRecords(o)
		for t, record := range records {
			p.frozen(t, &record, now)
			o.Set(taskRecordKey(t), record.encode())
		}
		return err
	})
}

// readTaskRecords reads what the state says of all tasks. What cannot be read it deletes.
func readTaskRecords(o *state.Overlay) (map[task]taskRecord, error) {
	values := map[string][]byte{}
	prefix := []byte{positionPrefix, positionTask}
	err := o.Scan(prefix, state.PrefixEnd(prefix), func(key, value []byte) bool {
		values[string(key)] = slices.Clone(value)
		return true
	})
	records := map[task]taskRecord{}
	for key, value := range values {
		record, ok := decodeTaskRecord(value)
		if !ok || len(key) < len(prefix)+5 {
			o.Delete([]byte(key))
			continue
		}
		records[task{key[len(prefix) : len(key)-5], int32(binary.BigEndian.Uint32([]byte(key[len(key)-4:])))}] = record
	}
	return records, err
}

// write applies a small change of the state outside of an epoch.
func (p *Processor) write(change func(*state.Overlay) error) error {
	reader, err := p.store.Reader()
	if err != nil {
		return fmt.Errorf("read state: %w", err)
	}
	o := state.NewOverlay(reader)
	err = change(o)
	if err == nil && o.Len() > 0 {
		err = p.store.Apply(o)
	}
	if closeErr := reader.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	return nil
}
