package stream

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// joined is a member of a group of its own, and an epoch that it may commit.
func joined(t *testing.T, b *txBroker, topic string) (*membership, Epoch) {
	t.Helper()
	group, instance := txName("group"), txName("instance")
	m, _ := startMember(t, b, group, instance, topic)
	eventually(t, "the member to own partition 0", func() bool {
		_, generation := m.Generation()
		return generation >= 0
	})
	memberID, generation := m.Generation()
	return m, Epoch{Group: group, MemberID: memberID, Generation: generation, InstanceID: instance}
}

func at(topic string, partition int32, offset int64) map[string]map[int32]int64 {
	return map[string]map[int32]int64{topic: {partition: offset}}
}

func TestCommitOfRecordsAndOffsets(t *testing.T) {
	for _, tt := range []struct {
		name    string
		records []string
		offset  int64 // -1 for none
	}{
		{"both", []string{"a", "b"}, 3},
		{"records only", []string{"a"}, -1},
		{"offsets only", nil, 5},
		{"neither", nil, -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := startTxBroker(t)
			in, out := b.topic(t, 1), b.topic(t, 2)
			_, epoch := joined(t, b, in)
			p := b.producer(t, txName("tx"), 0)

			// Twice the same: an offset that has not moved is committed too.
			for range 2 {
				e := epoch
				e.Records = txRecords(out, 1, tt.records...)
				if tt.offset >= 0 {
					e.Offsets = at(in, 0, tt.offset)
				}
				committed, err := p.Commit(txCtx(t), e)
				if err != nil {
					t.Fatal(err)
				}
				if len(tt.records) == 0 != (len(committed) == 0) {
					t.Fatalf("committed %v", committed)
				}
			}
			if got := b.committed(t, epoch.Group, in, 0); got != tt.offset {
				t.Errorf("the committed offset is %d, want %d", got, tt.offset)
			}
			if got, want := b.values(t, out, 1), append(slices.Clone(tt.records), tt.records...); !slices.Equal(got, want) {
				t.Errorf("the log holds %v, want %v", got, want)
			}
		})
	}
}

func TestCommittedNamesTheLastOffsets(t *testing.T) {
	b := startTxBroker(t)
	one, two := b.topic(t, 1), b.topic(t, 2)
	p := b.producer(t, txName("tx"), 0)
	records := append(txRecords(one, 0, "a", "b"), txRecords(two, 1, "c")...)
	records = append(records, txRecords(one, 0, "d")...)
	got, err := p.Commit(txCtx(t), Epoch{Records: records})
	if err != nil {
		t.Fatal(err)
	}
	if want := (Committed{one: {0: 2}, two: {1: 0}}); !reflect.DeepEqual(got, want) {
		t.Errorf("committed %v, want %v", got, want)
	}
	got, err = p.Commit(txCtx(t), Epoch{Records: txRecords(one, 0, "e")})
	if err != nil {
		t.Fatal(err)
	}
	if want := (Committed{one: {0: 4}}); !reflect.DeepEqual(got, want) { // 3 is the marker
		t.Errorf("committed %v, want %v", got, want)
	}
}

func TestPlainCommitIsNotOverwrittenByALateMarker(t *testing.T) {
	b := startTxBroker(t)
	in, out := b.topic(t, 1), b.topic(t, 1)
	_, epoch := joined(t, b, in)
	p := b.producer(t, txName("tx"), 0)
	for i := int64(1); i <= 100; i += 2 {
		e := epoch
		e.Records, e.Offsets = txRecords(out, 0, "a"), at(in, 0, i)
		if _, err := p.Commit(txCtx(t), e); err != nil {
			t.Fatal(err)
		}
		e = epoch
		e.Offsets = at(in, 0, i+1)
		if _, err := p.Commit(txCtx(t), e); err != nil {
			t.Fatal(err)
		}
		if got := b.committed(t, epoch.Group, in, 0); got != i+1 {
			t.Fatalf("the committed offset is %d, want %d", got, i+1)
		}
	}
}

func TestAZombieIsRefused(t *testing.T) {
	b := startTxBroker(t)
	in, out := b.topic(t, 1), b.topic(t, 1)
	_, epoch := joined(t, b, in)
	p := b.producer(t, txName("tx"), 0)

	old := epoch
	old.Generation--
	stranger := epoch
	stranger.MemberID, stranger.InstanceID = "someone", ""
	other := epoch
	other.MemberID = "someone"
	for name, tt := range map[string]struct {
		epoch Epoch
		want  error
	}{
		"old generation":                 {old, ErrAborted},
		"not a member":                   {stranger, ErrAborted},
		"the instance of another member": {other, ErrFenced},
	} {
		for _, records := range [][]string{{"zombie"}, nil} {
			e := tt.epoch
			e.Records, e.Offsets = txRecords(out, 0, records...), at(in, 0, 7)
			if _, err := p.Commit(txCtx(t), e); !errors.Is(err, tt.want) || errors.Is(err, ErrRejected) {
				t.Errorf("%s, %d records: %v, want %v", name, len(records), err, tt.want)
			}
			if tt.want == ErrFenced {
				if err := p.Reinit(txCtx(t)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	// And the rightful one goes on.
	e := epoch
	e.Records, e.Offsets = txRecords(out, 0, "a"), at(in, 0, 2)
	if _, err := p.Commit(txCtx(t), e); err != nil {
		t.Fatal(err)
	}
	if got := b.values(t, out, 0); !slices.Equal(got, []string{"a"}) {
		t.Errorf("the log holds %v", got)
	}
	if got := b.committed(t, epoch.Group, in, 0); got != 2 {
		t.Errorf("the committed offset is %d", got)
	}
}

func TestTheSecondProducerFencesTheFirst(t *testing.T) {
	b := startTxBroker(t)
	out := b.topic(t, 1)
	id := txName("tx")
	first := b.producer(t, id, 0)
	if _, err := first.Commit(txCtx(t), Epoch{Records: txRecords(out, 0, "1")}); err != nil {
		t.Fatal(err)
	}
	second := b.producer(t, id, 0)
	if _, err := first.Commit(txCtx(t), Epoch{Records: txRecords(out, 0, "zombie")}); !errors.Is(err, ErrFenced) {
		t.Fatalf("%v, want fenced", err)
	}
	if _, err := first.Commit(txCtx(t), Epoch{Records: txRecords(out, 0, "zombie")}); !errors.Is(err, ErrUnknown) {
		t.Fatalf("%v, want a refusal until Reinit", err)
	}
	if _, err := second.Commit(txCtx(t), Epoch{Records: txRecords(out, 0, "2")}); err != nil {
		t.Fatal(err)
	}
	if err := first.Reinit(txCtx(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := first.Commit(txCtx(t), Epoch{Records: txRecords(out, 0, "3")}); err != nil {
		t.Fatal(err)
	}
	if got := b.values(t, out, 0); !slices.Equal(got, []string{"1", "2", "3"}) {
		t.Errorf("the log holds %v", got)
	}
}

// txnOffsetCode answers every offset of a request with one code.
func txnOffsetCode(code int16) func(kmsg.Request) kmsg.Response {
	return func(req kmsg.Request) kmsg.Response {
		r := req.(*kmsg.TxnOffsetCommitRequest)
		resp := r.ResponseKind().(*kmsg.TxnOffsetCommitResponse)
		for _, rt := range r.Topics {
			st := kmsg.NewTxnOffsetCommitResponseTopic()
			st.Topic, st.TopicID = rt.Topic, rt.TopicID
			for _, rp := range rt.Partitions {
				sp := kmsg.NewTxnOffsetCommitResponseTopicPartition()
				sp.Partition, sp.ErrorCode = rp.Partition, code
				st.Partitions = append(st.Partitions, sp)
			}
			resp.Topics = append(resp.Topics, st)
		}
		return resp
	}
}

// TestOutcomeOfRefusedOffsets runs every answer to TxnOffsetCommit that a
// caller must tell apart, and then commits the same input again.
func TestOutcomeOfRefusedOffsets(t *testing.T) {
	for _, tt := range []struct {
		code  *kerr.Error
		times int
		want  error
	}{
		{kerr.CoordinatorLoadInProgress, 3, nil},
		{kerr.NotCoordinator, 3, nil},
		{kerr.ConcurrentTransactions, 3, nil},
		{kerr.IllegalGeneration, 1, ErrAborted},
		{kerr.RebalanceInProgress, 1, ErrAborted},
		{kerr.UnknownMemberID, 1, ErrAborted},
		{kerr.TransactionAbortable, 1, ErrAborted},
		{kerr.UnknownServerError, 1, ErrAborted},
		{kerr.OffsetMetadataTooLarge, 1, ErrRejected},
		{kerr.GroupAuthorizationFailed, 1, ErrRejected},
		{kerr.UnknownTopicID, 1, ErrRejected},
		{kerr.FencedInstanceID, 1, ErrFenced},
		{kerr.InvalidProducerEpoch, 1, ErrFenced},
		{kerr.ProducerFenced, 1, ErrFenced},
		{kerr.InvalidTxnState, 1, ErrUnknown},
		{kerr.InvalidProducerIDMapping, 1, ErrUnknown},
	} {
		t.Run(tt.code.Message, func(t *testing.T) {
			b := startTxBroker(t)
			b.fakeOnly(t)
			in, out := b.topic(t, 1), b.topic(t, 1)
			_, epoch := joined(t, b, in)
			p := b.producer(t, txName("tx"), 0)
			b.answer(kmsg.TxnOffsetCommit, tt.times, txnOffsetCode(tt.code.Code))

			e := epoch
			e.Records, e.Offsets = txRecords(out, 0, "first"), at(in, 0, 1)
			_, err := p.Commit(txCtx(t), e)
			if !errors.Is(err, tt.want) {
				t.Fatalf("%v, want %v", err, tt.want)
			}
			if err == nil {
				return
			}
			if rejected := errors.Is(err, ErrRejected); rejected != (tt.want == ErrRejected) {
				t.Errorf("rejected is %v: %v", rejected, err)
			}
			for _, part := range []string{epoch.Group} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not name %q", err, part)
				}
			}
			if tt.want == ErrFenced || tt.want == ErrUnknown {
				if err := p.Reinit(txCtx(t)); err != nil {
					t.Fatal(err)
				}
			}
			e = epoch
			e.Records, e.Offsets = txRecords(out, 0, "second"), at(in, 0, 2)
			if _, err := p.Commit(txCtx(t), e); err != nil {
				t.Fatal(err)
			}
			if got := b.values(t, out, 0); !slices.Equal(got, []string{"second"}) {
				t.Errorf("the log holds %v", got)
			}
			if got := b.committed(t, epoch.Group, in, 0); got != 2 {
				t.Errorf("the committed offset is %d", got)
			}
		})
	}
}

func TestEndTxnIsRetriedWhileTheBrokerIsBusy(t *testing.T) {
	for name, fn := range map[string]func(kmsg.Request) kmsg.Response{
		"concurrent transactions": endTxnCode(kerr.ConcurrentTransactions.Code),
		"coordinator loads":       endTxnCode(kerr.CoordinatorLoadInProgress.Code),
		"connection lost":         func(kmsg.Request) kmsg.Response { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			b := startTxBroker(t)
			b.fakeOnly(t)
			n := 2
			if fn(&kmsg.EndTxnRequest{}) == nil {
				n = 1
			}
			out := b.topic(t, 1)
			p := b.producer(t, txName("tx"), 0)
			// A connection that breaks before it gave any answer counts as
			// refused, so this one gives one first.
			if _, err := p.Commit(txCtx(t), Epoch{Records: txRecords(out, 0, "a")}); err != nil {
				t.Fatal(err)
			}
			b.answer(kmsg.EndTxn, n, fn)
			if _, err := p.Commit(txCtx(t), Epoch{Records: txRecords(out, 0, "b")}); err != nil {
				t.Fatal(err)
			}
			if got := b.values(t, out, 0); !slices.Equal(got, []string{"a", "b"}) {
				t.Errorf("the log holds %v", got)
			}
		})
	}
}

func endTxnCode(code int16) func(kmsg.Request) kmsg.Response {
	return func(req kmsg.Request) kmsg.Response {
		resp := req.ResponseKind().(*kmsg.EndTxnResponse)
		resp.ErrorCode = code
		return resp
	}
}

func TestARefusedEndIsNotTakenForAnAbort(t *testing.T) {
	for code, want := range map[*kerr.Error]error{
		kerr.ProducerFenced:       ErrFenced,
		kerr.InvalidProducerEpoch: ErrFenced,
		kerr.InvalidTxnState:      ErrUnknown,
		kerr.UnknownServerError:   ErrUnknown,
		kerr.TransactionAbortable: ErrUnknown,
	} {
		b := startTxBroker(t)
		b.fakeOnly(t)
		out := b.topic(t, 1)
		p := b.producer(t, txName("tx"), 0)
		b.answer(kmsg.EndTxn, 1, endTxnCode(code.Code))
		_, err := p.Commit(txCtx(t), Epoch{Records: txRecords(out, 0, "a")})
		if !errors.Is(err, want) || errors.Is(err, ErrAborted) {
			t.Errorf("%s: %v, want %v", code.Message, err, want)
		}
		if err := p.Reinit(txCtx(t)); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Commit(txCtx(t), Epoch{Records: txRecords(out, 0, "b")}); err != nil {
			t.Errorf("%s: after Reinit: %v", code.Message, err)
		}
		if got := b.values(t, out, 0); !slices.Equal(got, []string{"b"}) {
			t.Errorf("%s: the log holds %v", code.Message, got)
		}
	}
}

func TestARecordTooLargeIsNamed(t *testing.T) {
	b := startTxBroker(t)
	out := b.topic(t, 4)
	p := b.producer(t, txName("tx"), 0)
	records := append(txRecords(out, 1, "small"), txRecords(out, 3, strings.Repeat("x", 2<<20))...)
	_, err := p.Commit(txCtx(t), Epoch{Records: records})
	if !errors.Is(err, ErrRejected) || !errors.Is(err, ErrAborted) {
		t.Fatalf("%v, want rejected", err)
	}
	for _, part := range []string{out, "partition 3", "2097153 bytes"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not name %q", err, part)
		}
	}
	if _, err := p.Commit(txCtx(t), Epoch{Records: txRecords(out, 1, "next")}); err != nil {
		t.Fatal(err)
	}
	if got := b.values(t, out, 1); !slices.Equal(got, []string{"next"}) {
		t.Errorf("the log holds %v", got)
	}
}

func TestAnEndedContextAborts(t *testing.T) {
	b := startTxBroker(t)
	b.fakeOnly(t)
	out := b.topic(t, 1)
	p := b.producer(t, txName("tx"), 0)
	ctx, cancel := context.WithCancel(txCtx(t))
	b.fake.ControlKey(kmsg.Produce.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
		b.fake.DropControl()
		cancel()
		return nil, nil, false
	})
	_, err := p.Commit(ctx, Epoch{Records: txRecords(out, 0, "a")})
	if err != nil && (!errors.Is(err, ErrAborted) || !errors.Is(err, context.Canceled)) {
		t.Fatalf("%v, want aborted or committed", err)
	}
	want := []string{"b"}
	if err == nil {
		want = []string{"a", "b"}
	}
	if _, err := p.Commit(txCtx(t), Epoch{Records: txRecords(out, 0, "b")}); err != nil {
		t.Fatal(err)
	}
	if got := b.values(t, out, 0); !slices.Equal(got, want) {
		t.Errorf("the log holds %v, want %v", got, want)
	}
}

func TestRefusedUnsent(t *testing.T) {
	p, err := newTransactions(transactionConfig{TransactionalID: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Commit(txCtx(t), Epoch{}); !errors.Is(err, ErrUnknown) {
		t.Errorf("before Reinit: %v", err)
	}
	if _, err := newTransactions(transactionConfig{}); err == nil {
		t.Error("no transactional id was accepted")
	}
	for name, e := range map[string]Epoch{
		"no topic":         {Records: txRecords("", 0, "a")},
		"no partition":     {Records: txRecords("a", -1, "a")},
		"no group":         {Offsets: at("a", 0, 1), MemberID: "m"},
		"no member":        {Offsets: at("a", 0, 1), Group: "g"},
		"no generation":    {Offsets: at("a", 0, 1), Group: "g", MemberID: "m", Generation: -1},
		"no proper offset": {Offsets: at("a", 0, -1), Group: "g", MemberID: "m"},
	} {
		if e.check() == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

// TestOldTransactions runs the protocol of transaction.version 1 and below.
func TestOldTransactions(t *testing.T) {
	b := startTxBroker(t, kfake.MaxVersions(kversion.V3_8_0()))
	b.fakeOnly(t)
	in, out := b.topic(t, 1), b.topic(t, 1)
	_, epoch := joined(t, b, in)
	p := b.producer(t, txName("tx"), 0)
	if p.implicit {
		t.Fatal("the broker does not speak of transaction.version")
	}
	for i := range int64(3) {
		e := epoch
		e.Records, e.Offsets = txRecords(out, 0, "a"), at(in, 0, i)
		if _, err := p.Commit(txCtx(t), e); err != nil {
			t.Fatal(err)
		}
		e.Records, e.Generation = txRecords(out, 0, "zombie"), epoch.Generation-1
		if _, err := p.Commit(txCtx(t), e); !errors.Is(err, ErrAborted) {
			t.Fatalf("%v, want aborted", err)
		}
	}
	if got := b.values(t, out, 0); !slices.Equal(got, []string{"a", "a", "a"}) {
		t.Errorf("the log holds %v", got)
	}
	if got := b.committed(t, epoch.Group, in, 0); got != 2 {
		t.Errorf("the committed offset is %d", got)
	}
}
