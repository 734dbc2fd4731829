package integration_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// killer kills a process at a random moment of each step of the walk-through, and sometimes again while it
// recovers. A nil killer does nothing.
type killer struct {
	kind  stateKind
	rng   *rand.Rand
	plain *walked // how long things take where nobody is killed
	kills int
	plans []string // what was done, a line for each step

	p      *process
	ctx    context.Context
	fail   context.CancelCauseFunc
	strike *strike // of the present step
}

// strike is the kills of one step, drawn before it.
type strike struct {
	line  int             // after so many lines of the story; 0: at once
	delay time.Duration   // then after this
	again []time.Duration // after each start, until the next kill
	told  chan struct{}   // one for each line of the story
	over  chan struct{}   // closed when the step has ended: it cannot be waited for any longer
	done  chan struct{}   // closed when the last kill is over and the process has started
}

// storyLines is how many lines the story of each step has, the last one when the step is over.
var storyLines = [5]int{0, 9, 4, 5, 5}

func newKiller(kind stateKind, seed uint64, plain *walked) *killer {
	return &killer{kind: kind, rng: rand.New(rand.NewPCG(seed, uint64(kind))), plain: plain}
}

func (k *killer) String() string {
	return fmt.Sprintf("%d kills, the state %s:\n  %s", k.kills, k.kind, strings.Join(k.plans, "\n  "))
}

// attach says whom to kill; fail is called where that goes wrong.
func (k *killer) attach(ctx context.Context, p *process, fail context.CancelCauseFunc) {
	if k != nil {
		k.p, k.ctx, k.fail = p, ctx, fail
	}
}

// next waits for the kills of the step before and begins those of a step. Behind the last step there are none.
func (k *killer) next(step int) error {
	if k == nil {
		return nil
	}
	if s := k.strike; s != nil {
		close(s.over)
		<-s.done
		k.strike = nil
	}
	if k.ctx.Err() != nil {
		return context.Cause(k.ctx)
	}
	if step >= len(k.plain.took) {
		return nil
	}
	k.strike = k.draw(step)
	go k.run(step, k.strike)
	return nil
}

// tell counts a line of the story.
func (k *killer) tell() {
	if k != nil && k.strike != nil {
		k.strike.told <- struct{}{}
	}
}

// draw draws the kills of a step: at a moment of its usual time, or within some milliseconds of something that
// happens in it; each time with a chance of one in two another one while the process recovers.
func (k *killer) draw(step int) *strike {
	s := &strike{told: make(chan struct{}, 100), over: make(chan struct{}), done: make(chan struct{})}
	if k.rng.IntN(2) == 0 {
		s.delay = k.upTo(k.plain.took[step])
	} else {
		s.line, s.delay = 1+k.rng.IntN(storyLines[step]), k.upTo(40*time.Millisecond)
	}
	for k.rng.IntN(2) == 0 {
		s.again = append(s.again, k.upTo(k.plain.restart*5/4))
	}
	return s
}

func (k *killer) upTo(d time.Duration) time.Duration {
	return time.Duration(k.rng.Int64N(int64(d) + 1))
}

// run carries a strike out.
func (k *killer) run(step int, s *strike) {
	defer close(s.done)
	begin := time.Now()
	var moments []string
	kill := func() bool {
		moments = append(moments, time.Since(begin).Round(time.Millisecond).String())
		k.kills++
		err := k.p.kill()
		if err == nil {
			err = k.p.prepare(k.kind)
		}
		if err == nil {
			err = k.p.start()
		}
		if err != nil {
			k.fail(fmt.Errorf("kill and start the processor: %w", err))
		}
		return err == nil
	}
	for range s.line {
		select {
		case <-s.told:
		case <-s.over:
		case <-k.ctx.Done():
			return
		}
	}
	k.wait(s.delay, s.over)
	ok := kill()
	for _, delay := range s.again {
		// Not cut short by the end of the step: what recovers then is to be killed, too.
		if k.wait(delay, nil); ok {
			ok = kill()
		}
	}
	k.plans = append(k.plans, fmt.Sprintf("step %d: killed after %s (line %d + %s)", step, strings.Join(moments, ", "), s.line, s.delay.Round(time.Millisecond)))
}

// wait waits for a time, or until early is closed.
func (k *killer) wait(d time.Duration, early <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-early:
	case <-k.ctx.Done():
	}
}
