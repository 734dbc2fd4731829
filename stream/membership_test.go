package stream

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// owner is a Handler that remembers what it owns and what it was told.
type owner struct {
	mu    sync.Mutex
	owned map[string]map[int32]bool
	calls []string
	inUse bool // set by a test while an epoch runs
	wrong bool // a call came while inUse
}

func (o *owner) Assigned(_ context.Context, partitions map[string][]int32) {
	o.apply("assigned", partitions, true)
}
func (o *owner) Revoked(_ context.Context, partitions map[string][]int32) {
	o.apply("revoked", partitions, false)
}
func (o *owner) Lost(_ context.Context, partitions map[string][]int32) {
	o.apply("lost", partitions, false)
}

func (o *owner) apply(call string, partitions map[string][]int32, own bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.wrong = o.wrong || o.inUse
	o.calls = append(o.calls, call)
	for topic, numbers := range partitions {
		if o.owned == nil {
			o.owned = map[string]map[int32]bool{}
		}
		if o.owned[topic] == nil {
			o.owned[topic] = map[int32]bool{}
		}
		for _, p := range numbers {
			if own {
				o.owned[topic][p] = true
			} else {
				delete(o.owned[topic], p)
			}
		}
	}
}

func (o *owner) partitions(topic string) []int32 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Sorted(maps.Keys(o.owned[topic]))
}

func (o *owner) called(call string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Contains(o.calls, call)
}

func (o *owner) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.calls)
}

// startMember runs a membership until the end of the test.
func startMember(t *testing.T, b *txBroker, group, instance string, topics ...string) (*membership, *owner) {
	t.Helper()
	return startMemberThat(t, StopLeave, b, group, instance, topics...)
}

func startMemberThat(t *testing.T, stop StopMode, b *txBroker, group, instance string, topics ...string) (*membership, *owner) {
	t.Helper()
	o := &owner{}
	m, err := newMembership(membershipConfig{
		Opts: b.opts, Group: group, InstanceID: instance, Handler: o, Stop: stop,
		SessionTimeout: 10 * time.Second, HeartbeatInterval: 100 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close(txCtx(t)) })
	m.SetTopics(topics)
	return m, o
}

func TestMembersShareAndLeave(t *testing.T) {
	b := startTxBroker(t)
	topic, group := b.topic(t, 4), txName("group")
	one, ownOne := startMember(t, b, group, txName("a"), topic)
	eventually(t, "one to own all", func() bool { return len(ownOne.partitions(topic)) == 4 })
	_, before := one.Generation()

	two, ownTwo := startMember(t, b, group, txName("b"), topic)
	eventually(t, "two to own half", func() bool {
		return len(ownOne.partitions(topic)) == 2 && len(ownTwo.partitions(topic)) == 2
	})
	for _, p := range ownOne.partitions(topic) {
		if slices.Contains(ownTwo.partitions(topic), p) {
			t.Errorf("both own partition %d", p)
		}
	}
	eventually(t, "the generation to move on", func() bool { _, now := one.Generation(); return now > before })

	// A clean stop hands over at once, and not after the session timeout.
	begin := time.Now()
	if err := two.Close(txCtx(t)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "one to own all again", func() bool { return len(ownOne.partitions(topic)) == 4 })
	if took := time.Since(begin); took > 8*time.Second {
		t.Errorf("the handover took %v", took)
	}
	if err := two.BeginEpoch(txCtx(t)); err == nil {
		t.Error("an epoch began after Close")
	}
}

func TestAStaticRestartKeepsItsPartitions(t *testing.T) {
	b := startTxBroker(t)
	topic, group, instance := b.topic(t, 4), txName("group"), txName("a")
	one, ownOne := startMember(t, b, group, instance, topic)
	_, ownTwo := startMember(t, b, group, txName("b"), topic)
	eventually(t, "two to own half", func() bool {
		return len(ownOne.partitions(topic)) == 2 && len(ownTwo.partitions(topic)) == 2
	})
	had := ownOne.partitions(topic)
	one.client.Close() // as a crash: nothing is said to the group
	_, again := startMember(t, b, group, instance, topic)
	eventually(t, "the restarted one to have its share", func() bool { return len(again.partitions(topic)) == 2 })
	if got := again.partitions(topic); !slices.Equal(got, had) {
		t.Errorf("owns %v, had %v", got, had)
	}
	if got := ownTwo.partitions(topic); len(got) != 2 {
		t.Errorf("the other one owns %v", got)
	}
}

// TestARestartOneAfterAnotherMovesNothing: members that stay in the group when they stop.
func TestARestartOneAfterAnotherMovesNothing(t *testing.T) {
	b := startTxBroker(t)
	topic, group := b.topic(t, 6), txName("group")
	names := []string{txName("a"), txName("b"), txName("c")}
	members, owners := make([]*membership, 3), make([]*owner, 3)
	for i, name := range names {
		members[i], owners[i] = startMemberThat(t, StopStay, b, group, name, topic)
	}
	eventually(t, "each to own its share", func() bool {
		return !slices.ContainsFunc(owners, func(o *owner) bool { return len(o.partitions(topic)) != 2 })
	})
	for i, name := range names {
		had := owners[i].partitions(topic)
		calls := make([]int, 3)
		for j, o := range owners {
			calls[j] = o.count()
		}
		if err := members[i].Close(txCtx(t)); err != nil {
			t.Fatal(err)
		}
		members[i], owners[i] = startMemberThat(t, StopStay, b, group, name, topic)
		eventually(t, "the restarted one to own its share", func() bool { return len(owners[i].partitions(topic)) == 2 })
		if got := owners[i].partitions(topic); !slices.Equal(got, had) {
			t.Errorf("member %d owns %v, had %v", i, got, had)
		}
		for j, o := range owners {
			if j != i && o.count() != calls[j] {
				t.Errorf("while member %d was restarted member %d was called: %v", i, j, o.calls)
			}
		}
	}
}

func TestStopModes(t *testing.T) {
	for _, mode := range []StopMode{StopLeave, StopStay} {
		if got, err := ParseStopMode(mode.String()); err != nil || got != mode {
			t.Errorf("%s is read as %s, %v", mode, got, err)
		}
	}
	if _, err := ParseStopMode("go"); err == nil {
		t.Error("a mode that there is not was read")
	}
	if StopMode(7).Validate() == nil {
		t.Error("a mode that there is not is valid")
	}
}

func TestTopicsAreAddedAndTakenAway(t *testing.T) {
	b := startTxBroker(t)
	one, two := b.topic(t, 2), b.topic(t, 3)
	b.produce(t, one, 0, "not for this client")
	m, own := startMember(t, b, txName("group"), txName("a"), one)
	eventually(t, "the first topic", func() bool { return len(own.partitions(one)) == 2 })
	m.SetTopics([]string{one, two, one})
	eventually(t, "the second topic", func() bool { return len(own.partitions(two)) == 3 })
	if got := own.partitions(one); len(got) != 2 {
		t.Errorf("of the first topic it owns %v", got)
	}
	m.SetTopics([]string{two})
	eventually(t, "the first topic to be revoked", func() bool { return len(own.partitions(one)) == 0 })
	m.SetTopics([]string{one, two})
	eventually(t, "the first topic again", func() bool { return len(own.partitions(one)) == 2 })
	later := txName("topic")
	m.SetTopics([]string{one, two, later})
	if _, err := b.admin.CreateTopic(txCtx(t), 2, 1, nil, later); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = b.admin.DeleteTopic(context.Background(), later) })
	eventually(t, "the topic that was made later", func() bool { return len(own.partitions(later)) == 2 })
	if got := m.client.BufferedFetchRecords(); got != 0 {
		t.Errorf("it fetched %d records", got)
	}
}

func TestChangesWaitForTheEpoch(t *testing.T) {
	b := startTxBroker(t)
	topic, group := b.topic(t, 4), txName("group")
	one, ownOne := startMember(t, b, group, txName("a"), topic)
	eventually(t, "one to own all", func() bool { return len(ownOne.partitions(topic)) == 4 })

	// Epoch after epoch, while another member comes.
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if one.BeginEpoch(context.Background()) != nil {
				return
			}
			ownOne.mu.Lock()
			ownOne.inUse = true
			ownOne.mu.Unlock()
			ownOne.mu.Lock()
			ownOne.inUse = false
			ownOne.mu.Unlock()
			one.EndEpoch()
		}
	})
	_, ownTwo := startMember(t, b, group, txName("b"), topic)
	eventually(t, "two to own half", func() bool { return len(ownTwo.partitions(topic)) == 2 })
	close(stop)
	wg.Wait()
	if ownOne.wrong {
		t.Error("the handler was called during an epoch")
	}

	// An epoch that ends late holds its partitions until then.
	if err := one.BeginEpoch(txCtx(t)); err != nil {
		t.Fatal(err)
	}
	_, during := one.Generation()
	startMember(t, b, group, txName("c"), topic)
	_, _ = ownOne, ownTwo
	eventually(t, "the group to move on", func() bool { _, now := one.client.GroupMetadata(); return now > during })
	if _, now := one.Generation(); now != during {
		t.Errorf("the generation changed from %d to %d in an epoch", during, now)
	}
	if got := ownOne.partitions(topic); len(got) != 2 {
		t.Errorf("it owns %v", got)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := one.BeginEpoch(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("BeginEpoch of an ended context: %v", err)
	}
	one.EndEpoch()
	eventually(t, "the generation to follow", func() bool { _, now := one.Generation(); return now > during })
}

func TestCloseDuringAnEpoch(t *testing.T) {
	b := startTxBroker(t)
	topic := b.topic(t, 1)
	m, own := startMember(t, b, txName("group"), txName("a"), topic)
	eventually(t, "its partition", func() bool { return len(own.partitions(topic)) == 1 })
	if err := m.BeginEpoch(txCtx(t)); err != nil {
		t.Fatal(err)
	}
	if err := m.Close(txCtx(t)); err != nil {
		t.Fatal(err)
	}
	m.EndEpoch()
	if own.called("revoked") || own.called("lost") {
		t.Errorf("the handler was called after Close: %v", own.calls)
	}
	if err := m.Close(txCtx(t)); err != nil {
		t.Errorf("the second Close: %v", err)
	}
}

func TestTheSecondInstanceFencesTheFirst(t *testing.T) {
	b := startTxBroker(t)
	topic, group, instance := b.topic(t, 1), txName("group"), txName("a")
	one, ownOne := startMember(t, b, group, instance, topic)
	ran := make(chan error, 1)
	go func() { ran <- one.Run(txCtx(t)) }()
	eventually(t, "the first to own it", func() bool { return len(ownOne.partitions(topic)) == 1 })
	two, ownTwo := startMember(t, b, group, instance, topic)
	eventually(t, "the second to own it", func() bool { return len(ownTwo.partitions(topic)) == 1 })
	select {
	case err := <-ran:
		if !errors.Is(err, ErrInstanceFenced) || !strings.Contains(err.Error(), "--instance-id "+instance) {
			t.Errorf("Run returned %v", err)
		}
	case <-txCtx(t).Done():
		t.Fatal("Run did not end")
	}
	if !ownOne.called("lost") {
		t.Errorf("the handler was told %v", ownOne.calls)
	}
	if _, generation := one.Generation(); generation != -1 {
		t.Errorf("the generation is %d", generation)
	}
	// The one that was fenced does not take the other one out.
	if err := one.Close(txCtx(t)); err != nil {
		t.Fatal(err)
	}
	if err := two.BeginEpoch(txCtx(t)); err != nil {
		t.Fatal(err)
	}
	memberID, generation := two.Generation()
	p := b.producer(t, txName("tx"), 0)
	if _, err := p.Commit(txCtx(t), Epoch{Offsets: at(topic, 0, 0), Group: group, MemberID: memberID, Generation: generation, InstanceID: instance}); err != nil {
		t.Errorf("the second cannot commit: %v", err)
	}
	two.EndEpoch()
}

func TestRunEndsWithItsContext(t *testing.T) {
	b := startTxBroker(t)
	m, _ := startMember(t, b, txName("group"), txName("a"), b.topic(t, 1))
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- m.Run(ctx) }()
	cancel()
	if err := <-ran; err != nil {
		t.Errorf("Run returned %v", err)
	}
	if _, err := newMembership(membershipConfig{Group: "g"}); err == nil {
		t.Error("a membership without an instance id was accepted")
	}
}
