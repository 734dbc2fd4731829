package integration

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/pkg/authconfig"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
)

const (
	ryukVariable = "TESTCONTAINERS_RYUK_DISABLED"
	// dockerLimit bounds the question whether a daemon answers.
	dockerLimit = 10 * time.Second
	// pullLimit bounds the pull of an image; without a registry it fails much sooner.
	pullLimit = 10 * time.Minute
)

var (
	// errNoDocker is returned where no Docker daemon answers.
	errNoDocker = errors.New("no Docker daemon answers")
	// errNoImage is returned where an image is neither here nor can be pulled.
	errNoImage = errors.New("no image")
)

// connectDocker finds the daemon as testcontainers does (DOCKER_HOST, contexts, the usual sockets).
func connectDocker(ctx context.Context) (*testcontainers.DockerClient, error) {
	// testcontainers reads its settings once: this must come before its first use.
	if _, set := os.LookupEnv(ryukVariable); !set {
		if err := os.Setenv(ryukVariable, "true"); err != nil {
			return nil, fmt.Errorf("switch Ryuk off: %w", err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, dockerLimit)
	defer cancel()
	docker, err := testcontainers.NewDockerClientWithOpts(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoDocker, err)
	}
	return docker, nil
}

// needImage pulls an image unless it is here. One try: testcontainers' own pull goes on for a quarter of an
// hour where no registry can be reached.
func needImage(ctx context.Context, docker *testcontainers.DockerClient, image string) error {
	_, err := docker.ImageInspect(ctx, image)
	switch {
	case err == nil:
		return nil
	case !errdefs.IsNotFound(err):
		return fmt.Errorf("inspect image %s: %w", image, err)
	}
	ctx, cancel := context.WithTimeout(ctx, pullLimit)
	defer cancel()
	var opts client.ImagePullOptions
	// No credentials are needed for public images: their lack is told by the pull.
	if _, auth, err := testcontainers.DockerImageAuth(ctx, image); err == nil {
		if opts.RegistryAuth, err = authconfig.Encode(auth); err != nil {
			return fmt.Errorf("encode registry credentials: %w", err)
		}
	}
	pull, err := docker.ImagePull(ctx, image, opts)
	if err != nil {
		return fmt.Errorf("%w: pull %s: %w", errNoImage, image, err)
	}
	defer pull.Close()
	if err := pull.Wait(ctx); err != nil {
		return fmt.Errorf("%w: pull %s: %w", errNoImage, image, err)
	}
	return nil
}
