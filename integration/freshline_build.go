package integration

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/freshline/freshline/deploy"
	"github.com/testcontainers/testcontainers-go"
)

const freshlineCommand = "github.com/freshline/freshline/cmd/freshline"

// compiled keeps the binary for the life of the process: in memory, since a package has no end at which it
// could delete a file. A failure is not kept.
var compiled struct {
	sync.Mutex
	binary []byte
}

// freshlineBuild is the image of a binary, or of the one that is compiled where path is empty. The image is
// removed with its container.
func freshlineBuild(ctx context.Context, path string) (testcontainers.FromDockerfile, error) {
	var build testcontainers.FromDockerfile
	binary, err := readOrCompile(ctx, path)
	if err != nil {
		return build, err
	}
	archive, err := prebuiltContext(binary)
	if err != nil {
		return build, fmt.Errorf("pack the image of freshline: %w", err)
	}
	build.ContextArchive = bytes.NewReader(archive)
	return build, nil
}

func readOrCompile(ctx context.Context, path string) ([]byte, error) {
	if path != "" {
		binary, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read the binary of freshline: %w", err)
		}
		return binary, nil
	}
	compiled.Lock()
	defer compiled.Unlock()
	if compiled.binary == nil {
		binary, err := compile(ctx, freshlineCommand)
		if err != nil {
			return nil, err
		}
		compiled.binary = binary
	}
	return compiled.binary, nil
}

// compile builds a static binary of a package for Linux.
func compile(ctx context.Context, pkg string) (binary []byte, err error) {
	dir, err := os.MkdirTemp("", "freshline-build-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the binary: %w", err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "freshline")
	// Without the revision: git refuses to tell it in a tree of another user.
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-o", path, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+runtime.GOARCH)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("compile %s: %w: %s", pkg, err, lastLines(string(out), 8))
	}
	if binary, err = os.ReadFile(path); err != nil {
		return nil, fmt.Errorf("read the binary of freshline: %w", err)
	}
	return binary, nil
}

// prebuiltContext is the build context that deploy/Dockerfile.prebuilt asks for.
func prebuiltContext(binary []byte) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, entry := range []struct {
		header tar.Header
		data   []byte
	}{
		{header: tar.Header{Typeflag: tar.TypeReg, Name: "Dockerfile", Mode: 0o644}, data: deploy.PrebuiltDockerfile},
		{header: tar.Header{Typeflag: tar.TypeReg, Name: "freshline", Mode: 0o755}, data: binary},
		{header: tar.Header{Typeflag: tar.TypeDir, Name: "state/", Mode: 0o700}},
	} {
		entry.header.Size = int64(len(entry.data))
		if err := w.WriteHeader(&entry.header); err != nil {
			return nil, err
		}
		if _, err := w.Write(entry.data); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
