package stream

import "context"

// turnstile lets one at a time through: an epoch, or a change of what the
// process owns. Those who wait pass in the order in which they came, so a
// processor that takes one epoch after another cannot starve a rebalance.
//
// A channel and not a sync.Mutex, because who waits must be able to give up:
// an epoch when its process stops, a change when the membership closes.
type turnstile chan struct{}

func newTurnstile() turnstile { return make(turnstile, 1) }

// enter waits for the turn. It returns false when done or ctx ended first.
func (t turnstile) enter(ctx context.Context, done <-chan struct{}) bool {
	select {
	case <-done:
		return false
	case <-ctx.Done():
		return false
	default:
	}
	select {
	case t <- struct{}{}:
		return true
	case <-done:
		return false
	case <-ctx.Done():
		return false
	}
}

func (t turnstile) leave() { <-t }
