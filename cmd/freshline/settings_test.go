package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/pflag"
)

// TestPrecedence sets one setting everywhere, and takes the places away one by one.
func TestPrecedence(t *testing.T) {
	above := t.TempDir()
	below := filepath.Join(above, "a", "b")
	if err := os.MkdirAll(below, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(below)
	file := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(path, settingsFileName), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	check := func(want, origin string, env []string, flags ...string) {
		t.Helper()
		c := &cli{env: newEnvironment(env)}
		set := pflag.NewFlagSet("test", pflag.ContinueOnError)
		addFlag(set, settingNamed("namespace"))
		if err := set.Parse(flags); err != nil {
			t.Fatal(err)
		}
		if err := c.resolve(set, []string{"namespace"}); err != nil {
			t.Fatal(err)
		}
		if got := c.settings["namespace"]; got.text != want || got.origin != origin {
			t.Errorf("%q from %q, want %q from %q", got.text, got.origin, want, origin)
		}
	}
	env := []string{"FRESHLINE_NAMESPACE=of-env"}
	check("freshline", "", nil)
	file(above, "namespace = 'above'\nstate = 'x'\n")
	check("above", filepath.Join(above, settingsFileName)+": namespace", nil)
	file(below, "commit_interval = '1s'\n")
	check("freshline", "", nil) // only the nearest file counts
	file(below, "namespace = 'below'\n")
	check("below", filepath.Join(below, settingsFileName)+": namespace", nil)
	check("of-env", "FRESHLINE_NAMESPACE", env)
	check("of-flag", "--namespace", env, "--namespace", "of-flag")
}

// TestDefaults holds every default against the setting's own check.
func TestDefaults(t *testing.T) {
	for _, s := range settingTable {
		if s.def == "" || s.check == nil {
			continue
		}
		if err := s.check(s.def); err != nil {
			t.Errorf("the default of %s: %v", s.name, err)
		}
	}
}
