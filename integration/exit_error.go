package integration

import (
	"fmt"
	"strings"
)

// exitError is why what has ended is not waited for any more.
type exitError struct {
	code int
	// logs is all that it wrote.
	logs string
}

func (e *exitError) Error() string {
	return fmt.Sprintf("it exited with code %d: %s", e.code, lastLines(e.logs, 8))
}

// lastLines are the last n lines of a log that are not of a stack trace.
func lastLines(text string, n int) string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\r\n"); line != "" && !strings.HasPrefix(line, "\tat ") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
