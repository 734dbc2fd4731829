package stream

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream/engine"
)

// MaxRequestIDs is how many samples one request can name by their ids.
const MaxRequestIDs = 10_000

// Invalidation says which samples and group records of a feature are to be computed again (S10): those that the
// filter keeps and that have one of the ids. Without either, all.
type Invalidation struct {
	Feature graph.FeatureKey

	// Where is a filter (semantics, J4) over the row's own columns, freshline_children among them; those of
	// Metaxy (metaxy_…) are not seen. "" keeps every row.
	Where string

	// IDs are id columns by name, with values as those of Sample.Columns. One that lacks an id column, or has
	// those of the match key only, stands for all rows with these values: every sample of one parent, and its
	// group record. At most MaxRequestIDs.
	IDs []map[string]any
}

// Requested is a request that was made.
type Requested struct {
	ID     string          // 32 hexadecimal digits
	Number int64           // its place among all requests
	Topic  string          // of the samples
	Bounds map[int32]int64 // by partition of Topic: rows written below are asked for
}

// Invalidate asks for samples to be computed again: those that are there now. Running processors mark them, and what
// is marked is STALE with the cause REQUESTED until it is written again or deleted. The feature is one of the newest
// graph. It returns when the request is stored; AwaitDrained waits until it is done.
func Invalidate(ctx context.Context, cluster Cluster, ns Namespace, what Invalidation) (Requested, error) {
	history, err := readHistory(ctx, cluster, ns)
	if err != nil {
		return Requested{}, err
	}
	f, err := what.feature(history)
	if err != nil {
		return Requested{}, err
	}
	request, err := what.encode(f)
	if err != nil {
		return Requested{}, err
	}
	client, err := Connect(ctx, cluster, kgo.ProducerLinger(0), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return Requested{}, err
	}
	defer client.Close()
	request.Topic = ns.Sample(f.Spec)
	bounds, err := endsOf(ctx, client, request.Topic)
	if err != nil {
		return Requested{}, err
	}
	request.Bounds = make(map[string]int64, len(bounds))
	for partition, end := range bounds {
		request.Bounds[strconv.Itoa(int(partition))] = end
	}
	value, err := json.Marshal(request)
	if err != nil {
		return Requested{}, fmt.Errorf("encode the request: %w", err)
	}
	if len(value) > MaxRequestBytes {
		return Requested{}, fmt.Errorf("the request has %d bytes and %d are the limit: name fewer samples, or a shorter filter", len(value), MaxRequestBytes)
	}
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	record := &kgo.Record{Topic: ns.Requests(), Key: []byte(hex.EncodeToString(id[:])), Value: value}
	if err := produceOne(ctx, client, record); err != nil {
		return Requested{}, err
	}
	return Requested{ID: string(record.Key), Number: record.Offset, Topic: request.Topic, Bounds: bounds}, nil
}

// readHistory reads the graph topic.
func readHistory(ctx context.Context, cluster Cluster, ns Namespace) (*graph.History, error) {
	log, err := OpenGraphLog(ctx, cluster, ns)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	pushes, err := log.ReadAll(ctx)
	if err != nil {
		return nil, err
	}
	var history *graph.History
	for _, push := range pushes {
		if next, err := push.Apply(history); err == nil { // what is no graph every process passes over
			history = next
		}
	}
	if history.Plan() == nil {
		return nil, fmt.Errorf("topic %s holds no graph; publish one with `freshline graph publish`", ns.Graph())
	}
	return history, nil
}

// endsOf returns where the partitions of a topic end now.
func endsOf(ctx context.Context, client *kgo.Client, topic string) (map[int32]int64, error) {
	counts, err := partitionCounts(ctx, client, []string{topic})
	if err != nil {
		return nil, err
	}
	if counts[topic] == 0 {
		return nil, fmt.Errorf("topic %s does not exist; create it with `freshline topics create`", topic)
	}
	partitions := map[string][]int32{}
	for partition := range counts[topic] {
		partitions[topic] = append(partitions[topic], partition)
	}
	ends, err := listOffsets(ctx, client, latestOffset, partitions)
	return ends[topic], err
}

// feature finds the feature in the newest graph.
func (w *Invalidation) feature(h *graph.History) (*graph.FeaturePlan, error) {
	f := h.Plan().Feature(w.Feature)
	if f == nil {
		return nil, fmt.Errorf("invalidate: the graph in force (number %d) has no feature %q", h.Plan().Number, w.Feature)
	}
	return f, nil
}

// encode checks the request against its feature.
func (w *Invalidation) encode(f *graph.FeaturePlan) (*requestJSON, error) {
	request := &requestJSON{Feature: w.Feature}
	if w.Where != "" {
		filter, err := graph.ParseFilter(w.Where)
		if err != nil {
			return nil, fmt.Errorf("filter %q: %w", w.Where, err)
		}
		for _, column := range filter.Columns() {
			if graph.IsSystemColumn(column) && column != graph.ColumnChildren {
				return nil, fmt.Errorf("filter %q: column %s is a system column, which a request does not see; name columns of your own", w.Where, column)
			}
		}
		request.Where = &w.Where
	}
	if len(w.IDs) > MaxRequestIDs {
		return nil, fmt.Errorf("%d samples are named by their ids and %d are the limit of one request: make several, or use a filter", len(w.IDs), MaxRequestIDs)
	}
	allowed := f.IDs
	if f.Expands {
		allowed = slices.Concat(f.Match, f.Suffix)
	}
	for _, ids := range w.IDs {
		if len(ids) == 0 {
			return nil, errors.New("ids: there is no id column; leave the ids out to ask for every sample")
		}
		var names []string
		var values []graph.Value
		for _, name := range slices.Sorted(maps.Keys(ids)) {
			if !slices.Contains(allowed, name) {
				return nil, fmt.Errorf("ids: %q is no id column of %s, which has %s; use a filter for other columns", name, f.Key, strings.Join(allowed, ", "))
			}
			value, err := valueOf(ids[name])
			if err == nil && !value.Usable() {
				err = fmt.Errorf("%s is no id", value.Kind())
			}
			if err != nil {
				return nil, fmt.Errorf("ids: column %q: %w", name, err)
			}
			names, values = append(names, name), append(values, value)
		}
		request.IDs = append(request.IDs, graph.AppendKeyJSON(nil, names, values))
	}
	return request, nil
}

// selection is what the processor makes of the request.
func (w *Invalidation) selection(f *graph.FeaturePlan) (engine.Selection, error) {
	request, err := w.encode(f)
	if err != nil {
		return engine.Selection{}, err
	}
	value, err := json.Marshal(request)
	if err != nil {
		return engine.Selection{}, fmt.Errorf("encode the request: %w", err)
	}
	parsed, err := parseRequest(value)
	if err != nil {
		return engine.Selection{}, err
	}
	return parsed.Rows, nil
}
