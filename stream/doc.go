// Package stream is Freshline on Kafka: the processor with its epochs and its recovery, the topics
// of a deployment, dead letters, the embedded broker; and, for users in Go, Publish, Producer,
// Subscriber and Worker.
// What is answered is decided by graph and stream/engine; this package makes it durable, once.
//
// # Topics
//
// Namespace has their names and topicSettings how they are made. Kafka is the only source of truth;
// Badger is a cache of rows and of the staleness topics that may be deleted at any time.
//
// # Commit protocol
//
// One loop, one epoch at a time (runEpoch):
//
//	C1 what was polled goes through the engine, over an overlay of the state
//	C2 one transaction: the records, and the input offset of every task that wrote anything, moved
//	   or not, with the member id and generation under which the epoch began
//	C3 only when the broker has said that it is committed, the overlay goes to Badger, in one write
//	   with the positions of the logs
//
// A crash before the end of C2: nothing happened. After it: the positions are old, and recovery
// reads what is missing. An answer that is lost (ErrUnknown): the producer is initialised again,
// which settles the transaction, and every task recovers; nothing is assumed. Aborted: the overlay
// is dropped and the same records are offered again.
//
// # Recovery
//
// One rule for a first start, a kept, lost or old Badger, and a new owner (recovery):
//
//	V1 take the stable committed offset of the input, which waits for open transactions
//	V2 read rows and the staleness topics from where the state is to the read_uncommitted end that
//	   they have now, read_committed, applying without emitting
//	V3 evaluate what was read; after a start from nothing sweep the partition
//
// State that is older than tombstones live, or not of these topics, is dropped first. Evaluating
// too much emits nothing, since an event is only ever judged against what was emitted.
//
// # Failures and requests
//
// The failure topic (S12) is an input like the sample topics: a task for each partition, positions that
// the group has, dead letters. Its records go into rows at once and leave nothing else in the state.
//
// The request topic (S10) is followed by every process, as the graph topic is. A router task that has
// done a request says so there, in the transaction that does it (requestrecord.go): a task that has lost
// its state need not do it again, and anybody can see what is left. Once all partitions have done a
// request it gets a tombstone, from the owner of the first one.
//
// # Ownership
//
// Membership, reading and writing are three clients. The group says who owns what, and its
// generation fences every epoch; where a partition is read from, recovery says. Changes of ownership
// are noted between two epochs and taken before the next one.
//
// # Dead letters
//
// A record that cannot be used is kept untouched (deadLetter), under its place as the key. A retry is a copy
// at the end of the same partition, and then a mark behind the dead letter with the same key, which says
// where the copy is (RetryDeadLetters). Nothing else remembers it: the topic is deleted by age, and a mark
// outlives its dead letter.
//
// # Workers
//
// A Worker is one loop over a queue (workQueue), with a goroutine for each job that runs:
//
//	K1 the newest event of a key counts; what waits and is taken back is dropped
//	K2 a lane is what must be done one after another: the events of one key, of an expansion all
//	   those of one parent, deletions of its leftovers among them, in the order in which they came
//	K3 nothing is handed out of a partition before it has been read to where it ended when the
//	   reading began, unless the queue is full
//	K4 of a partition that offset is committed below which everything is done: written, answered
//	   for, or taken back
//	K5 a group record is written when its children are known to be written
//
// Where samples of an expansion lie is told at placement.
//
// # Non-obvious
//
//   - A staleness event does not name the record that its sample lies in. So a tombstone for an orphan
//     goes where our producers put the sample, where others do by the record key, and where the
//     record lay that brought the event about. Where ids do not name the parent it may delete a
//     child that has gone to another one and lies there by accident: its group is then INCOMPLETE,
//     and made again.
//   - A job whose event has the cause INCOMPLETE also deletes copies of its children that lie where
//     their record keys would put them: counted twice, they would keep the group incomplete for ever.
//   - The same work may be said once more, in other words, before the processor has seen the answer.
//     A Worker waits with it for a minute (workMemory), unless it has seen the key fresh since.
//   - kgo.GroupTransactSession is not used: see transactions and membership for why.
//   - While tasks recover the other tasks of the process wait. Recovery with a kept Badger reads
//     only what is missing, so this is short; a rebuild is not.
//   - The state of a router task is complete up to what this process has itself produced to rows, so
//     its position is written only when the task goes (positions.go).
//   - A position may lie behind a transaction marker, so after an epoch the group's offset moves
//     once more, by a plain commit.
//   - A record that is not at its offset any more was superseded: compaction removes nothing else. The
//     later record may itself be gone by now (a tombstone), so a retry refuses both.
//   - Sample partitions pause while rows lags behind: rows first.
package stream
