package graph

import (
	"fmt"
	"strings"
)

// The difference of two graphs for a terminal.

var diffSigns = map[DiffStatus]string{DiffAdded: "+", DiffRemoved: "-", DiffChanged: "~", DiffUnchanged: " "}

// Text returns the difference for people: a line for each feature that differs, its fields below, and a last
// line that counts. Of equal graphs it is that line only.
//
//	~ video/raw  d842b740 → 6e5a4ab8
//	    ~ audio   7132721c → f8e35296
//	      frames  3f6f401c  unchanged
func (d *GraphDiff) Text() string {
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
	width, counts := 0, map[DiffStatus]int{}
	for _, f := range d.Features {
		counts[f.Status]++
		if f.Status != DiffUnchanged || len(settings[f.Key]) > 0 {
			width = max(width, len(f.Key))
		}
	}
	for _, f := range d.Features {
		if f.Status == DiffUnchanged && len(settings[f.Key]) == 0 {
			continue
		}
		f.writeText(&b, width)
		for _, s := range settings[f.Key] {
			fmt.Fprintf(&b, "    ~ %s  %s → %s\n", s.Name, orUnset(s.Old), orUnset(s.New))
		}
	}
	fmt.Fprintf(&b, "%d added, %d removed, %d changed, %d unchanged\n", counts[DiffAdded], counts[DiffRemoved], counts[DiffChanged], counts[DiffUnchanged])
	return b.String()
}

func (f *FeatureDiff) writeText(b *strings.Builder, width int) {
	change := versionChange(f.Status, f.Old, f.New)
	sameFields := f.Old == f.New
	if f.Status == DiffChanged && sameFields {
		change = f.Old + "  another definition of the same version"
	}
	fmt.Fprintf(b, "%s %-*s  %s\n", diffSigns[f.Status], width, f.Key, change)
	if sameFields {
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
