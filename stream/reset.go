package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ResetPlan is what a reset of a deployment comes to: the processors forget what they have read, filed and said, and
// build it anew from the samples, the graphs, the failures and the schemas, which stay.
type ResetPlan struct {
	Group   string       // whose offsets go
	Offsets int          // that it has
	Topics  []ResetTopic // that are deleted and made anew, in the order of their names

	namespace  Namespace
	partitions int // of rows and of what goes with it
}

// ResetTopic is one topic of a ResetPlan.
type ResetTopic struct {
	Name       string
	Kind       TopicKind
	Exists     bool // false where an earlier reset was cut short: it is made
	Partitions int
	Replicas   int

	configs map[string]*string
}

// ErrMembers says that processors run which would go on with what a reset takes away.
var ErrMembers = errors.New("processors are in the group")

// PlanReset finds what a reset of a namespace would do. It changes nothing. Processes that are in the group are
// ErrMembers: one that was killed leaves it after its session, in 20 s.
func PlanReset(ctx context.Context, cluster Cluster, ns Namespace) (*ResetPlan, error) {
	if err := ns.Validate(); err != nil {
		return nil, err
	}
	client, err := Connect(ctx, cluster)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	members, err := listMembers(ctx, client, ns)
	if err != nil {
		return nil, err
	}
	if len(members) > 0 {
		var names []string
		for _, m := range members {
			names = append(names, m.InstanceID)
		}
		return nil, fmt.Errorf("%w %s: %s; stop them first", ErrMembers, ns.Group(), strings.Join(names, ", "))
	}
	plan := &ResetPlan{Group: ns.Group(), namespace: ns}
	admin := kadm.NewClient(client)
	offsets, err := admin.FetchOffsets(ctx, ns.Group())
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return nil, fmt.Errorf("read the offsets of group %s: %w", ns.Group(), err)
	}
	plan.Offsets = len(offsets.Offsets().Sorted())
	details, err := admin.ListTopics(ctx)
	if err != nil {
		return nil, fmt.Errorf("list topics: %w", err)
	}
	failures, ok := details[ns.Failures()]
	if !ok {
		return nil, fmt.Errorf("namespace %s has no topic %s: there is nothing to reset; `freshline graph publish` makes the topics", ns, ns.Failures())
	}
	plan.partitions = len(failures.Partitions)
	replicas := failures.Partitions.NumReplicas()
	plan.Topics = []ResetTopic{
		{Name: ns.Rows(), Kind: TopicRows, Partitions: plan.partitions, Replicas: replicas},
		{Name: ns.Requests(), Kind: TopicRequests, Partitions: 1, Replicas: replicas},
	}
	for _, d := range details.Sorted() {
		if strings.HasPrefix(d.Topic, ns.stalenessPrefix()) {
			plan.Topics = append(plan.Topics, ResetTopic{Name: d.Topic, Kind: TopicStaleness, Partitions: plan.partitions, Replicas: replicas})
		}
	}
	return plan, plan.describe(ctx, admin, details)
}

// describe keeps what the topics that are there were made with.
func (p *ResetPlan) describe(ctx context.Context, admin *kadm.Client, details kadm.TopicDetails) error {
	for i := range p.Topics {
		t := &p.Topics[i]
		t.configs = settingsOf(t.Kind, p.partitions, TopicOptions{}).configs()
		d, ok := details[t.Name]
		if t.Exists = ok; !ok {
			continue
		}
		t.Replicas = d.Partitions.NumReplicas()
		configs, err := admin.DescribeTopicConfigs(ctx, t.Name)
		if err != nil {
			return fmt.Errorf("read the configuration of topic %s: %w", t.Name, err)
		}
		config, err := configs.On(t.Name, nil)
		if err == nil {
			err = config.Err
		}
		if err != nil {
			return fmt.Errorf("read the configuration of topic %s: %w", t.Name, err)
		}
		for _, c := range config.Configs {
			if c.Source == kmsg.ConfigSourceDynamicTopicConfig {
				t.configs[c.Key] = c.Value
			}
		}
	}
	slices.SortFunc(p.Topics, func(a, b ResetTopic) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// Reset carries a plan out: offsets first, then the topics. It can be cut short anywhere and be begun again: what it has
// deleted is rebuilt, and processors refuse to start while a topic is missing. The state of a process is of topics that
// are gone then: it is dropped at the next start, or before with state.Destroy.
func (p *ResetPlan) Reset(ctx context.Context, cluster Cluster) error {
	client, err := Connect(ctx, cluster)
	if err != nil {
		return err
	}
	defer client.Close()
	// What was planned may have been a while ago.
	if members, err := listMembers(ctx, client, p.namespace); err != nil {
		return err
	} else if len(members) > 0 {
		return fmt.Errorf("%w %s; stop them first", ErrMembers, p.Group)
	}
	admin := kadm.NewClient(client)
	deleted, err := admin.DeleteGroup(ctx, p.Group)
	if err == nil {
		err = deleted.Err
	}
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return fmt.Errorf("delete the offsets of group %s: %w", p.Group, err)
	}
	for _, t := range p.Topics {
		if err := p.renew(ctx, client, admin, t); err != nil {
			return err
		}
	}
	return nil
}

// renew deletes a topic and makes it anew.
func (p *ResetPlan) renew(ctx context.Context, client *kgo.Client, admin *kadm.Client, t ResetTopic) error {
	deleted, err := admin.DeleteTopic(ctx, t.Name)
	if err == nil {
		err = deleted.Err
	}
	if err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) {
		return fmt.Errorf("delete topic %s: %w", t.Name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, topicsAppear)
	defer cancel()
	for {
		made, err := admin.CreateTopic(ctx, int32(t.Partitions), int16(t.Replicas), t.configs, t.Name)
		if err == nil {
			err = made.Err
		}
		if err == nil {
			break
		}
		if !errors.Is(err, kerr.TopicAlreadyExists) || pause(ctx, 50*time.Millisecond) != nil {
			return fmt.Errorf("make topic %s anew: %w; run the command again", t.Name, err)
		}
	}
	return NewTopics(client).await(ctx, []string{t.Name})
}
