package stream

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// endTxn4 is the version of EndTxn that Kafka 4.0 brought in (KIP-890): a broker without it is
// older, and a transaction of it can be completed by a producer that was fenced.
const endTxn4 = 5

// requireKafka4 refuses brokers older than Kafka 4.0.
func requireKafka4(ctx context.Context, client *kgo.Client) error {
	req := kmsg.NewPtrApiVersionsRequest()
	req.ClientSoftwareName, req.ClientSoftwareVersion = "freshline", "1"
	resp, err := req.RequestWith(ctx, client)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err != nil {
		return fmt.Errorf("ask for the version of the broker: %w", err)
	}
	for _, key := range resp.ApiKeys {
		if key.ApiKey == kmsg.EndTxn.Int16() && key.MaxVersion >= endTxn4 {
			return nil
		}
	}
	return fmt.Errorf("the brokers are older than Kafka 4.0 (EndTxn below version %d): upgrade the cluster, or use another one", endTxn4)
}
