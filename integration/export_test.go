package integration

import "context"

// OnlyJars makes FindBroker pass over Docker, as on a machine without it.
func OnlyJars() BrokerOption {
	return func(f *finder) {
		f.container = func(context.Context) (*Kafka, error) { return nil, errNoDocker }
	}
}

// Compile is how StartFreshline builds the binary.
var Compile = compile
