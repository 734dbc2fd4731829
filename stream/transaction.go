package stream

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// transactionTimeout is how long the broker keeps a transaction open that
// nobody ends. After kill -9 it holds back every read_committed reader of the
// partitions touched, so the client's own default of 40 s is too long; an
// epoch takes milliseconds.
const transactionTimeout = 10 * time.Second

// transactionConfig says what a transactions needs.
type transactionConfig struct {
	// Opts reach the brokers (seeds, TLS, SASL, logger, hooks). Required.
	Opts []kgo.Opt
	// TransactionalID is the namespace and the instance id. Required.
	TransactionalID string
	// Timeout bounds a transaction on the broker, and each of the stages of
	// Commit in this process. Default transactionTimeout.
	Timeout time.Duration
}

// transactions is the one transactional producer of a process. It commits
// epochs, one at a time, and gives each of them one of four ends: committed,
// ErrAborted, ErrFenced, ErrUnknown.
//
// Strategy not taken: kgo.GroupTransactSession. Its End commits what was
// polled and not what was processed, sends no offsets when none has moved (so
// that such an epoch is not fenced by the group), and rewinds the consumer by
// itself after an abort. Here the consumer, the producer and the membership
// are three clients, and the offsets travel in a request of our own.
//
// A transactions starts nothing before Reinit. After ErrFenced or ErrUnknown it
// refuses every Commit until Reinit. Its methods may be called from any
// goroutine; they run one after another.
type transactions struct {
	cfg transactionConfig

	mu       sync.Mutex // held for the whole of Commit, Reinit and Close
	client   *kgo.Client
	implicit bool                // transaction.version 2: brokers add partitions and groups to a transaction by themselves
	topicIDs map[string][16]byte // as first seen; see offsetTopicIDs
	spoiled  error               // why nothing can be committed before Reinit
}

// newTransactions checks the configuration. It starts nothing.
func newTransactions(cfg transactionConfig) (*transactions, error) {
	if cfg.TransactionalID == "" {
		return nil, errors.New("a transactional producer needs a transactional id: set the instance id")
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = transactionTimeout
	}
	return &transactions{cfg: cfg, spoiled: errors.New("the producer was never initialised")}, nil
}

// Reinit opens the producer, or opens it anew with the same transactional id.
// When it returns nil, no transaction of that id is open any more: the broker
// has completed or aborted the last one, has written its markers, and has
// fenced every other process that uses the id. So state and offsets that are
// read afterwards are final.
//
// A producer that was told "fenced" gets its id back this way. Whether it
// should is decided elsewhere: the group fences by instance id as well, and
// there the newcomer wins.
//
// Strategy not taken: to warm the producer up with a transaction of its own. A
// new producer is ready after this call (about 5 ms). What does stall is a new
// topic: at its first append, and again when 4 KiB are in a log, the broker
// makes files for each partition (0.2 s to 9 s for 200 of them with indexes of
// the default size, none of the second with segment.index.bytes=65536), and no
// transaction but one that fills the logs would get past that.
func (t *transactions) Reinit(ctx context.Context) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.shut(errors.New("the last initialisation of the producer failed"))

	client, implicit, err := t.open(ctx)
	if err != nil {
		return fmt.Errorf("open the producer %s: %w", t.cfg.TransactionalID, err)
	}
	if _, _, err := client.ProducerID(ctx); err != nil {
		client.Close()
		return fmt.Errorf("initialise the producer %s: %w", t.cfg.TransactionalID, err)
	}
	t.client, t.implicit, t.spoiled = client, implicit, nil
	t.topicIDs = map[string][16]byte{}
	return nil
}

// Close ends the producer. An open transaction is left to the broker, which
// aborts it at the next start of the same id or after the transaction timeout;
// between two Commits there is none.
func (t *transactions) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.shut(errors.New("the producer is closed"))
}

func (t *transactions) shut(why error) {
	if t.client != nil {
		t.client.Close()
	}
	t.client, t.spoiled = nil, why
}

// open makes the client, by the way that the cluster keeps transactions. With
// transaction.version below 2 a TxnOffsetCommit of version 5 or later would
// mean "the broker adds the group", which it does not; the client pins its own
// requests, but ours it can only be kept from by a cap on all of them.
func (t *transactions) open(ctx context.Context) (client *kgo.Client, implicit bool, err error) {
	opts := append(append([]kgo.Opt(nil), t.cfg.Opts...),
		kgo.TransactionalID(t.cfg.TransactionalID),
		kgo.TransactionTimeout(t.cfg.Timeout),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerBatchCompression(kgo.Lz4Compression(), kgo.NoCompression()),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		// An epoch is produced as a whole: nothing is sent before all of it is
		// buffered, so that a partition gets one batch and not a first batch
		// of one record. What bounds the buffer is the budget of the epoch.
		kgo.ManualFlushing(),
		kgo.ProducerLinger(0),
		kgo.MaxBufferedRecords(math.MaxInt32),
		// A Produce that is answered CONCURRENT_TRANSACTIONS (the markers of
		// the transaction before are on their way) waits for new metadata
		// before it is sent again; with the default of 5 s an epoch stalls.
		// Mostly the broker waits for them itself, in steps of 20 ms: epochs
		// back to back take 23 ms each, epochs 10 ms apart 2 ms.
		kgo.MetadataMinAge(50*time.Millisecond),
		kgo.ConcurrentTransactionsBackoff(5*time.Millisecond),
	)
	if client, err = kgo.NewClient(opts...); err != nil {
		return nil, false, err
	}
	if implicit, err = implicitTransactions(ctx, client); err != nil {
		client.Close()
		return nil, false, err
	}
	if implicit {
		return client, true, nil
	}
	client.Close()
	versions := kversion.Stable()
	versions.SetMaxKeyVersion(kmsg.TxnOffsetCommit.Int16(), 4)
	client, err = kgo.NewClient(append(opts, kgo.MaxVersions(versions))...)
	return client, false, err
}

// implicitTransactions says whether the cluster runs transaction.version 2 or
// above (KIP-890).
func implicitTransactions(ctx context.Context, client *kgo.Client) (bool, error) {
	req := kmsg.NewPtrApiVersionsRequest()
	req.ClientSoftwareName, req.ClientSoftwareVersion = "freshline", "1"
	resp, err := req.RequestWith(ctx, client)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err != nil {
		return false, fmt.Errorf("ask for the versions of the broker: %w", err)
	}
	for _, feature := range resp.FinalizedFeatures {
		if feature.Name == "transaction.version" {
			return feature.MaxVersionLevel >= 2, nil
		}
	}
	return false, nil
}

// Commit commits an epoch: records and offsets as one. It returns nil when the
// broker has said that it is committed; the markers that make it visible to
// read_committed readers may arrive later.
//
// Every other end is an error that is ErrAborted (perhaps ErrRejected too),
// ErrFenced or ErrUnknown; an epoch that is refused unsent is ErrRejected. When
// ctx ends before the end of the transaction was asked for, the epoch is
// aborted; once it was asked for, Commit waits for the answer for as long as
// the transaction timeout, whatever becomes of ctx, since an answer that is not
// awaited makes the outcome unknown.
//
// An epoch without records is a plain commit of its offsets, see
// commitOffsets.
func (t *transactions) Commit(ctx context.Context, epoch Epoch) (Committed, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.spoiled != nil {
		return nil, fmt.Errorf("%w: the producer %s must be initialised first: %w", ErrUnknown, t.cfg.TransactionalID, t.spoiled)
	}
	if err := epoch.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRejected, err)
	}
	work, cancel := context.WithTimeout(ctx, t.cfg.Timeout)
	defer cancel()

	var ids map[string][16]byte
	if epoch.hasOffsets() {
		// Before the transaction begins, so that it holds nothing slow.
		var err error
		if ids, err = t.offsetTopicIDs(work, &epoch); err != nil {
			return nil, refused(err)
		}
	}
	if len(epoch.Records) == 0 {
		if !epoch.hasOffsets() {
			return Committed{}, nil
		}
		return Committed{}, t.commitOffsets(work, &epoch, ids)
	}

	if err := t.client.BeginTransaction(); err != nil {
		return nil, t.spoil(err)
	}
	err := t.produce(work, epoch.Records)
	if err == nil && epoch.hasOffsets() {
		err = t.addOffsets(work, &epoch, ids)
	}
	if err != nil {
		return nil, t.rollBack(ctx, err)
	}
	if err := t.end(ctx); err != nil {
		return nil, err
	}
	return epoch.lastOffsets(), nil
}

// produce returns when the broker has acknowledged every record, or with the
// first error.
func (t *transactions) produce(ctx context.Context, records []*kgo.Record) error {
	var (
		acknowledged atomic.Int64
		mu           sync.Mutex
		first        error
	)
	promise := func(r *kgo.Record, err error) {
		if err == nil {
			acknowledged.Add(1)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if first == nil {
			first = fmt.Errorf("produce to topic %s partition %d (a record of %d bytes): %w", r.Topic, r.Partition, recordSize(r), err)
		}
	}
	for _, r := range records {
		t.client.Produce(ctx, r, promise)
	}
	if err := t.client.Flush(ctx); err != nil {
		return fmt.Errorf("produce %d records: %w", len(records), err)
	}
	mu.Lock()
	defer mu.Unlock()
	if first == nil && acknowledged.Load() != int64(len(records)) {
		first = fmt.Errorf("produce: the broker acknowledged %d of %d records", acknowledged.Load(), len(records))
	}
	return first
}

// end asks for the commit. From the moment it has asked, no error may be taken
// for "nothing happened".
func (t *transactions) end(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.cfg.Timeout)
	defer cancel()
	err := t.client.EndTransaction(ctx, kgo.TryCommit)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, kerr.OperationNotAttempted), // the producer id has failed: nothing was asked
		errors.Is(err, kerr.UnknownTopicID): // a topic was created anew under the transaction: nothing was asked
		return t.rollBack(ctx, fmt.Errorf("end the transaction: %w", err))
	}
	err = fmt.Errorf("end the transaction: %w", err)
	if judge(err) == verdictFenced {
		return t.spoilAs(ErrFenced, err)
	}
	return t.spoilAs(ErrUnknown, err)
}

// rollBack aborts the open transaction because of cause. It does not follow
// ctx into its end: on a shutdown a clean abort spares every reader the
// transaction timeout.
func (t *transactions) rollBack(ctx context.Context, cause error) error {
	switch judge(cause) {
	case verdictFenced, verdictReinit:
		return t.spoil(cause) // the transaction is no longer ours to abort
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.cfg.Timeout)
	defer cancel()
	err := t.client.AbortBufferedRecords(ctx)
	if err == nil {
		err = t.client.EndTransaction(ctx, kgo.TryAbort)
	}
	if err != nil {
		err = fmt.Errorf("abort (because of: %w): %w", cause, err)
		if judge(err) == verdictFenced {
			return t.spoilAs(ErrFenced, err)
		}
		return t.spoilAs(ErrUnknown, err)
	}
	return refused(cause)
}

// refused names the end of an epoch of which nothing happened.
func refused(cause error) error {
	if judge(cause) == verdictReject {
		return fmt.Errorf("%w: %w", ErrRejected, cause)
	}
	return fmt.Errorf("%w: %w", ErrAborted, cause)
}

// spoil keeps the producer from being used until Reinit.
func (t *transactions) spoil(cause error) error {
	if judge(cause) == verdictFenced {
		return t.spoilAs(ErrFenced, cause)
	}
	return t.spoilAs(ErrUnknown, cause)
}

func (t *transactions) spoilAs(outcome, cause error) error {
	t.spoiled = fmt.Errorf("%w: producer %s: %w", outcome, t.cfg.TransactionalID, cause)
	return t.spoiled
}
