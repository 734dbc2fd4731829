package integration_test

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// smallDisk is enough for a state of some thousand samples, in bytes.
const smallDisk = 300 << 20

// cannotMount says why a small disk cannot be had here.
func cannotMount() string {
	dir, err := os.MkdirTemp("", "freshline-mount-")
	if err != nil {
		return err.Error()
	}
	defer os.Remove(dir)
	if err := mountSmall(dir, 1<<20); err != nil {
		return fmt.Sprintf("a small disk needs the right to mount: %v", err)
	}
	if err := unmount(dir); err != nil {
		return err.Error()
	}
	return ""
}

// mountSmall mounts a disk in memory of so many bytes.
func mountSmall(dir string, bytes int) error {
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", bytes)); err != nil {
		return fmt.Errorf("mount a disk at %s: %w", dir, err)
	}
	return nil
}

func unmount(dir string) error {
	if err := syscall.Unmount(dir, 0); err != nil {
		return fmt.Errorf("unmount the disk at %s: %w", dir, err)
	}
	return nil
}

// fill writes a file until the disk has no room left.
func fill(name string) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("fill the disk: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); err == nil {
			continue
		} else if !errors.Is(err, syscall.ENOSPC) {
			return fmt.Errorf("fill the disk: %w", err)
		}
		size /= 2
	}
	return nil
}
