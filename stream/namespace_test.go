package stream

import (
	"strings"
	"testing"

	"github.com/freshline/freshline/graph"
)

func TestNamespaceNames(t *testing.T) {
	var zero Namespace
	chunk := &graph.Feature{Key: "video/chunk"}
	own := &graph.Feature{Key: "video/raw", Topic: "videos"}
	for _, c := range []struct{ got, want string }{
		{zero.Rows(), "freshline.rows.v1"},
		{zero.Failures(), "freshline.failures"},
		{zero.Graph(), "freshline.graph"},
		{zero.Requests(), "freshline.requests"},
		{zero.Schemas(), "freshline.schemas"},
		{zero.DeadLetter(), "freshline.deadletter"},
		{zero.Staleness("video/chunk"), "freshline.staleness.video.chunk"},
		{zero.Sample(chunk), "freshline.sample.video.chunk"},
		{zero.Sample(own), "videos"},
		{Namespace("lab").Sample(chunk), "lab.sample.video.chunk"},
		{Namespace("lab").Group(), "lab.processor"},
		{Namespace("lab").TransactionalID("a"), "lab.processor.a"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestParseNamespace(t *testing.T) {
	for text, want := range map[string]string{
		"lab-1.b_c":              "",
		"":                       "empty",
		".":                      "reserves",
		"..":                     "reserves",
		"a/b":                    `character '/'`,
		"é":                      `character 'é'`,
		strings.Repeat("a", 100): "",
		strings.Repeat("a", 101): "101 characters",
	} {
		_, err := ParseNamespace(text)
		switch {
		case want == "" && err != nil:
			t.Errorf("%q: %v", text, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: got %v, want an error with %q", text, err, want)
		}
	}
}

// A dead letter that claims to come from a topic which only Freshline writes is never written there.
func TestNamespaceOurs(t *testing.T) {
	ns := Namespace("freshline")
	for topic, want := range map[string]bool{ns.Rows(): true, ns.DeadLetter(): true, ns.Graph(): true, ns.Schemas(): true, ns.Requests(): true, ns.Staleness("video"): true, ns.Failures(): false, "video": false} {
		if ns.ours(topic) != want {
			t.Errorf("ours(%q) is %t", topic, !want)
		}
	}
}
