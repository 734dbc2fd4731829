package integration

import (
	"errors"
	"os/exec"
	"syscall"
)

// tieToThisProcess makes the kernel kill cmd when the thread that starts it ends, and so when this process is
// killed. A process group of its own keeps a terminal's Ctrl-C from reaching it before the tests.
func tieToThisProcess(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

// killTied kills a tied process with all of its group.
func killTied(cmd *exec.Cmd) {
	// It may have ended by itself.
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
}

func processEnded(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }
