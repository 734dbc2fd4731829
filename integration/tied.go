package integration

import (
	"os/exec"
	"runtime"
)

// startTied starts a child that dies with this process, where the system can do that, and waits for its end on a
// thread of its own: the kernel means the thread that started it, and Go may end an idle one. The channel is
// closed when the child has been waited for and after, which may be nil, has returned.
func startTied(cmd *exec.Cmd, after func()) (<-chan struct{}, error) {
	tieToThisProcess(cmd)
	started, ended := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		_ = cmd.Wait() // ProcessState has it
		if after != nil {
			after()
		}
		close(ended)
	}()
	return ended, <-started
}
