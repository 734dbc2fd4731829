package stream

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/freshline/freshline/graph"
)

// Level says how much a Finding matters.
type Level string

// The levels: as it should be; it works and may not always; processors cannot work, or workers miss something.
const (
	LevelOK      Level = "ok"
	LevelWarning Level = "warning"
	LevelError   Level = "error"
)

// Finding is what one check of a deployment came to.
type Finding struct {
	Check   string `json:"check"` // brokers, features, graph, topics, replication, group, transactions, clocks, state, workers
	Level   Level  `json:"level"`
	Subject string `json:"subject,omitempty"` // a topic, a group, a directory
	What    string `json:"what"`
	Do      string `json:"do,omitempty"` // what to do about it; not of LevelOK
}

// doctor looks at one deployment.
type doctor struct {
	cluster  Cluster
	ns       Namespace
	stateDir string
	client   *kgo.Client
	admin    *kadm.Client
	now      time.Time

	pushes   []Push
	history  *graph.History
	infos    []TopicInfo
	findings []Finding
}

// Diagnose looks at a deployment and at what it stands on: brokers, topics, the group of the processors, transactions,
// clocks, share groups of workers, and, with a directory, the state of a process of this machine, which must not run.
// It changes nothing. The error says that it could not look; what is wrong is a Finding.
func Diagnose(ctx context.Context, cluster Cluster, ns Namespace, stateDir string) ([]Finding, error) {
	if err := ns.Validate(); err != nil {
		return nil, err
	}
	client, err := Connect(ctx, cluster)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	d := &doctor{cluster: cluster, ns: ns, stateDir: stateDir, client: client, admin: kadm.NewClient(client), now: time.Now()}
	for _, check := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"brokers", d.checkBrokers}, {"features", d.checkFeatures}, {"graph", d.checkGraph}, {"topics", d.checkTopics}, {"replication", d.checkReplication},
		{"group", d.checkGroup}, {"transactions", d.checkTransactions}, {"clocks", d.checkClocks}, {"state", d.checkState}, {"workers", d.checkWorkers},
	} {
		before := len(d.findings)
		if err := check.run(ctx); err != nil {
			if ctx.Err() != nil {
				return nil, err
			}
			d.find(LevelWarning, "", fmt.Sprintf("could not be looked at: %s", err), "see whether this user may, and whether the brokers are well")
		}
		for i := before; i < len(d.findings); i++ {
			d.findings[i].Check = check.name
		}
	}
	return d.findings, nil
}

func (d *doctor) find(level Level, subject, what, do string) {
	d.findings = append(d.findings, Finding{Level: level, Subject: subject, What: what, Do: do})
}

// good adds a finding of what is well, unless something was found since.
func (d *doctor) good(since int, subject, what string) {
	if len(d.findings) == since {
		d.find(LevelOK, subject, what, "")
	}
}

func (d *doctor) checkBrokers(ctx context.Context) error {
	meta, err := d.admin.BrokerMetadata(ctx)
	if err != nil {
		return err
	}
	if err := requireKafka4(ctx, d.client); err != nil {
		d.find(LevelError, "", err.Error(), "upgrade the cluster to Kafka 4.0 or later, or use another one")
		return nil
	}
	d.find(LevelOK, "", fmt.Sprintf("%d, Kafka 4.0 or later, cluster %s", len(meta.Brokers), meta.Cluster), "")
	return nil
}

// checkFeatures looks at what the cluster has switched on.
func (d *doctor) checkFeatures(ctx context.Context) error {
	req := kmsg.NewPtrApiVersionsRequest()
	req.ClientSoftwareName, req.ClientSoftwareVersion = "freshline", "1"
	resp, err := req.RequestWith(ctx, d.client)
	if err != nil {
		return err
	}
	level := int16(-1)
	for _, f := range resp.FinalizedFeatures {
		if f.Name == "transaction.version" {
			level = f.MaxVersionLevel
		}
	}
	if level < 2 {
		d.find(LevelWarning, "transaction.version", fmt.Sprintf("is %d: a transaction may be ended by a request of the one before it that was delayed", max(level, 0)),
			"raise it with `kafka-features.sh upgrade --feature transaction.version=2`")
		return nil
	}
	d.find(LevelOK, "transaction.version", fmt.Sprintf("is %d", level), "")
	return nil
}

func (d *doctor) checkGraph(ctx context.Context) error {
	log, err := OpenGraphLog(ctx, d.cluster, d.ns)
	if err != nil {
		return err
	}
	defer log.Close()
	if d.pushes, err = log.ReadAll(ctx); err != nil {
		d.find(LevelError, d.ns.Graph(), fmt.Sprintf("cannot be read: %s", err), "publish a graph with `freshline graph publish`, which makes the topics")
		return nil
	}
	for _, push := range d.pushes {
		next, err := push.Apply(d.history)
		if err != nil {
			d.find(LevelWarning, d.ns.Graph(), err.Error(), "every process passes over it; publish a graph that is right")
			continue
		}
		d.history = next
	}
	plan := d.history.Plan()
	if plan == nil {
		d.find(LevelError, d.ns.Graph(), "holds no graph: processors have nothing to do", "publish one with `freshline graph publish`")
		return nil
	}
	d.find(LevelOK, d.ns.Graph(), fmt.Sprintf("graph %d is in force, with %d features", plan.Number, len(plan.Features)), "")
	return nil
}

// graphInForce is nil where there is none.
func (d *doctor) graphInForce() *graph.Graph {
	if plan := d.history.Plan(); plan != nil {
		return plan.Graph
	}
	return nil
}

func (d *doctor) checkTopics(ctx context.Context) error {
	since := len(d.findings)
	topics := NewTopics(d.client)
	var err error
	if d.infos, err = topics.List(ctx, d.ns, d.graphInForce()); err != nil {
		return err
	}
	recorded := map[string]int32{}
	for _, push := range d.pushes {
		push.count(recorded)
	}
	for _, info := range d.infos {
		if fault := info.fault(d.infos[0]); fault != nil {
			d.find(LevelError, fault.Topic, fmt.Sprintf("is %s and should be %s", fault.Is, fault.ShouldBe), fault.Do)
			continue
		}
		if info.Compacted && info.DeleteRetention < tombstoneLife && info.Kind != TopicGraph && info.Kind != TopicSchemas {
			d.find(LevelWarning, info.Name, fmt.Sprintf("keeps tombstones for %s (delete.retention.ms): who is away for longer does not hear of deletions, and a state is trusted for %s", info.DeleteRetention, stateLife),
				fmt.Sprintf("set delete.retention.ms=%s", millis(tombstoneLife)))
		}
		if n := recorded[info.Name]; info.Kind == TopicSample && n != 0 && int(n) != info.Partitions {
			d.find(LevelError, info.Name, fmt.Sprintf("has %d partitions, and had %d when its feature was published: processors refuse to start", info.Partitions, n),
				fmt.Sprintf("take over the new number with `freshline topics accept %s`", info.Feature))
		}
	}
	d.good(since, "", fmt.Sprintf("all %d are there, compacted, with the partitions that they should have", len(d.infos)))
	return nil
}

// checkReplication looks at copies: what one broker alone has is gone with it.
func (d *doctor) checkReplication(ctx context.Context) error {
	since := len(d.findings)
	var names []string
	for _, info := range d.infos {
		if info.Exists {
			names = append(names, info.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	meta, err := d.admin.Metadata(ctx, names...)
	if err != nil {
		return err
	}
	configs, err := d.admin.DescribeTopicConfigs(ctx, names...)
	if err != nil {
		return err
	}
	for _, name := range names {
		topic := meta.Topics[name]
		replicas := topic.Partitions.NumReplicas()
		least := 1
		if config, err := configs.On(name, nil); err == nil {
			for _, c := range config.Configs {
				if c.Key == "min.insync.replicas" {
					_, _ = fmt.Sscan(c.MaybeValue(), &least)
				}
			}
		}
		behind, away := 0, 0
		for _, p := range topic.Partitions {
			switch {
			case p.Leader < 0:
				away++
			case len(p.ISR) < len(p.Replicas):
				behind++
			}
		}
		switch {
		case away > 0:
			d.find(LevelError, name, fmt.Sprintf("%d of its partitions have no leader", away), "bring the brokers back that have them")
		case least > replicas:
			d.find(LevelError, name, fmt.Sprintf("min.insync.replicas is %d, and it has %d replicas: nothing can be written", least, replicas), "lower min.insync.replicas, or add replicas")
		case behind > 0:
			d.find(LevelWarning, name, fmt.Sprintf("%d of its partitions have replicas that are behind", behind), "see what ails the brokers that have them")
		case replicas == 1 && len(meta.Brokers) > 2:
			d.find(LevelWarning, name, fmt.Sprintf("has one replica, on a cluster of %d brokers", len(meta.Brokers)), "give it three with `kafka-reassign-partitions.sh`; `freshline topics create --replication-factor 3` makes new ones so")
		case replicas > 2 && least < 2:
			d.find(LevelWarning, name, fmt.Sprintf("min.insync.replicas is %d of %d: what was acknowledged can be lost with one broker", least, replicas), "set min.insync.replicas=2")
		}
	}
	d.good(since, "", fmt.Sprintf("%s, all replicas are in step", plural(len(names), "topic")))
	return nil
}

// checkClocks compares times: those of the newest records with the clock of this machine.
func (d *doctor) checkClocks(ctx context.Context) error {
	since := len(d.findings)
	var names []string
	for _, info := range d.infos {
		if info.Exists {
			names = append(names, info.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	newest, err := d.admin.ListMaxTimestampOffsets(ctx, names...)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(newest)) {
		for _, o := range newest[name] {
			if ahead := time.UnixMilli(o.Timestamp).Sub(d.now); o.Err == nil && ahead > maxClockSkew {
				d.find(LevelWarning, name, fmt.Sprintf("partition %d: the record at offset %d is of a time %s ahead of this machine", o.Partition, o.Offset, ahead.Round(time.Second)),
					"set the clocks of producers, processors and this machine by NTP; no status depends on them, but ages, retention and the trust in a state do")
				break
			}
		}
	}
	d.good(since, "", "no record is of a time to come (clocks that are behind are not seen)")
	return nil
}

// maxClockSkew is how far clocks may differ.
const maxClockSkew = 30 * time.Second

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// Healthy reports whether nothing that was found is an error.
func Healthy(findings []Finding) bool {
	return !slices.ContainsFunc(findings, func(f Finding) bool { return f.Level == LevelError })
}
