package stream

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// lossyNet loses EndTxn or its answer, once armed: the connection stays open
// and silent.
type lossyNet struct {
	armed       atomic.Bool
	loseRequest bool // else the request arrives and its answer is lost
}

type lossyConn struct {
	net.Conn
	n      *lossyNet
	silent atomic.Bool
}

func (n *lossyNet) dial(ctx context.Context, network, host string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, host)
	return &lossyConn{Conn: conn, n: n}, err
}

func (c *lossyConn) Write(p []byte) (int, error) {
	// Four bytes of length, then the api key.
	if c.n.armed.Load() && len(p) > 6 && binary.BigEndian.Uint16(p[4:]) == uint16(kmsg.EndTxn) {
		c.silent.Store(true)
	}
	if c.silent.Load() && c.n.loseRequest {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

func (c *lossyConn) Read(p []byte) (int, error) {
	for {
		n, err := c.Conn.Read(p)
		if err != nil || !c.silent.Load() {
			return n, err
		}
	}
}

// TestALostAnswerIsUnknown runs both truths behind a lost answer: the commit
// never reached the broker, and it did.
func TestALostAnswerIsUnknown(t *testing.T) {
	for name, arrives := range map[string]bool{"never arrived": false, "arrived": true} {
		for _, plain := range []bool{false, true} {
			if plain && !arrives {
				continue
			}
			t.Run(fmt.Sprint(name, ", epoch before was plain ", plain), func(t *testing.T) {
				b := startTxBroker(t)
				in, out := b.topic(t, 1), b.topic(t, 1)
				_, epoch := joined(t, b, in)
				id := txName("tx")
				lossy := &lossyNet{loseRequest: !arrives}
				p, err := newTransactions(transactionConfig{
					Opts:            append(slices.Clone(b.opts), kgo.Dialer(lossy.dial)),
					TransactionalID: id,
					Timeout:         time.Second,
				})
				if err != nil {
					t.Fatal(err)
				}
				defer p.Close()
				if err := p.Reinit(txCtx(t)); err != nil {
					t.Fatal(err)
				}
				e := epoch
				e.Offsets = at(in, 0, 1)
				if !plain {
					e.Records = txRecords(out, 0, "a")
				}
				if _, err := p.Commit(txCtx(t), e); err != nil {
					t.Fatal(err)
				}

				lossy.armed.Store(true)
				e = epoch
				e.Records, e.Offsets = txRecords(out, 0, "b"), at(in, 0, 2)
				if _, err := p.Commit(txCtx(t), e); !errors.Is(err, ErrUnknown) {
					t.Fatalf("%v, want unknown", err)
				}
				if _, err := p.Commit(txCtx(t), Epoch{}); !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), id) {
					t.Fatalf("%v, want a refusal until Reinit", err)
				}
				lossy.armed.Store(false)
				if err := p.Reinit(txCtx(t)); err != nil {
					t.Fatal(err)
				}
				var want []string
				offset := int64(1)
				if !plain {
					want = append(want, "a")
				}
				if arrives {
					want, offset = append(want, "b"), 2
				}
				if got := b.values(t, out, 0); !slices.Equal(got, want) {
					t.Errorf("the log holds %v, want %v", got, want)
				}
				if got := b.committed(t, epoch.Group, in, 0); got != offset {
					t.Errorf("the committed offset is %d, want %d", got, offset)
				}
			})
		}
	}
}
