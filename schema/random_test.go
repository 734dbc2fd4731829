package schema

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/freshline/freshline/graph"
)

// newRand returns a source whose seed is in the test's log.
func newRand(t testing.TB) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

func randomText(r *rand.Rand) string {
	const letters = "abcxyz019_-/\"\\\n\x00äß漢🙂"
	runes := []rune(letters)
	var b strings.Builder
	for range r.IntN(12) {
		b.WriteRune(runes[r.IntN(len(runes))])
	}
	return b.String()
}

func randomBytes(r *rand.Rand) []byte {
	b := make([]byte, r.IntN(12))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func randomInt(r *rand.Rand) int64 { return int64(r.Uint64()) >> r.IntN(64) }

func randomUUID(r *rand.Rand) graph.Value {
	v, err := graph.UUID(fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", r.Uint32(), r.IntN(1<<16), r.IntN(1<<16), r.IntN(1<<16), r.Int64N(1<<48)))
	if err != nil {
		panic(err)
	}
	return v
}

// randomValue is a value of the column's type, now and then null.
func randomValue(r *rand.Rand, c ColumnType) graph.Value {
	if r.IntN(6) == 0 {
		return graph.Null()
	}
	switch c.Kind {
	case graph.KindBool:
		return graph.Bool(r.IntN(2) == 0)
	case graph.KindInt:
		return graph.Int(randomInt(r))
	case graph.KindString:
		return graph.String(randomText(r))
	case graph.KindBytes:
		return graph.Bytes(randomBytes(r))
	case graph.KindDate:
		return graph.Date(int32(r.Uint32()) >> r.IntN(32))
	case graph.KindTimestamp:
		if c.Nanos {
			return graph.Timestamp(randomInt(r)/2000, r.IntN(1000))
		}
		return graph.Timestamp(randomInt(r), 0)
	case graph.KindUUID:
		return randomUUID(r)
	case graph.KindDecimal:
		limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(1+r.IntN(c.Precision))), nil)
		unscaled := new(big.Int).Rsh(limit, 1)
		unscaled.Sub(new(big.Int).SetUint64(r.Uint64()), unscaled).Rem(unscaled, limit)
		v, err := graph.DecimalUnscaled(unscaled, c.Scale)
		if err != nil {
			panic(err)
		}
		return v
	case graph.KindDouble:
		return graph.Double(r.NormFloat64())
	case graph.KindOther:
		return graph.Other(`{"a":[1,2.5,` + string(graph.AppendJSONString(nil, randomText(r))) + `]}`)
	}
	return graph.Null()
}

func randomColumnTypes(r *rand.Rand) []ColumnType {
	types := make([]ColumnType, r.IntN(9))
	for i := range types {
		types[i] = ColumnType{Name: fmt.Sprintf("c%d_%c", i, 'a'+r.IntN(26)), Kind: graph.Kind(r.IntN(int(graph.KindOther) + 1))}
		switch types[i].Kind {
		case graph.KindTimestamp:
			types[i].Nanos = r.IntN(2) == 0
		case graph.KindDecimal:
			types[i].Precision = 1 + r.IntN(60)
			types[i].Scale = r.IntN(types[i].Precision + 1)
		}
	}
	return types
}

func randomMapColumn(r *rand.Rand) graph.MapColumn {
	if r.IntN(4) == 0 {
		return graph.MapColumn{}
	}
	m := graph.MapColumn{State: graph.MapPresent, Entries: []graph.Column{}}
	for i := range r.IntN(5) {
		m.Entries = append(m.Entries, graph.Column{Name: fmt.Sprintf("f%d%s", i, randomText(r)), Value: graph.String(randomText(r))})
	}
	return m
}

func randomRecord(r *rand.Rand, types []ColumnType, children bool) *graph.Record {
	rec := &graph.Record{
		Columns: []graph.Column{}, Provenance: randomMapColumn(r), DataVersion: randomMapColumn(r), HasVersion: true,
		FeatureVersion: randomValue(r, ColumnType{Kind: graph.KindString}),
		DeletedAt:      randomValue(r, ColumnType{Kind: graph.KindTimestamp}),
	}
	for _, t := range types {
		rec.Columns = append(rec.Columns, graph.Column{Name: t.Name, Value: randomValue(r, t)})
	}
	if children {
		rec.Children = randomValue(r, ColumnType{Kind: graph.KindInt})
		rec.HasChildren = !rec.Children.IsNull()
	}
	return rec
}

func randomFieldTexts(r *rand.Rand) FieldTexts {
	var out FieldTexts
	for i := range r.IntN(5) {
		out = append(out, FieldText{Field: fmt.Sprintf("f%d%s", i, randomText(r)), Text: randomText(r)})
	}
	return out
}

func randomTexts(r *rand.Rand) []string {
	var out []string
	for range r.IntN(4) {
		out = append(out, randomText(r))
	}
	return out
}

func randomColumns(r *rand.Rand) []graph.Column {
	var out []graph.Column
	for _, t := range randomColumnTypes(r) {
		out = append(out, graph.Column{Name: t.Name + randomText(r), Value: randomValue(r, t)})
	}
	return out
}

func randomStaleness(r *rand.Rand) *Staleness {
	e := &Staleness{
		Feature: graph.FeatureKey(randomText(r)), Scope: graph.Scope(r.IntN(2)), Status: graph.New + graph.Status(r.IntN(5)),
		Causes: randomTexts(r), ChangedFields: randomTexts(r), FeatureVersion: randomText(r),
		InputsTotal: int32(r.Uint32()), InputsDigest: randomText(r), Awaiting: randomTexts(r),
		EventOwn: randomOwn(r),
	}
	if r.IntN(2) == 0 {
		e.Expected = &Provenance{ByField: randomFieldTexts(r), Text: randomText(r)}
	}
	for range r.IntN(4) {
		e.Inputs = append(e.Inputs, StalenessInput{
			Feature: graph.FeatureKey(randomText(r)), ID: randomColumns(r), DataVersion: randomFieldTexts(r), Columns: randomColumns(r),
		})
	}
	if r.IntN(2) == 0 {
		e.Children = &ChildCounts{Total: randomInt(r), NotCurrent: randomInt(r)}
	}
	if r.IntN(2) == 0 {
		e.Failure = &FailureReport{Type: randomText(r), Message: randomText(r), Attempt: int32(r.Uint32())}
	}
	if r.IntN(2) == 0 {
		e.Origin = &Origin{Topic: randomText(r), Partition: int32(r.Uint32()), Offset: randomInt(r), Timestamp: randomInt(r)}
	}
	return e
}

func randomOwn(r *rand.Rand) EventOwn {
	own := EventOwn{EventID: randomText(r), Key: randomText(r), ID: randomColumns(r)}
	if r.IntN(2) == 0 {
		own.Recorded = &Recorded{Provenance: Provenance{ByField: randomFieldTexts(r), Text: randomText(r)}}
		if r.IntN(2) == 0 {
			own.Recorded.HasVersion, own.Recorded.FeatureVersion = true, randomText(r)
		}
	}
	return own
}

// asDecoded is e as DecodeStaleness returns it: values of no primitive type are text.
func asDecoded(e *Staleness) *Staleness {
	out := *e
	out.ID = decodedColumns(e.ID)
	out.Inputs = slices.Clone(e.Inputs)
	for i := range out.Inputs {
		out.Inputs[i].ID = decodedColumns(e.Inputs[i].ID)
		out.Inputs[i].Columns = decodedColumns(e.Inputs[i].Columns)
	}
	return &out
}

func decodedColumns(columns []graph.Column) []graph.Column {
	out := slices.Clone(columns)
	for i := range out {
		switch v := out[i].Value; v.Kind() {
		case graph.KindDate, graph.KindTimestamp, graph.KindUUID, graph.KindDecimal, graph.KindOther:
			out[i].Value = graph.String(string(appendText(nil, v)))
		}
	}
	return out
}
