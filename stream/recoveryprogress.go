package stream

import (
	"sync"
	"time"
)

// RecoveryProgress is how far the recovery that is under way has come: give its methods to Hooks. The zero value is ready, and
// its methods may be called from any goroutine.
type RecoveryProgress struct {
	mu    sync.Mutex
	began time.Time
	tasks int
	logs  map[task]logSpan
}

// logSpan is what of a log is to be read.
type logSpan struct{ start, position, end int64 }

// Recovery says how a recovery stands.
type Recovery struct {
	Tasks int           // that recover; 0: none does, and the rest is of the last recovery
	Read  int64         // offsets passed so far, records and markers of transactions
	Total int64         // offsets that were to be passed when it began
	Took  time.Duration // since it began; 0 where none is under way
}

// OnRecovering is the hook of the same name.
func (p *RecoveryProgress) OnRecovering(tasks int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tasks = tasks; tasks > 0 {
		p.began, p.logs = time.Now(), map[task]logSpan{}
	}
}

// OnRecovery is the hook of the same name.
func (p *RecoveryProgress) OnRecovery(topic string, partition int32, position, end int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := task{topic, partition}
	span, ok := p.logs[t]
	if p.logs == nil {
		p.logs = map[task]logSpan{}
	}
	if !ok || position < span.start {
		span.start = position
	}
	span.position, span.end = position, max(end, position)
	p.logs[t] = span
}

// Recovery says how the recovery stands now.
func (p *RecoveryProgress) Recovery() Recovery {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := Recovery{Tasks: p.tasks}
	for _, span := range p.logs {
		r.Read += span.position - span.start
		r.Total += span.end - span.start
	}
	if p.tasks > 0 {
		r.Took = time.Since(p.began)
	}
	return r
}

// Rate is how many offsets are passed in a second, 0 where that is not known.
func (r Recovery) Rate() float64 {
	if r.Took <= 0 {
		return 0
	}
	return float64(r.Read) / r.Took.Seconds()
}

// Left is how much longer the reading takes at this rate, 0 where that is not known.
func (r Recovery) Left() time.Duration {
	rate := r.Rate()
	if rate == 0 {
		return 0
	}
	return time.Duration(float64(r.Total-r.Read) / rate * float64(time.Second))
}
