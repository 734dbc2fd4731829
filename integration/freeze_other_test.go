//go:build !unix

package integration

import (
	"errors"
	"os/exec"
)

// Freeze is not to be had here.
func Freeze(*exec.Cmd) error { return errors.ErrUnsupported }

// Thaw is not to be had here.
func Thaw(*exec.Cmd) error { return errors.ErrUnsupported }
