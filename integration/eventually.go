package integration

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// The pause between two tries of Eventually: doubled from the first to the second.
const (
	eventuallyFirstPause = 10 * time.Millisecond
	eventuallyLastPause  = 250 * time.Millisecond
)

// hopeless is an error after which Eventually does not try again.
type hopeless struct{ error }

func (h hopeless) Unwrap() error { return h.error }

// Eventually calls try until it returns nil, and is the one place where these tests wait. It gives up when ctx
// ends, so ctx should have a deadline; the error then names what was waited for, and wraps try's last error.
// try gets ctx and should not outlast it.
func Eventually(ctx context.Context, what string, try func(context.Context) error) error {
	pause := eventuallyFirstPause
	var last error
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		if h, ok := errors.AsType[hopeless](err); ok {
			return fmt.Errorf("wait for %s: %w", what, h.error)
		}
		// A try that was cut off by ctx itself says less than the one before.
		if last == nil || ctx.Err() == nil {
			last = err
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("wait for %s: %w: %w", what, context.Cause(ctx), last)
		case <-timer.C:
		}
		pause = min(2*pause, eventuallyLastPause)
	}
}
