//go:build unix

package integration

import (
	"fmt"
	"os/exec"
	"syscall"
)

// Freeze stops a process by SIGSTOP: it knows nothing of the time that passes until Thaw.
func Freeze(cmd *exec.Cmd) error { return sendSignal(cmd, syscall.SIGSTOP) }

// Thaw ends a Freeze.
func Thaw(cmd *exec.Cmd) error { return sendSignal(cmd, syscall.SIGCONT) }

func sendSignal(cmd *exec.Cmd, s syscall.Signal) error {
	if err := cmd.Process.Signal(s); err != nil {
		return fmt.Errorf("send %s to %s: %w", s, cmd.Path, err)
	}
	return nil
}
