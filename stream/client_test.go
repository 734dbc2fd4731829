package stream

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestClusterValidate(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.1:9092": "",
		"[::1]:9092":     "",
		"kafka":          "is not host:port",
		":9092":          "has no host",
		"kafka:0":        "not a number from 1 to 65535",
		"kafka:65536":    "not a number from 1 to 65535",
		"kafka:http":     "not a number from 1 to 65535",
	} {
		err := Cluster{Brokers: []string{address}}.Validate()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", address, err, want)
		}
	}
	if _, err := ParseBrokers(" , "); err == nil || !strings.Contains(err.Error(), "--brokers") {
		t.Errorf("no broker: got %v", err)
	}
	brokers, err := ParseBrokers("a:1, b:2,")
	if err != nil || strings.Join(brokers, " ") != "a:1 b:2" {
		t.Errorf("got %v, %v", brokers, err)
	}
}

func TestConnectNamesTheBrokerThatDoesNotAnswer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()

	_, err = Connect(testContext(t), Cluster{Brokers: []string{address}, ConnectTimeout: 300 * time.Millisecond, Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		t.Fatal("connected to a port where nobody listens")
	}
	for _, want := range []string{"cannot reach a Kafka broker at " + address, "tried for 300ms", "connection refused", "check --brokers"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error %q does not say %q", err, want)
		}
	}
}

func TestConnectEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("told to stop")
	cancel(cause)
	if _, err := Connect(ctx, Cluster{Brokers: []string{"127.0.0.1:1"}}); !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
}

// A connection that is accepted and closed is a service that is not Kafka, or a broker that starts.
func TestConnectToSomethingElse(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	_, err = Connect(testContext(t), Cluster{Brokers: []string{listener.Addr().String()}, ConnectTimeout: 300 * time.Millisecond})
	if err == nil || !strings.Contains(err.Error(), listener.Addr().String()) {
		t.Errorf("got %v", err)
	}
}

// A broker that is reached through a forwarded port and advertises another address.
func TestConnectNamesAnAdvertisedAddressThatCannotBeReached(t *testing.T) {
	b := testBroker(t, "")
	advertised := b.Brokers()[0]
	const seed = "kafka.example:9092"
	dial := func(ctx context.Context, network, host string) (net.Conn, error) {
		if host == advertised {
			return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("no route to host")}
		}
		return new(net.Dialer).DialContext(ctx, network, advertised)
	}
	client, err := kgo.NewClient(append(Cluster{Brokers: []string{seed}}.options(), kgo.Dialer(dial))...)
	if err == nil {
		defer client.Close()
		err = ping(testContext(t), client, Cluster{Brokers: []string{seed}, ConnectTimeout: 200 * time.Millisecond})
	}
	if err == nil || !strings.Contains(err.Error(), "advertised.listeners") || !strings.Contains(err.Error(), "no route to host") {
		t.Errorf("got %v", err)
	}
}

// hungUp is a connection whose other end closes it on the first read.
type hungUp struct{ net.Conn }

func (hungUp) Read([]byte) (int, error) { return 0, io.EOF }

// A broker that goes down may close a connection that it has just taken.
func TestAConnectionThatIsClosedAtOnceIsOpenedAgain(t *testing.T) {
	b := testBroker(t, "")
	dials := 0
	dial := func(ctx context.Context, network, host string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, host)
		if dials++; dials == 1 && err == nil {
			conn = hungUp{conn}
		}
		return conn, err
	}
	client, err := kgo.NewClient(append(b.Cluster().options(), kgo.Dialer(dial))...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := kmsg.NewPtrMetadataRequest().RequestWith(testContext(t), client); err != nil || dials < 2 {
		t.Errorf("after %d dials: %v", dials, err)
	}
}

func TestPing(t *testing.T) {
	b := testBroker(t, "")
	if err := Ping(testContext(t), b.Cluster()); err != nil {
		t.Error(err)
	}
}
