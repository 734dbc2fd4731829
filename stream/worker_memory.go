package stream

import "time"

// workMemory remembers which work was answered a moment ago: the processor may say it once more, in
// other words, before it has seen the answer. That waits for as long as the processor may take, and is
// done again unless it is taken back meanwhile. It also counts attempts. It is bounded, and forgets
// the oldest first.
type workMemory struct {
	limit int
	now   func() time.Time
	known map[string]workDone
	order []string
}

// workDone is what was heard last of a key.
type workDone struct {
	eventID string
	until   time.Time // so long the same work waits; zero: it does not
	attempt int32     // of the last failure
}

// memoryLife is how long the processor may take to see an answer. Who waits longer does work twice.
const memoryLife = time.Minute

func (m *workMemory) put(key string, d workDone) {
	if _, ok := m.known[key]; !ok {
		m.order = append(m.order, key)
	}
	m.known[key] = d
	for len(m.known) > m.limit {
		delete(m.known, m.order[0])
		m.order = m.order[1:]
	}
}

// answered remembers that work was done, or has failed.
func (m *workMemory) answered(key, eventID string) {
	d := m.known[key]
	if d.eventID != eventID {
		d.attempt = 0
	}
	d.eventID, d.until = eventID, m.now().Add(memoryLife)
	m.put(key, d)
}

// hear takes an event that asks for nothing.
func (m *workMemory) hear(key string, e Event) {
	if s := e.Staleness; s != nil && s.Failure != nil {
		m.put(key, workDone{eventID: s.EventID, attempt: s.Failure.Attempt})
	} else if _, ok := m.known[key]; ok {
		m.known[key] = workDone{}
	}
}

// offered says which attempt work is that comes, and from when on it may be done.
func (m *workMemory) offered(key, eventID string) (from time.Time, attempt int32) {
	d, ok := m.known[key]
	if !ok || d.eventID != eventID {
		return time.Time{}, 1
	}
	return d.until, max(d.attempt, d.attempt+1) // also where it is the greatest number
}
