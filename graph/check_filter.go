package graph

import "fmt"

// checkFilter says why a filter of a dependency cannot be read, and what to do.
func checkFilter(text string) error {
	if _, err := ParseFilter(text); err != nil {
		return fmt.Errorf("the filter cannot be read: %w; correct it there", err)
	}
	return nil
}
