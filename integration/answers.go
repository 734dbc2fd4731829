package integration

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// answerLimit bounds one request: a paused broker accepts connections and then says nothing.
const answerLimit = 2 * time.Second

// awaitAnswer waits until one of the brokers answers Metadata with at least one live broker: a log line says
// less, and an open port is also what a broker has that is still being fenced. alive is asked before each try
// and ends the wait with its error; it may be nil.
func awaitAnswer(ctx context.Context, brokers []string, alive func(context.Context) error) error {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(brokers...),
		kgo.DialTimeout(answerLimit),
		kgo.RequestRetries(0),
	)
	if err != nil {
		return fmt.Errorf("reach brokers %v: %w", brokers, err)
	}
	defer client.Close()
	return Eventually(ctx, fmt.Sprintf("an answer of %v", brokers), func(ctx context.Context) error {
		if alive != nil {
			if err := alive(ctx); err != nil {
				return hopeless{err}
			}
		}
		ctx, cancel := context.WithTimeout(ctx, answerLimit)
		defer cancel()
		var errs []error
		for _, seed := range client.SeedBrokers() {
			if err := askMetadata(ctx, seed); err != nil {
				errs = append(errs, err)
				continue
			}
			return nil
		}
		return errors.Join(errs...)
	})
}

// askMetadata asks this broker now: the client's own metadata, which kadm reads, may be some seconds old.
func askMetadata(ctx context.Context, broker *kgo.Broker) error {
	req := kmsg.NewPtrMetadataRequest()
	req.Topics = []kmsg.MetadataRequestTopic{} // none; nil asks for all
	res, err := req.RequestWith(ctx, broker)
	if err != nil {
		return err
	}
	if len(res.Brokers) == 0 {
		return errors.New("no live broker is known yet")
	}
	return nil
}
