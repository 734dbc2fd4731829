package stream

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/freshline/freshline/state"
)

// checkGroup looks at the group of the processors: who is in it, how far it has read, and what the brokers allow it.
func (d *doctor) checkGroup(ctx context.Context) error {
	name := d.ns.Group()
	members, err := listMembers(ctx, d.client, d.ns)
	switch {
	case errors.Is(err, ErrRebalancing):
		d.find(LevelWarning, name, "has been dividing partitions among its processes for ten seconds", "look at the logs of the processes: one that does not answer holds the others up until its session ends")
	case err != nil:
		return err
	case len(members) == 0:
		d.find(LevelWarning, name, "has no process", "start one with `freshline run`")
	default:
		var names []string
		for _, m := range members {
			names = append(names, m.InstanceID)
		}
		d.find(LevelOK, name, fmt.Sprintf("has %d: %s", len(names), strings.Join(names, ", ")), "")
	}
	if err := d.checkOffsets(ctx); err != nil {
		return err
	}
	return d.checkGroupLimits(ctx)
}

// checkOffsets holds the offsets of the group against the logs.
func (d *doctor) checkOffsets(ctx context.Context) error {
	var topics []string
	for _, info := range d.infos {
		if info.Exists && (info.Kind == TopicRows || info.Kind == TopicFailures || info.Kind == TopicSample) {
			topics = append(topics, info.Name)
		}
	}
	partitions, err := partitionsOf(ctx, d.client, topics)
	if err != nil {
		return err
	}
	committed, err := stableOffsets(ctx, d.client, d.ns.Group(), partitions)
	if err != nil {
		return err
	}
	ends, err := listOffsets(ctx, d.client, latestOffset, partitions)
	if err != nil {
		return err
	}
	behind, unread := int64(0), 0
	for topic, byPartition := range ends {
		for n, end := range byPartition {
			at := committed[topic][n]
			switch {
			case at > end:
				d.find(LevelError, topic, fmt.Sprintf("partition %d ends at offset %d, and the group has read up to %d: the topic was deleted and made anew", n, end, at),
					"stop the processors and let them begin anew with `freshline reset`")
			case at == noOffset && end > 0:
				unread++
			default:
				behind += end - max(at, 0)
			}
		}
	}
	if unread > 0 {
		d.find(LevelWarning, d.ns.Group(), fmt.Sprintf("has no offset of %s that hold records: they have never been read, or the offsets have expired", plural(unread, "partition")),
			"they are read from the start when a processor has them; offsets.retention.minutes of the brokers should be a week at least")
	}
	d.find(LevelOK, d.ns.Group(), fmt.Sprintf("is at most %d offsets behind", behind), "")
	return nil
}

// checkGroupLimits looks at what the brokers allow groups and transactions.
func (d *doctor) checkGroupLimits(ctx context.Context) error {
	meta, err := d.admin.BrokerMetadata(ctx)
	if err != nil {
		return err
	}
	configs, err := d.admin.DescribeBrokerConfigs(ctx, meta.Brokers.NodeIDs()...)
	if err != nil {
		return err
	}
	since := len(d.findings)
	for _, broker := range configs {
		values := map[string]time.Duration{}
		for _, c := range broker.Configs {
			unit := time.Millisecond
			if strings.HasSuffix(c.Key, ".minutes") {
				unit = time.Minute
			}
			if n, err := strconv.ParseInt(c.MaybeValue(), 10, 64); err == nil && n > 0 && n < int64(1<<62)/int64(unit) {
				values[c.Key] = time.Duration(n) * unit
			}
		}
		who := "broker " + broker.Name
		if v, ok := values["group.min.session.timeout.ms"]; ok && v > 2*transactionTimeout {
			d.find(LevelError, who, fmt.Sprintf("group.min.session.timeout.ms is %s, and processors ask for %s", v, 2*transactionTimeout), "lower it")
		}
		if v, ok := values["group.max.session.timeout.ms"]; ok && v < 2*transactionTimeout {
			d.find(LevelError, who, fmt.Sprintf("group.max.session.timeout.ms is %s, and processors ask for %s", v, 2*transactionTimeout), "raise it")
		}
		if v, ok := values["transaction.max.timeout.ms"]; ok && v < transactionTimeout {
			d.find(LevelError, who, fmt.Sprintf("transaction.max.timeout.ms is %s, and processors ask for %s", v, transactionTimeout), "raise it")
		}
		if v, ok := values["offsets.retention.minutes"]; ok && v < tombstoneLife {
			d.find(LevelWarning, who, fmt.Sprintf("offsets.retention.minutes is %s: a deployment that is down for longer reads everything again", v), "raise it to a week at least")
		}
	}
	d.good(since, "", "the brokers allow the timeouts of sessions and transactions, and keep offsets")
	return nil
}

// checkTransactions looks for transactions of processors that are open for longer than they may be: they hold back
// every reader.
func (d *doctor) checkTransactions(ctx context.Context) error {
	listed, err := d.admin.ListTransactions(ctx, nil, []string{"Ongoing", "PrepareCommit", "PrepareAbort"})
	if err != nil {
		return err
	}
	since := len(d.findings)
	var ids []string
	for _, id := range listed.TransactionalIDs() {
		if strings.HasPrefix(id, d.ns.TransactionalID("")) {
			ids = append(ids, id)
		}
	}
	if len(ids) > 0 {
		described, err := d.admin.DescribeTransactions(ctx, ids...)
		if err != nil {
			return err
		}
		for _, txn := range described.Sorted() {
			if age := d.now.Sub(time.UnixMilli(txn.StartTimestamp)); txn.Err == nil && txn.StartTimestamp > 0 && age > 3*transactionTimeout {
				d.find(LevelError, txn.TxnID, fmt.Sprintf("its transaction is %s for %s: who reads the topics waits for it", txn.State, age.Round(time.Second)),
					"end it with `kafka-transactions.sh abort`, or start a processor with that instance id, which does")
			}
		}
	}
	d.good(since, "", "none is open for longer than it may be")
	return nil
}

// checkState holds the state of a process against the logs.
func (d *doctor) checkState(ctx context.Context) error {
	if d.stateDir == "" {
		d.find(LevelOK, "", "no directory was named (--state)", "")
		return nil
	}
	store, err := state.OpenBadger(d.stateDir)
	switch {
	case errors.Is(err, state.ErrLocked):
		d.find(LevelOK, d.stateDir, "is open: "+err.Error(), "")
		return nil
	case errors.Is(err, state.ErrFormat), errors.Is(err, state.ErrDamaged):
		d.find(LevelWarning, d.stateDir, err.Error(), "nothing: the next `freshline run` rebuilds it from Kafka")
		return nil
	case err != nil:
		return err
	}
	defer store.Close()
	reader, err := store.Reader()
	if err != nil {
		return err
	}
	defer reader.Close()
	return d.checkPositions(ctx, state.NewOverlay(reader))
}

func (d *doctor) checkPositions(ctx context.Context, o *state.Overlay) error {
	since := len(d.findings)
	was, _, err := o.Get([]byte{positionPrefix, positionIdentity})
	if err != nil {
		return err
	}
	is, err := (&kafkaLogs{d.client, d.cluster, d.ns}).Identity(ctx)
	if err != nil {
		return err
	}
	switch {
	case len(was) == 0:
		d.find(LevelOK, d.stateDir, "is empty", "")
		return nil
	case string(was) != string(is):
		d.find(LevelWarning, d.stateDir, fmt.Sprintf("is of %q, and this deployment is %q", was, is), "nothing: the next `freshline run` rebuilds it; or name the right directory")
		return nil
	}
	saved, err := readTaskRecords(o)
	if err != nil {
		return err
	}
	starts := map[string][]int32{}
	furthest := positions{}
	oldest := d.now
	for _, record := range saved {
		if at := time.UnixMilli(record.time); at.Before(oldest) && !record.owned {
			oldest = at
		}
		for topic, byPartition := range record.logs {
			for n, offset := range byPartition {
				if _, ok := furthest[topic][n]; !ok {
					starts[topic] = append(starts[topic], n)
				}
				furthest.set(topic, n, max(offset, furthest.get(topic, n)))
			}
		}
	}
	ends, err := listOffsets(ctx, d.client, latestOffset, starts)
	if err != nil {
		return err
	}
	behind := int64(0)
	for topic, byPartition := range furthest {
		for n, offset := range byPartition {
			if end := ends[topic][n]; offset > end {
				d.find(LevelWarning, d.stateDir, fmt.Sprintf("has read topic %s, partition %d, up to offset %d, which ends at %d", topic, n, offset, end), "nothing: the next `freshline run` rebuilds it")
			} else if topic == d.ns.Rows() {
				behind += end - offset
			}
		}
	}
	if age := d.now.Sub(oldest); age > stateLife {
		d.find(LevelWarning, d.stateDir, fmt.Sprintf("has tasks that are %s old, and tombstones live for %s", age.Round(time.Hour), tombstoneLife), "nothing: these tasks are rebuilt by the next `freshline run` that has them")
	}
	d.good(since, d.stateDir, fmt.Sprintf("is of this deployment, has %s, and is %d offsets of rows behind", plural(len(saved), "task"), behind))
	return nil
}

// shareSettings are what share groups of workers should have: both defaults lose work.
var shareSettings = map[string]struct{ should, why string }{
	"share.isolation.level":   {"read_committed", "its workers are given work that was never committed"},
	"share.auto.offset.reset": {"earliest", "its workers miss what was in the topics before they came"},
}

// checkWorkers looks at the share groups whose names begin with the namespace.
func (d *doctor) checkWorkers(ctx context.Context) error {
	since := len(d.findings)
	groups, err := d.admin.ListGroupsByType(ctx, []string{"share"})
	if err != nil {
		d.find(LevelOK, "", "the brokers have no share groups", "")
		return nil
	}
	for _, group := range groups.Groups() {
		if !strings.HasPrefix(group, d.ns.String()) {
			continue
		}
		values, err := d.groupConfigs(ctx, group)
		if err != nil {
			return err
		}
		for key, setting := range shareSettings {
			if is, ok := values[key]; ok && is != setting.should {
				d.find(LevelWarning, group, fmt.Sprintf("%s is %s: %s", key, is, setting.why),
					fmt.Sprintf("`kafka-configs.sh --alter --group %s --add-config %s=%s`", group, key, setting.should))
			}
		}
	}
	d.good(since, "", "no share group of this namespace is set so that it loses work")
	return nil
}

func (d *doctor) groupConfigs(ctx context.Context, group string) (map[string]string, error) {
	req := kmsg.NewPtrDescribeConfigsRequest()
	resource := kmsg.NewDescribeConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeGroupConfig, group
	req.Resources = append(req.Resources, resource)
	resp, err := req.RequestWith(ctx, d.client)
	if err != nil {
		return nil, err
	}
	values := map[string]string{}
	for _, r := range resp.Resources {
		if err := kerr.ErrorForCode(r.ErrorCode); err != nil {
			return nil, fmt.Errorf("read the settings of group %s: %w", group, err)
		}
		for _, c := range r.Configs {
			if c.Value != nil {
				values[c.Name] = *c.Value
			}
		}
	}
	return values, nil
}
