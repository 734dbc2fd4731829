package graph

// compileSettling finds the settle edges (S3), and which features and edges have to say what is
// suspect: every feature from which a settle edge can be reached.
//
// Waves of one change can meet at a feature that aggregates, and at one two of whose dependencies share
// an ancestor, or one of which is the other's: there all dependencies are settle edges, but for
// those that say otherwise.
func (p *Plan) compileSettling() {
	for i, f := range p.Features {
		f.above = make([]bool, len(p.Features))
		f.above[i] = true
		meet := false
		for _, d := range f.Deps {
			for position, is := range d.Upstream.above {
				meet = meet || is && f.above[position]
				f.above[position] = f.above[position] || is
			}
		}
		for _, d := range f.Deps {
			meet = meet || d.Spec.Lineage.Kind == Aggregation
		}
		for _, d := range f.Deps {
			d.Settle = p.Gate == GateSettled && meet && (d.Spec.Settle == nil || *d.Spec.Settle)
		}
	}
	for i := len(p.Features) - 1; i >= 0; i-- {
		f := p.Features[i]
		for _, d := range f.Deps {
			if d.Settle || f.Watched {
				d.Upstream.Watched = true
				d.Edge.Flagged = true
				d.Edge.Coming = d.Edge.Coming || d.Spec.Lineage.Kind == Aggregation
			}
		}
	}
	for _, f := range p.Features {
		f.compileLateness()
	}
}

// FieldNames returns the struct names of the fields in a set.
func (f *FeaturePlan) FieldNames(s FieldSet) []string {
	var names []string
	for i, field := range f.Fields {
		if s.Has(i) {
			names = append(names, field.Struct)
		}
	}
	return names
}

// FieldsNamed returns the set of the fields with some struct names; names of no field are left out.
func (f *FeaturePlan) FieldsNamed(names []string) (s FieldSet) {
	for _, name := range names {
		if i := f.fieldIndex(name); i >= 0 {
			s.Add(i)
		}
	}
	return s
}

// Unsettled returns the fields of f that read an unsure field of an input: unsure is by dependency.
func (f *FeaturePlan) Unsettled(unsure []FieldSet) (s FieldSet) {
	for i, field := range f.Fields {
		for _, parent := range field.Parents {
			if unsure[parent.Dep].Has(parent.Field) {
				s.Add(i)
				break
			}
		}
	}
	return s
}

// Suspect returns the fields in which an own row is suspect (S3): its status, and unsettled, the fields
// that read something unsure. failed says that the row is FAILED, or its INPUT is.
func (f *FeaturePlan) Suspect(own *Row, j Judgement, unsettled FieldSet, failed bool) FieldSet {
	s := unsettled
	if failed {
		return s
	}
	if j.Status == Stale {
		s.Union(&j.Changed)
	}
	if j.Causes&Superseded != 0 {
		all := f.AllFields()
		s.Union(&all)
	}
	if j.Status != Orphaned {
		for i := range f.Fields {
			if !f.Current(own, i) {
				s.Add(i)
			}
		}
	}
	return s
}

// Coming returns the fields in which what a key stands for is still to come (S3): j is the status of
// the key of M, present whether it has rows.
func (f *FeaturePlan) Coming(j Judgement, present bool, unsettled FieldSet) (s FieldSet) {
	switch {
	case !f.Expands && present:
		return s
	case j.Status == New, j.Status == Awaiting && !present, j.Causes&Incomplete != 0:
		return f.AllFields()
	case !f.Expands:
		return s
	case j.Status == Stale:
		return j.Changed
	case j.Status == Awaiting:
		return unsettled
	}
	return s
}
