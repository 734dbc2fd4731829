package stream

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/freshline/freshline/graph"
)

// DefaultPartitions is the number of partitions of rows, failures and staleness topics, and of the
// sample topics that we create, where none is given.
const DefaultPartitions = 12

// topicsAppear bounds the wait for a topic that was just created to be seen by its broker.
const topicsAppear = 15 * time.Second

// TopicOptions are the settings of new topics. The zero value works. What exists keeps what it has.
type TopicOptions struct {
	// Partitions of rows, failures and staleness topics. It can never change afterwards. Default:
	// that of the rows topic where there is one, else 12.
	Partitions int

	// SamplePartitions is the number of partitions of new sample topics. Default 12.
	SamplePartitions int

	// ReplicationFactor of new topics; -1 is the broker's default.replication.factor. Default -1.
	ReplicationFactor int
}

// Validate says what is wrong with the options.
func (o TopicOptions) Validate() error {
	switch {
	case o.Partitions < 0 || o.Partitions > 10_000:
		return fmt.Errorf("partitions: %d is not from 1 to 10000 (0 takes the default)", o.Partitions)
	case o.SamplePartitions < 0 || o.SamplePartitions > 10_000:
		return fmt.Errorf("sample partitions: %d is not from 1 to 10000 (0 takes the default)", o.SamplePartitions)
	case o.ReplicationFactor < -1 || o.ReplicationFactor > 100:
		return fmt.Errorf("replication factor: %d is not from 1 to 100 (-1 or 0 takes the broker's default)", o.ReplicationFactor)
	}
	return nil
}

// TopicInfo is what is known of one topic of a deployment.
type TopicInfo struct {
	Name    string
	Kind    TopicKind
	Feature graph.FeatureKey // of a staleness or sample topic, else empty
	Exists  bool

	// The rest is set where the topic exists.
	Partitions      int
	Compacted       bool          // compacted, and nothing deleted by age or size
	DeleteRetention time.Duration // how long a tombstone outlives compaction
	cleanup         string        // what Compacted was read from, for messages
}

// Topics creates, checks and lists the topics of a deployment. It borrows its client.
type Topics struct {
	client *kgo.Client
	admin  *kadm.Client
}

// NewTopics returns an administrator of topics that works through a client. The caller keeps the client and closes it.
func NewTopics(client *kgo.Client) *Topics {
	return &Topics{client: client, admin: kadm.NewClient(client)}
}

// Create makes the topics that are missing: the internal ones and, for each feature of the graph,
// its staleness and its sample topic. A nil graph has no features. What exists is left alone
// (Check says whether it will do). It returns the names of those made, sorted, when they can be used.
func (t *Topics) Create(ctx context.Context, ns Namespace, g *graph.Graph, opts TopicOptions) ([]string, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	infos, err := t.List(ctx, ns, g)
	if err != nil {
		return nil, err
	}
	partitions, err := rowsPartitions(infos, ns, opts)
	if err != nil {
		return nil, err
	}
	// One request for each set of settings: kadm creates alike what it is given in one call.
	names := map[topicSettings][]string{}
	for _, info := range infos {
		if !info.Exists {
			s := settingsOf(info.Kind, partitions, opts)
			names[s] = append(names[s], info.Name)
		}
	}
	var created []string
	refused := map[string][]string{} // by why
	for s, topics := range names {
		made, err := t.create(ctx, s, topics, refused)
		if err != nil {
			return created, err
		}
		created = append(created, made...)
	}
	slices.Sort(created)
	if len(refused) > 0 {
		var faults []error
		for _, why := range slices.Sorted(maps.Keys(refused)) {
			slices.Sort(refused[why])
			faults = append(faults, fmt.Errorf("create topic %s: %s", strings.Join(refused[why], ", "), why))
		}
		return created, errors.Join(faults...)
	}
	return created, t.await(ctx, created)
}

// rowsPartitions is the number of partitions that rows and all that goes with it have or get.
func rowsPartitions(infos []TopicInfo, ns Namespace, opts TopicOptions) (int, error) {
	for _, info := range infos {
		if info.Kind != TopicRows || !info.Exists {
			continue
		}
		if opts.Partitions != 0 && opts.Partitions != info.Partitions {
			return 0, fmt.Errorf("topic %s has %d partitions and --partitions asks for %d: the number can never change; leave --partitions out, or use a new --namespace", ns.Rows(), info.Partitions, opts.Partitions)
		}
		return info.Partitions, nil
	}
	if opts.Partitions == 0 {
		return DefaultPartitions, nil
	}
	return opts.Partitions, nil
}

// create makes topics of the same settings, and adds those that the broker refuses to refused.
func (t *Topics) create(ctx context.Context, s topicSettings, topics []string, refused map[string][]string) (made []string, err error) {
	responses, err := t.admin.CreateTopics(ctx, int32(s.partitions), int16(s.replication), s.configs(), topics...)
	if err != nil {
		return nil, fmt.Errorf("create topics %s: %w", strings.Join(topics, ", "), err)
	}
	for name, r := range responses {
		switch {
		case r.Err == nil:
			made = append(made, name)
		case errors.Is(r.Err, kerr.TopicAlreadyExists): // somebody else was faster
		default:
			why := createFault(r, s)
			refused[why] = append(refused[why], name)
		}
	}
	return made, nil
}

// createFault says why a broker refused a topic, and what to do; it does not name the topic.
func createFault(r kadm.CreateTopicResponse, s topicSettings) string {
	advice := ""
	switch {
	case errors.Is(r.Err, kerr.InvalidReplicationFactor):
		advice = fmt.Sprintf("; replication factor %d was asked for: give --replication-factor a number of live brokers at most", s.replication)
	case errors.Is(r.Err, kerr.InvalidTopicException):
		advice = "; there may be a topic whose name differs only in '.' and '_'"
	case errors.Is(r.Err, kerr.TopicAuthorizationFailed), errors.Is(r.Err, kerr.ClusterAuthorizationFailed):
		advice = "; allow this user to create topics, or create it by hand with the settings of `freshline topics list`"
	}
	detail := ""
	if r.ErrMessage != "" {
		detail = " (" + r.ErrMessage + ")"
	}
	return r.Err.Error() + detail + advice
}

// await returns when every one of the topics has a leader for each partition, and every broker knows it: a broker
// answers a creation before it can serve the topic, and the others learn of it later still.
func (t *Topics) await(ctx context.Context, topics []string) error {
	if len(topics) == 0 {
		return nil
	}
	bounded, cancel := context.WithTimeout(ctx, topicsAppear)
	defer cancel()
	var last error
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		err := t.leaderless(bounded, topics)
		if err == nil {
			return nil
		}
		if bounded.Err() == nil {
			last = err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-bounded.Done():
			timer.Stop()
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return fmt.Errorf("topics were created and cannot be used after %s: %w", topicsAppear, last)
		}
	}
}

// leaderless says which partition cannot be used yet.
func (t *Topics) leaderless(ctx context.Context, topics []string) error {
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = []kmsg.MetadataRequestTopic{} // none: which brokers there are
	response, err := request.RequestWith(ctx, t.client)
	if err != nil {
		return fmt.Errorf("ask for the brokers: %w", err)
	}
	for _, b := range response.Brokers {
		meta, err := fetchTopics(ctx, t.client.Broker(int(b.NodeID)), topics)
		if err != nil {
			return fmt.Errorf("broker %d: %w", b.NodeID, err)
		}
		for _, topic := range topics {
			for _, p := range meta[topic].Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
					return fmt.Errorf("broker %d: topic %s, partition %d: %w", b.NodeID, topic, p.Partition, err)
				}
			}
		}
	}
	return nil
}

// List returns the topics of a deployment in the order of their kinds and of the features, those
// that are missing too. A nil graph has no features. It refuses a graph whose topics cannot be:
// names that Kafka does not allow, or one topic for two purposes.
func (t *Topics) List(ctx context.Context, ns Namespace, g *graph.Graph) ([]TopicInfo, error) {
	infos, err := planTopics(ns, g)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(infos))
	for i, info := range infos {
		names[i] = info.Name
	}
	request := kmsg.NewPtrMetadataRequest() // not kadm's, which may answer from the client's cache
	for _, name := range names {
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = &name
		request.Topics = append(request.Topics, topic)
	}
	response, err := request.RequestWith(ctx, t.client)
	if err != nil {
		return nil, fmt.Errorf("list topics: %w", err)
	}
	var there []string
	for _, d := range response.Topics {
		i := slices.IndexFunc(infos, func(info TopicInfo) bool { return d.Topic != nil && info.Name == *d.Topic })
		if i < 0 {
			continue
		}
		switch err := kerr.ErrorForCode(d.ErrorCode); {
		case errors.Is(err, kerr.UnknownTopicOrPartition):
			continue
		case err != nil:
			return nil, fmt.Errorf("list topic %s: %w", infos[i].Name, err)
		}
		infos[i].Exists = true
		infos[i].Partitions = len(d.Partitions)
		there = append(there, infos[i].Name)
	}
	return infos, t.describe(ctx, infos, there)
}

// describe fills in what the configuration of the topics says.
func (t *Topics) describe(ctx context.Context, infos []TopicInfo, names []string) error {
	configs, err := t.admin.DescribeTopicConfigs(ctx, names...)
	if err != nil {
		return fmt.Errorf("read the configuration of topics: %w", err)
	}
	for i := range infos {
		info := &infos[i]
		if !info.Exists {
			continue
		}
		config, err := configs.On(info.Name, nil)
		if err == nil {
			err = config.Err
		}
		if err != nil {
			return fmt.Errorf("read the configuration of topic %s: %w", info.Name, err)
		}
		values := map[string]string{}
		for _, c := range config.Configs {
			values[c.Key] = c.MaybeValue()
		}
		info.cleanup, info.Compacted = cleanupOf(values)
		if ms, err := strconv.ParseInt(values["delete.retention.ms"], 10, 64); err == nil {
			info.DeleteRetention = time.Duration(ms) * time.Millisecond
		}
	}
	return nil
}

// cleanupOf reads cleanup.policy. "compact,delete" counts as compacted only where the deleting
// part has nothing to do.
func cleanupOf(values map[string]string) (policy string, compacted bool) {
	policy = values["cleanup.policy"]
	var compact, remove bool
	for part := range strings.SplitSeq(policy, ",") {
		switch strings.TrimSpace(part) {
		case "compact":
			compact = true
		case "delete":
			remove = true
		}
	}
	if remove && values["retention.ms"] == "-1" && values["retention.bytes"] == "-1" {
		remove = false
	}
	return policy, compact && !remove
}

// planTopics names the topics of a deployment.
func planTopics(ns Namespace, g *graph.Graph) ([]TopicInfo, error) {
	if err := ns.Validate(); err != nil {
		return nil, err
	}
	infos := []TopicInfo{
		{Name: ns.Rows(), Kind: TopicRows},
		{Name: ns.Failures(), Kind: TopicFailures},
		{Name: ns.Graph(), Kind: TopicGraph},
		{Name: ns.Requests(), Kind: TopicRequests},
		{Name: ns.Schemas(), Kind: TopicSchemas},
		{Name: ns.DeadLetter(), Kind: TopicDeadLetter},
	}
	if g != nil {
		for _, f := range g.Features {
			infos = append(infos, TopicInfo{Name: ns.Staleness(f.Key), Kind: TopicStaleness, Feature: f.Key})
		}
		for _, f := range g.Features {
			infos = append(infos, TopicInfo{Name: ns.Sample(f), Kind: TopicSample, Feature: f.Key})
		}
	}
	seen := map[string]TopicInfo{}
	for _, info := range infos {
		if fault := topicNameFault(info.Name); fault != "" {
			return nil, fmt.Errorf("%s topic %q of feature %s: the name %s; set `topic` of the feature or shorten its key", info.Kind, info.Name, info.Feature, fault)
		}
		if other, ok := seen[info.Name]; ok {
			return nil, fmt.Errorf("topic %s is the %s and the %s; give the feature a `topic` of its own", info.Name, other.purpose(), info.purpose())
		}
		seen[info.Name] = info
	}
	return infos, nil
}

func (i TopicInfo) purpose() string {
	if i.Feature == "" {
		return string(i.Kind) + " topic"
	}
	return fmt.Sprintf("%s topic of feature %s", i.Kind, i.Feature)
}
