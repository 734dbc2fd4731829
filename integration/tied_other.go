//go:build !linux

package integration

import "os/exec"

// tieToThisProcess does nothing where the kernel has no such tie: a broker whose owner is killed goes on.
func tieToThisProcess(*exec.Cmd) {}

func killTied(cmd *exec.Cmd) {
	// It may have ended by itself.
	_ = cmd.Process.Kill()
}

// processEnded is never sure here, so what a killed process left is not deleted.
func processEnded(int) bool { return false }
