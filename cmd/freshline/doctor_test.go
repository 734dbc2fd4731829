package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
)

// diagnose runs doctor; it returns the levels of what was found, by check and subject, and the words.
func diagnose(t *testing.T, env []string, args ...string) (levels, words map[string]string, o outcome) {
	t.Helper()
	o = invoke(t, env, strings.NewReader(""), append([]string{"doctor"}, args...)...)
	levels, words = map[string]string{}, map[string]string{}
	for line := range strings.Lines(o.stdout) {
		f := parseObject(t, line)
		subject, _ := f["subject"].(string)
		name := f["check"].(string) + " " + subject
		levels[name], words[name] = f["level"].(string), f["what"].(string)
		if do, _ := f["do"].(string); (do == "") != (f["level"] == "ok") {
			t.Errorf("%s: level %v, and to do is %q", name, f["level"], do)
		}
	}
	return levels, words, o
}

// TestDoctor finds what is wrong, and nothing where nothing is.
func TestDoctor(t *testing.T) {
	address := testBroker(t)
	env := []string{"FRESHLINE_BROKERS=" + address, "FRESHLINE_STATE=" + filepath.Join(t.TempDir(), "state")}
	levels, _, o := diagnose(t, env)
	if o.code != exitFailed || levels["graph freshline.graph"] != "error" || levels["topics freshline.rows.v1"] != "error" {
		t.Errorf("of no deployment: exit code %d, %v", o.code, levels)
	}

	must(t, env, "", "graph", "publish", writeFile(t, "graph.yaml", videoGraph), "--partitions", "2", "--sample-partitions", "2")
	must(t, env, threeVideos, "put", "video/raw")
	process := start(t, env, "run", "--instance-id", "one")
	process.await(t, process.stderr, "freshline is ready")
	awaitDrained(t, env, videoGraph)
	levels, words, o := diagnose(t, env)
	if o.code != exitDone || levels["group freshline.processor"] != "ok" || !strings.Contains(words["state "+env[1][len("FRESHLINE_STATE="):]], "is open") {
		t.Errorf("of one that runs: exit code %d, %v, %v\n%s", o.code, levels, words, o.stderr)
	}
	process.stop(t)
	levels, words, _ = diagnose(t, env)
	if state := "state " + env[1][len("FRESHLINE_STATE="):]; levels[state] != "ok" || !strings.Contains(words[state], "tasks") {
		t.Errorf("of a state: %s: %s", levels[state], words[state])
	}

	admin := kadm.NewClient(testClient(t, address))
	remove := "delete"
	if _, err := admin.AlterTopicConfigs(testContext(t), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "cleanup.policy", Value: &remove}}, "freshline.rows.v1"); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.CreatePartitions(testContext(t), 2, "freshline.sample.video.raw"); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.DeleteTopic(testContext(t), "freshline.failures"); err != nil {
		t.Fatal(err)
	}
	levels, words, o = diagnose(t, env)
	for _, name := range []string{"topics freshline.rows.v1", "topics freshline.sample.video.raw", "topics freshline.failures"} {
		if levels[name] != "error" {
			t.Errorf("%s is %s: %s", name, levels[name], words[name])
		}
	}
	if o.code != exitFailed || o.stderr != "freshline: 3 errors found\n" {
		t.Errorf("exit code %d: %s", o.code, o.stderr)
	}
}
