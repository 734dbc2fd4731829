package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// versionInfo is what is known of the program.
type versionInfo struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Time     string `json:"time,omitempty"`     // of the revision
	Modified bool   `json:"modified,omitempty"` // the tree differed from the revision
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func readVersion() versionInfo {
	v := versionInfo{Version: "(unknown)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value
		case "vcs.time":
			v.Time = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

func (c *cli) newVersionCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "version", Short: "Print the version of the program"}
	return c.command(cmd, func(*cobra.Command, []string) error {
		f, err := c.format(listFormats)
		if err != nil {
			return err
		}
		v := readVersion()
		if f != formatTable {
			return c.printObject(f, v)
		}
		l := newListing(f, c.stdout, false, []string{"NAME", "VALUE"})
		l.titled = true
		rows := [][2]string{{"freshline", v.Version}, {"revision", v.Revision}, {"of", v.Time}, {"go", v.Go}, {"platform", v.Platform}}
		if v.Modified {
			rows[1][1] += " (modified)"
		}
		for _, row := range rows {
			if row[1] != "" {
				_ = l.add(nil, row[0], row[1])
			}
		}
		return l.end("")
	}, "output")
}
