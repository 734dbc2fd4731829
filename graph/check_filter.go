package graph

import (
	"errors"
	"strings"
)

// checkFilter says why a filter of a dependency cannot be read, and what to do.
func checkFilter(text string) error {
	if strings.TrimSpace(text) == "" {
		return errors.New("the filter is empty; write a condition, or take it out")
	}
	return nil
}
