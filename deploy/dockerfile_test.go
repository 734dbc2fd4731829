package deploy

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// TestDockerfilesAgree: both images run the same user, entry and volume, so what holds for one holds for the other.
func TestDockerfilesAgree(t *testing.T) {
	compiled, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	settings := func(dockerfile []byte) (lines []string) {
		for line := range strings.Lines(string(dockerfile)) {
			if word, _, _ := strings.Cut(line, " "); slices.Contains([]string{"VOLUME", "USER", "ENTRYPOINT"}, word) {
				lines = append(lines, line)
			}
		}
		return lines
	}
	a, b := settings(compiled), settings(PrebuiltDockerfile)
	if len(a) != 3 || !slices.Equal(a, b) {
		t.Errorf("Dockerfile says %q, Dockerfile.prebuilt %q", a, b)
	}
}

// TestImageMatchesGo: the compiler of the image is the one that go.mod asks for, or a later patch of it.
func TestImageMatchesGo(t *testing.T) {
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	dockerfile, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	version, found := "", false
	for line := range strings.Lines(string(mod)) {
		if version, found = strings.CutPrefix(strings.TrimSpace(line), "go "); found {
			break
		}
	}
	parts := strings.Split(version, ".")
	if !found || len(parts) < 2 {
		t.Fatalf("go.mod names no version of Go")
	}
	if want := "FROM golang:" + parts[0] + "." + parts[1] + "."; !strings.Contains(string(dockerfile), want) {
		t.Errorf("Dockerfile has no line that begins with %s", want)
	}
}
