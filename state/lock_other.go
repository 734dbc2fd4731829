//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package state

import "os"

// ownLock is false: Badger locks the directory. Its refusal is then not told from other errors.
const ownLock = false

func lockDirectory(dir string) (*os.File, error) { return os.Open(dir) }
