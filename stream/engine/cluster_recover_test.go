package engine_test

import (
	"errors"
	"fmt"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream/engine"
	"github.com/freshline/freshline/stream/engine/enginetest"
)

// takeOver gives tasks to a process: it brings its state up to what the logs hold, by the one rule
// of recovery. Where that crashes, the tasks are without an owner again.
func (c *cluster) takeOver(p *process, t *tasks) error {
	c.trace("process %d takes over %v", p.name, *t)
	// Whoever had the tasks knew no newer graph than the log has now.
	c.readGraphs(p, len(c.histories)-1)
	for _, q := range t.resolvers {
		if _, known := p.store.resolvers[q]; !known {
			if err := p.store.DropPrefix(engine.ResolverPrefix(q)); err != nil {
				return err
			}
		}
	}
	for _, source := range t.routers {
		for _, prefix := range engine.RouterPrefixes(source) {
			if _, known := p.store.routers[source]; known {
				continue
			}
			if err := p.store.DropPrefix(prefix); err != nil {
				return err
			}
		}
	}
	o := epochOptions{budget: c.budget(), take: t, defers: enginetest.Chance(c.r, 40)}
	if enginetest.Chance(c.r, 10) {
		o.ending = enginetest.Pick(c.r, []ending{endBefore, endBetween})
	}
	_, err := c.epoch(p, o)
	if errors.Is(err, errCrash) {
		c.crash(p)
		return nil
	}
	if err != nil {
		return fmt.Errorf("recovery: %w", err)
	}
	return nil
}

// errCrash ends a recovery between two of its writes.
var errCrash = errors.New("a crash while recovering")

// recovering is one log that recovery reads.
type recovering struct {
	records []simRecord
	take    func(rec *simRecord) error
}

// recover reads the logs from the positions of the state to their ends, in any order of the logs.
func (c *cluster) recover(p *process, t *tasks, reads map[int32]int64, routes map[engine.Source]int64, write func() error) error {
	var logs []*recovering
	for _, q := range t.resolvers {
		p.engine.AddResolver(q)
		logs = append(logs, c.recoverResolver(p, q)...)
		reads[q] = c.seq
	}
	for _, source := range t.routers {
		p.engine.AddRouter(source, c.committed[source], c.samples[source].end, c.counts[graph.FeatureKey(source.Topic)])
		logs = append(logs, c.recoverRouter(p, source)...)
		routes[source] = c.committed[source]
		if enginetest.Chance(c.r, 70) { // else it does again what it may have done
			p.engine.SkipRequests(source, c.done[source])
		}
	}
	pieces := enginetest.Chance(c.r, 30)
	for len(logs) > 0 {
		at := c.r.IntN(len(logs))
		log := logs[at]
		if len(log.records) == 0 {
			logs = append(logs[:at], logs[at+1:]...)
			continue
		}
		for range 1 + c.r.IntN(8) {
			if len(log.records) == 0 {
				break
			}
			if err := log.take(&log.records[0]); err != nil {
				return err
			}
			log.records = log.records[1:]
		}
		if !pieces || !enginetest.Chance(c.r, 20) {
			continue
		}
		if err := write(); err != nil {
			return err
		}
		if enginetest.Chance(c.r, 5) {
			return errCrash
		}
	}
	return c.recovered(p, t)
}

// recovered asks for everything to be visited where a task started from nothing.
func (c *cluster) recovered(p *process, t *tasks) error {
	for _, q := range t.resolvers {
		if _, known := p.store.resolvers[q]; !known {
			if err := p.engine.SweepAll(q); err != nil {
				return err
			}
		}
	}
	for _, source := range t.routers {
		if _, known := p.store.routers[source]; !known {
			if err := p.engine.RescanAll(source); err != nil {
				return err
			}
		}
	}
	return nil
}

// recoverResolver lists what a resolver task reads: rows, and what was last emitted.
func (c *cluster) recoverResolver(p *process, q int32) (logs []*recovering) {
	from := p.store.resolvers[q]
	logs = append(logs, &recovering{c.rows[q].from(from.rows), func(rec *simRecord) error {
		if err := c.resolve(p, q, *rec); err != nil {
			return err
		}
		return p.engine.RestoreTold(q, []byte(rec.key), rec.value)
	}})
	for _, feature := range sortedFeatures(c.stale) {
		logs = append(logs, &recovering{c.stale[feature][q].from(from.stale), func(rec *simRecord) error {
			digest := uint64(0)
			if rec.event != nil {
				digest = rec.event.digest
			}
			_, err := p.engine.RestoreEvent(q, feature, []byte(rec.key), digest)
			return err
		}})
	}
	return logs
}

// recoverRouter lists what a router task reads: what it has filed.
func (c *cluster) recoverRouter(p *process, source engine.Source) (logs []*recovering) {
	from := p.store.routers[source]
	for _, log := range c.rows {
		logs = append(logs, &recovering{log.from(from), func(rec *simRecord) error {
			if s, ok := engine.SourceOf([]byte(rec.key)); !ok || s != source {
				return nil
			}
			return p.engine.RestoreFiled([]byte(rec.key), rec.value)
		}})
	}
	return logs
}
