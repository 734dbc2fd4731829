package stream

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshline/freshline/stream/engine"
)

// takeRequests gives the engine the requests that are to be done (S10), when any have come. The graphs that
// were pushed before them are put in force first.
func (p *Processor) takeRequests(ctx context.Context) error {
	if !p.asked.CompareAndSwap(true, false) {
		return nil
	}
	// Of one look at the topic; what comes later has another.
	undone, done := p.requests.state()
	if len(undone) > 0 {
		if err := p.syncGraphs(ctx); err != nil {
			p.asked.Store(true)
			return err
		}
	}
	p.engine.SetRequests(undone)
	tidied := map[string]bool{}
	for _, f := range done {
		tidied[f.id] = p.tidied[f.id]
	}
	p.finished, p.tidied = done, tidied
	p.more = p.more || len(undone)+len(done) > 0
	return nil
}

// watchRequests wakes the loop when something has come in the request topic.
func (p *Processor) watchRequests(ctx context.Context) error {
	for {
		select {
		case <-p.requests.Ready():
			p.asked.Store(true)
			p.interrupt()
		case <-ctx.Done():
			return nil
		}
	}
}

// requestRecords says in the request topic what an epoch has done of the requests, and takes those back that
// every partition has done: whoever has the first partition of the feature's topic does that.
func (p *Processor) requestRecords(ep *epoch, done []engine.Done) (records []*kgo.Record) {
	last := map[engine.Source]engine.Done{}
	for _, d := range done {
		last[d.Source] = d // in the order of their numbers
	}
	for source, d := range last {
		if d.Number >= p.requests.next(source) { // else done again, by a task that has lost its state
			records = append(records, doneRecord(p.o.Namespace, d))
		}
	}
	for _, f := range p.finished {
		if p.tasks[f.owner] == nil || p.tidied[f.id] {
			continue
		}
		p.note(ep, f.owner)
		ep.tidied = append(ep.tidied, f.id)
		records = append(records, &kgo.Record{Topic: p.o.Namespace.Requests(), Key: []byte(f.id)})
	}
	return records
}

// noteTidied remembers, when an epoch is committed, what it has tidied away: the topic says so a little later.
func (p *Processor) noteTidied(ep *epoch) {
	for _, id := range ep.tidied {
		p.tidied[id] = true
	}
}

// requestsDone notes which requests the tasks have done, before their logs are read: the marks of these are in rows.
func (r *recovery) requestsDone() {
	r.next = map[task]int64{}
	for _, t := range r.tasks {
		if r.p.isSample(t.topic) {
			r.next[t] = r.p.requests.next(t.source())
		}
	}
}

// skipRequests tells tasks that begin without their state what requestsDone has noted.
func (r *recovery) skipRequests() {
	for t, next := range r.next {
		r.p.engine.SkipRequests(t.source(), next)
	}
}
