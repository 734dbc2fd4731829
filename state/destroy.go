package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Destroy removes the state from a directory: the files of this package and of Badger, and nothing else. It is
// refused while a process has it open. A directory without a state, or none at all, is as it should be.
func Destroy(path string) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	d, err := openDirectory(path)
	if err != nil {
		return err
	}
	if err := errors.Join(d.empty(), d.close()); err != nil {
		return fmt.Errorf("destroy the state in %s: %w", path, err)
	}
	return nil
}
