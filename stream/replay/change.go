package replay

import (
	"slices"
	"strings"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream/engine"
)

// Change is one key whose answer differs from that at the checkpoint before.
type Change struct {
	Checkpoint string
	Feature    graph.FeatureKey
	Scope      graph.Scope
	Key        []graph.Column // in the order of the key
	ID         []graph.Column
	Status     graph.Status // Fresh: the key has nothing any more, and the rest is empty
	Causes     []string     // sorted
	Changed    []string     // keys of fields, sorted
	Version    string       // feature version
	Expected   *Expected    // nil where the table of S4 says none
	Children   int64        // of scope INPUT, at the checkpoint
	NotCurrent int64
	Failure    *Failure // of FAILED

	event  string // the event id
	key    string // the record key
	plan   *graph.FeaturePlan
	values []graph.Value // of ID
}

// Failure is what a worker said.
type Failure struct{ Type, Message string }

// Expected is the expected provenance.
type Expected struct {
	Fields     []graph.RowField // Name is the struct name; Provenance
	Provenance string
}

// take remembers an event.
func (r *run) take(e *engine.Event) {
	name := string(e.Feature) + "\x00" + string(e.Key)
	r.touched[name] = true
	if e.Body == nil {
		delete(r.now, name)
		return
	}
	b := e.Body
	c := &Change{
		Feature: e.Feature, Scope: e.Scope, Status: b.Judgement.Status,
		Causes: b.Judgement.Causes.Texts(), Changed: b.Feature.Keys(b.Judgement.Changed), Version: b.Feature.Version,
		event: b.EventID, key: string(e.Key), plan: b.Feature, values: b.ID,
	}
	if b.Failure != nil {
		c.Failure = &Failure{b.Failure.Type, b.Failure.Message}
	}
	names, values, err := graph.ParseKeyJSON(e.Key)
	if err != nil {
		return // it is canonical JSON, as the engine has just written it
	}
	c.Key = columns(names, values)
	idNames := b.Feature.Shape.IDColumns
	if e.Scope == graph.ScopeInput {
		idNames = b.Feature.Shape.InputColumns
	}
	c.ID = columns(idNames, b.ID)
	if b.Expected != nil {
		c.Expected = &Expected{Provenance: b.Expected.Provenance}
		for i, text := range b.Expected.Fields {
			c.Expected.Fields = append(c.Expected.Fields, graph.RowField{Name: b.Feature.Fields[i].Struct, Provenance: text})
		}
	}
	r.now[name] = c
}

func columns(names []string, values []graph.Value) []graph.Column {
	list := make([]graph.Column, len(names))
	for i := range names {
		list[i] = graph.Column{Name: names[i], Value: values[i]}
	}
	return list
}

// settle lets everything come to rest.
func (r *run) settle() error {
	if r.touched == nil {
		r.touched = map[string]bool{}
	}
	return r.local.Settle(r.take)
}

// checkpoint lets everything come to rest and prints what has changed since the one before.
func (r *run) checkpoint(label string) error {
	if err := r.settle(); err != nil {
		return err
	}
	var changes []*Change
	for name := range r.touched {
		was, is := r.before[name], r.now[name]
		if was.equal(is) {
			continue
		}
		if is == nil {
			delete(r.before, name)
			changes = append(changes, &Change{
				Checkpoint: label, Feature: was.Feature, Scope: was.Scope, Key: was.Key, ID: was.ID, key: was.key,
			})
			continue
		}
		r.before[name] = is
		c := *is
		c.Checkpoint = label
		if c.Scope == graph.ScopeInput {
			var err error
			if c.Children, c.NotCurrent, err = r.local.CountChildren(c.plan, c.values); err != nil {
				return err
			}
		}
		changes = append(changes, &c)
	}
	clear(r.touched)
	slices.SortFunc(changes, compareChanges)
	for _, c := range changes {
		if err := r.printer.Change(c); err != nil {
			return err
		}
	}
	return nil
}

// equal compares what a checkpoint compares. nil is fresh.
func (c *Change) equal(o *Change) bool {
	if c == nil || o == nil {
		return c == o
	}
	return c.Status == o.Status && c.Version == o.Version && slices.Equal(c.Causes, o.Causes) &&
		slices.Equal(c.Changed, o.Changed) && c.Expected.equal(o.Expected)
}

func (e *Expected) equal(o *Expected) bool {
	if e == nil || o == nil {
		return e == o
	}
	return e.Provenance == o.Provenance && slices.Equal(e.Fields, o.Fields)
}

// compareChanges orders by feature key part by part, scope, key values in typed order, column names.
func compareChanges(a, b *Change) int {
	if c := a.Feature.Compare(b.Feature); c != 0 {
		return c
	}
	if c := int(a.Scope) - int(b.Scope); c != 0 {
		return c
	}
	for i := range min(len(a.Key), len(b.Key)) {
		if c := graph.Compare(a.Key[i].Value, b.Key[i].Value); c != 0 {
			return c
		}
	}
	if c := len(a.Key) - len(b.Key); c != 0 {
		return c
	}
	return strings.Compare(a.key, b.key)
}
