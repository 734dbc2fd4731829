package stream

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// readTopics hands the committed records of whole topics to fn, from their starts to their ends as
// of the call, those of a partition in order. It waits for transactions that are open below the
// ends. The client is asked for the partitions only; the reading has its own.
func readTopics(ctx context.Context, cluster Cluster, client *kgo.Client, topics []string, fn func(*kgo.Record) error) error {
	if len(topics) == 0 {
		return nil
	}
	meta, err := fetchTopics(ctx, client, topics)
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		return fmt.Errorf("read %s: %w; create what is missing with `freshline topics create`", strings.Join(topics, ", "), err)
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", strings.Join(topics, ", "), err)
	}
	starts := map[string]map[int32]int64{}
	for topic, t := range meta {
		starts[topic] = map[int32]int64{}
		for _, p := range t.Partitions {
			starts[topic][p.Partition] = 0
		}
	}
	reader := logReader{Opts: cluster.options()}
	_, err = reader.readLogs(ctx, starts, fn)
	return err
}
