//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package state

import (
	"errors"
	"os"
	"syscall"
)

// ownLock tells that lockDirectory locks, so that Badger need not. A lock of our own covers
// what is done to the directory before Badger opens it.
const ownLock = true

// lockDirectory locks dir for as long as the file returned is open, in the way Badger itself
// does, so that its tools respect the lock. The system ends it with the process.
// It returns ErrLocked if the lock is taken.
func lockDirectory(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = ErrLocked
		}
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
