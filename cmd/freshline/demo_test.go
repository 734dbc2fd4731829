package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"
)

// TestDemo runs the demo as a newcomer does, and looks for every number of the walk-through.
func TestDemo(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var stdout, stderr bytes.Buffer
	if code := run(ctx, []string{"demo"}, strings.NewReader(""), &stdout, &stderr, nil); code != exitDone {
		t.Fatalf("exit code %d, standard error:\n%s", code, stderr.String())
	}
	for _, want := range []string{
		"3 × video/chunk INPUT NEW",
		"11 × video/faces SAMPLE NEW",
		"audio 23124187, frames 24116928 (together 40433844)",
		"audio 18611808, frames 18345318 (together 12032307)",
		"audio 24638180, frames 16645902 (together 21310928)",
		"0 staleness records in this step, 0 keys outstanding",
		"d842b740", "6e5a4ab8", "7dc3712a", "504507a9", "7132721c", "f8e35296", "1549b1fa", "7948d163",
		"3 × video/raw SAMPLE STALE",
		"3 × video/chunk INPUT AWAITING",
		"11 × video/chunk SAMPLE AWAITING",
		"11 × video/chunk SAMPLE STALE",
		"Not one of the 11 faces was computed again",
	} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("the demo does not say %q:\n%s", want, stdout.String())
		}
	}
	if strings.Contains(stdout.String(), "\x1b") {
		t.Error("the demo has colours off a terminal")
	}
}
