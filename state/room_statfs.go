//go:build darwin || freebsd || linux

package state

import "syscall"

// freeBytes returns how many bytes the disk of a directory has left for this process; ok is false where that is not known.
func freeBytes(dir string) (free uint64, ok bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, false
	}
	return uint64(s.Bavail) * uint64(s.Bsize), true
}
