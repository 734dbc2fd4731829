package integration

// KafkaOption changes what [StartKafka] starts.
type KafkaOption func(*kafkaConfig)

type kafkaConfig struct {
	image    string
	settings map[string]string
}

// KafkaImage names the image, before FRESHLINE_TEST_KAFKA_IMAGE and [DefaultKafkaImage].
func KafkaImage(ref string) KafkaOption {
	return func(c *kafkaConfig) { c.image = ref }
}

// KafkaSetting sets one line of server.properties, for example broker.session.timeout.ms. It wins over what
// [StartKafka] sets itself; listeners and ports are better left alone.
func KafkaSetting(name, value string) KafkaOption {
	return func(c *kafkaConfig) { c.settings[name] = value }
}
