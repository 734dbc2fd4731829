package stream

import "fmt"

// StopMode says what a Processor that stops in good order does with its place in the group.
type StopMode uint8

const (
	// StopLeave leaves the group: other processes take the tasks over at once.
	StopLeave StopMode = iota
	// StopStay keeps the place until the session timeout of 20 s: a process that starts with the same instance id before has
	// the same tasks again, no task moves, and nobody else is held up. It is for restarts one after another.
	StopStay
)

var stopModes = []string{StopLeave: "leave", StopStay: "stay"}

// ParseStopMode reads leave or stay.
func ParseStopMode(text string) (StopMode, error) {
	for mode, name := range stopModes {
		if text == name {
			return StopMode(mode), nil
		}
	}
	return 0, fmt.Errorf("%.50q is not leave or stay", text)
}

func (m StopMode) String() string {
	if int(m) < len(stopModes) {
		return stopModes[m]
	}
	return fmt.Sprintf("StopMode(%d)", uint8(m))
}

// Validate says whether there is such a mode.
func (m StopMode) Validate() error {
	_, err := ParseStopMode(m.String())
	return err
}
