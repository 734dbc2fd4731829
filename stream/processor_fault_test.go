package stream

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/freshline/freshline/state"
)

const twoReadersGraph = `
features:
  - key: doc
    id_columns: [id]
    fields: [x]
  - key: page
    id_columns: [id]
    fields: [x]
    deps: [doc]
`

const threeReadersGraph = twoReadersGraph + `
  - key: line
    id_columns: [n]
    fields: [x]
    deps: [{feature: doc, lineage: {expansion: [id]}, select: []}]
  - key: word
    id_columns: [text]
    fields: [x]
    deps: [{feature: doc, lineage: {aggregation: [text]}}]
`

func putDocs(t *testing.T, p *Producer, n, size int) {
	t.Helper()
	for id := range n {
		err := p.Put(testContext(t), "doc", Sample{
			Columns:    map[string]any{"id": id, "text": strings.Repeat("x", size)},
			Provenance: map[string]string{"x": fmt.Sprint(id)},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Flush(testContext(t)); err != nil {
		t.Fatal(err)
	}
}

func deleteDocs(t *testing.T, p *Producer, n int) {
	t.Helper()
	for id := range n {
		if err := p.Delete(testContext(t), "doc", map[string]any{"id": id}); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Flush(testContext(t)); err != nil {
		t.Fatal(err)
	}
}

// TestLargeRows: rows of which a few are as much as Badger takes at once are filed, and filed again under
// another graph, in as many epochs as it takes.
func TestLargeRows(t *testing.T) {
	broker := testBroker(t, "")
	cluster, ns := broker.Cluster(), Namespace("large")
	testTopics(t, cluster, ns, testGraph(t, threeReadersGraph))
	publishGraph(t, cluster, ns, twoReadersGraph)
	var epochs atomic.Int64
	testProcessor(t, ProcessorOptions{
		Cluster: cluster, Namespace: ns, StateDir: t.TempDir(), InstanceID: "one",
		Hooks: Hooks{OnEpoch: func(EpochStats) { epochs.Add(1) }},
	})
	producer := openProducer(t, cluster, ns)
	const docs = 120
	putDocs(t, producer, docs, 200_000)
	awaitWork(t, cluster, ns, docs)
	before := epochs.Load()
	publishGraph(t, cluster, ns, threeReadersGraph)
	awaitWork(t, cluster, ns, 2*docs)
	if took := epochs.Load() - before; took > 20*docs {
		t.Errorf("to file %d rows again took %d epochs", docs, took)
	}
	deleteDocs(t, producer, docs)
	awaitWork(t, cluster, ns, 0)
}

// refusingStore refuses one Apply of an epoch.
type refusingStore struct {
	state.Store
	refuse atomic.Bool
}

func (s *refusingStore) Apply(o *state.Overlay) error {
	if o.Len() > 50 && s.refuse.CompareAndSwap(true, false) {
		return fmt.Errorf("the test says so: %w", state.ErrTooLarge)
	}
	return s.Store.Apply(o)
}

// TestAnEpochThatTheStateDoesNotHave: an epoch that was committed to Kafka, and that the state then refuses,
// is read from the logs; nothing of it is forgotten.
func TestAnEpochThatTheStateDoesNotHave(t *testing.T) {
	broker := testBroker(t, "")
	cluster, ns := broker.Cluster(), Namespace("refused")
	testTopics(t, cluster, ns, testGraph(t, threeReadersGraph))
	publishGraph(t, cluster, ns, threeReadersGraph)
	store := &refusingStore{Store: state.NewMemory()}
	p, err := NewProcessor(ProcessorOptions{Cluster: cluster, Namespace: ns, InstanceID: "one"})
	if err != nil {
		t.Fatal(err)
	}
	p.testStore = store
	runProcessor(t, p)
	producer := openProducer(t, cluster, ns)
	const docs = 60
	store.refuse.Store(true)
	putDocs(t, producer, docs, 10)
	awaitWork(t, cluster, ns, 2*docs+1) // a page and a line for each, and one word
	if store.refuse.Load() {
		t.Error("no epoch was refused")
	}
	deleteDocs(t, producer, docs)
	awaitWork(t, cluster, ns, 0)
}

// TestAMemberThatHasJoinedAnew: a process that stood still for longer than a session joins its group anew, and the group
// answers to what the member before commits that the instance id is another's. Nobody else has it: the process goes on.
func TestAMemberThatHasJoinedAnew(t *testing.T) {
	broker := testBroker(t, "")
	cluster, ns := broker.Cluster(), Namespace("anew")
	testTopics(t, cluster, ns, testGraph(t, twoReadersGraph))
	publishGraph(t, cluster, ns, twoReadersGraph)
	testProcessor(t, ProcessorOptions{Cluster: cluster, Namespace: ns, InstanceID: "one"})
	var refused atomic.Bool
	broker.cluster.ControlKey(kmsg.TxnOffsetCommit.Int16(), func(request kmsg.Request) (kmsg.Response, error, bool) {
		req := request.(*kmsg.TxnOffsetCommitRequest)
		answer := req.ResponseKind().(*kmsg.TxnOffsetCommitResponse)
		for _, rt := range req.Topics {
			at := kmsg.NewTxnOffsetCommitResponseTopic()
			at.Topic, at.TopicID = rt.Topic, rt.TopicID
			for _, rp := range rt.Partitions {
				ap := kmsg.NewTxnOffsetCommitResponseTopicPartition()
				ap.Partition, ap.ErrorCode = rp.Partition, kerr.FencedInstanceID.Code
				at.Partitions = append(at.Partitions, ap)
			}
			answer.Topics = append(answer.Topics, at)
		}
		refused.Store(true)
		return answer, nil, true
	})
	putDocs(t, openProducer(t, cluster, ns), 10, 10)
	awaitWork(t, cluster, ns, 10)
	if !refused.Load() {
		t.Error("no commit was refused")
	}
}

// TestStateOfAnotherDeployment: a state directory that was used elsewhere is not trusted.
func TestStateOfAnotherDeployment(t *testing.T) {
	dir := t.TempDir()
	for round, docs := range []int{5, 20} {
		broker := testBroker(t, "")
		cluster, ns := broker.Cluster(), Namespace("foreign")
		testTopics(t, cluster, ns, testGraph(t, twoReadersGraph))
		publishGraph(t, cluster, ns, twoReadersGraph)
		stop := testProcessor(t, ProcessorOptions{Cluster: cluster, Namespace: ns, InstanceID: "other"})
		producer := openProducer(t, cluster, ns)
		putDocs(t, producer, docs, 10)
		awaitWork(t, cluster, ns, docs)
		stop()
		stop = testProcessor(t, ProcessorOptions{Cluster: cluster, Namespace: ns, StateDir: dir, InstanceID: "other"})
		deleteDocs(t, producer, docs)
		awaitWork(t, cluster, ns, 0)
		stop()
		if t.Failed() {
			t.Fatalf("round %d", round)
		}
	}
}
