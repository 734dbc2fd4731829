package graph

// Family sums up the present rows of one expansion: the children, by classes that are judged alike,
// and the group record (S6, S7).
type Family struct {
	Children   int64
	NotCurrent int64 // children that are not fresh; of a complete group those that it supersedes
	Input      bool  // a dependency that has all columns of M has a row, whether or not the required ones do

	causes   Causes
	changed  FieldSet
	current  int64
	group    bool
	counted  int64 // what the group record says
	judgment Judgement
}

// Add counts n children that were judged alike.
func (m *Family) Add(j Judgement, n int64) {
	m.Children += n
	if j.Status != Fresh {
		m.NotCurrent += n
	} else {
		m.current += n
	}
	if j.Status == Stale {
		m.causes |= j.Causes
		m.changed.Union(&j.Changed)
	}
}

// AddGroup takes the group record, which says that children samples came of the expansion.
func (m *Family) AddGroup(j Judgement, children int64) {
	m.group, m.counted, m.judgment = true, children, j
}

// HasGroup reports whether there is a group record.
func (m *Family) HasGroup() bool { return m.group }

// Complete reports whether the group record is current and as many children are current as it says:
// those that are not are left over from an earlier expansion (S7).
func (m *Family) Complete() bool {
	return m.group && m.judgment.Status == Fresh && m.current == m.counted
}

// JudgeChild gives the status of a child that was judged by itself: in a complete group one that is
// not current is superseded (S7).
func (m *Family) JudgeChild(j Judgement) Judgement {
	if j.Status == Stale && m.Complete() {
		return Judgement{Status: Orphaned, Causes: Superseded}
	}
	return j
}

// Judge gives the status of the INPUT event of an expansion (S6, S7).
func (m *Family) Judge(f *FeaturePlan, presence Presence) Judgement {
	if presence == Ready && !m.group && f.Receipts {
		return f.JudgeMissing(presence)
	}
	if m.Children == 0 && !m.group && (presence != Absent || !m.Input) {
		return f.JudgeMissing(presence)
	}
	switch presence {
	case Absent:
		return Judgement{Status: Orphaned, Causes: UpstreamMissing}
	case Pending:
		return Judgement{Status: Awaiting, Causes: InputPending}
	}
	if m.Complete() {
		return Judgement{}
	}
	j := Judgement{Causes: m.causes, Changed: m.changed}
	if m.group {
		if m.judgment.Status == Fresh {
			j.Causes |= Incomplete
		}
		j.Causes |= m.judgment.Causes
		j.Changed.Union(&m.judgment.Changed)
	}
	if j.Causes != 0 {
		j.Status = Stale
	}
	return j
}
