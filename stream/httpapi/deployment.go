package httpapi

import (
	"context"
	"slices"

	"github.com/freshline/freshline/stream"
)

// Deployment adds up what the processes of a namespace say.
type Deployment struct {
	Processes []*Status // by instance id
	Features  []FeatureStatus
	Working   int // partitions of rows that have something to work on

	// Why says why the sum is not that of the whole deployment as it was emitted: a process that does not answer, a
	// partition without an owner, processes under different graphs, a feature that is not evaluated everywhere yet. "": it is.
	Why string

	Unfinished bool // something is still being read or worked on
}

// Deployment asks every process of a list (stream.Members) and adds up. Where that is not possible, Why says so. The
// error is that of ctx.
func (c *Client) Deployment(ctx context.Context, ns stream.Namespace, members []stream.Member, counts bool) (*Deployment, error) {
	d := &Deployment{}
	rows := map[int32]bool{}
	for _, m := range members {
		if m.Address == "" {
			d.Why = "process " + m.InstanceID + " answers no questions: it was started with --http off"
			return d, nil
		}
		s := &Status{}
		if err := c.get(ctx, BaseOf(m), statusPath(counts), meant(ns, m), s); err != nil {
			d.Why = unreachable(m, err).Error()
			return d, ctx.Err()
		}
		d.Processes = append(d.Processes, s)
		d.add(s)
		for _, q := range s.Rows {
			rows[q] = true
		}
	}
	d.judge(len(rows))
	return d, nil
}

// add adds what one process says; features that another graph has are left out, and judge says so.
func (d *Deployment) add(s *Status) {
	d.Working += len(s.Working)
	for _, f := range s.Features {
		at := slices.IndexFunc(d.Features, func(have FeatureStatus) bool { return have.Feature == f.Feature })
		if at < 0 {
			d.Features = append(d.Features, f)
			continue
		}
		sum := &d.Features[at]
		sum.Open += f.Open
		if len(sum.Missing) == 0 {
			sum.Missing = f.Missing
		}
		sum.Samples += f.Samples
		sum.New += f.New
		sum.Stale += f.Stale
		sum.Awaiting += f.Awaiting
		sum.Orphaned += f.Orphaned
		sum.Failed += f.Failed
	}
}

// judge finds whether the sum is that of the whole deployment.
func (d *Deployment) judge(rows int) {
	if len(d.Processes) == 0 {
		d.Why = "no process runs"
		return
	}
	first := d.Processes[0]
	for _, s := range d.Processes {
		if s.Graph == nil || first.Graph == nil || s.Graph.Number != first.Graph.Number {
			d.Why = "the processes are under different graphs, or none"
			return
		}
	}
	if rows < int(first.Partitions) {
		d.Why = "a partition of rows has no process that has read it"
		return
	}
	for _, f := range d.Features {
		if f.Open < int(first.Partitions) {
			d.Why, d.Unfinished = "what "+string(f.Feature)+" reads is still being read", true
			return
		}
	}
	if d.Working > 0 {
		d.Why, d.Unfinished = "a change is still being worked on", true
	}
}

// Graph is the number of the graph that all processes are under, -1 where there is none.
func (d *Deployment) Graph() int64 {
	if len(d.Processes) == 0 || d.Processes[0].Graph == nil {
		return -1
	}
	return d.Processes[0].Graph.Number
}
