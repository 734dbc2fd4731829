// Package state is an ordered map from keys to values on the local disk, and the pending
// writes of one epoch over it. It knows nothing of Kafka and nothing of features: what keys and
// values mean is the business of the engine, which documents them.
//
// # Vocabulary
//
//   - store: what has been applied. [Badger] is on the disk, [Memory] is for replay, simulation and tests.
//   - view: a [Reader] of a store as it was at one moment.
//   - overlay: writes that are pending over a view. It is a Reader too, which shows both as one.
//   - apply: make all that is pending part of the store, as one write.
//   - epoch: the life of one overlay between two Resets.
//
// # Contract
//
//   - S1: keys are in the order of their bytes. A key is 1 to [MaxKey] bytes and does not begin
//     with "!badger!"; a value is 0 to [MaxValue] bytes. An empty value is a value.
//   - S2: a view never changes, and shows all of an Apply or nothing of it.
//   - S3: an Apply writes all or nothing, also over a kill of the process. What exceeds the
//     [Limit] is [ErrTooLarge] and is never split.
//   - S4: an overlay reads as if its writes were applied. Get and Last show a write at once. A
//     Scan shows what its fn writes to keys ahead, deletions too; keys that are not written come
//     once each, in order.
//   - S5: slices that a Reader returns are valid until its next call, those given to fn until fn
//     returns, and calls inside fn do not change them. Nobody may write to them. What a call
//     returned may be an argument of the next. An overlay copies what is Set.
//   - S6: fn may call Get, Scan and Last of the Reader that calls it, to any depth, and Set and
//     Delete of an overlay; not Reset and not Close.
//   - S7: a Reader and an Overlay are for one goroutine, a Store for many.
//   - S8: a directory that cannot be used is refused with a sentinel and its name, and never
//     changed: [ErrLocked], [ErrFormat], [ErrDamaged]. [Rebuild] empties it where the content is at fault.
//
// # Lifecycle
//
//	store, err := OpenBadger(dir)
//	o := NewOverlay(nil)
//	for each epoch {
//		r, err := store.Reader()
//		o.Reset(r)
//		// read and write through o, sorted by key where possible, while o.Fits(store.Limit())
//		err = store.Apply(o) // or not: the epoch is forgotten
//		err = r.Close()
//	}
//	err = store.Close()
//
// One view serves one epoch. It keeps its iterators: a forward one, which a Scan moves to its
// beginning only where the last Scan did not end there, one more for each level of nested Scans, and a
// reverse one once Last is called. While a view is open Badger keeps what it may still read.
//
// # What lies on the disk
//
// All in one directory, beside Badger's own files (MANIFEST, KEYREGISTRY, DISCARD, *.sst, *.mem, *.vlog):
//
//	FORMAT   the format version in decimal and a newline: "1\n"
//	OPEN     while a process has the store: its id, a space, the boot id of the machine, a newline
//	DAMAGED  after a write that failed in the middle: the reason in words
//
// Keys and values lie in Badger as they are given; this package adds no key. FORMAT is the first
// file to be made and the first to go, so data without it is of unknown format. An exclusive lock
// (flock) on the directory itself, which Badger's own tools respect, keeps it to one process; it
// ends with the process, and OPEN is not the lock.
//
// A new FormatVersion is due when the engine changes the meaning of keys or values, or when this
// page changes.
//
// # Why these settings of Badger
//
// Measured with two million keys of 60 bytes and values of 120:
//
//   - no compression, no block cache: tables are mapped into memory, so a cache saves no reading;
//     without it a Get is a third cheaper. (Compression would need the cache.)
//   - values up to 1 MiB beside their keys, which is all values: a Scan reads in one place, the value
//     log stays empty and needs no collecting.
//   - no fetching of values ahead: a scan is two to three times faster without.
//   - one version of each key, no detection of conflicts: there is one writer and views are short.
//   - no sync of writes: Kafka is the truth. A kill of the process loses nothing all the same.
//   - a memtable of 64 MiB: with 16 MiB reading, changing and writing was three times slower. It
//     also sets the Limit: 15 % of it, 52,000 writes or 9.6 MiB.
//
// # Non-obvious
//
//   - A machine that stops with the store open leaves ErrDamaged, unless [Sync] is on. Badger does
//     not sync a log when it begins the next; after a power loss the end of one may be missing and
//     the beginning of the next be there. The positions in the same write would then tell a lie, so
//     the boot id in OPEN decides, not they. A kill, or a move of the directory after Close, is no such stop.
//   - An Apply that fails in Badger itself, not for being too large, may have shown half of its
//     writes to memory. The store takes no more writes then and condemns its directory.
//   - A full disk ends a process that writes to a mapped file (SIGBUS), so OpenBadger, Apply and Close ask for the room first,
//     which must be two memtables (128 MiB): one that is written, one that becomes a table. What refuses has done nothing.
//   - Badger panics on goroutines of its own, or ends the process, over a damaged table. So the tables
//     are opened once before Badger does, where a panic can be caught. [Verify] checks every block there, at
//     some GB a second where the system has the tables in memory. Badger's own checks of the blocks that it reads are
//     no help: what it cannot read there it takes for the end of the table.
//     Without it a changed bit in the middle of a table goes unseen.
//   - A damaged log (*.mem) is cut at the damage by Badger without an error: the state is older.
//   - Badger reports its own failures to read a value log as an empty value. There is none here: that is
//     why MaxValue is what it is, and why a larger value is refused.
//   - Overlay.Bytes counts 12 bytes for each key beside key and value, as Badger's limit does.
//   - A value that is Set again takes new memory in the overlay until Reset, though Bytes does not
//     show it; a slice that was read before stays as it was. Setting an equal value costs nothing.
//   - Delete of a key that the store does not have is a write like another: the overlay does not ask.
//   - DropPrefix deletes key by key. Badger's own DropPrefix is faster and stops all writers.
//   - Close refuses while a view is open: an iterator over closed tables would read unmapped memory.
//   - Reads counts what an overlay asks of its base. A Scan that begins where the last one ended is
//     counted as a seek though Badger does none.
package state
