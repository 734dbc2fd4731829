package main

import (
	"fmt"
	"net"
	"regexp"
	"strings"
	"testing"
)

var exportLine = regexp.MustCompile(`export (FRESHLINE_BROKERS=\S+)`)

// TestDev keeps a graph and samples over a restart.
func TestDev(t *testing.T) {
	data := t.TempDir()
	graph := writeFile(t, "graph.yaml", videoGraph)
	dev := start(t, nil, "dev", "--data", data, "--graph", graph, "--partitions", "2", "--sample-partitions", "1")
	env := []string{exportLine.FindStringSubmatch(dev.await(t, dev.stdout, "export"))[1]}
	dev.await(t, dev.stderr, "freshline is ready")
	must(t, env, twoVideos, "put", "video/raw")
	watch := start(t, env, "watch", "video/chunk", "--from-start")
	watch.awaitEvents(t, "video/chunk", "INPUT", "NEW", 2)
	watch.stop(t)
	dev.stop(t)

	dev = start(t, nil, "dev", "--data", data, "--graph", graph)
	env = []string{exportLine.FindStringSubmatch(dev.await(t, dev.stdout, "export"))[1]}
	dev.await(t, dev.stderr, "freshline is ready")
	if got := jsonLines(t, must(t, env, "", "graph", "list")); len(got) != 1 {
		t.Errorf("%d graphs, want 1: an equal graph is not published again", len(got))
	}
	if got := jsonLines(t, must(t, env, "", "status")); fmt.Sprintf("%v %v", got[0]["samples"], got[1]["new"]) != "2 2" {
		t.Errorf("status after a restart: %v", got)
	}
}

// TestDevWithoutGraph says how to publish one, and takes it over when it comes.
func TestDevWithoutGraph(t *testing.T) {
	dev := start(t, []string{"FRESHLINE_NAMESPACE=here", "FRESHLINE_PARTITIONS=2"}, "dev", "--log-level", "error")
	line := dev.await(t, dev.stdout, "export")
	if !strings.HasSuffix(line, " FRESHLINE_NAMESPACE=here") {
		t.Errorf("dev says %q, without the namespace", line)
	}
	dev.await(t, dev.stdout, "freshline graph publish")
	dev.await(t, dev.stderr, "freshline is ready")
	env := []string{exportLine.FindStringSubmatch(line)[1], "FRESHLINE_NAMESPACE=here"}
	must(t, env, "", "graph", "publish", writeFile(t, "graph.yaml", videoGraph), "--sample-partitions", "1")
	watch := start(t, env, "watch", "video/chunk", "-o", "table")
	watch.await(t, watch.stderr, "watching video/chunk")
	must(t, env, twoVideos, "put", "video/raw")
	watch.await(t, watch.stdout, "FEATURE")
	watch.await(t, watch.stdout, `video/chunk  INPUT  NEW     {"video_id":1}`)
}

func TestDevPortInUse(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	o := invoke(t, nil, strings.NewReader(""), "dev", "--port", port)
	if o.code != exitFailed || !strings.Contains(o.stderr, "choose another --port") {
		t.Errorf("exit code %d: %s", o.code, o.stderr)
	}
}
