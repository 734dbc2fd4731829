package engine_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream/engine"
)

// metaxyRun drives an engine through a case and keeps beside it which rows Metaxy sees and which
// Freshline: they differ where a graph has changed.
type metaxyRun struct {
	t        *testing.T
	local    *engine.Local
	pushes   int64
	offset   int64
	visible  map[graph.FeatureKey]map[string]map[string]*metaxyRow     // by feature version and ids: what Metaxy sees under that version
	latest   map[graph.FeatureKey]map[string]*metaxyRow                // by ids: what Freshline has (R1)
	events   map[graph.FeatureKey]map[string]*engine.Event             // by record key: what was last emitted and is not fresh
	versions map[graph.FeatureKey]map[string]map[graph.FieldKey]string // of fields, by feature version (G4)
	eager    bool                                                      // settle after each operation
}

func newMetaxyRun(t *testing.T, eager bool) *metaxyRun {
	return &metaxyRun{
		t: t, local: engine.NewLocal(graph.Defaults{Gate: graph.GateImmediate}), eager: eager,
		visible:  map[graph.FeatureKey]map[string]map[string]*metaxyRow{},
		versions: map[graph.FeatureKey]map[string]map[graph.FieldKey]string{},
		latest:   map[graph.FeatureKey]map[string]*metaxyRow{},
		events:   map[graph.FeatureKey]map[string]*engine.Event{},
	}
}

// push puts a graph in force and compares its feature versions; an error is a refusal (G2, J3).
func (r *metaxyRun) push(g *graph.Graph, want metaxyVersions) error {
	if err := r.local.Push(r.pushes, g); err != nil {
		return err
	}
	r.pushes++
	for key, w := range want {
		if got := r.plan(key).Version; got != w.Version {
			r.t.Errorf("feature version of %s: %s, want %s", key, got, w.Version)
		}
	}
	for key, v := range g.Versions() {
		if r.versions[key] == nil {
			r.versions[key] = map[string]map[graph.FieldKey]string{}
		}
		r.versions[key][v.Feature] = v.Fields
	}
	r.settled()
	return nil
}

func (r *metaxyRun) plan(feature graph.FeatureKey) *graph.FeaturePlan {
	f := r.local.Plan().Feature(feature)
	if f == nil {
		r.t.Fatalf("no feature %s", feature)
	}
	return f
}

// rows returns what Metaxy sees of a feature now, by ids.
func (r *metaxyRun) rows(f *graph.FeaturePlan) map[string]*metaxyRow {
	return r.visible[f.Key][f.Version]
}

func (r *metaxyRun) write(feature graph.FeatureKey, rows []*metaxyRow) {
	f := r.plan(feature)
	if r.visible[feature] == nil {
		r.visible[feature] = map[string]map[string]*metaxyRow{}
	}
	if r.visible[feature][f.Version] == nil {
		r.visible[feature][f.Version] = map[string]*metaxyRow{}
	}
	if r.latest[feature] == nil {
		r.latest[feature] = map[string]*metaxyRow{}
	}
	for _, row := range rows {
		id := row.key(f.IDs)
		row.feature = f.Version
		r.visible[feature][f.Version][id] = row
		record := *row.Record
		record.FeatureVersion, record.HasVersion = graph.String(f.Version), true
		row.refusal = r.route(f, &engine.Write{Key: []byte(id), Record: &record})
		if row.nullProvenance() {
			if row.refusal == nil || row.refusal.Reason != graph.BadProvenance && row.refusal.Reason != graph.BadID {
				r.t.Errorf("%s: a row with null provenance: %v", feature, row.refusal)
			}
			record.Provenance = row.fillProvenance()
			row.refusal = r.route(f, &engine.Write{Key: []byte(id), Record: &record})
		}
		if row.refusal == nil {
			r.latest[feature][id] = row
		}
	}
	r.settled()
}

// remove deletes samples; Metaxy deletes only those that it sees.
func (r *metaxyRun) remove(feature graph.FeatureKey, ids []*metaxyRow) {
	f := r.plan(feature)
	for _, row := range ids {
		id := row.key(f.IDs)
		if r.rows(f)[id] == nil {
			r.t.Errorf("%s: delete of %s, which is not there", feature, id)
		}
		delete(r.rows(f), id)
		delete(r.latest[feature], id)
		if refusal := r.route(f, &engine.Write{Key: []byte(id), Record: row.Record, Delete: true}); refusal != nil {
			r.t.Errorf("%s: delete of %s: %v", feature, id, refusal)
		}
	}
	r.settled()
}

func (r *metaxyRun) route(f *graph.FeaturePlan, w *engine.Write) *graph.Refusal {
	w.Offset = r.offset
	r.offset++
	refusal, err := r.local.Route(f.Key, w)
	if err != nil {
		r.t.Fatal(err)
	}
	return refusal
}

func (r *metaxyRun) settled() {
	if r.eager {
		r.settle()
	}
}

// settle lets everything come to rest and remembers the events.
func (r *metaxyRun) settle() {
	err := r.local.Settle(func(e *engine.Event) {
		if r.events[e.Feature] == nil {
			r.events[e.Feature] = map[string]*engine.Event{}
		}
		if e.Body == nil { // fresh again
			delete(r.events[e.Feature], string(e.Key))
			return
		}
		event := *e
		r.events[e.Feature][string(e.Key)] = &event
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// metaxyPlace is everything at one value of the comparison key.
type metaxyPlace struct {
	want     string     // "new", "stale", "orphaned" or ""
	row      *metaxyRow // of Metaxy's answer
	visible  []*metaxyRow
	hidden   []*metaxyRow // own rows of another feature version, which Metaxy does not see
	events   map[string]*engine.Event
	disagree bool   // arbitrary in Metaxy: any one of the children is compared
	leave    string // why it is left out
	partly   bool   // and yet the expected row is there in both, only with other provenance
	pending  bool   // an input that is present is not ready (S2)
}

// leaveOut leaves a place out, for the first reason that there is.
func (p *metaxyPlace) leaveOut(reason string, partly bool) {
	p.partly = partly && (p.leave == "" || p.partly)
	if p.leave == "" {
		p.leave = reason
	}
}

// places sorts what Metaxy answers, what it sees and what the engine emits by the comparison key.
func (r *metaxyRun) places(f *graph.FeaturePlan, want *metaxyExpected, arbitrary [][]*metaxyValue) (map[string]*metaxyPlace, error) {
	places := map[string]*metaxyPlace{}
	at := func(key string) *metaxyPlace {
		if places[key] == nil {
			places[key] = &metaxyPlace{events: map[string]*engine.Event{}}
		}
		return places[key]
	}
	leave := func(row *metaxyRow, reason string) { at(row.key(want.KeyColumns)).leaveOut(reason, false) }
	for name, rows := range map[string][]*metaxyRow{"new": want.New, "stale": want.Stale, "orphaned": want.Orphaned} {
		for _, row := range rows {
			p := at(row.key(want.KeyColumns))
			if !row.usable(want.KeyColumns) {
				leave(row, metaxyNullKey)
			} else if p.want != "" {
				return nil, fmt.Errorf("%s twice in the answer", row.key(want.KeyColumns))
			}
			p.want, p.row = name, row
		}
	}
	for id, row := range r.rows(f) {
		p := at(row.key(want.KeyColumns))
		p.visible = append(p.visible, row)
		if reason := r.unlike(f, id, row); reason != "" {
			leave(row, reason)
		} else if !row.usable(want.KeyColumns) {
			leave(row, metaxyNullKey)
		}
	}
	for _, row := range r.latest[f.Key] {
		if row.feature != f.Version {
			p := at(row.key(want.KeyColumns))
			p.hidden = append(p.hidden, row)
		}
	}
	for _, values := range arbitrary {
		list := make([]graph.Value, len(values))
		for i, v := range values {
			list[i] = v.Value
		}
		at(string(graph.AppendKeyJSON(nil, want.KeyColumns, list))).disagree = true
	}
	for key, e := range r.events[f.Key] {
		names, values, err := graph.ParseKeyJSON(e.Key)
		if err != nil {
			return nil, err
		}
		row := &metaxyRow{Record: &graph.Record{}}
		for i := range names {
			row.Columns = append(row.Columns, graph.Column{Name: names[i], Value: values[i]})
		}
		sortMetaxyColumns(row.Columns)
		at(row.key(want.KeyColumns)).events[key] = e
	}
	for _, d := range f.Deps {
		r.leaveInputs(f, d, want.KeyColumns, at)
	}
	return places, nil
}

// unlike says why Freshline does not have a row as Metaxy sees it, or "".
func (r *metaxyRun) unlike(f *graph.FeaturePlan, id string, row *metaxyRow) string {
	switch {
	case r.latest[f.Key][id] == row:
		return ""
	case row.refusal == nil:
		return metaxyRestored
	case row.refusal.Reason == graph.BadID:
		return metaxyNullKey
	}
	return "refused: " + row.refusal.Error()
}

// leaveInputs leaves out the places to which a dependency brings what FORMAT.md leaves out.
func (r *metaxyRun) leaveInputs(f *graph.FeaturePlan, d *graph.DepPlan, columns []string, at func(string) *metaxyPlace) {
	// input returns the place that a row is an input of; nil: it takes part in no expected row (J2).
	input := func(row *metaxyRow) *metaxyPlace {
		values, ok := d.Edge.Key(nil, &graph.Row{Columns: row.present(), Children: -1})
		if !ok {
			return nil
		}
		key := &metaxyRow{Record: &graph.Record{}}
		for i, c := range f.Layout[:d.N] {
			key.Columns = append(key.Columns, graph.Column{Name: c, Value: values[i]})
		}
		sortMetaxyColumns(key.Columns)
		return at(key.key(columns))
	}
	leave := func(row *metaxyRow, reason string, partly bool) {
		if place := input(row); place != nil {
			place.leaveOut(reason, partly)
		}
	}
	up := d.Upstream
	for id, row := range r.rows(up) {
		reason := r.unlike(up, id, row)
		partly := reason == ""
		for _, i := range d.Reads {
			if partly && row.nullDataVersion(up.Fields[i].Struct) {
				reason = metaxyNullVersion
			}
		}
		if reason == metaxyRestored {
			reason = metaxyOtherVersion
		}
		if reason != "" {
			leave(row, reason, partly)
		}
	}
	for _, row := range r.latest[up.Key] {
		if row.feature != up.Version {
			leave(row, metaxyOtherVersion, false)
			if place := input(row); place != nil && d.View.Passes(row.present()) {
				place.pending = place.pending || slices.ContainsFunc(d.Reads, func(i int) bool { return !r.inForce(up, row, i) })
			}
		}
	}
}

// inForce reports whether the version of a field that a row was written under is the one in force (G4).
func (r *metaxyRun) inForce(f *graph.FeaturePlan, row *metaxyRow, field int) bool {
	key := f.Fields[field].Key
	return r.versions[f.Key][row.feature][key] == f.Fields[field].Version
}

// present returns the columns that are not null.
func (r *metaxyRow) present() (columns []graph.Column) {
	for _, c := range r.Columns {
		if !c.Value.IsNull() {
			columns = append(columns, c)
		}
	}
	return columns
}

// scalar computes the sample provenance of a row (R4).
func (r *metaxyRun) scalar(f *graph.FeaturePlan, row *metaxyRow) string {
	texts := make([]string, len(f.Fields))
	for i, field := range f.Fields {
		texts[i] = row.provenance[field.Struct]
	}
	var h graph.Hasher
	return h.Provenance(f.Plan(), texts)
}
