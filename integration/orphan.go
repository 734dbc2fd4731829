package integration

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
)

// A test process that is killed, or that go test ends for its timeout, cannot clean up. The next one does, on
// Linux: what it left carries its host and process id.

// owner is this process, as the value of ContainerLabel.
func owner() string {
	// The name may be unknown; then it is so for the next process, too.
	host, _ := os.Hostname()
	return fmt.Sprintf("%s/%d", host, os.Getpid())
}

// ownerEnded tells whether an owner was a process of this host and is no more. A daemon may serve several hosts
// or containers, whose processes we do not see.
func ownerEnded(value string) bool {
	host, _ := os.Hostname()
	at, id, _ := strings.Cut(value, "/")
	pid, err := strconv.Atoi(id)
	return err == nil && at == host && pid > 0 && processEnded(pid)
}

// removeOrphanedContainers is a courtesy: an error is none of the caller's.
func removeOrphanedContainers(ctx context.Context, docker *testcontainers.DockerClient) {
	list, err := docker.ContainerList(ctx, client.ContainerListOptions{
		All: true, Filters: make(client.Filters).Add("label", ContainerLabel),
	})
	if err != nil {
		return
	}
	for _, c := range list.Items {
		if ownerEnded(c.Labels[ContainerLabel]) {
			_, _ = docker.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		}
	}
}

// removeOrphanedJarRuns deletes the folders of brokers whose owner has ended.
// What cannot be deleted is another user's, and stays.
func removeOrphanedJarRuns(dir string) {
	runs, err := filepath.Glob(filepath.Join(dir, jarRunPrefix+"*-*"))
	if err != nil {
		return
	}
	for _, run := range runs {
		id, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(run), jarRunPrefix), "-")
		pid, err := strconv.Atoi(id)
		if err == nil && pid > 0 && processEnded(pid) {
			_ = os.RemoveAll(run)
		}
	}
}
