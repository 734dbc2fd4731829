package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ErrInstanceFenced says that another process has joined the group with our
// instance id. This one must stop: whatever it commits from now on is refused.
var ErrInstanceFenced = errors.New("another process runs with the same instance id")

// Handler is told what a process owns. Its methods are called one at a time and
// never during an epoch; while one runs, no epoch begins. They should be quick,
// the group waits for them: recovery is begun there and not done there.
//
// ctx ends when the membership closes.
type Handler interface {
	// Assigned gives partitions to this process.
	Assigned(ctx context.Context, partitions map[string][]int32)
	// Revoked takes partitions in good order: nobody else has them until it
	// returns.
	Revoked(ctx context.Context, partitions map[string][]int32)
	// Lost takes partitions that others may own already: the group has thrown
	// this process out. What is not committed yet cannot be.
	Lost(ctx context.Context, partitions map[string][]int32)
}

// membershipConfig says what a membership needs.
type membershipConfig struct {
	// Opts reach the brokers. Required.
	Opts []kgo.Opt
	// Group and InstanceID name the member. Required. The instance id makes
	// it a static one: a restart within SessionTimeout keeps its partitions.
	Group      string
	InstanceID string
	// Address, if set, is where the process answers questions; the group is told.
	Address string
	// Handler is told of changes. Required.
	Handler Handler
	// SessionTimeout is how long the group waits for a process that is gone.
	// It must be above the transaction timeout: when the partitions of a dead
	// process are given away, its last transaction must be settled. Default
	// 20 s.
	SessionTimeout time.Duration
	// HeartbeatInterval is how often the group is asked, which is also how
	// late a rebalance can be noticed. Default 1 s.
	HeartbeatInterval time.Duration
	// Stop says whether Close leaves the group.
	Stop StopMode
	// OnError, if set, is told of errors of the group that the member
	// recovers from by itself.
	OnError func(error)
}

// membership is the place of a process in the consumer group: which partitions
// it owns, and the member id and generation that prove it. It never reads a
// record: its client has nothing to fetch, the fetcher reads. So ownership is
// spread by Kafka's own means, while from where a partition is read, and when,
// is decided by recovery and not by the group's committed offset.
//
// Strategy not taken: one client for ownership and reading, with
// BlockRebalanceOnPoll. It holds rebalances back between two polls and not
// between two epochs, assigns from committed offsets before state is
// recovered, and would commit and rewind on its own account.
//
// Strategy not taken: to take member and generation from the client when the
// offsets are sent. The client joins again by itself when it was thrown out,
// and has a valid new generation before it has called back about the partitions
// that it lost; an epoch begun before would then commit for partitions that
// someone else owns. So the generation changes only with the assignment, at the
// turnstile, and an epoch that a rebalance overtook is refused and aborted.
type membership struct {
	cfg    membershipConfig
	client *kgo.Client
	turn   turnstile
	closed chan struct{} // closed when Close begins

	callbacks    context.Context // of the Handler
	endCallbacks context.CancelFunc
	closeOnce    sync.Once
	closeErr     error

	subscribing sync.Mutex // held for the whole of SetTopics
	topics      []string   // sorted

	mu         sync.Mutex // guards what follows; held for no call out
	memberID   string
	generation int32
	fenced     bool // another process has our instance id
}

// newMembership checks the configuration. It starts the background work of a
// Kafka client, which joins the group once SetTopics has given it a topic;
// Close ends it.
func newMembership(cfg membershipConfig) (*membership, error) {
	if cfg.Group == "" || cfg.InstanceID == "" || cfg.Handler == nil {
		return nil, fmt.Errorf("a membership needs a group (%q), an instance id (%q) and a handler", cfg.Group, cfg.InstanceID)
	}
	if cfg.SessionTimeout == 0 {
		cfg.SessionTimeout = 2 * transactionTimeout
	}
	if cfg.HeartbeatInterval == 0 {
		cfg.HeartbeatInterval = time.Second
	}
	m := &membership{
		cfg:        cfg,
		turn:       newTurnstile(),
		closed:     make(chan struct{}),
		generation: -1,
	}
	m.callbacks, m.endCallbacks = context.WithCancel(context.Background())
	client, err := kgo.NewClient(append(append([]kgo.Opt(nil), cfg.Opts...),
		kgo.ConsumerGroup(cfg.Group),
		kgo.InstanceID(cfg.InstanceID),
		kgo.Balancers(addressBalancer{kgo.CooperativeStickyBalancer(), cfg.Address}),
		kgo.SessionTimeout(cfg.SessionTimeout),
		kgo.RebalanceTimeout(max(cfg.SessionTimeout, 30*time.Second)),
		kgo.HeartbeatInterval(cfg.HeartbeatInterval),
		kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.MetadataMinAge(100*time.Millisecond),
		// Topics are paused before they are subscribed to. This keeps the
		// client from even asking where an assigned partition would begin.
		kgo.AdjustFetchOffsetsFn(func(context.Context, map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
			return nil, nil
		}),
		kgo.WithHooks(groupErrors{m}),
		kgo.OnPartitionsAssigned(func(_ context.Context, client *kgo.Client, partitions map[string][]int32) {
			m.between(func() {
				m.setGeneration(client.GroupMetadata())
				if len(partitions) > 0 {
					cfg.Handler.Assigned(m.callbacks, partitions)
				}
			})
		}),
		kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
			if len(partitions) > 0 { // each rebalance begins with an empty one
				m.between(func() { cfg.Handler.Revoked(m.callbacks, partitions) })
			}
		}),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
			m.between(func() {
				m.setGeneration("", -1)
				if len(partitions) > 0 {
					cfg.Handler.Lost(m.callbacks, partitions)
				}
			})
		}),
	)...)
	if err != nil {
		m.endCallbacks()
		return nil, fmt.Errorf("open the membership of group %s: %w", cfg.Group, err)
	}
	m.client = client
	return m, nil
}

// between runs fn when no epoch is under way. Once Close has begun it does not
// run it: whoever closes lets go of everything anyway, and may do so from the
// goroutine of the epochs without a deadlock.
func (m *membership) between(fn func()) {
	if !m.turn.enter(context.Background(), m.closed) {
		return
	}
	defer m.turn.leave()
	fn()
}

// BeginEpoch waits for the turn of an epoch: until EndEpoch the process owns
// what it owned when BeginEpoch returned, as far as the Handler was told. It
// returns an error, and no EndEpoch is due, when ctx ends or the membership
// closes first.
func (m *membership) BeginEpoch(ctx context.Context) error {
	if m.turn.enter(ctx, m.closed) {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return fmt.Errorf("the membership of group %s is closed", m.cfg.Group)
}

// EndEpoch lets changes of ownership, or the next epoch, go on.
func (m *membership) EndEpoch() { m.turn.leave() }

// Generation returns what an epoch is fenced by: read it between BeginEpoch and
// EndEpoch. It returns "" and -1 while the process is not in the group.
func (m *membership) Generation() (memberID string, generation int32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.memberID, m.generation
}

func (m *membership) setGeneration(memberID string, generation int32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.memberID, m.generation = memberID, generation
}

// groupErrors notes that the member was fenced when it happens, and not when
// Run comes to it.
type groupErrors struct{ m *membership }

// OnGroupManageError is the hook of the client.
func (h groupErrors) OnGroupManageError(err error) {
	if errors.Is(err, kerr.FencedInstanceID) {
		h.m.mu.Lock()
		h.m.fenced = true
		h.m.mu.Unlock()
	}
}

// SetTopics changes what the process takes its share of. What it no longer
// wants is revoked, what is new is assigned, both by a rebalance that follows.
// Topics that do not exist yet are taken up when they do. It waits for the
// client and must not be called by the Handler.
func (m *membership) SetTopics(topics []string) {
	m.subscribing.Lock()
	defer m.subscribing.Unlock()
	topics = slices.Clone(topics)
	slices.Sort(topics)
	topics = slices.Compact(topics)
	before := m.topics
	m.topics = topics

	var added, gone []string
	for _, topic := range topics {
		if _, ok := slices.BinarySearch(before, topic); !ok {
			added = append(added, topic)
		}
	}
	for _, topic := range before {
		if _, ok := slices.BinarySearch(topics, topic); !ok {
			gone = append(gone, topic)
		}
	}
	// Added first: a member of no topics at all would leave the group.
	if len(added) > 0 {
		m.client.PauseFetchTopics(added...)
		m.client.AddConsumeTopics(added...)
	}
	if len(gone) > 0 {
		m.client.PurgeTopicsFromConsuming(gone...)
		m.client.ResumeFetchTopics(gone...)
	}
}

// Run watches the group until ctx ends (then it returns nil) or until the
// process can be no member any more: ErrInstanceFenced, or the group refuses
// it. Other errors go to OnError; the client joins again by itself.
func (m *membership) Run(ctx context.Context) error {
	for {
		fetches := m.client.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if fetches.IsClientClosed() {
			return fmt.Errorf("the membership of group %s is closed", m.cfg.Group)
		}
		for _, fe := range fetches.Errors() {
			if err := m.fatal(fe.Err); err != nil {
				return err
			}
			if m.cfg.OnError != nil {
				m.cfg.OnError(fmt.Errorf("group %s: %w", m.cfg.Group, fe.Err))
			}
		}
	}
}

// fatal returns what a process cannot recover from by waiting, or nil.
func (m *membership) fatal(err error) error {
	switch {
	case errors.Is(err, kerr.FencedInstanceID):
		return fmt.Errorf("group %s: another process runs with --instance-id %s, stop one of them: %w: %w", m.cfg.Group, m.cfg.InstanceID, ErrInstanceFenced, err)
	case refusedByGroup(err):
		return fmt.Errorf("join group %s with instance id %s: %w", m.cfg.Group, m.cfg.InstanceID, err)
	}
	return nil
}

// refusedByGroup reports whether a group will not have a member, however often it asks. After any other error of the
// group the client joins again by itself.
func refusedByGroup(err error) bool {
	for _, refusal := range []error{
		kerr.GroupAuthorizationFailed, kerr.TopicAuthorizationFailed, kerr.InvalidSessionTimeout,
		kerr.InconsistentGroupProtocol, kerr.InvalidGroupID,
	} {
		if errors.Is(err, refusal) {
			return true
		}
	}
	return false
}

// Close leaves the group, so that others go on at once, unless it is to stay in it (StopStay), and ends the client.
// The Handler is not called any more once Close has begun; a call under way is
// waited for, its ctx ends. Close may be called during an epoch: what that
// epoch commits afterwards is refused by the group. ctx bounds the leaving, and
// its error is returned; the others then go on after the session timeout.
func (m *membership) Close(ctx context.Context) error {
	m.closeOnce.Do(func() {
		close(m.closed)
		m.endCallbacks()
		m.closeErr = m.leave(ctx)
		m.client.Close()
	})
	return m.closeErr
}

// leave stops the group management of the client and, unless the member is to
// stay, sends the LeaveGroup that a static member does not send by itself.
func (m *membership) leave(ctx context.Context) error {
	if err := m.client.LeaveGroupContext(ctx); err != nil {
		return fmt.Errorf("leave group %s: %w", m.cfg.Group, err)
	}
	if m.cfg.Stop == StopStay {
		return nil
	}
	m.mu.Lock()
	fenced := m.fenced
	m.mu.Unlock()
	// The client's own view, and not ours: it may have joined since.
	memberID, _ := m.client.GroupMetadata()
	if memberID == "" || fenced {
		return nil // never joined, or it is another process that is in
	}
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group = m.cfg.Group
	member := kmsg.NewLeaveGroupRequestMember()
	// With the member id, so that the broker does not remove a process that
	// has taken over the instance id since.
	member.MemberID, member.InstanceID = memberID, &m.cfg.InstanceID
	member.Reason = kmsg.StringPtr("the process stops")
	req.Members = append(req.Members, member)
	resp, err := req.RequestWith(ctx, m.client)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err == nil && len(resp.Members) > 0 {
		err = kerr.ErrorForCode(resp.Members[0].ErrorCode)
	}
	switch {
	case err == nil,
		errors.Is(err, kerr.UnknownMemberID),
		errors.Is(err, kerr.FencedInstanceID): // we are out already
		return nil
	}
	return fmt.Errorf("leave group %s with instance id %s: %w", m.cfg.Group, m.cfg.InstanceID, err)
}
