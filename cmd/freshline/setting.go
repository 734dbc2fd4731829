package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/freshline/freshline/stream"
)

// setting is one setting: its names, its default, its doc and its check.
type setting struct {
	name  string // as in freshline.toml; the flag has '-' for '_', the variable is FRESHLINE_ and the name in capitals
	short string // one letter, may be ""
	def   string
	doc   string // the help of the flag; the word in back quotes stands for the value
	path  bool   // of a file or folder: relative to the freshline.toml that has it
	check func(text string) error
}

// settingTable has every setting, in the order of listings.
var settingTable = []setting{
	{name: "output", short: "o", doc: "`format`: table, json or jsonl; by default a table on a terminal, JSON lines in a pipe", check: checkFormat},
	{name: "brokers", doc: "Kafka brokers to start from, `host:port,...`", check: func(text string) error {
		_, err := stream.ParseBrokers(text)
		return err
	}},
	{name: "namespace", def: string(stream.DefaultNamespace), doc: "`name` of the deployment: its topics and groups begin with it", check: func(text string) error {
		_, err := stream.ParseNamespace(text)
		return err
	}},
	{name: "connect_timeout", def: stream.DefaultConnectTimeout.String(), doc: "how long to try to reach a broker, a `duration`", check: durationFrom(100*time.Millisecond, 10*time.Minute)},
	{name: "schema_registry", doc: "`url,...` of a Confluent schema registry; without one schemas are in the schema topic", check: checkRegistry},
	{name: "state", doc: "`dir` of the state; without it the state is in memory, and read from Kafka at every start", path: true},
	{name: "instance_id", doc: "`name` of this process among those of the namespace; default the host name", check: checkInstanceID},
	{name: "on_stop", def: stream.StopLeave.String(), doc: "what a process that is stopped does with its share of the work, `leave` it to others at once, or stay: keep it for a restart with the same instance id within 20 s", check: func(text string) error {
		_, err := stream.ParseStopMode(text)
		return err
	}},
	{name: "commit_interval", def: "100ms", doc: "how long an epoch lasts under load, a `duration`", check: durationFrom(10*time.Millisecond, 5*time.Second)},
	{name: "hold", doc: "how long work that may be about to change is held back, a `duration` for each step through the topic of rows; by default two commit intervals", check: durationFrom(time.Millisecond, time.Minute)},
	{name: "log_level", def: "info", doc: "the least `level` that is logged: debug, info, warn or error", check: func(text string) error {
		_, err := parseLevel(text)
		return err
	}},
	{name: "http", def: "127.0.0.1:0", doc: "`host:port` at which the process answers explain and status; port 0 takes a free one; off: nowhere", check: checkListen},
	{name: "http_advertise", doc: "`host:port` by which other processes and commands reach --http; default what it listens on", check: checkHostPort},
	{name: "data", doc: "`dir` that keeps topics and state over a restart; without it all is in memory", path: true},
	{name: "port", def: "0", doc: "`port` of the embedded broker on 127.0.0.1; 0 takes a free one", check: numberFrom(0, 65535)},
	{name: "graph", doc: "graph `file`, YAML or JSON", path: true},
	{name: "partitions", def: "0", doc: "`number` of partitions of internal and staleness topics that are made, for good; 0 takes that of the rows topic, else " + strconv.Itoa(stream.DefaultPartitions), check: numberFrom(0, 10_000)},
	{name: "sample_partitions", def: "0", doc: "`number` of partitions of sample topics that are made; 0 takes " + strconv.Itoa(stream.DefaultPartitions), check: numberFrom(0, 10_000)},
	{name: "replication_factor", def: "0", doc: "`number` of replicas of topics that are made; 0 takes the broker's default", check: numberFrom(0, 100)},
}

// Settings that go together.
var (
	clusterSettings = []string{"brokers", "namespace", "connect_timeout"}
	recordSettings  = append([]string{"schema_registry"}, clusterSettings...) // of who reads or writes Avro records
	topicSettings   = []string{"partitions", "sample_partitions", "replication_factor"}
)

func settingNamed(name string) *setting {
	for i := range settingTable {
		if settingTable[i].name == name {
			return &settingTable[i]
		}
	}
	panic("no setting " + name)
}

// flag is the name of the flag, without dashes.
func (s *setting) flag() string { return strings.ReplaceAll(s.name, "_", "-") }

// variable is the name of the environment variable.
func (s *setting) variable() string { return variablePrefix + strings.ToUpper(s.name) }

func addFlag(flags *pflag.FlagSet, s *setting) {
	flags.StringP(s.flag(), s.short, "", s.doc)
	f := flags.Lookup(s.flag())
	f.DefValue = s.def
	if s.def == "0" { // the doc says what it stands for
		f.DefValue = ""
	}
}

func durationFrom(least, most time.Duration) func(string) error {
	return func(text string) error {
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("%q is no duration; write it like 100ms or 2s", text)
		}
		if d < least || d > most {
			return fmt.Errorf("%s is not from %s to %s", text, least, most)
		}
		return nil
	}
}

func numberFrom(least, most int) func(string) error {
	return func(text string) error {
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("%q is no number", text)
		}
		if n < least || n > most {
			return fmt.Errorf("%d is not from %d to %d", n, least, most)
		}
		return nil
	}
}

// checkInstanceID refuses what would not do in a transactional id or a group.instance.id.
func checkInstanceID(text string) error {
	if len(text) > 200 {
		return fmt.Errorf("has %d bytes, at most 200 are allowed", len(text))
	}
	for _, r := range text {
		if r <= ' ' || r > '~' {
			return fmt.Errorf("%q has the character %q; use letters, digits, '.', '_' and '-'", text, r)
		}
	}
	return nil
}

// checkListen refuses what is no address to listen at.
func checkListen(text string) error {
	if text == httpOff {
		return nil
	}
	_, port, err := net.SplitHostPort(text)
	if n, wrong := strconv.Atoi(port); err != nil || wrong != nil || n < 0 || n > 65535 {
		return fmt.Errorf("%q is no address; write it like 127.0.0.1:8090, or off", text)
	}
	return nil
}

// checkHostPort refuses what is no address to be reached at.
func checkHostPort(text string) error {
	host, port, err := net.SplitHostPort(text)
	if n, wrong := strconv.Atoi(port); err != nil || wrong != nil || host == "" || n < 1 || n > 65535 || len(text) > 300 {
		return fmt.Errorf("%q is no address; write it like freshline-1.example:8090", text)
	}
	return nil
}

func checkRegistry(text string) error {
	for address := range strings.SplitSeq(text, ",") {
		u, err := url.Parse(address)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			return fmt.Errorf("%q is no address; write it like http://127.0.0.1:8081", address)
		}
	}
	return nil
}

func parseLevel(text string) (slog.Level, error) {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
	level, ok := levels[text]
	if !ok {
		return 0, errors.New("write debug, info, warn or error" + didYouMean(text, []string{"debug", "info", "warn", "error"}))
	}
	return level, nil
}
