package integration

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// JarNodes is how many brokers a JarCluster has.
const JarNodes = 3

// jarClusterSettings make what is lost be noticed, and new topics be made, in seconds.
const jarClusterSettings = `auto.create.topics.enable=false
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
log.index.size.max.bytes=65536
`

// JarCluster is three brokers on loopback, each a process of its own that may be killed, paused and started again. They
// die with this process, on Linux however that ends. One goroutine uses it.
type JarCluster struct {
	dir   string
	port  int // of node 1; the others follow
	nodes [JarNodes + 1]*jarNode
}

// jarNode is the process of one broker.
type jarNode struct {
	cmd   *exec.Cmd
	ended <-chan struct{}
}

// FetchJars fetches what a JarCluster runs, unless it is cached, and returns its folder.
var FetchJars = fetchJars

// StartJarCluster starts a cluster of the jars in a folder, which Close ends and deletes. The brokers also listen where
// SideBrokers says, and send the clients that come there to the ports side, one for each, which follow each other.
func StartJarCluster(ctx context.Context, lib string, side int) (*JarCluster, error) {
	for try := 1; ; try++ {
		c, err := startJarCluster(ctx, lib, side)
		if err == nil {
			return c, nil
		}
		err = fmt.Errorf("start %d brokers from jars: %w", JarNodes, err)
		if try == portTries || !portTaken(err) {
			return nil, err
		}
	}
}

func startJarCluster(ctx context.Context, lib string, side int) (_ *JarCluster, err error) {
	c := &JarCluster{}
	if c.port, err = FreeBlock(3 * JarNodes); err != nil {
		return nil, err
	}
	if c.dir, err = os.MkdirTemp("", fmt.Sprintf("%s%d-", jarRunPrefix, os.Getpid())); err != nil {
		return nil, fmt.Errorf("make the brokers' folder: %w", err)
	}
	err = errors.Join(
		os.Symlink(lib, filepath.Join(c.dir, "lib")),
		os.WriteFile(c.script(), kafkaScript, 0o755),
		os.WriteFile(filepath.Join(c.dir, "overrides.properties"), []byte(jarClusterSettings), 0o644),
	)
	for n := 1; n <= JarNodes && err == nil; n++ {
		err = c.launch(n, "--nodes", strconv.Itoa(JarNodes), "--port", strconv.Itoa(c.port),
			"--controller-port", strconv.Itoa(c.port+JarNodes),
			"--side-port", strconv.Itoa(c.port+2*JarNodes), "--side-advertised", strconv.Itoa(side))
	}
	if err == nil {
		err = c.Await(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *JarCluster) script() string { return filepath.Join(c.dir, "kafka.sh") }

// Brokers are the addresses of the cluster.
func (c *JarCluster) Brokers() []string { return hostPorts(c.port) }

// SideBrokers are where it listens for clients that come by a proxy.
func (c *JarCluster) SideBrokers() []string { return hostPorts(c.port + 2*JarNodes) }

func hostPorts(first int) (addresses []string) {
	for i := range JarNodes {
		addresses = append(addresses, hostPort(first+i))
	}
	return addresses
}

// FreeBlock finds so many free ports that follow each other. It goes through a range that systems do not give to
// clients, so that none is taken by a connection while its broker is down.
func FreeBlock(n int) (first int, err error) {
	for first = 19200; first+n < 30000; first += n {
		if blockFree(first, n) {
			return first, nil
		}
	}
	return 0, fmt.Errorf("no %d free ports follow each other from 19200 to 30000", n)
}

func blockFree(first, n int) bool {
	for port := first; port < first+n; port++ {
		l, err := net.Listen("tcp", hostPort(port))
		if err != nil {
			return false
		}
		_ = l.Close()
	}
	return true
}

func (c *JarCluster) launch(n int, flags ...string) error {
	out, err := os.OpenFile(filepath.Join(c.dir, fmt.Sprintf("script-%d.log", n)), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("make the log of node %d: %w", n, err)
	}
	defer out.Close()
	node := &jarNode{cmd: exec.Command("bash", append([]string{c.script(), "run", c.dir, "--node", strconv.Itoa(n)}, flags...)...)}
	node.cmd.Stdout, node.cmd.Stderr = out, out
	node.cmd.Env = append(os.Environ(), "KAFKA_HEAP_OPTS=-Xms128m -Xmx512m")
	if node.ended, err = startTied(node.cmd, nil); err != nil {
		return fmt.Errorf("start node %d: %w", n, err)
	}
	c.nodes[n] = node
	return nil
}

// Kill ends a broker by SIGKILL.
func (c *JarCluster) Kill(n int) {
	killTied(c.nodes[n].cmd)
	<-c.nodes[n].ended
}

// Start starts a broker that was killed. It does not wait for it: Await does.
func (c *JarCluster) Start(n int) error { return c.launch(n) }

// Pause freezes a broker, and Resume lets it go on.
func (c *JarCluster) Pause(n int) error { return Freeze(c.nodes[n].cmd) }

// Resume ends a Pause.
func (c *JarCluster) Resume(n int) error { return Thaw(c.nodes[n].cmd) }

// Await waits until every broker answers and knows all, and every partition has all of its replicas in sync.
func (c *JarCluster) Await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, jarStartLimit)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(c.Brokers()...), kgo.DialTimeout(answerLimit), kgo.RequestRetries(0))
	if err != nil {
		return err
	}
	defer client.Close()
	return Eventually(ctx, "all brokers", func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, answerLimit)
		defer cancel()
		for i, seed := range client.SeedBrokers() {
			select {
			case <-c.nodes[i+1].ended:
				return hopeless{&exitError{code: c.nodes[i+1].cmd.ProcessState.ExitCode(), logs: c.log(i + 1)}}
			default:
			}
			req := kmsg.NewPtrMetadataRequest()
			req.Topics = nil // all of them
			res, err := req.RequestWith(ctx, seed)
			if err != nil {
				return fmt.Errorf("node %d: %w", i+1, err)
			}
			if len(res.Brokers) < JarNodes {
				return fmt.Errorf("node %d knows %d brokers", i+1, len(res.Brokers))
			}
			for _, t := range res.Topics {
				for _, p := range t.Partitions {
					if len(p.ISR) < len(p.Replicas) || p.Leader < 0 {
						return fmt.Errorf("node %d: topic %s, partition %d: leader %d, in sync %v", i+1, *t.Topic, p.Partition, p.Leader, p.ISR)
					}
				}
			}
		}
		return nil
	})
}

// Controller is the node that leads the quorum of controllers.
func (c *JarCluster) Controller(ctx context.Context, client *kgo.Client) (int, error) {
	req := kmsg.NewPtrDescribeQuorumRequest()
	topic := kmsg.NewDescribeQuorumRequestTopic()
	topic.Topic = "__cluster_metadata"
	topic.Partitions = append(topic.Partitions, kmsg.NewDescribeQuorumRequestTopicPartition())
	req.Topics = append(req.Topics, topic)
	res, err := req.RequestWith(ctx, client)
	if err != nil {
		return 0, fmt.Errorf("find the controller: %w", err)
	}
	for _, t := range res.Topics {
		for _, p := range t.Partitions {
			if p.LeaderID >= 1 && p.LeaderID <= JarNodes {
				return int(p.LeaderID), nil
			}
		}
	}
	return 0, fmt.Errorf("find the controller: the answer names none: %+v", res)
}

// log is what a broker has logged.
func (c *JarCluster) log(n int) (text string) {
	for _, name := range c.logNames(n) {
		b, _ := os.ReadFile(name)
		text += string(b)
	}
	return text
}

func (c *JarCluster) logNames(n int) []string {
	node := filepath.Join(c.dir, fmt.Sprintf("node-%d", n))
	return []string{filepath.Join(c.dir, fmt.Sprintf("script-%d.log", n)), filepath.Join(node, "console.log"), filepath.Join(node, "server.log")}
}

// CopyLogs copies the logs of the brokers into a folder.
func (c *JarCluster) CopyLogs(dir string) error {
	var errs []error
	for n := 1; n <= JarNodes; n++ {
		to, err := os.Create(filepath.Join(dir, fmt.Sprintf("broker-%d.log", n)))
		if err != nil {
			return err
		}
		_, err = io.WriteString(to, c.log(n))
		errs = append(errs, err, to.Close())
	}
	return errors.Join(errs...)
}

// Close kills the brokers and deletes all that they have written.
func (c *JarCluster) Close() error {
	for _, node := range c.nodes {
		if node != nil {
			killTied(node.cmd)
			<-node.ended
		}
	}
	if err := os.RemoveAll(c.dir); err != nil {
		return fmt.Errorf("delete the brokers' folder: %w", err)
	}
	return nil
}
