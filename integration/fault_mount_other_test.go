//go:build !linux

package integration_test

import "errors"

const smallDisk = 0

func cannotMount() string { return "a small disk is mounted on Linux only" }

func mountSmall(string, int) error { return errors.ErrUnsupported }

func unmount(string) error { return errors.ErrUnsupported }

func fill(string) error { return errors.ErrUnsupported }
