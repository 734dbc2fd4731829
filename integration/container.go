package integration

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
)

// ContainerLabel marks every container that this package starts, for example to remove by hand what a killed
// test process left behind: docker rm -f $(docker ps -aq --filter label=LABEL). Its value is the owner's host
// and process id, HOST/PID.
const ContainerLabel = "com.github.freshline.test"

// stopLimit is how long Stop waits before it kills.
const stopLimit = 30 * time.Second

// machine is a container with the faults that a test can cause. Not safe for concurrent use, except Logs.
type machine struct {
	ctr    *testcontainers.DockerContainer
	docker *testcontainers.DockerClient
	// ready waits until what runs inside works again after a start.
	ready func(context.Context) error
}

// runMachine creates and starts a container on the host's network. It does not wait for what runs in it.
func runMachine(ctx context.Context, docker *testcontainers.DockerClient, image string, opts ...testcontainers.ContainerCustomizer) (*machine, error) {
	removeOrphanedContainers(ctx, docker)
	opts = append(opts,
		testcontainers.WithLabels(map[string]string{ContainerLabel: owner()}),
		testcontainers.WithHostConfigModifier(func(h *container.HostConfig) { h.NetworkMode = "host" }),
	)
	ctr, err := testcontainers.Run(ctx, image, opts...)
	m := &machine{ctr: ctr, docker: docker}
	if err != nil {
		return nil, errors.Join(err, m.remove(ctx))
	}
	return m, nil
}

// Pause freezes all processes of the container: connections stay open and nothing answers.
func (m *machine) Pause(ctx context.Context) error {
	if _, err := m.docker.ContainerPause(ctx, m.id(), client.ContainerPauseOptions{}); err != nil {
		return fmt.Errorf("pause container: %w", err)
	}
	return nil
}

// Unpause lets them go on. What they do next may be seen a little later.
func (m *machine) Unpause(ctx context.Context) error {
	if _, err := m.docker.ContainerUnpause(ctx, m.id(), client.ContainerUnpauseOptions{}); err != nil {
		return fmt.Errorf("unpause container: %w", err)
	}
	return nil
}

// Kill sends SIGKILL and returns when the container has ended. Its disk is kept for Start.
// A paused container must be unpaused first.
func (m *machine) Kill(ctx context.Context) error {
	if _, err := m.docker.ContainerKill(ctx, m.id(), client.ContainerKillOptions{Signal: "KILL"}); err != nil {
		return fmt.Errorf("kill container: %w", err)
	}
	return Eventually(ctx, "the end of the killed container", func(ctx context.Context) error {
		err := m.alive(ctx)
		if err == nil {
			return errors.New("it still runs")
		}
		if _, ended := errors.AsType[*exitError](err); ended {
			return nil
		}
		return err
	})
}

// Stop sends SIGTERM and waits for the end; after 30 s it kills. Its disk is kept for Start.
func (m *machine) Stop(ctx context.Context) error {
	limit := stopLimit
	return m.ctr.Stop(ctx, &limit)
}

// Start starts the container again after Kill or Stop, on the same disk and ports, and waits until it is ready.
func (m *machine) Start(ctx context.Context) error {
	if err := m.ctr.Start(ctx); err != nil {
		return err
	}
	return m.ready(ctx)
}

// Logs is all that the container wrote since it was created, both streams.
func (m *machine) Logs(ctx context.Context) (string, error) {
	r, err := m.ctr.Logs(ctx)
	if err != nil {
		return "", fmt.Errorf("read container logs: %w", err)
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		return "", fmt.Errorf("read container logs: %w", err)
	}
	return string(text), nil
}

// Terminate kills the container and removes it with its disk. Calling it again does nothing.
func (m *machine) Terminate(ctx context.Context) error {
	if m.ctr == nil {
		return nil
	}
	err := m.remove(ctx)
	m.ctr = nil
	return errors.Join(err, m.docker.Close())
}

// remove also runs when ctx has ended: nothing may stay behind.
func (m *machine) remove(ctx context.Context) error {
	if m.ctr == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
	defer cancel()
	if err := m.ctr.Terminate(ctx, testcontainers.StopTimeout(0)); err != nil {
		return fmt.Errorf("remove container: %w", err)
	}
	return nil
}

func (m *machine) id() string {
	if m.ctr == nil {
		return ""
	}
	return m.ctr.GetContainerID()
}

// alive is nil while the container runs; it is an exitError once it has ended.
func (m *machine) alive(ctx context.Context) error {
	res, err := m.docker.ContainerInspect(ctx, m.id(), client.ContainerInspectOptions{})
	if err != nil {
		return fmt.Errorf("inspect container: %w", err)
	}
	state := res.Container.State
	if state == nil || state.Running {
		return nil
	}
	logs, err := m.Logs(ctx)
	if err != nil {
		logs = err.Error()
	}
	return &exitError{code: state.ExitCode, logs: logs}
}
