//go:build !linux

package integration

func tellGoTest(string) {}
