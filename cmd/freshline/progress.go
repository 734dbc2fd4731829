package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// progress tells the user of a terminal how long work goes: one line on standard error that is written over, and
// gone when the work is done. Off a terminal it is nothing. Short work shows none.
type progress struct {
	w     io.Writer // nil: nobody looks
	label string
	tell  func() string
	over  func() // called at the end

	mu    sync.Mutex
	shown bool
	stop  chan struct{}
	done  sync.WaitGroup
}

const (
	progressAfter = 500 * time.Millisecond
	progressEvery = 200 * time.Millisecond
)

// startProgress shows the label and what tell says; tell may be nil, and the time is shown. The caller ends it. Inside
// other work that shows its progress it shows nothing.
func (c *cli) startProgress(label string, tell func() string) *progress {
	p := &progress{label: label, tell: tell, stop: make(chan struct{})}
	if !c.terminal.err || c.env["TERM"] == "dumb" || !c.progressing.CompareAndSwap(false, true) {
		return p
	}
	p.w, p.over = c.stderr, func() { c.progressing.Store(false) }
	start := time.Now()
	if p.tell == nil {
		p.tell = func() string { return time.Since(start).Round(time.Second).String() }
	}
	p.done.Go(p.run)
	return p
}

func (p *progress) run() {
	ticker := time.NewTicker(progressAfter)
	defer ticker.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-ticker.C:
			ticker.Reset(progressEvery)
			p.mu.Lock()
			p.shown = true
			fmt.Fprintf(p.w, "\r\x1b[K%s … %s", p.label, p.tell())
			p.mu.Unlock()
		}
	}
}

// clear takes the line away, so that other lines can be written.
func (p *progress) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.shown = false
	}
}

// end takes the line away for good.
func (p *progress) end() {
	if p.w != nil {
		close(p.stop)
		p.done.Wait()
		p.clear()
		p.over()
	}
}

// above is a writer to w, of a terminal perhaps, that clears the line first.
func (p *progress) above(w io.Writer) io.Writer { return aboveProgress{p, w} }

type aboveProgress struct {
	p *progress
	w io.Writer
}

func (a aboveProgress) Write(b []byte) (int, error) {
	if a.p.w != nil {
		a.p.clear()
	}
	return a.w.Write(b)
}
