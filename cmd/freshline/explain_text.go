package main

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream/httpapi"
)

// explanationText words an explanation for people.
type explanationText struct {
	w       io.Writer
	colours bool
}

func (t *explanationText) line(format string, args ...any) { fmt.Fprintf(t.w, format+"\n", args...) }

// write writes all of it.
func (t *explanationText) write(x *httpapi.Explanation) {
	t.head(x)
	t.failure(x.Failure)
	t.group(x)
	t.fields(x)
	t.inputs(x)
	t.awaits(x)
	t.path(x)
}

func (t *explanationText) head(x *httpapi.Explanation) {
	t.line("%s %s %s is %s", x.Feature, x.Scope, plain(string(x.Key)), t.status(x.Status))
	t.line("  %s", meaning(x))
	for _, m := range x.Missing {
		t.line("  %s", missingText(x.Feature, m))
	}
	if r := x.Recorded; r != nil {
		t.line("  written by %s", originText(r.Source))
		switch {
		case r.FeatureVersion == nil:
			t.line("  without a feature version; %s is in force", x.FeatureVersion)
		case *r.FeatureVersion == x.FeatureVersion:
			t.line("  under feature version %s, which is in force", plain(*r.FeatureVersion))
		default:
			t.line("  under feature version %s; %s is in force", plain(*r.FeatureVersion), x.FeatureVersion)
		}
		if r.Requested {
			t.line("  asked for again by `freshline invalidate`")
		}
	}
	for _, feature := range x.Absent {
		t.line("  there is no row of %s here, which it requires", feature)
	}
	if x.EventID != "" {
		t.line("  event %s", x.EventID)
	}
	if !x.Emitted && x.Status != httpapi.StatusHydrating {
		t.line("  not emitted yet: the newest event of the key says something else")
	}
}

func (t *explanationText) status(text string) string {
	if t.colours {
		for status, colour := range statusColours {
			if status.String() == text {
				return coloured(colour, text)
			}
		}
	}
	return text
}

// meaning says in words what the status stands for.
func meaning(x *httpapi.Explanation) string {
	switch x.Status {
	case graph.Fresh.String():
		return "nothing is to be done"
	case graph.New.String():
		return "to be made for the first time: what it is made of is there"
	case graph.Failed.String():
		return "a worker could not do it" + because(x)
	case graph.Stale.String():
		return "to be made again" + because(x)
	case graph.Awaiting.String():
		return fmt.Sprintf("it waits for %s", counted(x.AwaitingTotal, "input"))
	case graph.Orphaned.String():
		if slices.Contains(x.Causes, graph.Superseded.Texts()[0]) {
			return "to be deleted: left over from an earlier expansion (SUPERSEDED)"
		}
		return "to be deleted: what it was made of is gone (UPSTREAM_MISSING)"
	case httpapi.StatusHydrating:
		return "not evaluated yet: what the feature reads is still being read"
	}
	if x.Scope == graph.ScopeSample.String() && x.InputsTotal > 0 {
		return "there is no such sample, and no event: what is there to be made of its input is asked for by the key of the input"
	}
	return "there is nothing to be done by this key, and no sample of its own"
}

// because names causes and fields.
func because(x *httpapi.Explanation) string {
	if len(x.Causes) == 0 {
		return ""
	}
	text := ": " + strings.Join(x.Causes, ", ")
	if len(x.ChangedFields) > 0 {
		text += " in " + strings.Join(x.ChangedFields, ", ")
	}
	return text
}

func missingText(feature graph.FeatureKey, m httpapi.Missing) string {
	switch {
	case m.What == "KEYS":
		return fmt.Sprintf("%d of %d partitions have taken back what they said of %s under earlier keys", m.Have, m.Want, feature)
	case m.Want == 0:
		return fmt.Sprintf("no partition of the samples of %s has been read", m.Feature)
	}
	return fmt.Sprintf("%d of %d partitions of the samples of %s have been read", m.Have, m.Want, m.Feature)
}

// originText names a record.
func originText(o httpapi.Origin) string {
	text := fmt.Sprintf("%s, partition %d, offset %d", o.Topic, o.Partition, o.Offset)
	if o.Time != "" {
		text += ", " + o.Time
	}
	return text
}

func graphText(g httpapi.GraphRef) string {
	if g.Time == "" {
		return fmt.Sprintf("graph %d", g.Number)
	}
	return fmt.Sprintf("graph %d, pushed %s", g.Number, g.Time)
}

func (t *explanationText) failure(f *httpapi.Failure) {
	if f == nil {
		return
	}
	t.line("\nFAILURE, attempt %d", f.Attempt)
	t.line("  %s", plain(f.Type))
	for line := range strings.Lines(f.Message) {
		t.line("  %s", plain(strings.TrimRight(line, "\r\n")))
	}
}

func (t *explanationText) group(x *httpapi.Explanation) {
	if x.Children == nil || *x.Children == 0 && x.Group == nil {
		return
	}
	t.line("\nCHILDREN")
	t.line("  %d, of which %d are not fresh", *x.Children, *x.NotCurrent)
	if g := x.Group; g != nil {
		state := "it is complete"
		if !g.Complete {
			state = "it is not complete"
		}
		t.line("  the group record says %d: %s", g.Children, state)
		t.line("  it was written by %s", originText(g.Source))
	}
}

// table writes an indented table.
func (t *explanationText) table(columns []string, rows [][]any) {
	var b bytes.Buffer
	l := newListing(formatTable, &b, t.colours, columns)
	for _, row := range rows {
		_ = l.add(nil, row...)
	}
	_ = l.end("") // it writes to memory
	for line := range strings.Lines(b.String()) {
		fmt.Fprint(t.w, "  ", line)
	}
}

func (t *explanationText) fields(x *httpapi.Explanation) {
	if len(x.Fields) == 0 {
		return
	}
	t.line("\nFIELDS")
	dash := func(text *string) string {
		if text == nil {
			return "-"
		}
		return *text
	}
	var rows [][]any
	for _, f := range x.Fields {
		changed := ""
		if f.Changed {
			changed = "changed"
		}
		data := f.DataVersion
		if data == "" || f.Provenance.Recorded != nil && data == *f.Provenance.Recorded {
			data = "-"
		}
		rows = append(rows, []any{string(f.Field), changed, dash(f.Provenance.Recorded), dash(f.Provenance.Expected), data, dash(f.FieldVersion.Recorded), dash(f.FieldVersion.Expected), graphText(f.Since)})
	}
	t.table([]string{"FIELD", "", "RECORDED", "EXPECTED", "DATA VERSION", "OF VERSION", "IN FORCE", "SINCE"}, rows)
	if r := x.Recorded; r != nil || x.ExpectedProvenance != "" {
		recorded, expected := "-", "-"
		if r != nil {
			recorded = r.Provenance
		}
		if x.ExpectedProvenance != "" {
			expected = x.ExpectedProvenance
		}
		t.line("  together: recorded %s, expected %s", recorded, expected)
	}
}

func (t *explanationText) inputs(x *httpapi.Explanation) {
	if x.InputsTotal == 0 {
		return
	}
	t.line("\nINPUTS, %d", x.InputsTotal)
	var rows [][]any
	for _, in := range x.Inputs {
		version := "-"
		if in.FeatureVersion != nil {
			version = *in.FeatureVersion
		}
		var data []string
		for field, text := range in.DataVersion {
			data = append(data, field+"="+text)
		}
		slices.Sort(data)
		rows = append(rows, []any{string(in.Feature), string(in.Key), version, strings.Join(data, " "), originText(in.Source)})
	}
	t.table([]string{"FEATURE", "KEY", "VERSION", "DATA VERSIONS", "WRITTEN BY"}, rows)
	if more := x.InputsTotal - len(x.Inputs); more > 0 {
		t.line("  and %d more", more)
	}
}

func (t *explanationText) awaits(x *httpapi.Explanation) {
	if len(x.Awaiting) == 0 {
		return
	}
	t.line("\nIT WAITS FOR")
	t.tree(x.Awaiting, x.AwaitingTotal, "  ")
}

// tree writes what is waited for, indented, down to the work that nobody has done yet.
func (t *explanationText) tree(waits []*httpapi.Wait, total int, indent string) {
	for _, w := range waits {
		t.line("%s%s %s, %s%s", indent, w.Feature, plain(string(w.Key)), waitText(w), t.waitStatus(w))
		t.tree(w.Awaiting, w.AwaitingTotal, indent+"  ")
	}
	if more := total - len(waits); more > 0 {
		t.line("%sand %d more", indent, more)
	}
}

// waitText says why an input is waited for.
func waitText(w *httpapi.Wait) string {
	fields := strings.Join(w.Fields, ", ")
	switch w.Reason {
	case "VERSION":
		return fmt.Sprintf("of an older code version in %s", fields)
	case "COMING":
		return fmt.Sprintf("still to come with %s", fields)
	}
	return fmt.Sprintf("about to change in %s", fields)
}

func (t *explanationText) waitStatus(w *httpapi.Wait) string {
	switch {
	case w.Error != "":
		return ": " + plain(w.Error)
	case w.Shown:
		return ": " + t.status(w.Status) + ", see above"
	}
	text := ": " + t.status(w.Status)
	if len(w.Causes) > 0 && w.Status != graph.Awaiting.String() {
		text += " (" + strings.Join(w.Causes, ", ") + ")"
	}
	if w.Failure != nil {
		text += ", " + plain(w.Failure.Type)
	}
	switch w.Status {
	case graph.New.String(), graph.Stale.String():
		text += ", to be done"
	case graph.Failed.String():
		text += ", to be retried"
	case graph.Orphaned.String():
		text += ", to be deleted"
	}
	return text
}

func (t *explanationText) path(x *httpapi.Explanation) {
	if len(x.Path) == 0 {
		return
	}
	t.line("\nHOW IT CAME ABOUT, newest first")
	for _, s := range x.Path {
		subject := string(s.Feature)
		if len(s.Key) > 0 {
			subject += " " + plain(string(s.Key))
		}
		switch s.What {
		case httpapi.StepAwaits:
			t.line("  waits for %s", subject)
		case httpapi.StepWrite:
			t.line("  %s was written: %s", subject, originText(*s.Source))
		case httpapi.StepGroup:
			t.line("  the group record of %s was written: %s", subject, originText(*s.Source))
		case httpapi.StepGraph:
			t.line("  the code of %s changed: %s", subject, graphText(*s.Graph))
		case httpapi.StepRequest:
			t.line("  %s was asked for again by `freshline invalidate`", subject)
		case httpapi.StepGone:
			t.line("  a row of %s is gone, or was never there; nothing that is kept says since when", subject)
		}
	}
}
