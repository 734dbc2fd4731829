package integration_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// maxFrame is the greatest frame of the protocol that the proxy passes on, in bytes.
const maxFrame = 100 << 20

// harm is what a proxy does to an answer.
type harm int

const (
	harmNone   harm = iota
	harmDelay       // it comes later
	harmLose        // it never comes, and the connection is cut
	harmRepeat      // it comes twice
	harmAsk         // the request never arrives, and the connection is cut
)

// harms is how many of a kind of answers come to harm, in a hundred, and how.
type harms struct {
	percent int
	kinds   []harm
	delay   time.Duration // at most
}

// proxy passes connections on to brokers, and does harm to their answers. Which answer is to which request it reads
// off the frames; what is in them it does not look at: brokers send the clients that come by it to the addresses at
// which it listens (see kafka.sh --side-port).
type proxy struct {
	ctx       context.Context
	stop      context.CancelFunc
	listeners []net.Listener
	group     sync.WaitGroup
	harmful   atomic.Pointer[func(key kmsg.Key) harms] // nil: none

	mu    sync.Mutex // guards what follows
	rng   *rand.Rand
	conns map[net.Conn]bool
	done  map[string]int // by kind of request and of harm
}

// startProxy listens on ports that follow each other. Nothing is passed on before target is called.
func startProxy(first, n int, seed uint64) (*proxy, error) {
	p := &proxy{rng: rand.New(rand.NewPCG(seed, 1)), conns: map[net.Conn]bool{}, done: map[string]int{}}
	p.ctx, p.stop = context.WithCancel(context.Background())
	for i := range n {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", first+i))
		if err != nil {
			p.close()
			return nil, fmt.Errorf("start the proxy: %w", err)
		}
		p.listeners = append(p.listeners, l)
	}
	return p, nil
}

func (p *proxy) addresses() (list []string) {
	for _, l := range p.listeners {
		list = append(list, l.Addr().String())
	}
	return list
}

// target says to where what comes at each listener is passed on.
func (p *proxy) target(targets []string) {
	for i, l := range p.listeners {
		p.group.Go(func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				p.group.Go(func() { p.serve(conn, targets[i]) })
			}
		})
	}
}

// harm begins to do harm, nil ends it.
func (p *proxy) harm(harmful func(key kmsg.Key) harms) {
	if harmful == nil {
		p.harmful.Store(nil)
		return
	}
	p.harmful.Store(&harmful)
}

// told is what harm was done since the last call.
func (p *proxy) told() (lines []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for what, n := range p.done {
		lines = append(lines, fmt.Sprintf("%s: %d", what, n))
	}
	p.done = map[string]int{}
	return lines
}

func (p *proxy) close() {
	p.stop()
	for _, l := range p.listeners {
		_ = l.Close()
	}
	p.mu.Lock()
	for conn := range p.conns {
		_ = conn.Close()
	}
	p.mu.Unlock()
	p.group.Wait()
}

func (p *proxy) keep(conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx.Err() != nil {
		return false
	}
	p.conns[conn] = true
	return true
}

func (p *proxy) drop(conn net.Conn) {
	_ = conn.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, conn)
}

// draw decides what comes to the answer of a request.
func (p *proxy) draw(key kmsg.Key) (harm, time.Duration) {
	harmful := p.harmful.Load()
	if harmful == nil {
		return harmNone, 0
	}
	h := (*harmful)(key)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rng.IntN(100) >= h.percent {
		return harmNone, 0
	}
	kind := h.kinds[p.rng.IntN(len(h.kinds))]
	p.done[fmt.Sprintf("%s %s", key.Name(), [...]string{"", "delayed", "lost", "repeated", "not asked"}[kind])]++
	return kind, time.Duration(p.rng.Int64N(int64(h.delay) + 1))
}

// serve passes one connection on until either side ends it.
func (p *proxy) serve(client net.Conn, target string) {
	if !p.keep(client) {
		_ = client.Close()
		return
	}
	defer p.drop(client)
	broker, err := new(net.Dialer).DialContext(p.ctx, "tcp", target)
	if err != nil {
		return
	}
	if !p.keep(broker) {
		_ = broker.Close()
		return
	}
	defer p.drop(broker)
	var mu sync.Mutex // guards asked
	asked := map[uint32]fate{}
	var both sync.WaitGroup
	both.Go(func() {
		defer client.Close()
		defer broker.Close()
		for {
			frame, err := readFrame(client)
			if err != nil || len(frame) < 12 {
				return
			}
			var f fate
			f.harm, f.delay = p.draw(kmsg.Key(binary.BigEndian.Uint16(frame[4:])))
			if f.harm == harmAsk {
				return
			}
			mu.Lock()
			asked[binary.BigEndian.Uint32(frame[8:])] = f
			mu.Unlock()
			if _, err := broker.Write(frame); err != nil {
				return
			}
		}
	})
	both.Go(func() {
		defer client.Close()
		defer broker.Close()
		for {
			frame, err := readFrame(broker)
			if err != nil || len(frame) < 8 {
				return
			}
			id := binary.BigEndian.Uint32(frame[4:])
			mu.Lock()
			f := asked[id]
			delete(asked, id)
			mu.Unlock()
			switch f.harm {
			case harmLose:
				return
			case harmDelay:
				pass(p.ctx, nil, f.delay)
			case harmRepeat:
				if _, err := client.Write(frame); err != nil {
					return
				}
			}
			if _, err := client.Write(frame); err != nil {
				return
			}
		}
	})
	both.Wait()
}

// fate is what is to come to an answer.
type fate struct {
	harm  harm
	delay time.Duration
}

// readFrame reads one request or answer, with its length before it.
func readFrame(conn net.Conn) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(head[:])
	if size > maxFrame {
		return nil, fmt.Errorf("a frame of %d bytes", size)
	}
	frame := make([]byte, 4+size)
	copy(frame, head[:])
	_, err := io.ReadFull(conn, frame[4:])
	return frame, err
}

// transactional does most harm to what commits, and a little to everything else.
func transactional(key kmsg.Key) harms {
	all := []harm{harmDelay, harmLose, harmRepeat, harmAsk}
	switch key {
	case kmsg.EndTxn, kmsg.TxnOffsetCommit:
		return harms{percent: 12, kinds: all, delay: time.Second}
	case kmsg.InitProducerID, kmsg.OffsetCommit, kmsg.OffsetFetch, kmsg.JoinGroup, kmsg.SyncGroup:
		return harms{percent: 5, kinds: all, delay: time.Second}
	case kmsg.Produce:
		return harms{percent: 3, kinds: all, delay: 500 * time.Millisecond}
	}
	return harms{percent: 1, kinds: all, delay: 200 * time.Millisecond}
}

// lines joins what was told.
func lines(list []string) string { return strings.Join(list, ", ") }
