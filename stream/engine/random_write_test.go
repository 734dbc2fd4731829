package engine_test

import (
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream/engine"
)

// writeMaker makes writes at random.
type writeMaker struct {
	domain map[string][]graph.Value // what columns may hold
	coarse map[string]bool          // features whose record keys hold only the first id: samples push each other out
	tilt   uint64                   // of what workers write in columns besides the key
	calm   bool                     // writes are as they should be
}

func newWriteMaker(r *rand.Rand) *writeMaker {
	m := &writeMaker{domain: map[string][]graph.Value{}, coarse: map[string]bool{}, tilt: r.Uint64()}
	uuid, _ := graph.UUID("00000000-0000-0000-0000-0000000000ff")
	decimal, _ := graph.Decimal("1.50")
	exotic := []graph.Value{
		graph.Bool(true), graph.Int(-7), graph.String("10"), graph.String("é|\"\\"), graph.Bytes([]byte{0, 0xff}), graph.Date(20000),
		graph.Timestamp(1_700_000_000_000_001, 7), uuid, decimal, graph.String(""),
	}
	strange := chance(r, 25)
	for _, c := range []string{"a", "b", "c", "k"} {
		m.domain[c] = []graph.Value{graph.Int(1), graph.Int(2), graph.Int(3)}
		if strange {
			m.domain[c] = append(some(r, exotic, 3), graph.Int(1))
		}
	}
	if chance(r, 5) { // pages of what was emitted outgrow their size
		for i := range 16 {
			m.domain["k"] = append(m.domain["k"], graph.String(strings.Repeat("k", 300+i)))
		}
		m.domain["a"], m.domain["b"] = m.domain["a"][:1], m.domain["b"][:1]
	}
	m.domain["n"] = []graph.Value{graph.Int(1), graph.Int(2), graph.Double(1.5), graph.Double(2)}
	m.domain["s"] = []graph.Value{graph.String("1"), graph.String("2"), graph.Int(1), graph.Other("[1]")}
	for _, key := range specKeys {
		m.coarse[key] = chance(r, 10)
	}
	return m
}

// columns makes a row's columns at random: the ids are there, others mostly.
func (m *writeMaker) columns(r *rand.Rand, ids []string) map[string]graph.Value {
	columns := map[string]graph.Value{}
	for _, c := range slices.Sorted(maps.Keys(m.domain)) {
		if slices.Contains(ids, c) || !chance(r, 12) {
			columns[c] = pick(r, m.domain[c])
		} else if chance(r, 30) {
			columns[c] = graph.Double(0.5)
		}
	}
	return columns
}

// fill adds the columns that a row lacks, always the same for the same key.
func (m *writeMaker) fill(feature string, columns map[string]graph.Value) {
	h := fnv.New64a()
	h.Write([]byte(feature))
	for _, c := range slices.Sorted(maps.Keys(columns)) {
		h.Write(graph.AppendValue([]byte(c), columns[c]))
	}
	r := rand.New(rand.NewPCG(h.Sum64(), m.tilt))
	for _, c := range slices.Sorted(maps.Keys(m.domain)) {
		if _, ok := columns[c]; !ok && chance(r, 90) {
			columns[c] = pick(r, m.domain[c])
		}
	}
}

// recordKey is the record key of a sample: the same for the same ids.
func (m *writeMaker) recordKey(feature string, ids []string, columns map[string]graph.Value) []byte {
	if m.coarse[feature] {
		ids = ids[:1]
	}
	values := make([]graph.Value, len(ids))
	for i, id := range ids {
		values[i] = columns[id]
	}
	return graph.AppendKeyJSON(nil, ids, values)
}

// record makes a record of columns.
func record(columns map[string]graph.Value) *graph.Record {
	rec := &graph.Record{}
	for _, c := range slices.Sorted(maps.Keys(columns)) {
		rec.Columns = append(rec.Columns, graph.Column{Name: c, Value: columns[c]})
	}
	return rec
}

// maps fills in provenance and data versions by struct name.
func fillMaps(rec *graph.Record, provenance, data map[string]string) {
	rec.Provenance = textMap(provenance)
	if data != nil {
		rec.DataVersion = textMap(data)
	}
}

func textMap(texts map[string]string) graph.MapColumn {
	m := graph.MapColumn{State: graph.MapPresent}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		m.Entries = append(m.Entries, graph.Column{Name: name, Value: graph.String(texts[name])})
	}
	return m
}

// write makes a random write of a feature: what a producer, or a worker of no particular care, sends.
func (m *writeMaker) write(r *rand.Rand, o *oracle, spec *graph.Feature) *engine.Write {
	columns := m.columns(r, spec.IDColumns)
	if !m.calm && chance(r, 3) {
		columns[pick(r, spec.IDColumns)] = pick(r, []graph.Value{graph.Null(), graph.Double(1)})
	}
	key := m.recordKey(string(spec.Key), spec.IDColumns, columns)
	rec := record(columns)
	if join := joinOf(o.newest().Graph, spec); !m.calm && join.expands && chance(r, 15) { // a group record (S7)
		for _, id := range some(r, join.suffix, len(join.suffix)-r.IntN(len(join.suffix))*r.IntN(2)) {
			delete(columns, id)
		}
		key = m.recordKey(string(spec.Key), join.match, columns)
		rec = record(columns)
		rec.Children = pick(r, []graph.Value{graph.Int(0), graph.Int(1), graph.Int(2), graph.Int(2), graph.Int(-1), graph.String("1"), graph.Null()})
	} else if !m.calm && chance(r, 3) {
		rec.Children = pick(r, []graph.Value{graph.Int(1), graph.Double(1)})
	}
	var fields map[graph.FieldKey]string
	newest := o.newest().versions[spec.Key]
	switch n := r.IntN(100); {
	case n < 70, m.calm:
		rec.FeatureVersion, fields = graph.String(newest.Feature), newest.Fields
	case n < 84:
		fields = newest.Fields // no version
		rec.HasVersion = chance(r, 50)
	case n < 96:
		version := o.someVersion(r, spec.Key)
		rec.FeatureVersion, fields = graph.String(version), o.fieldsOf(len(o.graphs), spec.Key, version)
	default:
		rec.FeatureVersion, fields = pick(r, []graph.Value{graph.String("nonsense"), graph.Int(1)}), newest.Fields
	}
	provenance := map[string]string{}
	for key := range fields {
		provenance[key.StructName()] = ""
	}
	if chance(r, 30) {
		provenance[graph.FieldKey(pick(r, specFields)).StructName()] = ""
	}
	var data map[string]string
	if chance(r, 30) {
		data = map[string]string{}
	}
	for _, name := range slices.Sorted(maps.Keys(provenance)) {
		provenance[name] = pick(r, []string{"p1", "p2", "p3"})
		if data != nil && chance(r, 70) {
			data[name] = pick(r, []string{"d1", "d2"})
		}
	}
	fillMaps(rec, provenance, data)
	if !m.calm {
		m.spoil(r, rec)
	}
	w := &engine.Write{Key: key, Record: rec, Time: int64(r.IntN(1000))}
	if !m.calm && chance(r, 2) {
		w.Record = nil // a payload that is no record
	}
	return w
}

// spoil makes some records unusable, and some a little odd.
func (m *writeMaker) spoil(r *rand.Rand, rec *graph.Record) {
	switch r.IntN(40) {
	case 0:
		rec.Provenance = graph.MapColumn{}
	case 1:
		rec.Provenance = graph.MapColumn{State: graph.MapInvalid}
	case 2:
		if n := len(rec.Provenance.Entries); n > 0 {
			rec.Provenance.Entries = rec.Provenance.Entries[:n-1]
		}
	case 3:
		pick(r, rec.Provenance.Entries[:1])
		rec.Provenance.Entries[0].Value = graph.Int(1)
	case 4:
		rec.DataVersion = graph.MapColumn{State: graph.MapInvalid}
	case 5:
		if len(rec.DataVersion.Entries) > 0 {
			rec.DataVersion.Entries[0].Value = pick(r, []graph.Value{graph.Null(), graph.Int(2)})
		}
	}
}

// remove makes a delete: a tombstone, or a record that says so.
func (m *writeMaker) remove(r *rand.Rand, o *oracle, spec *graph.Feature) *engine.Write {
	columns, ids := m.columns(r, spec.IDColumns), spec.IDColumns
	if join := joinOf(o.newest().Graph, spec); join.expands && chance(r, 25) {
		ids = join.match
		for _, id := range join.suffix {
			delete(columns, id)
		}
	}
	w := &engine.Write{Key: m.recordKey(string(spec.Key), ids, columns), Delete: true}
	if chance(r, 50) {
		w.Record = record(columns)
		if chance(r, 50) {
			w.Delete, w.Record.DeletedAt = false, graph.Timestamp(1, 0)
		}
	}
	return w
}

// someVersion returns a version that a feature has had.
func (o *oracle) someVersion(r *rand.Rand, feature graph.FeatureKey) string {
	var versions []string
	for _, g := range o.graphs {
		if v, ok := g.versions[feature]; ok && !slices.Contains(versions, v.Feature) {
			versions = append(versions, v.Feature)
		}
	}
	return pick(r, versions)
}
