package integration

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestEventually(t *testing.T) {
	errNo := errors.New("not yet")
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		tries := 0
		if err := Eventually(ctx, "three", func(context.Context) error {
			if tries++; tries < 3 {
				return errNo
			}
			return nil
		}); err != nil || tries != 3 {
			t.Errorf("%d tries, %v", tries, err)
		}

		begin := time.Now()
		err := Eventually(ctx, "nothing", func(context.Context) error { return errNo })
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, errNo) {
			t.Errorf("at the deadline: %v", err)
		}
		if took := time.Since(begin); took > time.Minute {
			t.Errorf("it took %v", took)
		}

		tries = 0
		err = Eventually(t.Context(), "what cannot be", func(context.Context) error { tries++; return hopeless{errNo} })
		if !errors.Is(err, errNo) || tries != 1 {
			t.Errorf("hopeless: %d tries, %v", tries, err)
		}
	})
}
