// Package graph decides everything and touches nothing: feature keys, graphs and their checks,
// versions, the compiled plan, filters, the status of a sample. It does no I/O, reads no clock and
// starts no goroutine; the same input gives the same output.
//
// # Words
//
// A feature (video/chunk) has samples, told apart by their id columns, and fields (audio, frames),
// each with a code version. It depends on other features, by lineage: identity (1:1), expansion
// (1:N), aggregation (N:1). A row is the latest write of one sample. Provenance says, field by
// field, what a row was made of; its data version is what readers see of it, the provenance unless
// the producer says otherwise. The field version is a hash of the code that a field depends on,
// the feature version of all field versions.
//
// # The way of a graph
//
//	Parse     text → Graph: structure, keys, references, cycles, mappings: all that versions need (G2)
//	Check     what is left of G2
//	Versions  the versions that Metaxy computes, byte for byte
//	Push      Graph + History → History: the Plan, and what later graphs must know of this one (G3, G4)
//
// A Plan has, for each feature in topological order, the parents of its fields, its join key K and
// match key M (J2, J3), the layout of their columns, and its edges. Every evaluation runs on it.
//
// # The way of a row
//
//	CheckRecord  Record → Row, or a Refusal with the reason of R7
//	Edge.Key     the key under which the row is filed for its readers (J1, J2)
//	View         what they see of it: rename, filters, select (J4)
//	RowInput, Group.Input   what it gives to an evaluation (J5)
//	Presence, Hasher.Expect the expected row (S1, S2, J6)
//	Judge, Family.Judge     status, causes, changed fields (S4 to S6, S8, S9)
//
// # Rules
//
// Tests and comments cite the rules by number: R rows, G the graph, J joins, S status, E events.
//
//	R1 a row is the latest write of one sample     R2 writes replace, deletes remove
//	R3 provenance names every field                R4 the scalar is recomputed
//	R5 a row may have no version                   R6 types of ids
//	R7 what cannot be used changes nothing
//	G1 short forms and defaults                    G2 what is refused
//	G3 compiled once                               G4 every graph is remembered
//	G5 lengths of hashes                           G6 a feature that leaves is taken back
//	J1 input ids   J2 join key K   J3 match key M  J4 rename, filter, select
//	J5 aggregation J6 required and optional
//	S1 expected    S2 ready        S4 the table    S5 roots
//	S6 expansion   S8 changed fields               S9 causes
//
//	S3 settled     S7 group records                S10 requests
//	S12 failures
//
// Graphs that set no gate have the gate settled (S3): settle.go finds where work waits for its inputs to come to
// rest, judged.go what a reader must have been told before it may answer at all.
//
// # Non-obvious
//
//   - Feature keys sort part by part, fully qualified field keys as text: a/b before a-b, and
//     a-b before a/b (metaxy-semantics 1.1).
//   - Layout has the columns of M in the order of the chain of J3, not in M's order, so that the
//     input ids of every dependency are a prefix of it: what one dependency touches is one range
//     of match keys. M's order appears in record keys only (Shape).
//   - An edge shares the rows of its upstream's own edge where both have the same key in the same
//     order; rename, filters and select are then applied when the row is read (View.Shared).
//     A filter edit on such an edge refiles nothing.
//   - The names of edges, and whether a key has moved, depend on earlier graphs. So a plan is made
//     by History.Push, and every process that reads the same graph topic makes the same plan.
//   - A tuple's bytes (AppendTuple) decide partitions. They can never change.
package graph
