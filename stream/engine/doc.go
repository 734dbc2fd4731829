// Package engine is the router, the resolver and their sweeps as steps over a state: an input goes
// in, "produce this, then keep that" comes out. It has no Kafka client, clock, goroutine or lock, so
// that the processor, replay and the simulation run the very same code.
//
// # The way of a write
//
//	Route    a record of a sample topic: checked (R), filed on every edge that it belongs to;
//	         out come records of rows
//	Resolve  a record of rows: kept under its join key; what reads it is touched
//	Work     what was touched is evaluated; where the answer differs from the one last emitted,
//	         out comes an event (E1)
//
// An epoch is Begin, any number of those, Work, Output. The caller produces the output and the
// positions of the inputs in one transaction, and only when that is committed applies the overlay
// (Commit). Before that nothing has happened: Abort and drop the overlay. Everything that a task
// remembers between epochs is in the state; what the structs hold besides is a view of it that
// forget and Abort throw away.
//
// # Tasks
//
// A router task (Source) has one partition of a sample topic. For each record key it keeps the
// whole own row and the places where it is filed (filed.go). That is a view of rows, which is its
// only true memory: RestoreFiled rebuilds it from there. Its one loop is the scan (scan.go): go
// through all that is filed and file it as the graph in force wants it. At its end it marks its
// edges as filed.
//
// A resolver task has one partition of rows. Under each join key lie, side by side, the rows of
// every edge, the children of each parent counted by what is judged (the classes), and what was last
// emitted (the pages). What was touched and not finished in an epoch becomes dirty keys (job.go);
// what a graph or a hydration asks for is the sweep (sweep.go). Both go round: a trigger while one
// is under way sets its end to where it is, and it makes one more lap.
//
// # Hydration
//
// A feature is open in a partition once every router task of every edge of it has marked it, and,
// where a push has changed its join key, once every partition has said that it has taken back what
// it had under the earlier one (hydration.go). Only open features are evaluated (E4).
//
// # Group records, requests, failures, and what is suspect
//
// A group record (S7) is an own row without own ids; it is counted apart from the children, and the
// first page of a match key remembers whether the group was complete, so that all children are judged
// again when that turns. A request (S10) is run by every router task of its topic, a piece an epoch (request.go);
// it marks the own rows, and so lies in rows. A failure (S12) is a record of rows of its own, filed
// under every shape that has its key and remembered whatever the graph (Fail). What is suspect
// (S3) is said in flags beside the rows (suspect.go); one task writes each, and remembers what it
// has said. The flags of a partition's own edges are kept at once; others take the way of rows, and so does
// the memory of them (told.go). Three things keep work from being offered that is about to be taken back:
//
//   - A reader is open only once every partition has said that it has judged all rows of the inputs (judged.go).
//   - Within a partition features are evaluated in topological order under each join key, and dirty keys in
//     topological order; a reader waits while an ancestor has dirty keys (job.go).
//   - A row goes to its readers in one step and what is suspect of their other inputs in several, so work is
//     held back for some time for each such step (held.go). Only that depends on the clock, and only when.
//
// # Bytes
//
// Keys of the state: statekey.go. Keys of rows: rowskey.go. Rows: rowbytes.go. What is filed:
// filed.go. Pages: page.go. FormatVersion of the state package covers those in the state; the name
// of the topic rows covers those in it.
//
// # Where this differs from the first design, and why
//
//   - A new edge is filed from what the router keeps (the own row of each record key), not by
//     reading the sample partition again. The result is the same, a function of rows; it needs no
//     second reading position, is not slowed by the broker, and a record whose newest write was
//     refused needs no rule of its own.
//   - A task announces the graph under which it files with a record of its own ('g') in every
//     partition of rows, before anything that it files under it. A resolver that reads one newer
//     than its graph asks for graphs first (NeedGraphError), and so does one that reads a row of an
//     edge that no graph had: compaction may have left only a later announcement, behind the row. So
//     rows of an edge that is not in the graph are of an older one, and are dropped.
//   - The children of a parent are counted by class in keys of their own, not in one value: a
//     parent whose children all differ stays within what one value can hold.
//   - Requests are no records of rows but a topic of their own, which every process follows as it does
//     the graphs: one record instead of one for each partition, and what is done of it can be seen. Only
//     the marks are in rows.
//   - Aggregation groups are counted while they wait (groups.go) and read whole when their expectation is
//     computed, which takes all their data versions anyway. Small groups are not counted.
//
// # Non-obvious
//
//   - A row on the own edge is produced again even where nothing but its source differs: the
//     source goes into the event id (E3), so that a wrong answer is offered again.
//   - Dirty keys and the sweep are dropped, not kept, when a graph comes: the sweep of that graph
//     visits every key.
//   - The digest in a page covers what E1 compares. Counts of children and input blocks are not in
//     it, so they are what held at emission.
//   - The event id hashes what a worker is given, each value with its name and in no order (digest.go):
//     not the match key, the shape or the edges. So a push that lays the same work out otherwise makes
//     nothing new.
package engine
