package stream

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/schema"
)

// Job is one piece of work: an event that is NEW or STALE. Of an expansion it is the event of the
// parent, and the samples that are put are its children. Its methods may be called by several
// goroutines, until the handler returns.
type Job struct {
	Event                  // Staleness is not nil
	Attempt int32          // which attempt it is, from 1, as far as the worker knows
	columns []graph.Column // of the key, with their types, sorted
	expands bool
	worker  *Worker

	writes sync.WaitGroup // records that are on their way
	wrote  atomic.Bool    // there were any

	mu       sync.Mutex
	lost     error               // the first record that was not written
	children map[uint64]struct{} // hashes of their ids
	finished bool
	failure  *schema.FailureReport
}

var childSeed = maphash.MakeSeed()

// ErrOtherParent says that a sample was put whose columns are not those of the job.
var ErrOtherParent = errors.New("the sample is not of this job")

// Expands reports whether the job is the expansion of a parent: what is put are its children.
func (j *Job) Expands() bool { return j.expands }

// Column is the value of a column of the key, null where the key does not have it.
func (j *Job) Column(name string) graph.Value {
	rec := graph.Record{Columns: j.columns}
	return rec.Column(name)
}

// Input is the value of a column of the first input that is of a feature: an id column, or one that
// the dependency selects. Null where there is none.
func (j *Job) Input(feature graph.FeatureKey, column string) graph.Value {
	for _, in := range j.Staleness.Inputs {
		if in.Feature != feature {
			continue
		}
		for _, c := range slices.Concat(in.ID, in.Columns) {
			if c.Name == column {
				return c.Value
			}
		}
		break
	}
	return graph.Null()
}

// Put writes a sample as the answer to the event. Filled in where the sample has none: the columns of
// the key, the expected provenance and the feature version of the event. A sample of an expansion
// names its own ids; each is put once. What Put refuses is to be returned by the handler; whether the
// sample has been written is seen to when the handler has returned.
func (j *Job) Put(ctx context.Context, sample Sample) error {
	columns, err := j.fill(sample.Columns)
	if err != nil {
		return err
	}
	sample.Columns = columns
	if sample.Provenance == nil && j.Staleness.Expected != nil {
		sample.Provenance = j.Staleness.Expected.ByField.Map()
	}
	if sample.FeatureVersion == nil {
		sample.FeatureVersion = &j.Staleness.FeatureVersion
	}
	if !j.expands {
		return j.heard(ctx, j.worker.producer.put(ctx, j.Feature, sample, j))
	}
	if sample.Children != nil {
		return fmt.Errorf("put a sample of %s: Children is set; the worker writes the group record itself", j.Feature)
	}
	if err := j.count(sample); err != nil {
		return err
	}
	if err := j.heard(ctx, j.worker.producer.put(ctx, j.Feature, sample, j)); err != nil {
		return err
	}
	// A group that does not become complete although it was written whole has copies of its
	// samples where other producers put them, which may count instead (R2).
	if slices.Contains(j.Staleness.Causes, graph.Incomplete.Texts()[0]) {
		return j.heard(ctx, j.worker.producer.removeCopy(ctx, j.Feature, sample, j))
	}
	return nil
}

// fill adds the columns of the key to those of a sample.
func (j *Job) fill(columns map[string]any) (map[string]any, error) {
	all := make(map[string]any, len(columns)+len(j.columns))
	for name, v := range columns {
		all[name] = v
	}
	for _, c := range j.columns {
		v, ok := all[c.Name]
		if !ok {
			all[c.Name] = c.Value
			continue
		}
		value, err := valueOf(v)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", c.Name, err)
		}
		if value != c.Value {
			return nil, fmt.Errorf("put a sample of %s: column %q is %s, and in the key of the job %s: %w", j.Feature, c.Name,
				graph.AppendJSON(nil, value), graph.AppendJSON(nil, c.Value), ErrOtherParent)
		}
	}
	return all, nil
}

// count counts a child, whose ids must be new: the group record says how many there are.
func (j *Job) count(sample Sample) error {
	columns, err := columnsOf(sample.Columns)
	if err != nil {
		return fmt.Errorf("put a sample of %s: %w", j.Feature, err)
	}
	f, err := j.worker.feature(j.Feature)
	if err != nil {
		return err
	}
	rec := &graph.Record{Columns: columns}
	key, refusal := recordKey(f, rec)
	if refusal != nil {
		return refusal
	}
	for _, name := range f.Suffix {
		if !rec.Column(name).Usable() {
			return &graph.Refusal{Reason: graph.BadID, Column: name, Detail: fmt.Sprintf("id column %q of a child of %s is missing", name, j.Feature)}
		}
	}
	hash := maphash.Bytes(childSeed, key)
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.finished {
		return fmt.Errorf("put a sample of %s %s: Finish was called before", j.Feature, key)
	}
	if _, twice := j.children[hash]; twice {
		return fmt.Errorf("put a sample of %s: %s is put twice; the samples of one parent need ids of their own", j.Feature, key)
	}
	if j.children == nil {
		j.children = map[uint64]struct{}{}
	}
	j.children[hash] = struct{}{}
	return nil
}

// Finish says that the work is done with what was put, of an expansion that it has no more children. It is needed
// where nothing was put, since a handler that puts nothing may have forgotten to: an expansion without children, or
// a sample that is written by other means. Elsewhere the handler's return does.
func (j *Job) Finish() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.finished = true
}

// Delete deletes a sample of the feature (R2), as Producer.Delete does. The columns of the key are
// filled in.
func (j *Job) Delete(ctx context.Context, ids map[string]any) error {
	all, err := j.fill(ids)
	if err != nil {
		return err
	}
	columns, err := columnsOf(all)
	if err != nil {
		return fmt.Errorf("delete a sample of %s: %w", j.Feature, err)
	}
	return j.heard(ctx, j.worker.producer.remove(ctx, j.Feature, columns, j))
}

// heard notes an error of Kafka or of the schema registry. It says nothing of the work, whatever the handler makes of
// it: the worker ends, and the job is offered again to who comes next.
func (j *Job) heard(ctx context.Context, err error) error {
	if errors.Is(away(ctx, err), errAway) || errors.Is(err, schema.ErrUnavailable) {
		j.mu.Lock()
		defer j.mu.Unlock()
		if j.lost == nil {
			j.lost = err
		}
	}
	return err
}

// Fail says that the work cannot be done (S12): it is FAILED, with the error, until somebody takes
// that back (`freshline retry`) or the work becomes another. The first call counts. Of an expansion no
// group record is written. The type of the failure is that of a WorkError in err, else Go's.
func (j *Job) Fail(err error) {
	if err == nil {
		err = errors.New("the worker gives no reason")
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failure == nil {
		j.failure = &schema.FailureReport{Type: failureType(err), Message: err.Error(), Attempt: j.Attempt}
	}
}

func (j *Job) failed() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.failure != nil
}

// begin and end hear what becomes of the records of the job.
func (j *Job) begin() {
	j.wrote.Store(true)
	j.writes.Add(1)
}

func (j *Job) end(r *kgo.Record, err error) {
	if err != nil {
		j.mu.Lock()
		if j.lost == nil {
			j.lost = produceFault(r, err)
		}
		j.mu.Unlock()
	}
	j.writes.Done()
}

// settle waits for the records of the job, writes the group record, and what has failed. An error
// says that the worker cannot go on.
func (j *Job) settle(ctx context.Context) error {
	if err := j.written(); err != nil {
		return err
	}
	switch {
	case j.failed():
	case !j.expands && !j.wrote.Load() && !j.finished:
		j.Fail(&WorkError{Type: "NoAnswer", Err: errors.New("the handler wrote nothing: call Job.Put, or Job.Finish where it is written by other means, or return an error")})
	case !j.expands:
	case len(j.children) == 0 && !j.finished:
		j.Fail(&WorkError{Type: "NoAnswer", Err: errors.New("the handler put no child, and did not say that there is none: call Job.Finish, or return an error")})
	default:
		n := int64(len(j.children))
		group := Sample{Columns: map[string]any{}, Provenance: map[string]string{}, FeatureVersion: &j.Staleness.FeatureVersion, Children: &n}
		for _, c := range j.columns {
			group.Columns[c.Name] = c.Value
		}
		if j.Staleness.Expected != nil {
			group.Provenance = j.Staleness.Expected.ByField.Map()
		}
		// Behind the children: whoever sees it sees them.
		var refusal *graph.Refusal
		err := j.worker.producer.put(ctx, j.Feature, group, j)
		if errors.As(err, &refusal) { // by a graph that has come meanwhile
			j.Fail(err)
		} else if err != nil {
			return err
		}
		if err := j.written(); err != nil {
			return err
		}
	}
	if !j.failed() {
		return nil
	}
	return j.worker.failures.Fail(ctx, j.Partition, schema.Failure{
		Feature: j.Feature, Key: string(j.Key), EventID: j.Staleness.EventID, FailureReport: *j.failure,
	})
}

// written waits for the records of the job. One that no broker will ever take is a failure of the
// work; else the worker cannot go on.
func (j *Job) written() error {
	j.writes.Wait()
	j.mu.Lock()
	lost := j.lost
	j.lost = nil
	j.mu.Unlock()
	if lost == nil {
		return nil
	}
	if errors.Is(lost, kerr.MessageTooLarge) || errors.Is(lost, kerr.InvalidRecord) || errors.Is(lost, kerr.RecordListTooLarge) {
		j.Fail(&WorkError{Type: "NotWritten", Err: lost})
		return nil
	}
	return fmt.Errorf("job %s %s: %w", j.Feature, j.Key, lost)
}

// keyColumns are the columns of a key that have a value, sorted by name.
func keyColumns(names []string, values []graph.Value) (columns []graph.Column) {
	for i, name := range names {
		if !values[i].IsNull() {
			columns = append(columns, graph.Column{Name: name, Value: values[i]})
		}
	}
	slices.SortFunc(columns, func(a, b graph.Column) int { return strings.Compare(a.Name, b.Name) })
	return columns
}
