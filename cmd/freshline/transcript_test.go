package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A transcript is a file of testdata/transcripts or testdata/kafka: command lines with what they print, then the files
// that they read.
//
//	$ NAME=value freshline graph check graph.yaml < input    a command, with variables and standard input
//	| text                                                   a line of standard output
//	! text                                                   a line of standard error
//	exit 1                                                   the exit code, unless it is 0
//	-- graph.yaml --                                         the text of a file follows
//
// All other lines are comments. Those of testdata/kafka have an embedded broker of their own in FRESHLINE_BROKERS.
// What differs from run to run is masked. -update writes the output anew.
type transcript struct {
	lines []string // up to the files
	files []transcriptFile
}

type transcriptFile struct{ name, text string }

var fileMark = regexp.MustCompile(`^-- (\S+) --$`)

func readTranscript(t *testing.T, path string) *transcript {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	tr := &transcript{}
	for line := range strings.Lines(string(data)) {
		mark := fileMark.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		switch {
		case mark != nil:
			tr.files = append(tr.files, transcriptFile{name: mark[1]})
		case len(tr.files) > 0:
			tr.files[len(tr.files)-1].text += line
		default:
			tr.lines = append(tr.lines, strings.TrimSuffix(line, "\n"))
		}
	}
	return tr
}

// play runs the commands in a folder of their own and returns the transcript with what they print now.
func (tr *transcript) play(t *testing.T, env []string, mask func(string) string) string {
	t.Helper()
	t.Chdir(t.TempDir())
	for _, f := range tr.files {
		if err := os.MkdirAll(filepath.Dir(f.name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f.name, []byte(f.text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var b strings.Builder
	for _, line := range tr.lines {
		if strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "! ") || strings.HasPrefix(line, "exit ") || line == "|" || line == "!" {
			continue
		}
		b.WriteString(line + "\n")
		command, ok := strings.CutPrefix(line, "$ ")
		if !ok {
			continue
		}
		o := playLine(t, env, command)
		writePrefixed(&b, "|", mask(o.stdout))
		writePrefixed(&b, "!", mask(o.stderr))
		if o.code != 0 {
			fmt.Fprintf(&b, "exit %d\n", o.code)
		}
	}
	for _, f := range tr.files {
		fmt.Fprintf(&b, "-- %s --\n%s", f.name, f.text)
	}
	return b.String()
}

func writePrefixed(b *strings.Builder, prefix, text string) {
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimRight(prefix+" "+line, " \n") + "\n")
	}
}

func playLine(t *testing.T, env []string, command string) outcome {
	t.Helper()
	words := splitWords(command)
	env = append([]string{}, env...)
	for strings.Contains(words[0], "=") {
		env = append(env, words[0])
		words = words[1:]
	}
	if words[0] != "freshline" {
		t.Fatalf("%q does not run freshline", command)
	}
	words = words[1:]
	var stdin []byte
	if n := len(words); n > 2 && words[n-2] == "<" {
		var err error
		if stdin, err = os.ReadFile(words[n-1]); err != nil {
			t.Fatal(err)
		}
		words = words[:n-2]
	}
	return invoke(t, env, bytes.NewReader(stdin), words...)
}

var wordPattern = regexp.MustCompile(`'[^']*'|\S+`)

// splitWords splits a command line; single quotes keep spaces.
func splitWords(command string) []string {
	words := wordPattern.FindAllString(command, -1)
	for i, word := range words {
		if strings.HasPrefix(word, "'") {
			words[i] = strings.Trim(word, "'")
		}
	}
	return words
}

var masks = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`), "2006-01-02T15:04:05Z"},
	{regexp.MustCompile(`"id":"[0-9a-f]{32}"`), `"id":"ID"`},
	{regexp.MustCompile(`\bid [0-9a-f]{32}`), "id ID"},
	{regexp.MustCompile(`go1\.[0-9.]+\w*`), "GO"},
	{regexp.MustCompile(`(linux|darwin|windows)/\w+`), "PLATFORM"},
	{regexp.MustCompile(`"(revision|time|version)":( ?)"[^"]*"`), `"$1":$2"…"`},
}

func playAll(t *testing.T, pattern string, prepare func(t *testing.T) (env []string, mask func(string) string)) {
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no transcripts at %s (%v)", pattern, err)
	}
	for _, path := range paths {
		path, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			env, mask := prepare(t)
			tr := readTranscript(t, path)
			got := tr.play(t, env, func(text string) string {
				dir, _ := os.Getwd()
				text = strings.ReplaceAll(mask(text), dir, "DIR")
				for _, m := range masks {
					text = m.pattern.ReplaceAllString(text, m.with)
				}
				return text
			})
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			compareTexts(t, got, string(want))
		})
	}
}

// compareTexts names the first line that differs.
func compareTexts(t *testing.T, got, want string) {
	t.Helper()
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		switch {
		case i >= len(g):
			t.Fatalf("line %d is missing:\n%s", i+1, w[i])
		case i >= len(w):
			t.Fatalf("line %d is too much:\n%s", i+1, g[i])
		case g[i] != w[i]:
			t.Fatalf("line %d:\n got %s\nwant %s", i+1, g[i], w[i])
		}
	}
}

// TestTranscripts plays what needs no broker: commands, and the message for each mistake.
func TestTranscripts(t *testing.T) {
	playAll(t, "testdata/transcripts/*.txt", func(*testing.T) ([]string, func(string) string) {
		return nil, func(text string) string { return text }
	})
}

// TestKafkaTranscripts plays what needs a broker and no processor.
func TestKafkaTranscripts(t *testing.T) {
	playAll(t, "testdata/kafka/*.txt", func(t *testing.T) ([]string, func(string) string) {
		address := testBroker(t)
		return []string{"FRESHLINE_BROKERS=" + address}, func(text string) string { return strings.ReplaceAll(text, address, "BROKER") }
	})
}
