package state

import "errors"

var (
	// ErrClosed: the store or the Reader has been closed.
	ErrClosed = errors.New("state: closed")
	// ErrTooLarge: more than one atomic write can take. Nothing was written.
	ErrTooLarge = errors.New("state: too large for one write")
	// ErrFormat: the directory was written in another format. Rebuild starts anew.
	ErrFormat = errors.New("state: other format")
	// ErrDamaged: the directory cannot be trusted or read. Rebuild starts anew.
	ErrDamaged = errors.New("state: damaged")
	// ErrLocked: another process, or another store of this one, has the directory open.
	ErrLocked = errors.New("state: in use")
)
