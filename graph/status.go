package graph

// Status is what is known of a key (S4).
type Status uint8

const (
	Fresh    Status = iota // or nothing: no event
	New                    // to be computed for the first time
	Stale                  // to be computed again
	Awaiting               // an input is not ready
	Orphaned               // its input is gone
	Failed                 // a worker could not do it (S12)
)

var statusTexts = [...]string{"FRESH", "NEW", "STALE", "AWAITING", "ORPHANED", "FAILED"}

func (s Status) String() string { return statusTexts[s] }

// Work reports whether a worker has something to do (E1).
func (s Status) Work() bool { return s == New || s == Stale || s == Failed }

// Scope says what an event is about (E2).
type Scope uint8

const (
	ScopeInput  Scope = iota // the input of samples that are not there, or the parent of an expansion
	ScopeSample              // one sample
)

func (s Scope) String() string {
	if s == ScopeInput {
		return "INPUT"
	}
	return "SAMPLE"
}

// Causes is a set of causes (S9).
type Causes uint8

// The bits are in the order of the texts, so that Texts is sorted.
const (
	CodeVersion Causes = 1 << iota
	Incomplete
	InputPending
	Requested
	Superseded
	UpstreamData
	UpstreamMissing
)

var causeTexts = [...]string{"CODE_VERSION", "INCOMPLETE", "INPUT_PENDING", "REQUESTED", "SUPERSEDED", "UPSTREAM_DATA", "UPSTREAM_MISSING"}

// Texts returns the causes as text, sorted.
func (c Causes) Texts() []string {
	texts := []string{}
	for i, text := range causeTexts {
		if c&(1<<i) != 0 {
			texts = append(texts, text)
		}
	}
	return texts
}

// MaxFields is the greatest number of fields of a feature.
const MaxFields = 1000

// FieldSet is a set of fields of one feature, by index. It is comparable.
type FieldSet [(MaxFields + 63) / 64]uint64

// Add adds a field.
func (s *FieldSet) Add(field int) { s[field/64] |= 1 << (field % 64) }

// Has reports whether a field is in the set.
func (s *FieldSet) Has(field int) bool { return s[field/64]&(1<<(field%64)) != 0 }

// Union adds the fields of o.
func (s *FieldSet) Union(o *FieldSet) {
	for i := range s {
		s[i] |= o[i]
	}
}

// Empty reports whether the set has no field.
func (s *FieldSet) Empty() bool { return *s == FieldSet{} }

// AllFields returns the set of all fields of f.
func (f *FeaturePlan) AllFields() FieldSet {
	var s FieldSet
	for i := range f.Fields {
		s.Add(i)
	}
	return s
}

// Keys returns the keys of the fields in the set, sorted as text.
func (f *FeaturePlan) Keys(s FieldSet) []string {
	keys := []string{}
	for _, field := range f.text {
		if s.Has(f.fieldIndex(field.Struct)) {
			keys = append(keys, string(field.Key))
		}
	}
	return keys
}

// Judgement is the answer of a status function, but for the expectation (S8, S9).
type Judgement struct {
	Status  Status
	Causes  Causes
	Changed FieldSet
}

// Judge gives the status of an own row at a match key (S4, S5): expected is meaningful when presence is Ready.
func (f *FeaturePlan) Judge(own *Row, presence Presence, expected *Expectation) Judgement {
	if f.Root() {
		return f.judgeRoot(own)
	}
	switch presence {
	case Absent:
		return Judgement{Status: Orphaned, Causes: UpstreamMissing}
	case Pending:
		return Judgement{Status: Awaiting, Causes: InputPending}
	}
	var j Judgement
	for i, field := range f.Fields {
		if !f.Current(own, i) {
			j.Causes |= CodeVersion
			j.Changed.Add(i)
			continue
		}
		if own.Field(field.Struct).Provenance != expected.Fields[i] {
			j.Causes |= UpstreamData
			j.Changed.Add(i)
		}
	}
	return f.conclude(own, j)
}

// conclude adds what a request asks for (S8, S10) and makes the status.
func (f *FeaturePlan) conclude(own *Row, j Judgement) Judgement {
	if own.Marked {
		j.Causes |= Requested
		j.Changed = f.AllFields()
	}
	if j.Causes != 0 {
		j.Status = Stale
	}
	return j
}

func (f *FeaturePlan) judgeRoot(own *Row) Judgement {
	var j Judgement
	for i := range f.Fields {
		if !f.Current(own, i) {
			j.Causes |= CodeVersion
			j.Changed.Add(i)
		}
	}
	return f.conclude(own, j)
}

// JudgeMissing gives the status of a match key without own rows (S4, S6).
func (f *FeaturePlan) JudgeMissing(presence Presence) Judgement {
	switch presence {
	case Ready:
		return Judgement{Status: New, Changed: f.AllFields()}
	case Pending:
		return Judgement{Status: Awaiting, Causes: InputPending}
	}
	return Judgement{}
}
