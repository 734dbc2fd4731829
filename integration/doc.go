// Package integration runs real Kafka brokers and the Freshline binary for tests: Freshline's own,
// and those of anyone who builds on it.
//
//	kafka, err := integration.StartKafka(ctx)
//	if err != nil { … }
//	defer kafka.Terminate(context.WithoutCancel(ctx))
//	fresh, err := integration.StartFreshline(ctx, kafka.Brokers(), integration.FreshlineNamespace("t1"))
//
// # Which broker
//
// [StartKafka] always starts a container. [FindBroker] takes the best that the machine has, in this order:
//
//  1. the brokers named in FRESHLINE_TEST_BROKERS (host:port, comma separated); they must answer
//  2. a container, where a Docker daemon answers and the image is there or can be pulled
//  3. a process started from Maven Central's jars, where bash, Java >= 17 and Maven are
//  4. the embedded broker (kfake) in this process: no real Kafka
//
// Variables of the environment:
//
//	FRESHLINE_TEST_BROKERS      brokers to use; nothing is started
//	FRESHLINE_TEST_KAFKA_IMAGE  image of the container (default [DefaultKafkaImage])
//	FRESHLINE_TEST_KAFKA        "required": the fourth way is a failure that says what to install
//	FRESHLINE_TEST_JARS         "1": test the third way too where the first or second was found
//
// With -short the tests of this package never look for a real broker.
// Which broker was found is told in one line ([Broker.String]), as is what the fourth way leaves out.
// go test keeps the output of a passing package to itself when it is given a list of packages, so the
// line is seen with -v and -json, in a failing run, and on Linux also in a plain `go test ./...` whose standard
// error is a terminal or a pipe, not a file ([Broker.Announce]). A cached result prints nothing: -count=1 runs anew.
//
// # Faults
//
// TestFaults runs three brokers of its own (JarCluster) and three processors, each a process, while samples are written,
// graphs are pushed and workers answer. What goes wrong is a list (faultList). When it is over and nothing is under way, a
// verifier reads all topics with read_committed and goavro, and compares: what is said of every key with what
// enginetest.Oracle answers from the samples, graphs and failures (missing, wrong), every record with the one before
// it (duplicate), every event id with the work that it names. Where the processors are to reach the brokers by a proxy, the
// brokers have a second listener, which advertises the proxy: so no answer need be rewritten.
//
// # Non-obvious
//
//   - A container has the host's network and its broker listens on 127.0.0.1 only, on ports picked before it
//     starts: they stay the same over Kill and Start, which ports published by Docker do not, and no traffic
//     leaves the loopback interface. So the daemon must run on this machine; Docker Desktop must have host
//     networking switched on.
//   - Ryuk, the container in which testcontainers cleans up, is another image to pull. It is switched off by
//     setting TESTCONTAINERS_RYUK_DISABLED=true in this process unless that is set already; call a Start
//     function before any other use of testcontainers, or set it yourself. What a killed test process leaves
//     behind carries the label [ContainerLabel]; on Linux the next one removes it.
//   - A produce that timed out while a broker was paused may be in the log after Unpause: a timeout is unknown,
//     not lost.
//   - A killed broker stays registered until broker.session.timeout.ms ends (9 s by default), and its successor
//     waits for that: Start after Kill takes about 12 s. [KafkaSetting] lowers it.
//   - What a producer was not told is in the log or not: the verifier reads the log, and believes nobody else.
//   - kafka.sh and kafka-image.sh stand alone: the first runs clusters of one or three nodes by hand, the second
//     builds an image that behaves like the public one without pulling anything.
package integration
