package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/freshline/freshline/graph"
)

const repository = "../.."

// documents are held against the code by the tests of this file.
var documents = []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md"}

// codeBlock is a fenced block of a document.
type codeBlock struct {
	document string
	line     int // of its fence
	language string
	text     string
}

func (b codeBlock) String() string { return fmt.Sprintf("%s:%d", b.document, b.line) }

func readDocument(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(repository, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// codeBlocks returns the blocks of a language in the documents.
func codeBlocks(t *testing.T, language string) []codeBlock {
	t.Helper()
	var blocks []codeBlock
	for _, name := range documents {
		var open *codeBlock
		number := 0
		for line := range strings.Lines(readDocument(t, name)) {
			number++
			fence, isFence := strings.CutPrefix(strings.TrimRight(line, "\n"), "```")
			switch {
			case !isFence && open != nil:
				open.text += line
			case isFence && open == nil:
				open = &codeBlock{document: name, line: number, language: fence}
			case isFence:
				if open.language == language {
					blocks = append(blocks, *open)
				}
				open = nil
			}
		}
		if open != nil {
			t.Fatalf("%s: the block is not closed", open)
		}
	}
	if len(blocks) == 0 {
		t.Fatalf("no document has a block of %s", language)
	}
	return blocks
}

// TestReadmeDemo holds what the README shows of the demo against what the demo prints.
func TestReadmeDemo(t *testing.T) {
	got := must(t, nil, "", "demo")
	for _, b := range codeBlocks(t, "text") {
		if strings.HasPrefix(b.text, "video/raw ──expansion──▶") {
			compareTexts(t, b.text, got)
			return
		}
	}
	t.Error("the README does not show the demo")
}

// TestReadmeGo finds each block of Go in the examples that tests run, one tab deeper perhaps; "// …" leaves code out.
func TestReadmeGo(t *testing.T) {
	var code string
	for _, path := range []string{"stream/example_readme_test.go", "integration/example_test.go"} {
		code += readDocument(t, path)
	}
	for _, b := range codeBlocks(t, "go") {
		for _, part := range strings.Split(strings.TrimRight(b.text, "\n"), "\n// …\n") {
			found := false
			for _, tabs := range []string{"", "\t"} {
				indented := tabs + strings.ReplaceAll(part, "\n", "\n"+tabs)
				found = found || strings.Contains("\n"+code, "\n"+indented+"\n")
			}
			if !found {
				t.Errorf("%s: is not in the examples:\n%s", b, part)
			}
		}
	}
}

func TestReadmeGraphs(t *testing.T) {
	for _, b := range codeBlocks(t, "yaml") {
		g, err := graph.Parse([]byte(b.text), b.String())
		if err == nil {
			_, err = compileGraph(b.String(), g, 0, nil)
		}
		if err != nil {
			t.Error(err)
		}
	}
}

// shellCommands returns the command lines of a block: a pipe is two of them.
func shellCommands(text string) (commands [][]string) {
	for line := range strings.Lines(text) {
		var words []string
		end := func() {
			if len(words) > 0 {
				commands = append(commands, words)
			}
			words = nil
		}
		for _, word := range splitWords(strings.ReplaceAll(line, "'^$'", "^$")) {
			switch {
			case word == "|" || word == "&&" || word == "&":
				end()
			case len(words) == 0 && strings.Contains(word, "=") && !strings.HasPrefix(word, "{"):
				// a variable of the command
			default:
				words = append(words, word)
			}
		}
		end()
	}
	return commands
}

// TestReadmeCommands hands each command line of freshline to the parser of the command: the command, its flags and
// their values, and the number of its arguments.
func TestReadmeCommands(t *testing.T) {
	checked := 0
	for _, b := range codeBlocks(t, "sh") {
		for _, words := range shellCommands(b.text) {
			line := strings.Join(words, " ")
			if rest, ok := strings.CutPrefix(line, "go run ./cmd/freshline"); ok {
				words = append([]string{"freshline"}, strings.Fields(rest)...)
			}
			if i := slices.Index(words, "freshline"); words[0] == "docker" && i >= 0 && i+1 < len(words) && words[1] == "run" {
				words = words[i:]
			}
			if words[0] != "freshline" {
				continue
			}
			checked++
			if err := parseCommandLine(words[1:]); err != nil {
				t.Errorf("%s: %s: %v", b, line, err)
			}
		}
	}
	if checked < 10 {
		t.Errorf("only %d command lines were found", checked)
	}
}

// parseCommandLine checks a command line without running it.
func parseCommandLine(args []string) error {
	c := &cli{stdin: strings.NewReader(""), env: environment{}}
	cmd, rest, err := c.newRootCommand().Find(args)
	if err != nil {
		return err
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return err
	}
	for i := range settingTable {
		s := &settingTable[i]
		if f := cmd.Flags().Lookup(s.flag()); f != nil && f.Changed {
			if err := (chosen{text: f.Value.String(), origin: "--" + s.flag()}).check(s); err != nil {
				return err
			}
		}
	}
	return cmd.ValidateArgs(cmd.Flags().Args())
}

var goTest = regexp.MustCompile("go test ([^`\n|]*)")

// TestReadmeGoTests looks for the tests that the documents name: a command that runs none would pass.
func TestReadmeGoTests(t *testing.T) {
	for _, name := range documents {
		for _, match := range goTest.FindAllStringSubmatch(readDocument(t, name), -1) {
			words := strings.Fields(match[1])
			var folder string
			for _, word := range words {
				if strings.HasPrefix(word, "./") && word != "./..." {
					folder = word
				}
			}
			for i, word := range words[:max(0, len(words)-1)] {
				prefix := map[string]string{"-run": "Test", "-bench": "Benchmark", "-fuzz": "Fuzz"}[word]
				pattern := strings.Trim(words[i+1], "'")
				if prefix == "" || pattern == "^$" || pattern == "NAME" {
					continue
				}
				if folder == "" || !hasTest(t, folder, prefix, strings.SplitN(pattern, "/", 2)[0]) {
					t.Errorf("%s: go test %s: there is no such test", name, match[1])
				}
			}
		}
	}
}

// hasTest says whether a folder has a function of the kind whose name has the pattern.
func hasTest(t *testing.T, folder, prefix, pattern string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(repository, folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	wanted := regexp.MustCompile(`(?m)^func (` + prefix + `\w*)\(`)
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range wanted.FindAllStringSubmatch(string(data), -1) {
			if regexp.MustCompile(pattern).MatchString(match[1]) {
				return true
			}
		}
	}
	return false
}

var documentLink = regexp.MustCompile(`\]\(([^)#:]+)\)`)

func TestReadmeLinks(t *testing.T) {
	for _, name := range documents {
		for _, match := range documentLink.FindAllStringSubmatch(readDocument(t, name), -1) {
			if _, err := os.Stat(filepath.Join(repository, match[1])); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestReadmeTables looks for every setting, status, cause and exit code.
func TestReadmeTables(t *testing.T) {
	text := readDocument(t, "README.md")
	var names []string
	for _, s := range settingTable {
		names = append(names, s.name)
	}
	for s := graph.New; s <= graph.Failed; s++ {
		names = append(names, s.String())
	}
	for cause := graph.CodeVersion; cause <= graph.UpstreamMissing; cause <<= 1 {
		names = append(names, cause.Texts()...)
	}
	for _, name := range names {
		if !strings.Contains(text, "`"+name+"`") {
			t.Errorf("the README does not explain %s", name)
		}
	}
	if want := fmt.Sprintf("%d done", exitDone); !strings.Contains(text, want) {
		t.Errorf("the README does not say %q", want)
	}
	for code, word := range map[int]string{exitFailed: "failed", exitUsage: "usage", exitNotInSync: "not in sync"} {
		if want := fmt.Sprintf("%d %s", code, word); !strings.Contains(text, want) {
			t.Errorf("the README does not say %q", want)
		}
	}
}

// TestReadmeReplayCases counts the golden replay cases, all of which TestGolden runs.
func TestReadmeReplayCases(t *testing.T) {
	golden := filepath.Join("stream", "replay", "testdata")
	total := map[string]int{}
	for _, gate := range []string{"immediate", "settled"} {
		files, err := filepath.Glob(filepath.Join(repository, golden, "golden", "*-"+gate+".out.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		total[gate] += len(files)
	}
	for line := range strings.Lines(readDocument(t, filepath.Join(golden, "golden", "random.jsonl"))) {
		c := parseObject(t, line)
		total[c["gate"].(string)]++
	}
	for _, gate := range []string{"immediate", "settled"} {
		want := fmt.Sprintf("| replay, gate %s | %d of %d |", gate, total[gate], total[gate])
		if !strings.Contains(readDocument(t, "README.md"), want) {
			t.Errorf("the README does not have the line %q", want)
		}
	}
}

// TestReadmeByHand does what the README says of one machine.
func TestReadmeByHand(t *testing.T) {
	_, section, ok := strings.Cut(readDocument(t, "README.md"), "## By hand")
	if !ok {
		t.Fatal("the README has no section by hand")
	}
	section, again, _ := strings.Cut(section, "\n## Ask for samples again")
	again, _, _ = strings.Cut(again, "\n## ")
	dev := start(t, nil, "dev", "--graph", writeFile(t, "graph.yaml", codeBlocks(t, "yaml")[0].text), "--partitions", "2", "--sample-partitions", "1")
	env := []string{exportLine.FindStringSubmatch(dev.await(t, dev.stdout, "export"))[1]}
	dev.await(t, dev.stderr, "freshline is ready")
	watch := start(t, env, "watch", "--all", "--from-start")
	puts := regexp.MustCompile(`(?m)^echo '(.*)' \| freshline put (\S+)$`).FindAllStringSubmatch(section, -1)
	if len(puts) != 2 {
		t.Fatalf("the section has %d puts, want 2", len(puts))
	}
	must(t, env, puts[0][1], "put", puts[0][2])
	watch.awaitEvents(t, "video/chunk", "INPUT", "NEW", 1)
	work := jsonLines(t, must(t, env, "", "worklist", "video/chunk"))
	if len(work) != 1 {
		t.Fatalf("the work list has %d events, want 1: %v", len(work), work)
	}
	if o := invoke(t, env, strings.NewReader(""), "status", "--assert-in-sync"); o.code != exitNotInSync {
		t.Errorf("exit code %d of status, want %d", o.code, exitNotInSync)
	}
	must(t, env, puts[1][1], "put", puts[1][2])
	watch.awaitEvents(t, "video/chunk", "", "FRESH", 1)

	// And of samples that are asked for again.
	commands := shellCommands(again[strings.Index(again, "```sh\n")+len("```sh\n") : strings.LastIndex(again, "```")])
	if len(commands) != 4 {
		t.Fatalf("the section has %d commands, want 4", len(commands))
	}
	if o := parseObject(t, must(t, env, "", commands[0][1:]...)); o["samples"] != json.Number("1") || o["groups"] != json.Number("0") {
		t.Errorf("the dry run counts %v", o)
	}
	must(t, env, "", commands[1][1:]...)
	watch.awaitEvents(t, "video/chunk", "SAMPLE", "STALE", 1)
	must(t, env, "", commands[2][1:]...)
	watch.awaitEvents(t, "video/raw", "SAMPLE", "STALE", 1)
	for _, o := range jsonLines(t, must(t, env, "", commands[3][1:]...)) {
		if causes := o["causes"].([]any); len(causes) != 1 || causes[0] != "REQUESTED" {
			t.Errorf("outstanding is %v", o)
		}
	}
}
