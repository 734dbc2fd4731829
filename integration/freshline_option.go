package integration

import (
	"errors"
	"fmt"
)

// FreshlineOption changes what [StartFreshline] runs.
type FreshlineOption func(*freshlineConfig)

type freshlineConfig struct {
	namespace string
	instance  string
	image     string
	binary    string
	args      []string
	env       map[string]string
}

func (c *freshlineConfig) check(brokers []string) error {
	if len(brokers) == 0 {
		return errors.New("no brokers are given")
	}
	if c.image != "" && c.binary != "" {
		return fmt.Errorf("FreshlineImage %s and FreshlineBinary %s contradict each other: give one", c.image, c.binary)
	}
	return nil
}

// FreshlineNamespace is the deployment's namespace, "freshline" by default.
func FreshlineNamespace(ns string) FreshlineOption {
	return func(c *freshlineConfig) { c.namespace = ns }
}

// FreshlineInstance is the instance id, "freshline-1" by default. Each of several processes in one namespace
// needs its own: two with the same fence each other.
func FreshlineInstance(id string) FreshlineOption {
	return func(c *freshlineConfig) { c.instance = id }
}

// FreshlineArgs adds flags to the command line.
func FreshlineArgs(args ...string) FreshlineOption {
	return func(c *freshlineConfig) { c.args = append(c.args, args...) }
}

// FreshlineEnv sets a variable of the container's environment.
func FreshlineEnv(name, value string) FreshlineOption {
	return func(c *freshlineConfig) {
		if c.env == nil {
			c.env = map[string]string{}
		}
		c.env[name] = value
	}
}

// FreshlineBinary takes a binary that is there instead of building one. It must be static and for Linux.
func FreshlineBinary(path string) FreshlineOption {
	return func(c *freshlineConfig) { c.binary = path }
}

// FreshlineImage takes an image that is there, or can be pulled, instead of building one.
func FreshlineImage(ref string) FreshlineOption {
	return func(c *freshlineConfig) { c.image = ref }
}
