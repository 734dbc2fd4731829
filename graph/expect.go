package graph

// Presence says whether an expected row exists at a match key (S1, S2).
type Presence uint8

const (
	Absent  Presence = iota // a required input is absent, or nothing has all columns of M
	Pending                 // it exists, but an input is not ready
	Ready
)

// Input is what one dependency gives to an evaluation at one match key.
type Input struct {
	Present bool
	Ready   bool     // every field that is read is in force in every row (S2)
	Values  []string // by field of the upstream: the data version, of a group the hash of J5
}

// Presence finds whether the expected row exists and is ready (J3, J6, S2).
func (f *FeaturePlan) Presence(inputs []Input) Presence {
	full, ready := false, true
	for i, d := range f.Deps {
		in := &inputs[i]
		if !in.Present {
			if !d.Spec.Optional {
				return Absent
			}
			continue
		}
		full = full || d.Full
		ready = ready && in.Ready
	}
	switch {
	case !full:
		return Absent
	case !ready:
		return Pending
	}
	return Ready
}

// HasFullInput reports whether a dependency that has all columns of M has a row.
func (f *FeaturePlan) HasFullInput(inputs []Input) bool {
	for i, d := range f.Deps {
		if d.Full && inputs[i].Present {
			return true
		}
	}
	return false
}

// Expectation is the expected row of a match key: provenance by field, by the formulas of metaxy-semantics 4.1 and 4.2.
type Expectation struct {
	Fields     []string // by field of the feature
	Provenance string   // of the sample
}

// Hasher computes sample hashes. It keeps its buffers between calls; the zero value is ready.
type Hasher struct {
	text, sum []byte
}

// Expect computes the expected row. The inputs must be ready.
func (h *Hasher) Expect(f *FeaturePlan, inputs []Input) *Expectation {
	e := &Expectation{Fields: make([]string, len(f.Fields))}
	for i, field := range f.Fields {
		h.text = append(h.text[:0], field.prefix...)
		for _, parent := range field.Parents {
			h.text = append(h.text, parent.infix...)
			if in := &inputs[parent.Dep]; in.Present {
				h.text = append(h.text, in.Values[parent.Field]...)
			}
		}
		e.Fields[i] = h.hash(f.plan)
	}
	e.Provenance = h.Provenance(f.plan, e.Fields)
	return e
}

// Provenance computes the sample provenance of the provenance of its fields, which are sorted by struct name.
func (h *Hasher) Provenance(p *Plan, fields []string) string {
	h.text = h.text[:0]
	for i, text := range fields {
		if i > 0 {
			h.text = append(h.text, '|')
		}
		h.text = append(h.text, text...)
	}
	return h.hash(p)
}

func (h *Hasher) hash(p *Plan) string {
	h.sum = p.Hash.Sum(h.sum[:0], h.text)
	return string(h.sum[:min(p.Length, len(h.sum))])
}

// Group collects the rows of one aggregation group, in the order of J5.
type Group struct {
	texts [][]byte // by field of the upstream, only those that are read
	rows  int
	ready bool
}

// Reset empties the group for a dependency.
func (g *Group) Reset(d *DepPlan) {
	if len(g.texts) < len(d.Upstream.Fields) {
		g.texts = make([][]byte, len(d.Upstream.Fields))
	}
	for i := range g.texts {
		g.texts[i] = g.texts[i][:0]
	}
	g.rows, g.ready = 0, true
}

// Add adds the next row.
func (g *Group) Add(d *DepPlan, row *Row) {
	for _, i := range d.Reads {
		if g.rows > 0 {
			g.texts[i] = append(g.texts[i], '|')
		}
		if !d.Upstream.Current(row, i) {
			g.ready = false
			continue
		}
		g.texts[i] = append(g.texts[i], row.Field(d.Upstream.Fields[i].Struct).DataVersion...)
	}
	g.rows++
}

// Input hashes the group: for each upstream field that is read the hash of its joined data versions (J5).
func (g *Group) Input(d *DepPlan, h *Hasher, in *Input) {
	in.Present, in.Ready = g.rows > 0, g.ready
	in.Values = resize(in.Values, len(d.Upstream.Fields))
	if !in.Present || !in.Ready {
		return
	}
	for _, i := range d.Reads {
		h.text = append(h.text[:0], g.texts[i]...)
		in.Values[i] = h.hash(d.Upstream.plan)
	}
}

// RowInput makes the input of a dependency that reads one row.
func (d *DepPlan) RowInput(row *Row, in *Input) {
	in.Present, in.Ready = true, true
	in.Values = resize(in.Values, len(d.Upstream.Fields))
	for _, i := range d.Reads {
		if !d.Upstream.Current(row, i) {
			in.Ready = false
			return
		}
		in.Values[i] = row.Field(d.Upstream.Fields[i].Struct).DataVersion
	}
}

func resize(s []string, n int) []string {
	if cap(s) < n {
		return make([]string, n)
	}
	s = s[:n]
	clear(s)
	return s
}
