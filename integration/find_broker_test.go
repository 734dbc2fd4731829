package integration

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
)

// TestFindBrokerOrder goes through every way to end, with no broker but the embedded one.
func TestFindBrokerOrder(t *testing.T) {
	noDocker := fmt.Errorf("start kafka: %w: no socket", errNoDocker)
	noImage := fmt.Errorf("start kafka: %w: pull x:\n\tno route", errNoImage)
	noJava := errors.New("no java found")
	for name, c := range map[string]struct {
		env    map[string]string
		short  bool
		named  error
		docker error
		jars   error
		kind   BrokerKind
		line   string // part of String
		err    string // part of the error
	}{
		"named": {
			env:  map[string]string{"FRESHLINE_TEST_BROKERS": " a:1, b:2", "FRESHLINE_TEST_KAFKA": "required"},
			kind: NamedBroker, line: "a real Kafka: brokers of FRESHLINE_TEST_BROKERS at a:1,b:2",
		},
		"named but silent": {
			env:   map[string]string{"FRESHLINE_TEST_BROKERS": "a:1"},
			named: errors.New("silence"), err: "the brokers that FRESHLINE_TEST_BROKERS names: silence",
		},
		"named with nothing in it": {
			env: map[string]string{"FRESHLINE_TEST_BROKERS": ","}, err: "it names no broker",
		},
		"container": {kind: ContainerBroker, line: "a real Kafka: a container of image at k:1"},
		"container of an image that is asked for and not there": {
			env:    map[string]string{"FRESHLINE_TEST_KAFKA_IMAGE": "x"},
			docker: noImage, err: "the image that FRESHLINE_TEST_KAFKA_IMAGE names: start kafka: no image",
		},
		"jars, since no image can be pulled": {
			docker: noImage, kind: JarsBroker,
			line: "a broker from Maven Central's jars at 127.0.0.1:7 (docker: start kafka: no image: pull x: no route)",
		},
		"jars, since there is no daemon for the image": {
			env:    map[string]string{"FRESHLINE_TEST_KAFKA_IMAGE": "x", "FRESHLINE_TEST_KAFKA": "required"},
			docker: noDocker, kind: JarsBroker, line: "(docker: start kafka: no Docker daemon answers: no socket)",
		},
		"none": {
			docker: noDocker, jars: noJava, kind: EmbeddedBroker,
			line: "no real Kafka found (FRESHLINE_TEST_BROKERS unset; docker: start kafka: no Docker daemon answers: no socket; " +
				"java: no java found): integration tests run on the embedded broker; left out: faults",
		},
		"none but required": {
			env:    map[string]string{"FRESHLINE_TEST_KAFKA": "required"},
			docker: noDocker, jars: noJava, err: "install bash, Java >= 17 and Maven",
		},
		"short": {
			env:   map[string]string{"FRESHLINE_TEST_BROKERS": "a:1"},
			short: true, kind: EmbeddedBroker, line: "no real Kafka looked for (-short): integration tests run on the embedded broker",
		},
		"short but required": {
			env: map[string]string{"FRESHLINE_TEST_KAFKA": "required"}, short: true,
			err: "FRESHLINE_TEST_KAFKA=required and -short contradict each other",
		},
		"a value that means nothing": {
			env: map[string]string{"FRESHLINE_TEST_KAFKA": "yes"}, err: `FRESHLINE_TEST_KAFKA is "yes"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := &finder{
				short:   c.short,
				leftOut: "faults",
				getenv:  func(name string) string { return c.env[name] },
				named:   func(context.Context, []string) error { return c.named },
				container: func(context.Context) (*Kafka, error) {
					return &Kafka{image: "image", broker: "k:1"}, c.docker
				},
				jars:     func(context.Context) (*jarKafka, error) { return &jarKafka{port: 7}, c.jars },
				embedded: func() (*kfake.Cluster, error) { return kfake.NewCluster(kfake.NumBrokers(1)) },
			}
			b, err := f.find(t.Context())
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("want an error with %q, got %v, %v", c.err, b, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if b.Kind() == EmbeddedBroker {
				defer b.Close(t.Context())
			}
			if b.Kind() != c.kind || !strings.Contains(b.String(), c.line) || strings.Contains(b.String(), "\n") {
				t.Errorf("want %s: %s\ngot %s: %s", c.kind, c.line, b.Kind(), b)
			}
		})
	}
}

func TestReasonIsShort(t *testing.T) {
	got := reason(errors.New(strings.Repeat("ä", 2*reasonLength)))
	if len(got) > reasonLength+len("…") || !strings.HasSuffix(got, "ä…") {
		t.Errorf("%d bytes, ending in %q", len(got), got[len(got)-8:])
	}
}

func TestSettingVariable(t *testing.T) {
	for name, want := range map[string]string{
		"log.dirs":    "KAFKA_LOG_DIRS",
		"a_b.c-d":     "KAFKA_A__B_C___D",
		"replica.lag": "KAFKA_REPLICA_LAG",
	} {
		if got := settingVariable(name); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}
