package integration_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/freshline/freshline/integration"
	"github.com/testcontainers/testcontainers-go/log"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
)

// broker serves all tests of this package: see namespace.
var broker *integration.Broker

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(runTests(m))
}

func runTests(m *testing.M) (code int) {
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	if !testing.Verbose() {
		log.SetDefault(log.NewNoopLogger())
	}
	var err error
	broker, err = integration.FindBroker(ctx, integration.OnlyEmbedded(testing.Short()))
	if err != nil {
		return fail(err)
	}
	broker.Announce()
	code = m.Run()
	if err := broker.Close(context.WithoutCancel(ctx)); err != nil {
		return fail(err)
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			return fail(err)
		}
	}
	return code
}

// deadline is a context that ends with the test, and after d at the latest.
func deadline(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// namespace is the test's own on the shared broker, and on one that outlives this run.
func namespace(t *testing.T) string {
	t.Helper()
	name := strings.Map(func(r rune) rune {
		if r == '/' || r == '#' {
			return '-'
		}
		return r
	}, strings.ToLower(t.Name()))
	return fmt.Sprintf("%s-%d", name, time.Now().UnixNano())
}

// needReal skips a test of what the embedded broker cannot show.
func needReal(t *testing.T) {
	t.Helper()
	if !broker.Real() {
		t.Skip("needs a real Kafka")
	}
}

// needContainers skips a test that starts containers where the shared broker is none.
func needContainers(t *testing.T) {
	t.Helper()
	if broker.Kind() != integration.ContainerBroker {
		t.Skipf("needs containers, runs on a broker of kind %s", broker.Kind())
	}
}

func newClient(t *testing.T, seeds []string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(seeds...)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}
