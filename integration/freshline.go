package integration

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/testcontainers/testcontainers-go"
)

const (
	// freshlineReady is in the line of its log with which Freshline says that it has recovered and works.
	freshlineReady = "freshline is ready"
	// freshlineStartLimit bounds one start, with recovery.
	freshlineStartLimit = 3 * time.Minute
	// freshlineState is where the binary keeps its state: a volume of the container, kept over Kill and Start.
	freshlineState = "/state"
)

// Freshline is one `freshline run` in a container.
type Freshline struct {
	machine
	namespace string
	instance  string
	// starts is how many times it has said that it is ready.
	starts int
}

// StartFreshline runs the binary against brokers and returns when it is ready:
//
//	freshline run --brokers B --namespace NS --state /state --instance-id ID
//
// B is comma separated; the options say what NS and ID are, and may add more. It is ready when a line of its
// log holds "freshline is ready". The image is nothing but the static binary (deploy/Dockerfile.prebuilt), run
// as user 65532 on the host's network: two in one test need different ports for whatever they listen on.
//
// The binary is built once per process, by the go command, from the module as the working directory sees it: in
// another module than Freshline's own that takes a go.mod that knows all that the binary needs
// (go get -tool github.com/freshline/freshline/cmd/freshline); [FreshlineBinary] and [FreshlineImage] do
// without. The caller calls Terminate.
func StartFreshline(ctx context.Context, brokers []string, opts ...FreshlineOption) (*Freshline, error) {
	cfg := freshlineConfig{namespace: "freshline", instance: "freshline-1"}
	for _, opt := range opts {
		opt(&cfg)
	}
	if err := cfg.check(brokers); err != nil {
		return nil, fmt.Errorf("start freshline: %w", err)
	}
	docker, err := connectDocker(ctx)
	if err != nil {
		return nil, fmt.Errorf("start freshline: %w", err)
	}
	f, err := startFreshline(ctx, docker, brokers, cfg)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start freshline: %w", err), docker.Close())
	}
	return f, nil
}

func startFreshline(ctx context.Context, docker *testcontainers.DockerClient, brokers []string, cfg freshlineConfig) (*Freshline, error) {
	args := append([]string{
		"run",
		"--brokers", strings.Join(brokers, ","),
		"--namespace", cfg.namespace,
		"--state", freshlineState,
		"--instance-id", cfg.instance,
	}, cfg.args...)
	opts := []testcontainers.ContainerCustomizer{testcontainers.WithCmd(args...), testcontainers.WithEnv(cfg.env)}
	if cfg.image == "" {
		build, err := freshlineBuild(ctx, cfg.binary)
		if err != nil {
			return nil, err
		}
		opts = append(opts, testcontainers.WithDockerfile(build))
	} else if err := needImage(ctx, docker, cfg.image); err != nil {
		return nil, err
	}
	m, err := runMachine(ctx, docker, cfg.image, opts...)
	if err != nil {
		return nil, err
	}
	f := &Freshline{machine: *m, namespace: cfg.namespace, instance: cfg.instance}
	f.machine.ready = f.awaitReady
	if err := f.awaitReady(ctx); err != nil {
		return nil, errors.Join(err, f.remove(ctx))
	}
	return f, nil
}

// Namespace is what the names of its topics and groups begin with.
func (f *Freshline) Namespace() string { return f.namespace }

// InstanceID is its name in the group.
func (f *Freshline) InstanceID() string { return f.instance }

// awaitReady counts the lines, since the log of a container goes on over Kill and Start.
func (f *Freshline) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, freshlineStartLimit)
	defer cancel()
	return Eventually(ctx, "freshline to be ready", func(ctx context.Context) error {
		// Asked before the log is read: what an ended process has written is all there.
		ended := f.alive(ctx)
		logs, err := f.Logs(ctx)
		if err != nil {
			return err
		}
		if n := strings.Count(logs, freshlineReady); n > f.starts {
			f.starts = n
			return nil
		}
		if _, ok := errors.AsType[*exitError](ended); ok {
			return hopeless{ended}
		}
		return fmt.Errorf("no line %q yet; the last is: %s", freshlineReady, lastLines(logs, 1))
	})
}
