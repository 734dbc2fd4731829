package stream

import (
	"errors"
	"net"
	"strconv"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestEmbeddedCreatesNoTopicUnasked(t *testing.T) {
	b := testBroker(t, "")
	client, err := Connect(testContext(t), b.Cluster(), kgo.AllowAutoTopicCreation(), kgo.UnknownTopicRetries(0))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	err = client.ProduceSync(testContext(t), &kgo.Record{Topic: "nobody.made.this"}).FirstErr()
	if !errors.Is(err, kerr.UnknownTopicOrPartition) {
		t.Errorf("a write to a topic that is not there: %v", err)
	}
}

func TestEmbeddedOnAGivenPort(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if _, err := StartEmbedded(EmbeddedOptions{Port: port}); err == nil {
		t.Fatal("started on a port that is in use")
	}
	listener.Close()
	b, err := StartEmbedded(EmbeddedOptions{Port: port})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if want := net.JoinHostPort("127.0.0.1", strconv.Itoa(port)); b.Brokers()[0] != want || len(b.Brokers()) != 1 {
		t.Errorf("got %v, want %s", b.Brokers(), want)
	}
	if _, err := StartEmbedded(EmbeddedOptions{Port: 65536}); err == nil {
		t.Error("port 65536 was accepted")
	}
}

// What a restart on a data directory keeps: topics with their settings, records with their offsets,
// markers and aborted records, committed offsets of groups with their metadata, and the epoch of a
// transactional id, so that the process before stays fenced.
func TestEmbeddedKeepsItsDataDirectory(t *testing.T) {
	dir := t.TempDir()
	ctx := testContext(t)
	first, err := StartEmbedded(EmbeddedOptions{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	closed := false
	defer func() {
		if !closed {
			first.Close()
		}
	}()
	g := testGraph(t, videoGraph)
	testTopics(t, first.Cluster(), "", g)
	rows := DefaultNamespace.Rows()

	writer, err := Connect(ctx, first.Cluster(), kgo.TransactionalID("writer"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	for i, end := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort, kgo.TryCommit} {
		if err := writer.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := produceOne(ctx, writer, &kgo.Record{Topic: rows, Key: []byte("k"), Value: []byte{byte(i)}, Headers: []kgo.RecordHeader{{Key: "h", Value: []byte("v")}}}); err != nil {
			t.Fatal(err)
		}
		if err := writer.EndTransaction(ctx, end); err != nil {
			t.Fatal(err)
		}
	}
	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: rows, Partition: 0, At: 4, LeaderEpoch: -1, Metadata: "kept"})
	if err := kadm.NewClient(writer).CommitAllOffsets(ctx, "g", offsets); err != nil {
		t.Fatal(err)
	}
	before := listAll(t, first.Cluster(), "")
	writer.Close()
	first.Close()
	closed = true

	second := testBroker(t, dir)
	after := listAll(t, second.Cluster(), "")
	if len(before) != len(after) {
		t.Fatalf("%d topics before and %d after", len(before), len(after))
	}
	for i := range before {
		if before[i] != after[i] {
			t.Errorf("before %+v, after %+v", before[i], after[i])
		}
	}
	client, err := Connect(ctx, second.Cluster())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var seen []byte
	var at []int64
	err = readTopics(ctx, second.Cluster(), client, []string{rows}, func(r *kgo.Record) error {
		seen, at = append(seen, r.Value...), append(at, r.Offset)
		if len(r.Headers) != 1 || string(r.Headers[0].Value) != "v" {
			t.Errorf("offset %d: headers %v", r.Offset, r.Headers)
		}
		return nil
	})
	if err != nil || string(seen) != "\x00\x02" || at[0] != 0 || at[1] != 4 {
		t.Errorf("read %v at %v, %v", seen, at, err)
	}
	committed, err := kadm.NewClient(client).FetchOffsets(ctx, "g")
	if o, ok := committed.Lookup(rows, 0); err != nil || !ok || o.At != 4 || o.Metadata != "kept" {
		t.Errorf("committed offsets after the restart: %+v, %v", committed, err)
	}

	again, err := Connect(ctx, second.Cluster(), kgo.TransactionalID("writer"))
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	id, epoch, err := again.ProducerID(ctx)
	if err != nil || id < 0 || epoch < 1 {
		t.Errorf("the transactional id came back as producer %d, epoch %d, %v: the process before is not fenced", id, epoch, err)
	}
}

func listAll(t *testing.T, cluster Cluster, ns Namespace) []TopicInfo {
	t.Helper()
	client, err := Connect(testContext(t), cluster)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	infos, err := NewTopics(client).List(testContext(t), ns, testGraph(t, videoGraph))
	if err != nil {
		t.Fatal(err)
	}
	return infos
}
