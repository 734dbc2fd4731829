package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream"
)

const videoGraph = `
features:
  - {key: video/raw, id_columns: [video_id], fields: [audio, frames]}
  - key: video/chunk
    id_columns: [video_chunk_id]
    deps: [{feature: video/raw, lineage: {expansion: [video_id]}}]
    fields: [audio, frames]
`

// deployment is some processes with an embedded broker.
type deployment struct {
	cluster stream.Cluster
	bases   []string
	ns      stream.Namespace
}

// startDeployment runs processes until the test ends: videos 0 to 9 are written and each process owns a share of rows.
func startDeployment(t *testing.T, names ...string) *deployment {
	t.Helper()
	ctx := testContext(t)
	broker, err := stream.StartEmbedded(stream.EmbeddedOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	d := &deployment{cluster: broker.Cluster(), ns: "test"}
	g, err := graph.Parse([]byte(videoGraph), "test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	client, err := stream.Connect(ctx, d.cluster)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := stream.NewTopics(client).Create(ctx, d.ns, g, stream.TopicOptions{Partitions: 4, SamplePartitions: 2}); err != nil {
		t.Fatal(err)
	}
	log, err := stream.OpenGraphLog(ctx, d.cluster, d.ns)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	if _, err := log.Publish(ctx, g); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		d.run(t, name, "")
	}
	producer, err := stream.NewProducer(ctx, stream.ProducerOptions{Cluster: d.cluster, Namespace: d.ns})
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	for id := range 10 {
		if err := producer.Put(ctx, "video/raw", stream.Sample{Columns: map[string]any{"video_id": id}, Provenance: map[string]string{"audio": "a", "frames": "f"}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := producer.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	d.awaitShares(t, len(names))
	if err := stream.AwaitDrained(ctx, d.cluster, d.ns, g); err != nil {
		t.Fatal(err)
	}
	return d
}

// run runs one process and its server until the test ends. advertise is what it says of its address, "" for the truth.
func (d *deployment) run(t *testing.T, name, advertise string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	d.bases = append(d.bases, "http://"+address)
	if advertise == "" {
		advertise = address
	}
	metrics := NewMetrics("1.2.3", "abc")
	p, err := stream.NewProcessor(stream.ProcessorOptions{Cluster: d.cluster, Namespace: d.ns, InstanceID: name, APIAddress: advertise, Hooks: metrics.Hooks()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	t.Cleanup(func() { cancel(); running.Wait() })
	running.Go(func() {
		if err := p.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	running.Go(func() {
		server := NewServer(p, nil)
		server.ServeMetrics(metrics)
		if err := server.Run(ctx, listener); err != nil {
			t.Error(err)
		}
	})
	select {
	case <-p.Ready():
	case <-testContext(t).Done():
		t.Fatal("the process is not ready")
	}
}

// awaitShares waits until so many processes own a share of rows, and show it.
func (d *deployment) awaitShares(t *testing.T, n int) {
	t.Helper()
	ctx := testContext(t)
	client := NewClient()
	defer client.Close()
	for {
		shares, rows := 0, 0
		for _, base := range d.bases {
			status, err := client.Status(ctx, base, false)
			if ctx.Err() != nil {
				t.Fatalf("the processes do not own shares of rows: %v", err)
			}
			if err == nil && len(status.Rows) > 0 {
				shares, rows = shares+1, rows+len(status.Rows)
			}
		}
		if shares == n && rows == 4 {
			return
		}
	}
}

// ask makes one request and returns its answer.
func ask(t *testing.T, method, address string, change func(*http.Request)) (status int, answer []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(testContext(t), method, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(request)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if answer, err = io.ReadAll(response.Body); err != nil {
		t.Fatal(err)
	}
	if got := response.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("%s is of type %s", address, got)
	}
	return response.StatusCode, answer
}

func keyOf(id int) string { return url.PathEscape(fmt.Sprintf(`{"video_id":%d}`, id)) }

// TestAnswers: two processes answer for any key, and every answer fits its schema.
func TestAnswers(t *testing.T) {
	d := startDeployment(t, "one", "two")
	partitions := map[string]bool{}
	for _, base := range d.bases {
		for id := range 10 {
			status, answer := ask(t, http.MethodGet, base+"/v1/features/video/chunk/samples/"+keyOf(id), nil)
			var x Explanation
			if err := json.Unmarshal(answer, &x); err != nil || status != http.StatusOK {
				t.Fatalf("video %d: %d, %s", id, status, answer)
			}
			if x.Status != graph.New.String() || !x.Emitted || x.Graph.Time == "" || len(x.Path) != 1 || x.Path[0].Source.Time == "" {
				t.Errorf("video %d: %s", id, answer)
			}
			mustFit(t, "explanation.json", answer)
			partitions[fmt.Sprint(base, x.Partition)] = true
		}
		status, answer := ask(t, http.MethodGet, base+pathGraph, nil)
		if status != http.StatusOK || !strings.Contains(string(answer), `"video/chunk"`) {
			t.Errorf("the graph is %d, %s", status, answer)
		}
		mustFit(t, "graph.json", answer)
		for _, name := range schemaNames {
			if status, answer := ask(t, http.MethodGet, base+pathSchemas+name, nil); status != http.StatusOK || !json.Valid(answer) {
				t.Errorf("schema %s: %d", name, status)
			}
		}
	}
	if len(partitions) < 6 {
		t.Errorf("the keys lie in too few partitions to show that the owner is asked: %v", partitions)
	}
	client := NewClient()
	defer client.Close()
	members, err := stream.Members(testContext(t), d.cluster, d.ns)
	if err != nil {
		t.Fatal(err)
	}
	sum, err := client.Deployment(testContext(t), d.ns, members, true)
	if err != nil || sum.Why != "" {
		t.Fatalf("the sum is not whole: %s, %v", sum.Why, err)
	}
	want := []Counts{{Samples: 10}, {New: 10}}
	for i, f := range sum.Features {
		if f.Counts != want[i] || f.Open != 4 {
			t.Errorf("%s is counted as %+v, open in %d partitions", f.Feature, f.Counts, f.Open)
		}
	}
	for _, base := range d.bases {
		for _, query := range []string{"", "?counts=false"} {
			_, answer := ask(t, http.MethodGet, base+pathStatus+query, nil)
			mustFit(t, "status.json", answer)
		}
	}
	if left, err := client.Deployment(testContext(t), d.ns, members[:1], true); err != nil || left.Why == "" {
		t.Errorf("one of two processes is taken for the whole: %+v, %v", left, err)
	}
}

// TestRefusals: what is refused, and how.
func TestRefusals(t *testing.T) {
	d := startDeployment(t, "one")
	base := d.bases[0]
	sample := base + "/v1/features/video%2Fchunk/samples/"
	host := func(name string) func(*http.Request) { return func(r *http.Request) { r.Host = name } }
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for _, c := range []struct {
		method, address string
		change          func(*http.Request)
		status          int
		reason          string
	}{
		{http.MethodPost, sample + keyOf(1), nil, http.StatusMethodNotAllowed, BadMethod},
		{http.MethodDelete, base + pathStatus, nil, http.StatusMethodNotAllowed, BadMethod},
		{http.MethodGet, base + "/", nil, http.StatusNotFound, UnknownPath},
		{http.MethodGet, base + "/v1/schemas/", nil, http.StatusNotFound, UnknownPath},
		{http.MethodGet, base + "/v1/schemas/..%2Fserver.go", nil, http.StatusNotFound, UnknownPath},
		{http.MethodGet, base + "/v1/features/video/chunk", nil, http.StatusBadRequest, BadRequest},
		{http.MethodGet, sample + "%7B", nil, http.StatusBadRequest, BadRequest},
		{http.MethodGet, sample + "%7B%22id%22:1%7D", nil, http.StatusBadRequest, BadRequest},
		{http.MethodGet, sample + url.PathEscape(`{"video_id":"`+strings.Repeat("x", graph.MaxKeyJSON)+`"}`), nil, http.StatusBadRequest, BadRequest},
		{http.MethodGet, sample + keyOf(99), nil, http.StatusNotFound, UnknownKey},
		{http.MethodGet, sample + url.PathEscape(`{"video_chunk_id":"x"}`), nil, http.StatusNotFound, UnknownKey},
		{http.MethodGet, base + "/v1/features/none/samples/" + keyOf(1), nil, http.StatusNotFound, UnknownFeature},
		{http.MethodGet, base + pathStatus, host("evil.example"), http.StatusMisdirectedRequest, BadHost},
		{http.MethodGet, base + pathMetrics, host("evil.example"), http.StatusMisdirectedRequest, BadHost},
		{http.MethodPost, base + pathMetrics, nil, http.StatusMethodNotAllowed, BadMethod},
		{http.MethodGet, base + pathStatus, host("evil.example:80"), http.StatusMisdirectedRequest, BadHost},
		{http.MethodGet, base + pathStatus, header(headerInstance, "test/two"), http.StatusMisdirectedRequest, Misdirected},
		{http.MethodGet, sample + keyOf(1), header(headerRows, "x"), http.StatusBadRequest, BadRequest},
		{http.MethodGet, sample + keyOf(1), header(headerRows, "77"), http.StatusServiceUnavailable, NotReady},
	} {
		status, answer := ask(t, c.method, c.address, c.change)
		var f Fault
		if err := json.Unmarshal(answer, &f); err != nil || status != c.status || f.Reason != c.reason || f.Text == "" {
			t.Errorf("%s %.100s: %d, %s", c.method, c.address, status, answer)
		}
		mustFit(t, "error.json", answer)
	}
	for _, name := range []string{"localhost", "localhost:1", "127.0.0.1", "[::1]:80"} {
		if status, answer := ask(t, http.MethodGet, base+pathStatus+"?counts=false", host(name)); status != http.StatusOK {
			t.Errorf("host %s: %d, %s", name, status, answer)
		}
	}
	if status, answer := ask(t, http.MethodHead, base+pathStatus, nil); status != http.StatusOK || len(answer) > 0 {
		t.Errorf("HEAD: %d, %s", status, answer)
	}
}

// TestOwnerAway: a key whose owner cannot be reached, or whose address is that of another process, says so.
func TestOwnerAway(t *testing.T) {
	d := startDeployment(t, "one")
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer nobody.Close()
	gone := nobody.Addr().String()
	nobody.Close()
	d.run(t, "two", gone)
	d.run(t, "three", strings.TrimPrefix(d.bases[0], "http://"))
	d.awaitShares(t, 3)
	var reasons []string
	for id := range 40 {
		status, answer := ask(t, http.MethodGet, d.bases[0]+"/v1/features/video/chunk/samples/"+keyOf(id), nil)
		if status == http.StatusOK {
			continue
		}
		var f Fault
		if err := json.Unmarshal(answer, &f); err != nil {
			t.Fatal(err)
		}
		reasons = append(reasons, f.Reason)
	}
	for _, reason := range []string{Unreachable, Misdirected} {
		if !slices.Contains(reasons, reason) {
			t.Errorf("nothing is %s: %v", reason, reasons)
		}
	}
}

// TestServerEnds: a server ends with its context, also while a request is under way, and answers nothing of a process
// that does not run.
func TestServerEnds(t *testing.T) {
	p, err := stream.NewProcessor(stream.ProcessorOptions{Cluster: stream.Cluster{Brokers: []string{"127.0.0.1:1"}}, Namespace: "test", InstanceID: "one"})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- NewServer(p, nil).Run(ctx, listener) }()
	status, answer := ask(t, http.MethodGet, "http://"+listener.Addr().String()+pathStatus, nil)
	if status != http.StatusServiceUnavailable || !strings.Contains(string(answer), NotReady) {
		t.Errorf("before the process runs: %d, %s", status, answer)
	}
	half, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer half.Close()
	if _, err := io.WriteString(half, "GET /v1/status HTTP/1.1\r\nHost: localhost\r\n"); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("the server ended with: %v", err)
	}
}
