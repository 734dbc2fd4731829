package graph

import (
	"fmt"
	"strings"
)

// The difference of two graphs for a terminal.

var diffSigns = map[DiffStatus]string{DiffAdded: "+", DiffRemoved: "-", DiffChanged: "~", DiffUnchanged: " "}

// Text returns the difference for people: a line for each feature that differs, its fields below, and a last
// line that counts. Of equal graphs it is that line only. A feature differs here also where only what it depends
// on has changed, and with that its version.
//
//	~ video/raw  d842b740 → 6e5a4ab8
//	    ~ audio   7132721c → f8e35296
//	      frames  3f6f401c  unchanged
func (d *GraphDiff) Text() string { return d.text(false) }

// FullText is Text with the features that do not differ, too.
func (d *GraphDiff) FullText() string { return d.text(true) }

func (d *GraphDiff) text(all bool) string {
	var b strings.Builder
	for _, s := range d.Settings {
		if s.Feature == "" {
			fmt.Fprintf(&b, "~ %s  %s → %s\n", s.Name, orUnset(s.Old), orUnset(s.New))
		}
	}
	settings := map[FeatureKey][]SettingDiff{}
	for _, s := range d.Settings {
		settings[s.Feature] = append(settings[s.Feature], s)
	}
	shown := func(f *FeatureDiff) bool { return all || f.textStatus() != DiffUnchanged || len(settings[f.Key]) > 0 }
	width, counts := 0, map[DiffStatus]int{}
	for i := range d.Features {
		f := &d.Features[i]
		counts[f.textStatus()]++
		if shown(f) {
			width = max(width, len(f.Key))
		}
	}
	for i := range d.Features {
		f := &d.Features[i]
		if !shown(f) {
			continue
		}
		f.writeText(&b, width, all)
		for _, s := range settings[f.Key] {
			fmt.Fprintf(&b, "    ~ %s  %s → %s\n", s.Name, orUnset(s.Old), orUnset(s.New))
		}
	}
	fmt.Fprintf(&b, "%d added, %d removed, %d changed, %d unchanged\n", counts[DiffAdded], counts[DiffRemoved], counts[DiffChanged], counts[DiffUnchanged])
	return b.String()
}

// textStatus is the status for people, to whom a feature has changed when its version has.
func (f *FeatureDiff) textStatus() DiffStatus {
	if f.Status == DiffUnchanged && f.Old != f.New {
		return DiffChanged
	}
	return f.Status
}

func (f *FeatureDiff) writeText(b *strings.Builder, width int, all bool) {
	change := versionChange(f.Status, f.Old, f.New)
	sameFields := f.Old == f.New
	if f.Status == DiffChanged && sameFields {
		change = f.Old + "  another definition of the same version"
	}
	fmt.Fprintf(b, "%s %-*s  %s\n", diffSigns[f.textStatus()], width, f.Key, change)
	if sameFields && !all {
		return
	}
	fieldWidth := 0
	for _, field := range f.Fields {
		fieldWidth = max(fieldWidth, len(field.Key))
	}
	for _, field := range f.Fields {
		fmt.Fprintf(b, "    %s %-*s  %s\n", diffSigns[field.Status], fieldWidth, field.Key, versionChange(field.Status, field.Old, field.New))
	}
}

func versionChange(status DiffStatus, old, now string) string {
	switch {
	case status == DiffAdded:
		return now
	case status == DiffRemoved:
		return old
	case old == now:
		return old + "  unchanged"
	}
	return old + " → " + now
}

func orUnset(text string) string {
	if text == "" {
		return "(not set)"
	}
	return text
}
