package mutation

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

var (
	mutateFlag = flag.Bool("mutate", false, "try the mutants: each is compiled and tested, which takes half an hour")
	onlyFlag   = flag.String("mutate.only", "", "try the mutants whose name has this `text`")
)

// mutantLimit bounds the tests of one mutant: one that hangs is noticed, too.
const mutantLimit = 6 * time.Minute

// minMutants is how many ways to break the code are tried at least.
const minMutants = 30

// root is the directory of the module, as seen from this package.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// mutated returns the text of a mutant's file, broken.
func (m *mutant) mutated(root string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(root, m.file))
	if err != nil {
		return nil, err
	}
	if n := bytes.Count(text, []byte(m.old)); n != 1 {
		return nil, fmt.Errorf("%s has the text %d times, and must have it once:\n%s", m.file, n, m.old)
	}
	return bytes.Replace(text, []byte(m.old), []byte(m.new), 1), nil
}

// TestMutantsHaveTheirPlace: a mutant whose place has gone would break nothing, and nobody would see.
func TestMutantsHaveTheirPlace(t *testing.T) {
	names := map[string]bool{}
	for _, m := range mutants {
		if _, err := m.mutated(root(t)); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
		if m.old == m.new || names[m.name] {
			t.Errorf("%s: changes nothing, or is there twice", m.name)
		}
		names[m.name] = true
	}
	if len(mutants) < minMutants {
		t.Errorf("there are %d mutants, want %d", len(mutants), minMutants)
	}
}

// TestMutants breaks the code in one place after another. Each time the tests have to fail.
func TestMutants(t *testing.T) {
	if !*mutateFlag {
		t.Skip("takes half an hour: -mutate tries the mutants")
	}
	var table strings.Builder
	fmt.Fprintln(&table, "| mutant | in | noticed by | after |\n|---|---|---|---|")
	for _, m := range mutants {
		if !strings.Contains(m.name, *onlyFlag) {
			continue
		}
		start := time.Now()
		by, err := m.try(t)
		switch {
		case err != nil:
			t.Errorf("%s: %v", m.name, err)
			by = err.Error()
		case by == "":
			t.Errorf("%s: survives %s %s", m.name, m.by.pkg, strings.Join(m.by.args, " "))
			by = "**nothing**"
		}
		line := fmt.Sprintf("| %s | `%s` | %s | %.0f s |", m.name, m.file, by, time.Since(start).Seconds())
		t.Log(line)
		fmt.Fprintln(&table, line)
	}
	t.Logf("\n%s", table.String())
}

// try runs the tests on the broken code. It returns what has noticed, "" where nothing has.
func (m *mutant) try(t *testing.T) (by string, err error) {
	dir := root(t)
	text, err := m.mutated(dir)
	if err != nil {
		return "", err
	}
	broken, overlay := filepath.Join(t.TempDir(), filepath.Base(m.file)), filepath.Join(t.TempDir(), "overlay.json")
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(dir, m.file): broken}})
	if err != nil {
		return "", err
	}
	if err := errors.Join(os.WriteFile(broken, text, 0o600), os.WriteFile(overlay, replace, 0o600)); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(t.Context(), mutantLimit)
	defer cancel()
	args := append([]string{"test", "-count=1", "-overlay", overlay, "-timeout", mutantLimit.String(), m.by.pkg}, m.by.args...)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	switch {
	case err == nil:
		return "", nil
	case ctx.Err() != nil || bytes.Contains(out, []byte("panic: test timed out")):
		return fmt.Sprintf("`%s`: never ends", m.by.pkg), nil
	case bytes.Contains(out, []byte("[build failed]")) || bytes.Contains(out, []byte("[setup failed]")):
		return "", fmt.Errorf("it does not compile:\n%s", out)
	}
	return noticed(out), nil
}

var (
	failedTest = regexp.MustCompile(`(?m)^\s*--- FAIL: (Test[A-Za-z0-9_]+)`)
	firstWords = regexp.MustCompile(`_test\.go:\d+: (?:operation \d+, [a-z ]+: )?([^\n]*)`)
)

// noticed names the first test that has failed, and what it says.
func noticed(out []byte) string {
	name, words := "a panic", ""
	if found := failedTest.FindSubmatch(out); found != nil {
		name = "`" + string(found[1]) + "`"
	}
	if found := firstWords.FindSubmatch(out); found != nil {
		words = strings.ReplaceAll(string(found[1]), "|", "\\|")
	}
	if len(words) > 60 {
		words = words[:60] + "…"
	}
	return strings.TrimSuffix(name+": "+words, ": ")
}

// TestNoticed: what a failed run has printed is read.
func TestNoticed(t *testing.T) {
	out := "--- FAIL: TestSimulation (1.00s)\n    --- FAIL: TestSimulation/shards (0.00s)\n        simulation_test.go:192: operation 7, quiet: E5: m {\"a\":1}\n"
	if got, want := noticed([]byte(out)), "`TestSimulation`: E5: m {\"a\":1}"; got != want {
		t.Errorf("read as %s, want %s", got, want)
	}
}
