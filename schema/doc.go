// Package schema turns Avro records into Go values and back: samples, staleness records and failures. It knows the
// framings and finds the writers' schemas. There is no Kafka client in it; the only network it speaks is the HTTP of
// a schema registry (Registry).
//
// # The way of a payload
//
//	payload ─ ParseFrame ─▶ Frame ─ Schemas ─▶ *Schema
//	              └────────▶ body ─ RecordDecoder ─▶ *graph.Record
//
// Decoder does all of it. A RecordDecoder sees the body and the schema that wrote it; there are two. Direct makes
// graph values while it walks over the bytes. Goavro lets the library goavro decode and converts what it gives; it is
// the oracle that Direct is tested and fuzzed against.
//
// # Framing
//
// Both are read, whichever is configured; the first byte tells them apart.
//
//	single-object encoding    C3 01   fingerprint, 8 bytes little-endian     body
//	Confluent wire format     00      registry id, 4 bytes big-endian        body
//
// The fingerprint is CRC-64-AVRO of the schema's Parsing Canonical Form. The body is Avro binary and nothing follows it.
//
// # Error classes
//
// Every error of reading is one of these (errors.Is); the dead-letter reasons are those of R7.
//
//	ErrBadBytes        the bytes, or the schema itself, cannot be read    BAD_BYTES
//	ErrNotRecord       they can, and are no record                        BAD_ROW
//	ErrUnknownSchema   nobody knows the writer's schema                   BAD_BYTES
//	ErrUnavailable     somebody who may know it does not answer           wait, ask again
//
// A text names the frame, the field and the byte of the body.
//
// # Samples
//
// Columns are found by name at the top of the record, in any order. The system columns of Metaxy that the rules read
// go to the fields of graph.Record, the others (R4) are passed over, all else is a user column:
//
//	boolean                               KindBool
//	int, long                             KindInt
//	float, double                         KindDouble
//	string, enum                          KindString
//	bytes, fixed                          KindBytes
//	date                                  KindDate
//	[local-]timestamp-millis/micros/nanos KindTimestamp
//	uuid, of string or of fixed(16)       KindUUID; a string that is none stays a KindString
//	decimal, of bytes or fixed            KindDecimal; beyond graph.MaxDecimalDigits digits ErrBadBytes
//	time-millis, time-micros              KindOther, {"time-millis":n}
//	array, map, record                    KindOther, canonical JSON
//	string of logical type "json"         KindOther: our own, so that a KindOther can be written
//
// A union is what its branch is. Other logical types, and those that do not fit their type, are ignored, as Avro asks.
// metaxy_provenance_by_field and metaxy_data_version_by_field may be a map, a record whose fields are the struct names,
// or an array of {key, value} records, which is what Arrow makes of a map column; anything else is graph.MapInvalid.
//
// SampleSchema and Encoder write samples. Every column is ["null", type], also metaxy_provenance_by_field, since a
// delete (R2) needs the ids only. freshline_children is there only where it is used.
//
// # Staleness records
//
// staleness.avsc is one schema for the events of all features; the docs of its fields are in the file, and Staleness is
// the struct. Its fields stand in this order:
//
//	shared by the children of one parent (SharedEvent)
//	  feature, scope, status, causes, changed_fields, feature_version
//	  expected               null or {provenance_by_field, provenance}
//	  inputs                 array of {feature, id, data_version_by_field, columns}
//	  inputs_total, inputs_digest, awaiting
//	  children, children_not_current
//	  failure                null or {type, message, attempt}
//	  origin                 null or {topic, partition, offset, timestamp}
//	each child's own (EventOwn)
//	  event_id, key
//	  id                     map of null, boolean, long, double, string, bytes
//	  recorded               null or {provenance_by_field, provenance, feature_version}
//
// Avro binary is concatenation, so SharedEvent.Set encodes the frame and the first part once, and SharedEvent.Append
// puts the second behind it for each child: some 40 ns and no allocation, where goavro takes 4 µs. Staleness.Encode is
// goavro's way and the oracle of these bytes.
//
// Every event is read back by any Avro client that has the file. In ids and inputs dates and timestamps (RFC 3339),
// UUIDs and decimals are text, arrays, maps and records JSON text; the field key has the ids with their types (E2).
//
// failure.avsc is what a worker writes of work that it could not do (S12); Failure is the struct.
//
// # Non-obvious
//
//   - goavro has no schema resolution, and none is needed: a record is always decoded by its writer's schema, and its
//     columns are found by name. A default never fills in a column; a column that is not there is not there.
//   - goavro trusts its input: a block count makes it allocate, a record in itself recurses until the stack ends, a
//     string may hold any bytes. So a walker goes over the body first, in a small part of the time. It bounds
//     lengths, depth (64) and the number of values (about 4 million), and refuses text that is not UTF-8.
//   - goavro is given no logical types and no namespaces (goavroForm). It would keep a validated-string's
//     pattern in a global map without a lock, compute 10^scale of any scale, lose a decimal's trailing digits, and panic
//     on a decimal without scale.
//   - The fingerprint is the specification's, as Java and fastavro have it. goavro's own differs as soon as there is a
//     logical type or a nested namespace; a writer that uses it publishes the schema under that one (Set.Put).
//   - A fingerprint does not cover logical types: a long and a timestamp, or decimals of two scales, have the same one.
//     SampleSchema therefore puts a digest of its logical types into the namespace; Set.Put returns a schema that
//     it displaces and that differs in them. Registry ids have no such trouble.
//   - ParseSchema takes a schema that is no record. R7 wants to know first whether the bytes decode (BAD_BYTES), then
//     whether they are a record (BAD_ROW), so it is the decoder that says ErrNotRecord.
//   - A record may also stand in a union at the top.
//   - A Set answers ErrUnknownSchema at once. A schema may be published just before its first sample, so whoever
//     fills the Set reads the schema topic to its end before it believes that.
//   - Of a registry's answers only its own code for "not found" is ErrUnknownSchema. A bare 404 is a wrong path or a proxy
//     and would otherwise send every good sample to the dead letters. Schemas that refer to others by the registry's
//     references are ErrBadBytes.
//   - A null freshline_children counts as not there: Avro has no other way to leave a column out of one row.
//     graph.Record.HasVersion, though, says whether the schema has metaxy_feature_version.
//   - The texts of one record share one allocation. Whoever keeps a single value keeps the body.
//   - A map key twice is ErrBadBytes; a key twice in an array of pairs is graph.MapInvalid, since Avro allows the array.
package schema
