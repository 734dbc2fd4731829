package enginetest

import (
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream/engine"
)

// WriteMaker makes writes at random.
type WriteMaker struct {
	Domain map[string][]graph.Value // what columns may hold
	coarse map[string]bool          // features whose record keys hold only the first id: samples push each other out
	tilt   uint64                   // of what workers write in columns besides the key
	Calm   bool                     // writes are as they should be
}

// NewWriteMaker returns a maker of writes whose domains of values are drawn from r.
func NewWriteMaker(r *rand.Rand) *WriteMaker {
	m := &WriteMaker{Domain: map[string][]graph.Value{}, coarse: map[string]bool{}, tilt: r.Uint64()}
	uuid, _ := graph.UUID("00000000-0000-0000-0000-0000000000ff")
	decimal, _ := graph.Decimal("1.50")
	exotic := []graph.Value{
		graph.Bool(true), graph.Int(-7), graph.String("10"), graph.String("é|\"\\"), graph.Bytes([]byte{0, 0xff}), graph.Date(20000),
		graph.Timestamp(1_700_000_000_000_001, 7), uuid, decimal, graph.String(""),
	}
	strange := Chance(r, 25)
	for _, c := range []string{"a", "b", "c", "k"} {
		m.Domain[c] = []graph.Value{graph.Int(1), graph.Int(2), graph.Int(3)}
		if strange {
			m.Domain[c] = append(Some(r, exotic, 3), graph.Int(1))
		}
	}
	if Chance(r, 5) { // pages of what was emitted outgrow their size
		for i := range 16 {
			m.Domain["k"] = append(m.Domain["k"], graph.String(strings.Repeat("k", 300+i)))
		}
		m.Domain["a"], m.Domain["b"] = m.Domain["a"][:1], m.Domain["b"][:1]
	}
	m.Domain["n"] = []graph.Value{graph.Int(1), graph.Int(2), graph.Double(1.5), graph.Double(2)}
	m.Domain["s"] = []graph.Value{graph.String("1"), graph.String("2"), graph.Int(1), graph.Other("[1]")}
	for _, key := range FeatureKeys {
		m.coarse[key] = Chance(r, 10)
	}
	return m
}

// Columns makes a row's columns at random: the ids are there, others mostly.
func (m *WriteMaker) Columns(r *rand.Rand, ids []string) map[string]graph.Value {
	columns := map[string]graph.Value{}
	for _, c := range slices.Sorted(maps.Keys(m.Domain)) {
		if slices.Contains(ids, c) || !Chance(r, 12) {
			columns[c] = Pick(r, m.Domain[c])
		} else if Chance(r, 30) {
			columns[c] = graph.Double(0.5)
		}
	}
	return columns
}

// Fill adds the columns that a row lacks, always the same for the same key.
func (m *WriteMaker) Fill(feature string, columns map[string]graph.Value) {
	h := fnv.New64a()
	h.Write([]byte(feature))
	for _, c := range slices.Sorted(maps.Keys(columns)) {
		h.Write(graph.AppendValue([]byte(c), columns[c]))
	}
	r := rand.New(rand.NewPCG(h.Sum64(), m.tilt))
	for _, c := range slices.Sorted(maps.Keys(m.Domain)) {
		if _, ok := columns[c]; !ok && Chance(r, 90) {
			columns[c] = Pick(r, m.Domain[c])
		}
	}
}

// RecordKey is the record key of a sample: the same for the same ids.
func (m *WriteMaker) RecordKey(feature string, ids []string, columns map[string]graph.Value) []byte {
	if m.coarse[feature] {
		ids = ids[:1]
	}
	values := make([]graph.Value, len(ids))
	for i, id := range ids {
		values[i] = columns[id]
	}
	return graph.AppendKeyJSON(nil, ids, values)
}

// NewRecord makes a record of columns.
func NewRecord(columns map[string]graph.Value) *graph.Record {
	rec := &graph.Record{}
	for _, c := range slices.Sorted(maps.Keys(columns)) {
		rec.Columns = append(rec.Columns, graph.Column{Name: c, Value: columns[c]})
	}
	return rec
}

// FillMaps fills in provenance and data versions by struct name.
func FillMaps(rec *graph.Record, provenance, data map[string]string) {
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

// Write makes a random write of a feature: what a producer, or a worker of no particular care, sends.
func (m *WriteMaker) Write(r *rand.Rand, o *Oracle, spec *graph.Feature) *engine.Write {
	columns := m.Columns(r, spec.IDColumns)
	if !m.Calm && Chance(r, 3) {
		columns[Pick(r, spec.IDColumns)] = Pick(r, []graph.Value{graph.Null(), graph.Double(1)})
	}
	key := m.RecordKey(string(spec.Key), spec.IDColumns, columns)
	rec := NewRecord(columns)
	if join := JoinOf(o.Newest().Graph, spec); !m.Calm && join.Expands && Chance(r, 15) { // a group record (S7)
		for _, id := range Some(r, join.Suffix, len(join.Suffix)-r.IntN(len(join.Suffix))*r.IntN(2)) {
			delete(columns, id)
		}
		key = m.RecordKey(string(spec.Key), join.Match, columns)
		rec = NewRecord(columns)
		rec.Children = Pick(r, []graph.Value{graph.Int(0), graph.Int(1), graph.Int(2), graph.Int(2), graph.Int(-1), graph.String("1"), graph.Null()})
	} else if !m.Calm && Chance(r, 3) {
		rec.Children = Pick(r, []graph.Value{graph.Int(1), graph.Double(1)})
	}
	var fields map[graph.FieldKey]string
	newest := o.Newest().Versions[spec.Key]
	switch n := r.IntN(100); {
	case n < 70, m.Calm:
		rec.FeatureVersion, fields = graph.String(newest.Feature), newest.Fields
	case n < 84:
		fields = newest.Fields // no version
		rec.HasVersion = Chance(r, 50)
	case n < 96:
		version := o.SomeVersion(r, spec.Key)
		rec.FeatureVersion, fields = graph.String(version), o.FieldsOf(len(o.Graphs), spec.Key, version)
	default:
		rec.FeatureVersion, fields = Pick(r, []graph.Value{graph.String("nonsense"), graph.Int(1)}), newest.Fields
	}
	provenance := map[string]string{}
	for key := range fields {
		provenance[key.StructName()] = ""
	}
	if Chance(r, 30) {
		provenance[graph.FieldKey(Pick(r, specFields)).StructName()] = ""
	}
	var data map[string]string
	if Chance(r, 30) {
		data = map[string]string{}
	}
	for _, name := range slices.Sorted(maps.Keys(provenance)) {
		provenance[name] = Pick(r, []string{"p1", "p2", "p3"})
		if data != nil && Chance(r, 70) {
			data[name] = Pick(r, []string{"d1", "d2"})
		}
	}
	FillMaps(rec, provenance, data)
	if !m.Calm {
		m.spoil(r, rec)
	}
	w := &engine.Write{Key: key, Record: rec, Time: int64(r.IntN(1000))}
	if !m.Calm && Chance(r, 2) {
		w.Record = nil // a payload that is no record
	}
	return w
}

// spoil makes some records unusable, and some a little odd.
func (m *WriteMaker) spoil(r *rand.Rand, rec *graph.Record) {
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
		Pick(r, rec.Provenance.Entries[:1])
		rec.Provenance.Entries[0].Value = graph.Int(1)
	case 4:
		rec.DataVersion = graph.MapColumn{State: graph.MapInvalid}
	case 5:
		if len(rec.DataVersion.Entries) > 0 {
			rec.DataVersion.Entries[0].Value = Pick(r, []graph.Value{graph.Null(), graph.Int(2)})
		}
	}
}

// Remove makes a delete: a tombstone, or a record that says so.
func (m *WriteMaker) Remove(r *rand.Rand, o *Oracle, spec *graph.Feature) *engine.Write {
	columns, ids := m.Columns(r, spec.IDColumns), spec.IDColumns
	if join := JoinOf(o.Newest().Graph, spec); join.Expands && Chance(r, 25) {
		ids = join.Match
		for _, id := range join.Suffix {
			delete(columns, id)
		}
	}
	w := &engine.Write{Key: m.RecordKey(string(spec.Key), ids, columns), Delete: true}
	if Chance(r, 50) {
		w.Record = NewRecord(columns)
		if Chance(r, 50) {
			w.Delete, w.Record.DeletedAt = false, graph.Timestamp(1, 0)
		}
	}
	return w
}

// SomeVersion returns a version that a feature has had.
func (o *Oracle) SomeVersion(r *rand.Rand, feature graph.FeatureKey) string {
	var versions []string
	for _, g := range o.Graphs {
		if v, ok := g.Versions[feature]; ok && !slices.Contains(versions, v.Feature) {
			versions = append(versions, v.Feature)
		}
	}
	return Pick(r, versions)
}
