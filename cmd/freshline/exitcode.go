package main

import "errors"

// Exit codes.
const (
	exitDone      = 0
	exitFailed    = 1
	exitUsage     = 2
	exitNotInSync = 3
)

// errNotInSync is what status --assert-in-sync found.
var errNotInSync = errors.New("not in sync")

// usageError is a mistake in how the command was called: the command line, a setting, a file that is not there.
type usageError struct {
	text string
	hint string // may be ""
}

func (e *usageError) Error() string {
	if e.hint == "" {
		return e.text
	}
	return e.text + "\n" + e.hint
}

func exitCode(err error) int {
	var wrong *usageError
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errNotInSync):
		return exitNotInSync
	case errors.As(err, &wrong):
		return exitUsage
	}
	return exitFailed
}
