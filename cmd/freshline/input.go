package main

import (
	"context"
	"io"
	"os"
	"sync/atomic"
)

// openInput opens a file, or standard input where the path is "-". The caller closes it.
func (c *cli) openInput(path string) (io.ReadCloser, error) {
	if path == "-" {
		return io.NopCloser(c.stdin), nil
	}
	return os.Open(path)
}

// interruptible reads from r until ctx is done, also while r waits, as for somebody at a terminal. After that r must
// not be used by others: a read of it may still be going on.
type interruptible struct {
	ctx  context.Context
	r    io.Reader
	read atomic.Int64 // bytes so far
	want chan []byte  // to the reading goroutine; nil before the first Read
	got  chan readResult
	buf  []byte
	rest []byte // of buf, not handed out yet
	err  error
}

type readResult struct {
	n   int
	err error
}

// close ends the reading goroutine, unless it is held up by r.
func (i *interruptible) close() {
	if i.want != nil {
		close(i.want)
	}
}

func (i *interruptible) Read(b []byte) (int, error) {
	if len(i.rest) == 0 && i.err == nil {
		i.fill()
	}
	if len(i.rest) == 0 {
		return 0, i.err
	}
	n := copy(b, i.rest)
	i.rest = i.rest[n:]
	i.read.Add(int64(n))
	return n, nil
}

func (i *interruptible) fill() {
	if i.want == nil {
		i.want, i.got, i.buf = make(chan []byte), make(chan readResult, 1), make([]byte, 1<<16)
		go func() {
			for b := range i.want {
				n, err := i.r.Read(b)
				i.got <- readResult{n, err}
			}
		}()
	}
	if i.err = context.Cause(i.ctx); i.err != nil {
		return
	}
	i.want <- i.buf
	select {
	case got := <-i.got:
		i.rest, i.err = i.buf[:got.n], got.err
	case <-i.ctx.Done():
		i.err = context.Cause(i.ctx)
	}
}
