package integration_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/freshline/freshline/integration"
)

var (
	faultsFor  = flag.Duration("faults.for", 0, "how `long` TestFaults inflicts each fault; 0: once, for some seconds")
	faultsSeed = flag.Uint64("faults.seed", 0, "the `seed` of TestFaults, as a failed run has printed it")
)

// fault is something that goes wrong while producers write and workers answer.
type fault struct {
	name    string
	short   time.Duration // how long it lasts in the short form
	alone   bool          // it is inflicted on the brokers, which all faults share
	side    bool          // the processors reach the brokers by the proxy
	pages   int           // of each album: its fan-out; 0: few
	pageID  int           // bytes by which a page's id is longer
	missing func() string // why it cannot be inflicted here, "" if it can
	inflict func(*faultRun) error
}

// faultList is in the order of the table.
var faultList = []fault{
	{name: "processors killed, state kept", short: 6 * time.Second, pages: 600, inflict: killProcessors(stateKept)},
	{name: "processors killed, state lost", short: 6 * time.Second, inflict: killProcessors(stateLost)},
	{name: "processors killed, older state", short: 8 * time.Second, inflict: killProcessors(stateOlder)},
	{name: "processors added and taken away", short: 8 * time.Second, pages: 600, inflict: scaleProcessors},
	{name: "processor paused, live work", short: 5 * time.Second, inflict: pauseProcessor},
	{name: "processor paused in a long fan-out", short: 5 * time.Second, pages: 3000, pageID: 1000, inflict: pauseInFanout},
	{name: "brokers killed", alone: true, short: 5 * time.Second, inflict: killBrokers(anyBroker)},
	{name: "transaction coordinator killed", alone: true, short: 5 * time.Second, inflict: killBrokers(transactionCoordinator)},
	{name: "controller killed", alone: true, short: 5 * time.Second, inflict: killBrokers(controller)},
	{name: "all brokers paused for 30 s", alone: true, short: 5 * time.Second, inflict: pauseBrokers},
	{name: "answers delayed, lost, repeated", short: 12 * time.Second, side: true, inflict: harmAnswers},
	{name: "disk full", short: 6 * time.Second, missing: cannotMount, inflict: fillDisk},
	{name: "changed bytes in the state", short: 6 * time.Second, inflict: changeBytes},
	{name: "missing files in the state", short: 6 * time.Second, inflict: removeFiles},
}

// faultField is what all faults share: brokers, a proxy before them, the binary, and a place for what is kept.
type faultField struct {
	cluster *integration.JarCluster
	proxy   *proxy
	binary  string

	mu    sync.Mutex // guards what follows
	notes strings.Builder
	dir   string // of what is kept; "" while there is nothing
}

// TestFaults inflicts faults on three brokers and three processors, each a process of its own, while
// samples are written and workers answer. Afterwards a verifier of its own reads all topics: nothing may be missing,
// wrong or said twice. With -faults.for each is inflicted for so long:
//
//	go test ./integration -run TestFaults -faults.for 5m -timeout 3h
func TestFaults(t *testing.T) {
	field := newFaultField(t)
	seed := *faultsSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	table := &faultTable{rows: make([]string, len(faultList))}
	t.Cleanup(func() {
		integration.Tell(table.String())
		t.Logf("seed %d\n%s", seed, table)
		if t.Failed() {
			field.keepNotes(t)
			t.Logf("again: go test ./integration -run TestFaults -faults.for %s -faults.seed %d; what is kept lies in %s", *faultsFor, seed, field.kept())
		}
	})
	for i, fault := range faultList {
		t.Run(fault.name, func(t *testing.T) {
			if fault.missing != nil {
				if why := fault.missing(); why != "" {
					t.Skip(why)
				}
			}
			if !fault.alone {
				t.Parallel()
			}
			lasts, rounds := fault.short, 1
			if *faultsFor > 0 {
				rounds = max(1, int(*faultsFor/faultRound))
				lasts = *faultsFor / time.Duration(rounds)
			}
			r := field.deploy(t, deadline(t, 5*time.Minute+time.Duration(rounds)*(lasts+faultQuiet)), fault, seed+uint64(i))
			defer func() { table.put(i, fault.name, r) }()
			for range rounds {
				if r.play(fault.inflict, lasts); t.Failed() {
					return
				}
			}
			r.finish()
		})
	}
}

func newFaultField(t *testing.T) *faultField {
	t.Helper()
	if testing.Short() {
		t.Skip("faults need a real Kafka, which -short does not look for")
	}
	ctx := deadline(t, 5*time.Minute)
	lib, err := integration.FetchJars(ctx)
	switch {
	case err != nil && os.Getenv("FRESHLINE_TEST_KAFKA") == "required":
		t.Fatal(err)
	case err != nil:
		t.Skipf("faults need three brokers of our own, from Maven Central's jars: %v", err)
	}
	f := &faultField{binary: freshlineBinary(t)}
	side, err := integration.FreeBlock(integration.JarNodes)
	if err == nil {
		f.proxy, err = startProxy(side, integration.JarNodes, *faultsSeed)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.proxy.close)
	if f.cluster, err = integration.StartJarCluster(ctx, lib, side); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.cluster.Close(); err != nil {
			t.Error(err)
		}
	})
	f.proxy.target(f.cluster.SideBrokers())
	return f
}

// note keeps a line of what happens.
func (f *faultField) note(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	line := fmt.Sprintf("%s "+format+"\n", append([]any{time.Now().UTC().Format("15:04:05.000")}, args...)...)
	f.notes.WriteString(line)
	if testing.Verbose() {
		fmt.Fprint(os.Stderr, line)
	}
}

// kept is a directory for what outlives the test.
func (f *faultField) kept() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dir == "" {
		dir, err := os.MkdirTemp("", "freshline-faults-")
		if err != nil {
			return os.TempDir()
		}
		f.dir = dir
	}
	return f.dir
}

func (f *faultField) keepNotes(t *testing.T) {
	t.Helper()
	dir := f.kept()
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := os.WriteFile(filepath.Join(dir, "notes.txt"), []byte(f.notes.String()), 0o644); err != nil {
		t.Error(err)
	}
}

// faultTable is what was survived, as the README has it.
type faultTable struct {
	mu   sync.Mutex
	rows []string // in the order of faultList; "" where a fault was left out
}

func (a *faultTable) put(i int, name string, r *faultRun) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r.verdict == nil {
		a.rows[i] = fmt.Sprintf("| %s | %d | not checked | | | |\n", name, r.rounds)
		return
	}
	v := r.verdict
	a.rows[i] = fmt.Sprintf("| %s | %d | %d | %d | %d | %d |\n", name, r.rounds, v.events, v.missing, v.wrong, v.duplicate)
}

func (a *faultTable) String() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return "| fault | runs | events checked | missing | wrong | duplicate |\n|---|---|---|---|---|---|\n" + strings.Join(a.rows, "")
}
