// Package httpapi answers over HTTP why a sample has the status that it has, how a deployment stands, and with what metrics.
// It only reads.
//
// # Paths
//
//	GET /v1/status                               how the process stands, and the features in its partitions of rows;
//	                                             with ?counts=false without numbers of samples and keys
//	GET /v1/features/{feature}/samples/{key}     why one key has the status that it has
//	GET /v1/graph                                the graph in force, and its number
//	GET /v1/schemas/{name}                       the JSON Schema of an answer: status.json, explanation.json, graph.json, error.json
//	GET /metrics                                 the metrics of this process for Prometheus (Metrics)
//
// The slashes of a feature key may stand as they are or as %2F. The key is JSON, URL-escaped: the whole key of an event,
// its columns in any order, or the sample's own ids. What is no answer is a Fault, {"error", "reason"}.
//
// # Who answers
//
// Any process may be asked for any key. One that does not own the key's partition of rows finds the owner among the members
// of the consumer group, whose metadata have the addresses (stream.Members), and passes the question on with two headers: whom
// it means, and which partitions. Who is asked in this way answers from what it has and asks nobody, so no question goes
// round; who was not meant refuses, since 127.0.0.1 of one machine is not that of another. What a key waits for is followed
// in the same way, key by key, by the process that was asked first (tree.go).
//
// A status is that of one process. Client.Deployment asks all of them and adds up.
//
// # Metrics
//
// Metrics has a registry of its own and is fed by the hooks of one Processor. It answers while the process starts, too: a
// rebuild may take long, and is what one wants to see.
//
// # Where an answer comes from
//
// From a snapshot of the state, under the newest graph, by a second engine over an overlay that is thrown away
// (engine.View): the evaluation that emits is the one that explains. It holds no epoch up.
//
// # Non-obvious
//
//   - Counts are made anew for each /v1/status, unless nothing has been committed since: the state does not keep the status of
//     a key, only a digest. They count what holds, which is what was emitted where no partition is working.
//   - By loopback only the names of loopback are taken (checkHost), so that no page in a browser can read the answers by
//     a name of its own that resolves to 127.0.0.1.
//   - The path up to a change follows the newest rows, since the state has no others. Of two inputs the one that was written
//     last, by the clocks of those who wrote them, is taken to be what changed the key.
package httpapi
