package integration_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/freshline/freshline/integration"
)

var binaryFlag = flag.String("freshline.binary", "", "a `file` to test instead of building one, such as one that was built with -race")

// processReady is in the line with which the binary says that it has recovered.
const processReady = "freshline is ready"

// lifeBegins is in the line that the test puts before what a life writes.
const lifeBegins = "a life begins:"

// stateKind is the Badger that a process starts again with.
type stateKind int

const (
	stateKept stateKind = iota
	stateLost
	stateOlder // as it was some deaths ago
)

func (k stateKind) String() string { return [...]string{"kept", "lost", "older"}[k] }

// process is one `freshline run` as a process of its own, which may die and start again on what it leaves
// behind. One goroutine uses it.
type process struct {
	binary string
	args   []string
	state  string
	copied string // of state, at a death; "" while there is none
	life   *life  // the present or the last one
	lives  int

	mu     sync.Mutex // guards what follows
	output bytes.Buffer
}

// life is what lies between a start and an end.
type life struct {
	cmd    *exec.Cmd
	began  time.Time
	ready  chan struct{}   // closed by the line of readiness
	ended  <-chan struct{} // closed when the process has been waited for
	killed bool            // by us
}

// newProcess makes a process of the shared broker that is not started yet. It is killed at the end of the test at the
// latest; what it wrote is shown where the test has failed.
func newProcess(t *testing.T, ns string) *process {
	t.Helper()
	p := newProcessAs(freshlineBinary(t), t.TempDir(), broker.Brokers(), ns, "one")
	t.Cleanup(func() {
		_ = p.kill() // it may be gone already
		if t.Failed() {
			t.Logf("freshline wrote:\n%s", p.written())
		}
	})
	return p
}

// newProcessAs makes a process with an instance id and a state in dir, which the caller kills.
func newProcessAs(binary, dir string, brokers []string, ns, instance string) *process {
	p := &process{binary: binary, state: filepath.Join(dir, "state")}
	p.args = []string{
		"run", "--brokers", strings.Join(brokers, ","), "--namespace", ns,
		"--state", p.state, "--instance-id", instance,
	}
	return p
}

// freshlineBinary is a copy of the binary, built once for all tests.
func freshlineBinary(t *testing.T) string {
	t.Helper()
	if *binaryFlag != "" {
		return *binaryFlag
	}
	binary, err := integration.FreshlineBytes(deadline(t, 5*time.Minute), "")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "freshline")
	if err := os.WriteFile(path, binary, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// start begins a life. It does not wait for anything.
func (p *process) start() error {
	p.lives++
	l := &life{cmd: exec.Command(p.binary, p.args...), began: time.Now(), ready: make(chan struct{})}
	out := &lifeOutput{process: p, life: l}
	l.cmd.Stdout, l.cmd.Stderr = out, out
	p.note(lifeBegins+" %d", p.lives)
	var err error
	l.ended, err = integration.StartTied(l.cmd, func() {
		p.note("the life ends after %s: %s", time.Since(l.began).Round(time.Millisecond), l.cmd.ProcessState)
	})
	if err != nil {
		return fmt.Errorf("start freshline: %w", err)
	}
	p.life = l
	return nil
}

// awaitReady waits until the present life has recovered.
func (p *process) awaitReady(ctx context.Context) error {
	select {
	case <-p.life.ready:
		return nil
	case <-p.life.ended:
		return fmt.Errorf("freshline is to be ready: %w", p.life.end())
	case <-ctx.Done():
		return fmt.Errorf("freshline is to be ready: %w", context.Cause(ctx))
	}
}

// end says how a life ended.
func (l *life) end() error { return fmt.Errorf("it ended by itself: %s", l.cmd.ProcessState) }

// kill ends the present life by SIGKILL. That it was gone before is an error.
func (p *process) kill() error {
	if p.life == nil {
		return nil
	}
	select {
	case <-p.life.ended:
		if p.life.killed {
			return nil
		}
		return p.life.end()
	default:
	}
	p.life.killed = true
	integration.KillTied(p.life.cmd)
	<-p.life.ended
	return nil
}

// stop ends the present life by SIGTERM, and wants it to end well.
func (p *process) stop(ctx context.Context) error {
	select {
	case <-p.life.ended:
		return p.life.end()
	default:
	}
	p.life.killed = true
	if err := p.life.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("ask freshline to stop: %w", err)
	}
	select {
	case <-p.life.ended:
	case <-ctx.Done():
		return fmt.Errorf("freshline was asked to stop: %w", context.Cause(ctx))
	}
	if code := p.life.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("freshline was asked to stop and ended with %s", p.life.cmd.ProcessState)
	}
	return nil
}

// running reports whether the present life goes on.
func (p *process) running() bool {
	if p.life == nil {
		return false
	}
	select {
	case <-p.life.ended:
		return false
	default:
		return true
	}
}

// pause freezes the process; resume lets it go on.
func (p *process) pause() error { return integration.Freeze(p.life.cmd) }

func (p *process) resume() error { return integration.Thaw(p.life.cmd) }

// instance is the instance id.
func (p *process) instance() string { return p.args[len(p.args)-1] }

// prepare brings the state of a dead process to what the next life is to find.
func (p *process) prepare(kind stateKind) error {
	p.note("the state is %s", kind)
	switch kind {
	case stateLost:
		return os.RemoveAll(p.state)
	case stateOlder:
		older := p.copied
		p.copied = fmt.Sprintf("%s-%d", p.state, p.lives)
		if err := os.CopyFS(p.copied, os.DirFS(p.state)); err != nil {
			return fmt.Errorf("copy the state: %w", err)
		}
		if older == "" {
			return nil
		}
		return errors.Join(os.RemoveAll(p.state), os.Rename(older, p.state))
	}
	return nil
}

// note puts a line of the test between those of the process.
func (p *process) note(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(&p.output, "--- %s "+format+"\n", append([]any{time.Now().UTC().Format("15:04:05.000")}, args...)...)
}

// written is what all lives have written so far.
func (p *process) written() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.String()
}

// lifeWritten is what the present life, or the last one, has written.
func (p *process) lifeWritten() string {
	text := p.written()
	return text[max(0, strings.LastIndex(text, lifeBegins)):]
}

// lifeOutput takes what one life writes, and looks for the line of readiness.
type lifeOutput struct {
	process *process
	life    *life
	tail    []byte // of the last line
	seen    bool
}

func (o *lifeOutput) Write(b []byte) (int, error) {
	o.process.mu.Lock()
	o.process.output.Write(b)
	o.process.mu.Unlock()
	if o.seen {
		return len(b), nil
	}
	o.tail = append(o.tail, b...)
	if bytes.Contains(o.tail, []byte(processReady)) {
		o.seen = true
		close(o.life.ready)
		return len(b), nil
	}
	if i := bytes.LastIndexByte(o.tail, '\n'); i >= 0 {
		o.tail = o.tail[i+1:]
	}
	return len(b), nil
}
