package integration

import (
	"context"
	_ "embed" // kafka.sh
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

//go:embed kafka.sh
var kafkaScript []byte

const (
	// jarsFolder, in the user's cache, holds the jars: about 45 MB, fetched once.
	jarsFolder = "freshline-test-kafka"
	// jarRunPrefix and the number of the owning process begin the name of a broker's folder.
	jarRunPrefix = "freshline-kafka-"
	// jarFetchLimit bounds Maven, which is slow to give up where no repository can be reached.
	jarFetchLimit = 3 * time.Minute
	// jarStartLimit bounds one start, about 3 s on an idle machine.
	jarStartLimit = 90 * time.Second
)

// jarKafka is a broker that runs as a child of this process, from Maven Central's jars, through kafka.sh. On
// Linux it dies with this process however that ends.
type jarKafka struct {
	dir  string // its data, configuration and logs; deleted by close
	port int
	cmd  *exec.Cmd
	// ended is closed after the child has been waited for.
	ended <-chan struct{}
}

// startJars fetches the jars unless they are cached, and starts a broker that close stops.
func startJars(ctx context.Context) (*jarKafka, error) {
	removeOrphanedJarRuns(os.TempDir())
	lib, err := fetchJars(ctx)
	if err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		k, err := startJarRun(ctx, lib)
		if err == nil {
			return k, nil
		}
		if try == portTries || !portTaken(err) {
			return nil, fmt.Errorf("start kafka from jars: %w", err)
		}
	}
}

// fetchJars returns the folder of the jars. Several processes may fetch at once: the script locks the folder.
func fetchJars(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the folder for jars: %w", err)
	}
	dir := filepath.Join(cache, jarsFolder)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make the folder for jars: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, jarFetchLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", string(kafkaScript), "kafka.sh", "install", dir)
	// Maven may outlive the killed script and keep its pipes open.
	cmd.WaitDelay = time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return "", fmt.Errorf("fetch kafka's jars: %w: %s", err, lastLines(string(out), 1))
	}
	return filepath.Join(dir, "lib"), nil
}

func startJarRun(ctx context.Context, lib string) (_ *jarKafka, err error) {
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	k := &jarKafka{port: ports[0]}
	if k.dir, err = os.MkdirTemp("", fmt.Sprintf("%s%d-", jarRunPrefix, os.Getpid())); err != nil {
		return nil, fmt.Errorf("make the broker's folder: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(k.dir))
		}
	}()
	if err := os.Symlink(lib, filepath.Join(k.dir, "lib")); err != nil {
		return nil, fmt.Errorf("link the jars: %w", err)
	}
	script := filepath.Join(k.dir, "kafka.sh")
	if err := os.WriteFile(script, kafkaScript, 0o755); err != nil {
		return nil, fmt.Errorf("write kafka.sh: %w", err)
	}
	out, err := os.Create(filepath.Join(k.dir, "script.log"))
	if err != nil {
		return nil, fmt.Errorf("make the script's log: %w", err)
	}
	defer out.Close()

	k.cmd = exec.Command("bash", script, "run", k.dir, "--port", strconv.Itoa(ports[0]),
		"--controller-port", strconv.Itoa(ports[1]), "--set", "auto.create.topics.enable=false")
	k.cmd.Stdout, k.cmd.Stderr = out, out
	if k.ended, err = startTied(k.cmd, nil); err != nil {
		return nil, fmt.Errorf("run kafka.sh: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, jarStartLimit)
	defer cancel()
	if err := awaitAnswer(ctx, k.brokers(), k.alive); err != nil {
		return nil, errors.Join(err, k.close(context.WithoutCancel(ctx)))
	}
	return k, nil
}

func (k *jarKafka) brokers() []string { return []string{hostPort(k.port)} }

// alive is an exitError once the broker has ended.
func (k *jarKafka) alive(context.Context) error {
	select {
	case <-k.ended:
	default:
		return nil
	}
	var logs strings.Builder
	for _, name := range []string{"script.log", "node-1/console.log", "node-1/server.log"} {
		text, err := os.ReadFile(filepath.Join(k.dir, name))
		if err == nil {
			logs.Write(text)
		}
	}
	return &exitError{code: k.cmd.ProcessState.ExitCode(), logs: logs.String()}
}

// close kills the broker and deletes its folder: nobody will read its data again, so it needs no goodbye.
func (k *jarKafka) close(context.Context) error {
	killTied(k.cmd)
	<-k.ended
	if err := os.RemoveAll(k.dir); err != nil {
		return fmt.Errorf("delete the broker's folder: %w", err)
	}
	return nil
}
