package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/freshline/freshline/stream"
)

// recoveryLine shows in a terminal how far a recovery has come. It is the writer of what is logged meanwhile, which goes
// above the line.
type recoveryLine struct {
	cli      *cli
	recovery func() stream.Recovery

	mu   sync.Mutex
	line *progress // nil: nothing recovers
}

// onRecovering is the hook of a processor.
func (r *recoveryLine) onRecovering(tasks int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.line != nil {
		r.line.end()
		r.line = nil
	}
	if tasks > 0 {
		r.line = r.cli.startProgress(fmt.Sprintf("recovering %d tasks", tasks), func() string { return recoveryText(r.recovery()) })
	}
}

// Write writes to standard error.
func (r *recoveryLine) Write(b []byte) (int, error) {
	r.mu.Lock()
	line := r.line
	r.mu.Unlock()
	if line == nil {
		return r.cli.stderr.Write(b)
	}
	return line.above(r.cli.stderr).Write(b)
}

// recoveryText says how far a recovery has come, at which rate, and how much longer it takes.
func recoveryText(r stream.Recovery) string {
	text := fmt.Sprintf("%d of %d records", r.Read, r.Total)
	if r.Rate() > 0 {
		text += fmt.Sprintf(", %.0f a second, %s left", r.Rate(), r.Left().Round(time.Second))
	}
	return text
}

// recoveryEvery is how often a recovery is logged where nobody looks at a terminal.
const recoveryEvery = 10 * time.Second

// logRecovery logs how far a recovery has come, until ctx is done.
func logRecovery(ctx context.Context, recovery func() stream.Recovery, log *slog.Logger) {
	ticker := time.NewTicker(recoveryEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			tellRecovery(recovery(), log)
		case <-ctx.Done():
			return
		}
	}
}

// tellRecovery logs a recovery that has gone on for some time: one that has just begun says enough when it ends.
func tellRecovery(r stream.Recovery, log *slog.Logger) {
	if r.Tasks > 0 && r.Took > recoveryEvery/2 {
		log.Info("tasks recover", "tasks", r.Tasks, "read", r.Read, "of", r.Total, "a_second", int64(r.Rate()), "left", r.Left().Round(time.Second))
	}
}
