package stream

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/freshline/freshline/graph"
)

func testAdmin(t *testing.T) (*Topics, *kadm.Client) {
	t.Helper()
	client, err := Connect(testContext(t), testBroker(t, "").Cluster())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return NewTopics(client), kadm.NewClient(client)
}

func TestTopicsCreate(t *testing.T) {
	topics, _ := testAdmin(t)
	ctx := testContext(t)
	g := testGraph(t, videoGraph)

	err := topics.Check(ctx, "lab", g)
	if err == nil || strings.Count(err.Error(), "is missing") != 10 || !strings.Contains(err.Error(), "freshline topics create") {
		t.Errorf("nothing is there, and Check says %v", err)
	}
	created, err := topics.Create(ctx, "lab", g, TopicOptions{Partitions: 5, SamplePartitions: 2})
	want := []string{
		"lab.deadletter", "lab.failures", "lab.graph", "lab.requests", "lab.rows.v1", "lab.sample.video.chunk", "lab.sample.video.raw",
		"lab.schemas", "lab.staleness.video.chunk", "lab.staleness.video.raw",
	}
	if err != nil || !slices.Equal(created, want) {
		t.Fatalf("created %v, %v", created, err)
	}
	if err := topics.Check(ctx, "lab", g); err != nil {
		t.Errorf("what was created does not pass: %v", err)
	}
	infos, err := topics.List(ctx, "lab", g)
	if err != nil {
		t.Fatal(err)
	}
	for _, info := range infos {
		partitions := map[TopicKind]int{TopicRows: 5, TopicFailures: 5, TopicStaleness: 5, TopicSample: 2}[info.Kind]
		if partitions == 0 {
			partitions = 1
		}
		if !info.Exists || info.Partitions != partitions || info.Compacted != (info.Kind != TopicDeadLetter) {
			t.Errorf("%+v", info)
		}
		if info.Compacted && info.DeleteRetention < tombstoneLife {
			t.Errorf("%s keeps tombstones for %s", info.Name, info.DeleteRetention)
		}
	}

	again, err := topics.Create(ctx, "lab", g, TopicOptions{})
	if err != nil || len(again) != 0 {
		t.Errorf("created again: %v, %v", again, err)
	}
}

// A graph pushed later gets topics that fit those that are there.
func TestTopicsCreateKeepsTheNumberOfPartitions(t *testing.T) {
	topics, _ := testAdmin(t)
	ctx := testContext(t)
	if _, err := topics.Create(ctx, "", nil, TopicOptions{Partitions: 7}); err != nil {
		t.Fatal(err)
	}
	g := testGraph(t, videoGraph)
	_, err := topics.Create(ctx, "", g, TopicOptions{Partitions: 8})
	if err == nil || !strings.Contains(err.Error(), "7 partitions and --partitions asks for 8") {
		t.Errorf("another number of partitions: %v", err)
	}
	if _, err := topics.Create(ctx, "", g, TopicOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := topics.Check(ctx, "", g); err != nil {
		t.Error(err)
	}
}

func TestTopicsCheckRefuses(t *testing.T) {
	g := testGraph(t, videoGraph)
	value := func(s string) *string { return &s }
	for _, c := range []struct {
		name       string
		topic      string
		partitions int32
		configs    map[string]*string
		is         string
	}{
		{"a sample topic deleted by age", "freshline.sample.video.raw", 2, nil, "cleanup.policy=delete"},
		{"compacted and deleted by age", "freshline.rows.v1", 3, map[string]*string{"cleanup.policy": value("compact,delete")}, "cleanup.policy=compact,delete"},
		{"too few staleness partitions", "freshline.staleness.video.chunk", 2, map[string]*string{"cleanup.policy": value("compact")}, "of 2 partitions"},
		{"too many failures partitions", "freshline.failures", 4, map[string]*string{"cleanup.policy": value("compact")}, "of 4 partitions"},
		{"a graph topic of two", "freshline.graph", 2, map[string]*string{"cleanup.policy": value("compact")}, "of 2 partitions"},
	} {
		t.Run(c.name, func(t *testing.T) {
			topics, admin := testAdmin(t)
			ctx := testContext(t)
			if _, err := admin.CreateTopic(ctx, c.partitions, -1, c.configs, c.topic); err != nil {
				t.Fatal(err)
			}
			if _, err := topics.Create(ctx, "", g, TopicOptions{Partitions: 3}); err != nil && c.topic != DefaultNamespace.Rows() {
				t.Fatal(err)
			}
			err := topics.Check(ctx, "", g)
			fault, ok := errors.AsType[*TopicFault](err)
			if !ok || fault.Topic != c.topic || !strings.Contains(fault.Is, c.is) || fault.Do == "" {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestTopicsCheckTakesADeletionThatDeletesNothing(t *testing.T) {
	topics, admin := testAdmin(t)
	ctx := testContext(t)
	policy, never := "compact,delete", "-1"
	configs := map[string]*string{"cleanup.policy": &policy, "retention.ms": &never, "retention.bytes": &never}
	if _, err := admin.CreateTopic(ctx, 4, -1, configs, "freshline.sample.video.raw"); err != nil {
		t.Fatal(err)
	}
	g := testGraph(t, videoGraph)
	if _, err := topics.Create(ctx, "", g, TopicOptions{Partitions: 1}); err != nil {
		t.Fatal(err)
	}
	if err := topics.Check(ctx, "", g); err != nil {
		t.Error(err)
	}
}

func TestTopicsRefuseNames(t *testing.T) {
	for _, c := range []struct {
		name     string
		features []*graph.Feature
		want     string
	}{
		{"too long", []*graph.Feature{{Key: graph.FeatureKey(strings.Repeat("a", 240))}}, "Kafka allows 249"},
		{"a character", []*graph.Feature{{Key: "a", Topic: "a b"}}, "character ' '"},
		{"shared", []*graph.Feature{{Key: "a", Topic: "t"}, {Key: "b", Topic: "t"}}, "topic t is the sample topic of feature a and the sample topic of feature b"},
		{"ours", []*graph.Feature{{Key: "a", Topic: "freshline.rows.v1"}}, "topic freshline.rows.v1 is the rows topic and the sample topic of feature a"},
	} {
		if _, err := planTopics("", &graph.Graph{Features: c.features}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
}

func TestTopicsCreateNamesTheReplicationFactor(t *testing.T) {
	topics, _ := testAdmin(t)
	_, err := topics.Create(testContext(t), "", nil, TopicOptions{ReplicationFactor: 3})
	if err == nil || strings.Count(err.Error(), "replication factor 3") != 1 || !strings.Contains(err.Error(), "freshline.deadletter, freshline.failures, freshline.graph") {
		t.Errorf("three replicas on one broker: %v", err)
	}
	for _, o := range []TopicOptions{{Partitions: -1}, {SamplePartitions: 10_001}, {ReplicationFactor: -2}} {
		if o.Validate() == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
}
