package stream

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
)

// The outcomes of an epoch other than committed. A caller branches on these
// and on nothing else; what they wrap is for the log.
var (
	// ErrAborted says that nothing of the epoch happened: the transaction was
	// aborted and the broker has confirmed it. The caller drops its overlay
	// and may offer the same input again.
	ErrAborted = errors.New("the epoch was aborted, nothing of it happened")

	// ErrRejected is an ErrAborted (errors.Is holds for both) whose cause will
	// not go away by trying again: a record too large, a missing permission, a
	// topic deleted and created anew.
	ErrRejected = fmt.Errorf("%w, and to repeat it would not help", ErrAborted)

	// ErrFenced says that the broker has given the transactional id or the
	// instance id to someone else, or that it ended the transaction by itself
	// after the transaction timeout: it answers both alike. The process must
	// stop, or call Reinit and read its state again.
	ErrFenced = errors.New("another producer has taken over")

	// ErrUnknown says that the epoch may have been committed or not. The
	// caller calls Reinit, which settles it on the broker, and reads its state
	// again; it assumes nothing.
	ErrUnknown = errors.New("the outcome of the epoch is not known")
)

// verdict is what an error on the way of an epoch means for the epoch.
type verdict int8

const (
	verdictRetry  verdict = iota // the same request may succeed soon
	verdictAbort                 // abort; the same input may succeed in a new epoch
	verdictReject                // abort; the same input will fail again
	verdictFenced                // someone else holds our id
	verdictReinit                // the broker's producer state and ours differ
)

// judge is the one place that decides what may be retried. It judges errors
// of the steps before EndTxn; there, nothing is committed yet, so whatever is
// not fenced can be aborted. For the answer of EndTxn only "fenced" counts, all
// else there is unknown: the client repeats EndTxn by itself after a lost
// connection, so even a plain refusal may follow a commit that went through.
func judge(err error) verdict {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return verdictAbort

	// The coordinator of the group or of the transaction moves or starts, or
	// the markers of the transaction before are still being written.
	case errors.Is(err, kerr.CoordinatorLoadInProgress),
		errors.Is(err, kerr.CoordinatorNotAvailable),
		errors.Is(err, kerr.NotCoordinator),
		errors.Is(err, kerr.ConcurrentTransactions),
		errors.Is(err, kerr.UnstableOffsetCommit):
		return verdictRetry

	case errors.Is(err, kerr.ProducerFenced),
		errors.Is(err, kerr.InvalidProducerEpoch),
		errors.Is(err, kerr.FencedInstanceID):
		return verdictFenced

	// The broker has forgotten the producer (transactional.id.expiration.ms, a
	// lost log) or counts its batches differently. A new epoch of the same
	// producer would meet the same; InitProducerID cures it.
	case errors.Is(err, kerr.InvalidProducerIDMapping),
		errors.Is(err, kerr.UnknownProducerID),
		errors.Is(err, kerr.OutOfOrderSequenceNumber),
		errors.Is(err, kerr.InvalidTxnState):
		return verdictReinit

	// The group has moved on. UNKNOWN_SERVER_ERROR is in the list because
	// brokers give it when something inside failed that a retry does not meet.
	case errors.Is(err, kerr.IllegalGeneration),
		errors.Is(err, kerr.UnknownMemberID),
		errors.Is(err, kerr.RebalanceInProgress),
		errors.Is(err, kerr.StaleMemberEpoch),
		errors.Is(err, kerr.GroupIDNotFound),
		errors.Is(err, kerr.UnknownServerError):
		return verdictAbort

	// Before TransactionAbortable: the client wraps both when a topic was
	// deleted and created anew under the transaction. Its log is another one.
	case errors.Is(err, kerr.UnknownTopicID):
		return verdictReject
	case errors.Is(err, kerr.TransactionAbortable):
		return verdictAbort
	}
	if ke, ok := errors.AsType[*kerr.Error](err); ok && !ke.Retriable {
		return verdictReject
	}
	return verdictAbort // the network, or a broker that says "later"
}

// worse returns the error that decides when a response holds several.
func worse(a, b error) error {
	if a == nil || b != nil && judge(b) > judge(a) {
		return b
	}
	return a
}
