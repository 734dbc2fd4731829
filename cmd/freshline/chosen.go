package main

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"github.com/freshline/freshline/stream"
)

// chosen is the value of a setting and where it was set.
type chosen struct {
	text   string
	origin string // such as --brokers, FRESHLINE_BROKERS or /etc/freshline.toml: brokers; "" for the default
	flag   bool
}

// resolve chooses the values of settings: flags, else variables, else freshline.toml, else the default. The file is
// checked whole, of the variables those that are used.
func (c *cli) resolve(flags *pflag.FlagSet, names []string) error {
	if name := c.env.unknown(); name != "" {
		var known []string
		for _, s := range settingTable {
			known = append(known, s.variable())
		}
		return &usageError{text: fmt.Sprintf("environment variable %s is no setting%s", name, didYouMean(name, known)), hint: "unset it, or correct its name"}
	}
	dir, err := os.Getwd()
	if err != nil {
		return fmt.Errorf("find the working directory: %w", err)
	}
	file, err := findSettingsFile(dir)
	if err != nil {
		return err
	}
	c.settings = make(map[string]chosen, len(names))
	for _, name := range names {
		s := settingNamed(name)
		v := chosen{text: s.def}
		if value, ok := file[name]; ok {
			v = value
		}
		if text := c.env[s.variable()]; text != "" {
			v = chosen{text: text, origin: s.variable()}
		}
		if f := flags.Lookup(s.flag()); f.Changed {
			v = chosen{text: f.Value.String(), origin: "--" + s.flag(), flag: true}
		}
		if err := v.check(s); err != nil {
			return err
		}
		c.settings[name] = v
	}
	return nil
}

// check refuses a value that the setting does not take.
func (v chosen) check(s *setting) error {
	if v.origin == "" || s.check == nil {
		return nil
	}
	if err := s.check(v.text); err != nil {
		return &usageError{text: fmt.Sprintf("%s: %s", v.origin, err)}
	}
	return nil
}

func (c *cli) text(name string) string {
	v, ok := c.settings[name]
	if !ok {
		panic("the command does not use the setting " + name)
	}
	return v.text
}

// number is the value of a setting that numberFrom has checked.
func (c *cli) number(name string) int {
	n, _ := strconv.Atoi(c.text(name))
	return n
}

// duration is the value of a setting that durationFrom has checked.
func (c *cli) duration(name string) time.Duration {
	d, _ := time.ParseDuration(c.text(name))
	return d
}

// hasCluster says whether brokers are named.
func (c *cli) hasCluster() bool { return c.text("brokers") != "" }

// cluster is how to reach Kafka.
func (c *cli) cluster() (stream.Cluster, error) {
	if !c.hasCluster() {
		return stream.Cluster{}, &usageError{
			text: "no Kafka broker is named",
			hint: "give --brokers host:port, set FRESHLINE_BROKERS, or write brokers = \"host:port\" in freshline.toml",
		}
	}
	brokers, err := stream.ParseBrokers(c.text("brokers"))
	return stream.Cluster{Brokers: brokers, ConnectTimeout: c.duration("connect_timeout")}, err
}

func (c *cli) namespace() stream.Namespace { return stream.Namespace(c.text("namespace")) }

func (c *cli) topicOptions() stream.TopicOptions {
	return stream.TopicOptions{
		Partitions:        c.number("partitions"),
		SamplePartitions:  c.number("sample_partitions"),
		ReplicationFactor: c.number("replication_factor"),
	}
}
