package state

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestDestroy removes a state and nothing else, and not while it is open.
func TestDestroy(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if err := Destroy(dir); err != nil {
		t.Errorf("where there is none: %v", err)
	}
	store, err := OpenBadger(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := Destroy(dir); !errors.Is(err, ErrLocked) {
		t.Errorf("while it is open: %v, want %v", err, ErrLocked)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	mine := filepath.Join(dir, "mine.txt")
	if err := os.WriteFile(mine, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Destroy(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(mine); err != nil {
		t.Errorf("a file of the user's is gone: %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*.*")); err != nil || len(left) != 1 {
		t.Errorf("left are %v, %v", left, err)
	}
}
