package engine

import (
	"bytes"
	"encoding/hex"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/freshline/freshline/graph"
)

// randomBytes returns up to n bytes, often none.
func randomBytes(r *rand.Rand, n int) []byte {
	b := make([]byte, r.IntN(n+1)*r.IntN(2))
	for i := range b {
		b[i] = byte(r.IntN(256))
	}
	return b
}

func randomTuple(r *rand.Rand, n int) []byte {
	var tuple []byte
	for range n {
		tuple = graph.AppendValue(tuple, randomValue(r))
	}
	return tuple
}

func randomValue(r *rand.Rand) graph.Value {
	switch r.IntN(6) {
	case 0:
		return graph.Null()
	case 1:
		return graph.Bool(r.IntN(2) == 0)
	case 2:
		return graph.Int(r.Int64() >> r.IntN(64))
	case 3:
		return graph.Bytes(randomBytes(r, 9))
	case 4:
		return graph.Date(int32(r.Uint32()))
	}
	return graph.String(strings.ToValidUTF8(string(randomBytes(r, 12)), "\x00"))
}

func randomEdge(r *rand.Rand) (name graph.EdgeName) {
	for i := range name {
		name[i] = byte(r.IntN(256))
	}
	return name
}

func randomRowsKey(r *rand.Rand) rowsKey {
	k := rowsKey{kind: "oemgtxfc"[r.IntN(8)]}
	if k.kind != recordGraph {
		k.edge = randomEdge(r)
	}
	if k.kind == recordMoved {
		k.source.Partition = r.Int32N(100)
		return k
	}
	k.source = Source{Topic: string(randomBytes(r, 20)), Partition: r.Int32N(1000)}
	switch k.kind {
	case recordOwn, recordEdge, recordFail, recordFlag, recordComing:
		k.join, k.rest, k.record = randomTuple(r, 1+r.IntN(3)), randomTuple(r, r.IntN(3)), randomBytes(r, 30)
	}
	return k
}

// same compares keys, an empty slice being as good as nil.
func (k rowsKey) same(o rowsKey) bool {
	return k.kind == o.kind && k.edge == o.edge && k.source == o.source &&
		bytes.Equal(k.join, o.join) && bytes.Equal(k.rest, o.rest) && bytes.Equal(k.record, o.record)
}

func TestRowsKeyRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 20_000 {
		k := randomRowsKey(r)
		b := k.append(nil)
		got, err := parseRowsKey(b)
		if err != nil || !got.same(k) {
			t.Fatalf("%+v reads as %+v, %v", k, got, err)
		}
		// Damaged keys are refused or are other keys.
		if len(b) > 0 {
			b[r.IntN(len(b))] ^= byte(1 + r.IntN(255))
			_, _ = parseRowsKey(b[:r.IntN(len(b)+1)])
		}
	}
}

// TestRowsKeyBytes holds the bytes of keys, which lie in a topic.
func TestRowsKeyBytes(t *testing.T) {
	edge := graph.EdgeName{1, 2, 3, 4, 5, 6, 7, 8}
	source := Source{Topic: "s.video", Partition: 300}
	join := graph.AppendTuple(nil, graph.Int(7))
	rest := graph.AppendTuple(nil, graph.String("x"))
	for _, c := range []struct {
		key  rowsKey
		want string
	}{
		{rowsKey{kind: recordOwn, edge: edge, join: join, rest: rest, source: source, record: []byte("r")}, "6f0102030405060708" + "02" + hex.EncodeToString(join) + "03" + hex.EncodeToString(rest) + "07732e766964656fac02" + "72"},
		{rowsKey{kind: recordEdge, edge: edge, join: join, source: source}, "650102030405060708" + "02" + hex.EncodeToString(join) + "00" + "07732e766964656fac02"},
		{rowsKey{kind: recordMark, edge: edge, source: source}, "6d0102030405060708" + "07732e766964656fac02"},
		{rowsKey{kind: recordGraph, source: source}, "67" + "07732e766964656fac02"},
		{rowsKey{kind: recordMoved, edge: edge, source: Source{Partition: 11}}, "740102030405060708" + "0b"},
	} {
		if got := hex.EncodeToString(c.key.append(nil)); got != c.want {
			t.Errorf("%c: %s, want %s", c.key.kind, got, c.want)
		}
	}
}

func randomRow(r *rand.Rand) (row graph.Row) {
	if row.HasVersion = r.IntN(2) == 0; row.HasVersion {
		row.Version = string(randomBytes(r, 8))
	}
	if row.Children = -1; r.IntN(3) == 0 {
		row.Children = r.Int64N(1000)
		row.Group = r.IntN(2) == 0
	}
	row.Marked = r.IntN(4) == 0
	for i := range r.IntN(4) {
		f := graph.RowField{Name: string(rune('a' + i)), Provenance: string(randomBytes(r, 16))}
		if f.DataVersion = f.Provenance; r.IntN(2) == 0 {
			f.DataVersion = string(randomBytes(r, 16))
		}
		row.Fields = append(row.Fields, f)
	}
	for i := range r.IntN(4) {
		row.Columns = append(row.Columns, graph.Column{Name: string(rune('a' + i)), Value: randomValue(r)})
	}
	return row
}

func TestRowBytesRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 1))
	for range 20_000 {
		row := randomRow(r)
		o := origin{offset: r.Int64() >> r.IntN(63), time: r.Int64() - r.Int64(), trace: string(randomBytes(r, 55))}
		if o.offset < 0 {
			o.offset = -o.offset
		}
		shadowed := r.IntN(2) == 0
		b := appendRow(nil, o, &row, row.Columns, true, shadowed)
		var s stored
		if err := s.decode(b); err != nil {
			t.Fatal(err)
		}
		if s.offset != o.offset || s.time != o.time || s.trace != o.trace || s.isShadowed() != shadowed {
			t.Fatalf("%+v %v reads as %+v", o, shadowed, s)
		}
		s.row.Columns = s.columns(nil)
		if !reflect.DeepEqual(normal(s.row), normal(row)) {
			t.Fatalf("%+v reads as %+v", row, s.row)
		}
		// What readers see does not depend on where it came from.
		seen := appendRow(nil, o, &row, row.Columns, false, false)
		moved := appendRow(nil, origin{offset: o.offset + 1, trace: "x"}, &row, row.Columns, false, false)
		if !bytes.Equal(seenOf(seen), seenOf(moved)) {
			t.Fatalf("%+v: two origins are seen as two rows", row)
		}
		damage(r, b, func(b []byte) {
			var s stored
			if s.decode(b) == nil {
				_ = s.columns(nil)
			}
			if s.decodeState(b) == nil {
				_ = s.columns(nil)
			}
			_ = seenOf(b)
			_ = seenInState(b)
		})
	}
}

func normal(row graph.Row) graph.Row {
	if len(row.Fields) == 0 {
		row.Fields = nil
	}
	if len(row.Columns) == 0 {
		row.Columns = nil
	}
	return row
}

// damage changes or cuts bytes and calls fn with them.
func damage(r *rand.Rand, b []byte, fn func([]byte)) {
	b = slices.Clone(b)
	for range 1 + r.IntN(3) {
		if len(b) > 0 {
			b[r.IntN(len(b))] = byte(r.IntN(256))
		}
	}
	fn(b[:r.IntN(len(b)+1)])
}

// TestRowBytes holds the bytes of a row, which lie in a topic.
func TestRowBytes(t *testing.T) {
	row := graph.Row{
		HasVersion: true, Version: "v1", Children: -1,
		Fields:  []graph.RowField{{Name: "a", Provenance: "p", DataVersion: "p"}, {Name: "b", Provenance: "q", DataVersion: "d"}},
		Columns: []graph.Column{{Name: "id", Value: graph.Int(7)}},
	}
	value := hex.EncodeToString(graph.AppendValue(nil, graph.Int(7)))
	own := appendRow(nil, origin{offset: 300, time: -1, trace: "t"}, &row, row.Columns, true, true)
	if got, want := hex.EncodeToString(own), "ac02"+"01"+"0174"+"11"+"07"+"027631"+"02"+"0161"+"0170"+"00"+"0162"+"0171"+"010164"+"01"+"026964"+value; got != want {
		t.Errorf("own row:\n got %s\nwant %s", got, want)
	}
	seen := appendRow(nil, origin{offset: 1}, &row, nil, false, false)
	if got, want := hex.EncodeToString(seen), "01"+"00"+"00"+"0d"+"01"+"027631"+"02"+"0161"+"0170"+"0162"+"0164"+"00"; got != want {
		t.Errorf("row of an edge:\n got %s\nwant %s", got, want)
	}
}

func randomPlace(r *rand.Rand) place {
	return place{edge: randomEdge(r), join: string(randomTuple(r, 1+r.IntN(2))), rest: string(randomTuple(r, r.IntN(2)))}
}

func TestFiledRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	for range 10_000 {
		f := filed{own: randomPlace(r), row: randomBytes(r, 40), indexed: randomBytes(r, 20)}
		for range r.IntN(3) {
			f.edges = append(f.edges, filedEdge{place: randomPlace(r), digest: r.Uint64()})
		}
		for range r.IntN(2) {
			f.others = append(f.others, filedOwn{randomPlace(r), randomBytes(r, 40)})
		}
		b := f.append(nil)
		var got filed
		if err := got.decode(b); err != nil {
			t.Fatal(err)
		}
		if again := got.append(nil); !bytes.Equal(again, b) || got.own != f.own || !slices.Equal(got.edges, f.edges) {
			t.Fatalf("%+v reads as %+v", f, got)
		}
		damage(r, b, func(b []byte) { _ = got.decode(b) })
	}
}

// TestFiledOwn reads moves of an own row in any order of the partitions.
func TestFiledOwn(t *testing.T) {
	a, b := place{join: "a"}, place{join: "b"}
	for name, steps := range map[string]func(f *filed){
		"left first":    func(f *filed) { f.setOwn(a, []byte("1")); f.dropOwn(a); f.setOwn(b, []byte("2")) },
		"arrived first": func(f *filed) { f.setOwn(b, []byte("2")); f.setOwn(a, []byte("1")); f.dropOwn(a) },
		"in between":    func(f *filed) { f.setOwn(a, []byte("1")); f.setOwn(b, []byte("2")); f.dropOwn(a) },
		"read twice": func(f *filed) {
			f.setOwn(b, []byte("2"))
			f.setOwn(a, []byte("1"))
			f.dropOwn(a)
			f.setOwn(a, []byte("1"))
			f.setOwn(b, []byte("2"))
			f.dropOwn(a)
		},
	} {
		var f filed
		steps(&f)
		if f.own != b || string(f.row) != "2" || len(f.others) != 0 {
			t.Errorf("%s: %+v", name, f)
		}
		f.dropOwn(b)
		if !f.own.zero() {
			t.Errorf("%s, taken back: %+v", name, f)
		}
	}
}

func FuzzRowsKey(f *testing.F) {
	r := rand.New(rand.NewPCG(4, 1))
	for range 20 {
		k := randomRowsKey(r)
		f.Add(k.append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := parseRowsKey(b)
		if err != nil {
			return
		}
		again, err := parseRowsKey(k.append(nil))
		if err != nil || !again.same(k) {
			t.Fatalf("%+v is written as what reads as %+v, %v", k, again, err)
		}
		_, _ = SourceOf(b)
	})
}

func FuzzRowBytes(f *testing.F) {
	r := rand.New(rand.NewPCG(5, 1))
	for range 20 {
		row := randomRow(r)
		f.Add(appendRow(nil, origin{offset: 5, trace: "t"}, &row, row.Columns, r.IntN(2) == 0, r.IntN(2) == 0))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var s stored
		if s.decode(b) != nil {
			return
		}
		s.row.Columns = s.columns(nil)
		provenance := s.judged[0]&flagProvenance != 0
		again := appendRow(nil, origin{offset: s.offset, time: s.time, trace: s.trace}, &s.row, s.row.Columns, provenance, s.isShadowed())
		var o stored
		if err := o.decode(again); err != nil {
			t.Fatalf("%+v is written as what cannot be read: %v", s.row, err)
		}
		if o.row.Columns = o.columns(nil); !reflect.DeepEqual(normal(o.row), normal(s.row)) {
			t.Fatalf("%+v is written as what reads as %+v", s.row, o.row)
		}
	})
}
