package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Member is a process of a deployment as the consumer group knows it.
type Member struct {
	InstanceID string
	Address    string           // host:port at which it answers questions; "" if it does not
	Rows       []int32          // the partitions of rows that it owns
	Samples    map[string]int32 // sample topic → number of partitions of it that it owns
}

// ErrRebalancing says that the group is giving partitions to its members: who owns what is not known yet.
var ErrRebalancing = errors.New("the processes are dividing the partitions among themselves")

// Members lists the processes of a namespace, by instance id. A process that was killed is among them until its
// session ends. While the group rebalances it waits, for up to ten seconds; then the error is ErrRebalancing.
func Members(ctx context.Context, cluster Cluster, ns Namespace) ([]Member, error) {
	client, err := Connect(ctx, cluster)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	return listMembers(ctx, client, ns)
}

func listMembers(ctx context.Context, client *kgo.Client, ns Namespace) ([]Member, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		groups, err := kadm.NewClient(client).DescribeGroups(ctx, ns.Group())
		if err != nil {
			return nil, fmt.Errorf("describe group %s: %w", ns.Group(), err)
		}
		group := groups[ns.Group()]
		switch {
		case group.State == "Empty" || group.State == "Dead":
			return nil, nil
		case group.Err != nil:
			return nil, fmt.Errorf("describe group %s: %w", ns.Group(), group.Err)
		case group.State == "Stable":
			return membersOf(ns, &group), nil
		}
		if pause(ctx, 100*time.Millisecond) != nil {
			return nil, fmt.Errorf("describe group %s, which is in the state %s: %w", ns.Group(), group.State, ErrRebalancing)
		}
	}
}

func membersOf(ns Namespace, group *kadm.DescribedGroup) []Member {
	var list []Member
	for _, m := range group.Members {
		member := Member{InstanceID: m.MemberID, Samples: map[string]int32{}}
		if m.InstanceID != nil {
			member.InstanceID = *m.InstanceID
		}
		if meta, ok := m.Join.AsConsumer(); ok {
			member.Address = addressIn(meta.UserData)
		}
		if assigned, ok := m.Assigned.AsConsumer(); ok {
			for _, t := range assigned.Topics {
				if t.Topic == ns.Rows() {
					member.Rows = append(member.Rows, t.Partitions...)
				} else {
					member.Samples[t.Topic] += int32(len(t.Partitions))
				}
			}
		}
		slices.Sort(member.Rows)
		list = append(list, member)
	}
	slices.SortFunc(list, func(a, b Member) int { return strings.Compare(a.InstanceID, b.InstanceID) })
	return list
}
