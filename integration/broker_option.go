package integration

// BrokerOption changes how [FindBroker] looks.
type BrokerOption func(*finder)

// OnlyEmbedded makes [FindBroker] look for nothing if only is true; meant for testing.Short().
func OnlyEmbedded(only bool) BrokerOption {
	return func(f *finder) { f.short = only }
}

// LeftOut says, for [Broker.String], what is not tested where no real Kafka was found.
func LeftOut(what string) BrokerOption {
	return func(f *finder) { f.leftOut = what }
}
