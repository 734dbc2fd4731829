package engine_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream/engine"
)

// Why something is left out, with the rule of SEMANTICS that is marked ≠ or that FORMAT.md names. Of the last three
// the files have nothing.
const (
	metaxyOtherVersion = "a row of a direct parent was written under another feature version than the present one (S2)"
	metaxyNullVersion  = "null data version (R3)"
	metaxyNullKey      = "null key (R6)"
	metaxyTampered     = "stored provenance marked tampered, while its fields are those expected (R4)"
	metaxyArbitrary    = "children that disagree, of which Metaxy compares any one (S6)"
	metaxyUnseen       = "own rows of another feature version only, which Metaxy does not see"
	metaxySamples      = "samples, the expected side of a root, which Freshline has not (S5)"
	metaxyRestored     = "an own row of the present version has been replaced under another one since (R1)"
	metaxyUnequalIDs   = "parents with unequal id sets (J3)"
	metaxyRefused      = "refused at load (G2)"
)

func sortMetaxyColumns(columns []graph.Column) {
	slices.SortFunc(columns, func(a, b graph.Column) int { return strings.Compare(a.Name, b.Name) })
}

// metaxyResult is the outcome of one comparison.
type metaxyResult struct {
	faults   []string
	compared int
	left     map[string]int // places, by reason
}

// compare holds what the engine has emitted for a feature against Metaxy's answer. Of a place that is left out it
// still compares what holds in both: whether the expected row is there, or that no work is given out for it.
func (r *metaxyRun) compare(feature graph.FeatureKey, want *metaxyExpected, arbitrary [][]*metaxyValue) *metaxyResult {
	f := r.plan(feature)
	result := &metaxyResult{left: map[string]int{}}
	places, err := r.places(f, want, arbitrary)
	if err != nil {
		result.faults = append(result.faults, err.Error())
		return result
	}
	for _, key := range slices.Sorted(maps.Keys(places)) {
		p := places[key]
		c := &metaxyComparison{run: r, f: f, place: p, seen: map[string]bool{}}
		switch {
		case p.leave == "":
			c.all()
		case p.partly:
			c.presence()
		case p.row != nil && !p.row.usable(want.KeyColumns):
			c.noMore() // what cannot be a key is refused or takes no part
		case p.pending:
			c.noWork()
		}
		for _, fault := range c.faults {
			result.faults = append(result.faults, fmt.Sprintf("%s at %s: %s", feature, key, fault))
		}
		if p.leave == "" {
			result.compared++
		} else {
			result.left[p.leave]++
		}
	}
	return result
}

// unequal reports whether the dependencies of f differ in their input ids, or in those that Metaxy compares on (J3).
func (want *metaxyExpected) unequal(f *graph.FeaturePlan) bool {
	match := slices.Sorted(slices.Values(f.Match))
	return !slices.Equal(match, want.KeyColumns) || slices.ContainsFunc(f.Deps, func(d *graph.DepPlan) bool { return !d.Full })
}

// metaxyComparison compares one place.
type metaxyComparison struct {
	run    *metaxyRun
	f      *graph.FeaturePlan
	place  *metaxyPlace
	faults []string
	seen   map[string]bool // record keys of events that were looked at
}

func (c *metaxyComparison) failf(format string, args ...any) {
	c.faults = append(c.faults, fmt.Sprintf(format, args...))
}

// own returns the event of an own row, nil if it is fresh.
func (c *metaxyComparison) own(row *metaxyRow) *engine.Event {
	return c.find(graph.ScopeSample, row.key(c.f.IDs))
}

// input returns the event of the match key, nil if there is none.
func (c *metaxyComparison) input() *engine.Event {
	return c.find(graph.ScopeInput, "")
}

func (c *metaxyComparison) find(scope graph.Scope, id string) *engine.Event {
	for key, e := range c.place.events {
		if e.Scope == scope && (scope == graph.ScopeInput || string(graph.AppendKeyJSON(nil, c.f.Shape.IDColumns, e.Body.ID)) == id) {
			c.seen[key] = true
			return e
		}
	}
	return nil
}

// all compares one place: the event of each own row, that of the match key, and that there are no more.
func (c *metaxyComparison) all() {
	p := c.place
	hidden := graph.Stale // the status of the own rows that Metaxy does not see
	switch p.want {
	case "new":
		c.isNew()
	case "stale":
		c.isStale()
	case "orphaned":
		c.isOrphaned()
		hidden = graph.Orphaned
	default:
		hidden = c.isFresh()
	}
	for _, row := range p.hidden {
		switch e := c.own(row); {
		case hidden == graph.Orphaned:
			c.orphan(e)
		case p.row == nil:
			c.statusIs(e, graph.Stale, graph.CodeVersion)
		default:
			c.work(e, graph.Stale, graph.CodeVersion)
		}
	}
	c.noMore()
	c.counts()
	if p.disagree {
		p.leaveOut(metaxyArbitrary, true)
	}
}

// counts compares the counts of children with the rows that are there and the events of them.
func (c *metaxyComparison) counts() {
	e := c.input()
	if !c.f.Expands || e == nil {
		return
	}
	children, notCurrent, err := c.run.local.CountChildren(c.f, e.Body.ID)
	if err != nil {
		c.run.t.Fatal(err)
	}
	if want := len(c.place.visible) + len(c.place.hidden); int(children) != want || int(notCurrent) != len(c.place.events)-1 {
		c.failf("%d children, %d not current; want %d, %d", children, notCurrent, want, len(c.place.events)-1)
	}
}

// noMore compares that nothing else is outstanding, but for the event of an expansion to which nothing
// was written and of whose inputs one is there and a required one is not: the replay cases have it
// (graph.Family), Metaxy has no word for it.
func (c *metaxyComparison) noMore() {
	unwritten := len(c.place.visible)+len(c.place.hidden) == 0
	for key, e := range c.place.events {
		if unwritten && e.Scope == graph.ScopeInput && c.f.Expands && e.Body.Judgement.Status == graph.Orphaned {
			continue
		}
		if !c.seen[key] {
			c.failf("%s %s is outstanding", key, metaxyEvent(e))
		}
	}
}

// noWork compares that nothing is to be done while an input is not ready (S2).
func (c *metaxyComparison) noWork() {
	for key, e := range c.place.events {
		if e.Body.Judgement.Status.Work() {
			c.failf("%s %s before its input is ready", key, metaxyEvent(e))
		}
	}
	for _, row := range c.place.visible {
		if c.own(row) == nil {
			c.failf("a row is fresh before its input is ready")
		}
	}
}

// presence compares only whether there is an expected row.
func (c *metaxyComparison) presence() {
	p := c.place
	switch {
	case p.want == "orphaned":
		c.all()
	case p.want == "new" && len(p.hidden) == 0:
		for key, e := range p.events {
			if c.seen[key] = true; e.Body.Judgement.Status != graph.New {
				c.failf("%s, want NEW", metaxyEvent(e))
			}
		}
		if len(c.seen) != 1 {
			c.failf("%d events for what is new", len(c.seen))
		}
	case p.want == "" && len(p.visible) == 0:
		c.all()
	default:
		for _, e := range p.events {
			if e.Body.Judgement.Status != graph.Stale {
				c.failf("%s, want STALE or nothing", metaxyEvent(e))
			}
		}
	}
}

func (c *metaxyComparison) isNew() {
	p := c.place
	if len(p.visible) > 0 {
		c.failf("new, and yet Metaxy sees %d rows", len(p.visible))
	}
	switch {
	case len(p.hidden) == 0 && c.f.MatchIsIDs:
		c.work(c.own(p.row), graph.New, 0)
	case len(p.hidden) == 0:
		c.work(c.input(), graph.New, 0)
	case c.f.Expands:
		c.work(c.input(), graph.Stale, graph.CodeVersion)
	}
}

func (c *metaxyComparison) isStale() {
	p := c.place
	var union []string // changed fields of the own rows
	tampered := false
	for _, row := range p.visible {
		tampered = tampered || row.scalar != "" && row.scalar != c.run.scalar(c.f, row)
		e := c.own(row)
		changed := c.changed(row)
		if len(changed) == 0 {
			if e != nil {
				c.failf("%s of a row whose provenance is the expected one", metaxyEvent(e))
			}
			continue
		}
		union = append(union, changed...)
		if c.work(e, graph.Stale, graph.UpstreamData) {
			c.changedIs(e, changed)
			c.recorded(e, row)
		}
	}
	slices.Sort(union)
	switch {
	case len(union) == 0 && tampered && len(p.hidden) == 0:
		p.leaveOut(metaxyTampered, true)
	case len(union) == 0:
		c.failf("no own row is stale")
	case c.f.Expands:
		if e := c.input(); c.work(e, graph.Stale, graph.UpstreamData) && len(p.hidden) == 0 {
			c.changedIs(e, slices.Compact(union))
		}
	}
}

// changed returns the fields of an own row whose provenance is not that of Metaxy's answer (S8), sorted.
func (c *metaxyComparison) changed(row *metaxyRow) (keys []string) {
	for _, field := range c.f.FieldsByKey() {
		if row.provenance[field.Struct] != c.place.row.provenance[field.Struct] {
			keys = append(keys, string(field.Key))
		}
	}
	return keys
}

func (c *metaxyComparison) changedIs(e *engine.Event, want []string) {
	if got := c.f.Keys(e.Body.Judgement.Changed); !slices.Equal(got, want) {
		c.failf("changed fields of %s: %v, want %v", metaxyEvent(e), got, want)
	}
}

func (c *metaxyComparison) isOrphaned() {
	p := c.place
	if len(p.visible) == 0 {
		c.failf("orphaned, and yet Metaxy sees no row")
	}
	for _, row := range p.visible {
		c.orphan(c.own(row))
	}
	if c.f.Expands {
		c.orphan(c.input())
		return
	}
	// Of several own rows at one place Metaxy's answer has one.
	for _, row := range p.visible {
		if row.key(c.f.IDs) == p.row.key(c.f.IDs) {
			if !maps.Equal(row.provenance, p.row.provenance) {
				c.failf("orphaned with provenance %v, stored %v", p.row.provenance, row.provenance)
			}
			if e := c.own(row); e != nil {
				c.recorded(e, row)
			}
			return
		}
	}
	c.failf("orphaned is %s, which is not there", p.row.key(c.f.IDs))
}

// isFresh compares a place of which Metaxy says nothing, and returns the status of the rows that it does not see.
func (c *metaxyComparison) isFresh() graph.Status {
	p := c.place
	if len(p.visible) == 0 {
		if len(p.hidden) > 0 {
			p.leaveOut(metaxyUnseen, true)
			if c.f.Expands {
				c.orphan(c.input())
			}
		}
		return graph.Orphaned // with an expected row the place would be new
	}
	if p.disagree {
		c.mixed()
		return graph.Stale
	}
	for _, row := range p.visible {
		if e := c.own(row); e != nil {
			c.failf("%s of a row that is not stale", metaxyEvent(e))
		}
	}
	if len(p.hidden) > 0 && c.f.Expands {
		c.statusIs(c.input(), graph.Stale, graph.CodeVersion)
	}
	return graph.Stale
}

// mixed compares a parent whose children disagree and of which Metaxy happened to look at one that
// is current: the others are not, and neither is the parent (S6).
func (c *metaxyComparison) mixed() {
	var current map[string]string
	stale := 0
	for _, row := range c.place.visible {
		e := c.own(row)
		if e == nil {
			current = row.provenance
			continue
		}
		stale++
		c.statusIs(e, graph.Stale, graph.UpstreamData)
	}
	for _, row := range c.place.visible {
		if current != nil && (c.own(row) == nil) != maps.Equal(row.provenance, current) {
			c.failf("of children with provenance %v and %v not just those with one are stale", row.provenance, current)
		}
	}
	if current == nil || stale == 0 {
		c.failf("%d of %d children that disagree are stale, and Metaxy found one that is not", stale, len(c.place.visible))
	}
	c.statusIs(c.input(), graph.Stale, graph.UpstreamData)
}

// work compares an event that a worker acts on, expected provenance and all.
func (c *metaxyComparison) work(e *engine.Event, status graph.Status, causes graph.Causes) bool {
	if !c.statusIs(e, status, causes) {
		return false
	}
	if status == graph.New {
		c.changedIs(e, c.f.Keys(c.f.AllFields()))
	}
	expected := e.Body.Expected
	if expected == nil {
		c.failf("%s without expected provenance", metaxyEvent(e))
		return false
	}
	got := map[string]string{}
	for i, text := range expected.Fields {
		got[c.f.Fields[i].Struct] = text
	}
	want := c.place.row
	if !maps.Equal(got, want.provenance) || expected.Provenance != want.scalar {
		c.failf("expected %v and %s, want %v and %s", got, expected.Provenance, want.provenance, want.scalar)
	}
	if !c.f.Expands || e.Scope == graph.ScopeInput {
		c.carried(e.Body.Inputs)
	}
	return true
}

// statusIs compares status and causes: all of them of own rows that Metaxy sees, else that there is the one.
func (c *metaxyComparison) statusIs(e *engine.Event, status graph.Status, causes graph.Causes) bool {
	if e == nil {
		c.failf("no event, want %s", status)
		return false
	}
	got := e.Body.Judgement
	causesDiffer := got.Causes != causes
	if len(c.place.hidden) > 0 {
		causesDiffer = got.Causes&causes != causes
	}
	if got.Status != status || causesDiffer || e.Body.Feature.Version != c.f.Version {
		c.failf("%s, want %s %v", metaxyEvent(e), status, causes.Texts())
		return false
	}
	return true
}

func (c *metaxyComparison) orphan(e *engine.Event) {
	if c.statusIs(e, graph.Orphaned, graph.UpstreamMissing) && e.Body.Expected != nil {
		c.failf("orphaned, and yet with an expectation")
	}
}

// carried compares the columns of the inputs with those of Metaxy's increment, which has them where nothing aggregates.
func (c *metaxyComparison) carried(inputs *engine.Inputs) {
	if inputs == nil {
		c.failf("no inputs")
		return
	}
	got := map[string]graph.Value{}
	for _, in := range inputs.List {
		for _, column := range append(slices.Clone(in.ID), in.Columns...) {
			if !column.Value.IsNull() {
				got[column.Name] = column.Value
			}
		}
	}
	for _, column := range c.place.row.Columns {
		if v := got[column.Name]; v != column.Value && !slices.Contains(c.f.Match, column.Name) {
			c.failf("column %s of the inputs is %v, want %v", column.Name, v, column.Value)
		}
	}
}

// recorded compares what an event says of the own row.
func (c *metaxyComparison) recorded(e *engine.Event, row *metaxyRow) {
	if e.Body.Recorded == nil {
		c.failf("%s without the recorded provenance", metaxyEvent(e))
		return
	}
	for _, field := range e.Body.Recorded.Fields {
		if want, ok := row.provenance[field.Name]; ok && field.Provenance != want {
			c.failf("recorded provenance of %s is %s, want %s", field.Name, field.Provenance, want)
		}
	}
}

// metaxyEvent says what an event says.
func metaxyEvent(e *engine.Event) string {
	j := e.Body.Judgement
	return fmt.Sprintf("%s %s %v", e.Scope, j.Status, j.Causes.Texts())
}
