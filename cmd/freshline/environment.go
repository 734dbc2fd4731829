package main

import (
	"regexp"
	"slices"
	"strings"
)

const variablePrefix = "FRESHLINE_"

// environment has the variables of the process by name.
type environment map[string]string

// newEnvironment reads NAME=value entries. Of a name twice the last one counts, as for os/exec.
func newEnvironment(entries []string) environment {
	env := environment{}
	for _, entry := range entries {
		if name, value, ok := strings.Cut(entry, "="); ok {
			env[name] = value
		}
	}
	return env
}

// ofOthers are the variables with our prefix that are not ours: what Kubernetes makes of a service whose name
// begins with freshline, and how our tests find a broker.
var ofOthers = regexp.MustCompile(`^FRESHLINE_(TEST_.*|(.*_)?SERVICE_(HOST|PORT.*)|(.*_)?PORT(_\d+_.*)?)$`)

// unknown returns the first variable, by name, that has our prefix and is no setting.
func (e environment) unknown() string {
	var unknown []string
	for name := range e {
		if !strings.HasPrefix(name, variablePrefix) || ofOthers.MatchString(name) {
			continue
		}
		if !slices.ContainsFunc(settingTable, func(s setting) bool { return s.variable() == name }) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) == 0 {
		return ""
	}
	return slices.Min(unknown)
}
