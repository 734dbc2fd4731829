package graph

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
)

// join finds the input ids, the join key and the match key of f (J1 to J3) and lays
// its columns out: Layout has the columns of the smallest set of input ids first, then
// what the next larger set adds, and so on, so that the input ids of every dependency
// are a prefix of it and a touch of one dependency is one range of match keys.
func (f *FeaturePlan) join() error {
	if f.Root() {
		f.Match, f.Layout, f.K, f.MatchIsIDs = f.IDs, f.IDs, len(f.IDs), true
		f.shape()
		return nil
	}
	inputs := make([][]string, len(f.Deps))
	for i, d := range f.Deps {
		ids, err := f.inputIDs(i, d)
		if err != nil {
			return err
		}
		inputs[i] = ids
		for _, column := range ids {
			if !slices.Contains(f.Match, column) {
				f.Match = append(f.Match, column)
			}
		}
	}
	if err := f.checkChain(inputs); err != nil {
		return err
	}
	// The sets are a chain, so the size of the smallest one that has it is the level of a column.
	level := func(column string) int {
		least := len(f.Match) + 1
		for _, ids := range inputs {
			if slices.Contains(ids, column) {
				least = min(least, len(ids))
			}
		}
		return least
	}
	f.Layout = slices.Clone(f.Match)
	sort.SliceStable(f.Layout, func(i, j int) bool { return level(f.Layout[i]) < level(f.Layout[j]) })
	f.K = len(f.Match)
	for i, d := range f.Deps {
		d.N = len(inputs[i])
		d.Full = d.N == len(f.Match)
		f.K = min(f.K, d.N)
	}
	for _, id := range f.IDs {
		if !slices.Contains(f.Match, id) {
			f.Suffix = append(f.Suffix, id)
		}
	}
	f.MatchIsIDs = len(f.Suffix) == 0 && len(f.Match) == len(f.IDs)
	if err := f.checkGrain(); err != nil {
		return err
	}
	f.shape()
	return nil
}

// inputIDs returns the input ids of a dependency (J1).
func (f *FeaturePlan) inputIDs(i int, d *DepPlan) ([]string, error) {
	renamed := d.RenamedIDs()
	switch d.Spec.Lineage.Kind {
	case Identity:
		return renamed, nil
	case Aggregation:
		if d.Spec.Lineage.On == nil {
			return f.IDs, nil
		}
		return d.Spec.Lineage.On, nil
	default:
		on := d.Spec.Lineage.On
		for _, id := range renamed {
			if !slices.Contains(on, id) {
				return nil, f.fault(i, "lineage", fmt.Sprintf("the expansion is on [%s], but the id column %q of %s is not among them", strings.Join(on, ", "), id, d.Upstream.Key),
					"name every id column of the upstream (after rename) in the expansion")
			}
		}
		return on, nil
	}
}

// RenamedIDs returns the id columns of the upstream after rename, in its order.
func (d *DepPlan) RenamedIDs() []string {
	ids := make([]string, len(d.Upstream.IDs))
	for i, id := range d.Upstream.IDs {
		ids[i] = id
		for _, r := range d.Spec.Rename {
			if r.From == id {
				ids[i] = r.To
			}
		}
	}
	return ids
}

// checkChain refuses dependencies whose id sets are no chain under inclusion, or share no column (J2, J3).
func (f *FeaturePlan) checkChain(inputs [][]string) error {
	for i := range inputs {
		for j := range i {
			small, large := inputs[i], inputs[j]
			if len(small) > len(large) {
				small, large = large, small
			}
			for _, column := range small {
				if !slices.Contains(large, column) {
					return f.fault(i, "feature", fmt.Sprintf("joins on [%s], but the dependency on %s joins on [%s]: neither has all columns of the other",
						strings.Join(inputs[i], ", "), f.Deps[j].Upstream.Key, strings.Join(inputs[j], ", ")),
						"rename columns, or aggregate, so that one set of id columns contains the other")
				}
			}
		}
	}
	return nil
}

// checkGrain refuses ids that do not fit the match key (J3).
func (f *FeaturePlan) checkGrain() error {
	if f.Expands {
		if len(f.Suffix) == 0 {
			return f.fault(-1, "id_columns", fmt.Sprintf("expands, but has no id column besides [%s]", strings.Join(f.Match, ", ")),
				"add an id column that tells the samples of one parent apart")
		}
		return nil
	}
	for _, column := range f.Match {
		if !slices.Contains(f.IDs, column) {
			return f.fault(-1, "id_columns", fmt.Sprintf("is matched by [%s], but %q is no id column of it", strings.Join(f.Match, ", "), column),
				"add the column to id_columns, rename it, or declare the lineage as expansion or aggregation")
		}
	}
	return nil
}

// fault words an error of a join: the place, what is wrong, what to do.
func (f *FeaturePlan) fault(dep int, property, wrong, advice string) error {
	place := f.Spec.Place
	path := property
	if dep >= 0 {
		place = f.Deps[dep].Spec.Place
		path = fmt.Sprintf("deps[%d].%s", dep, property)
	}
	text := fmt.Sprintf("feature %q: %s: %s; %s", f.Key, path, wrong, advice)
	if place.Line > 0 {
		text = fmt.Sprintf("line %d:%d: %s", place.Line, place.Column, text)
	}
	return errors.New(text)
}

// joinFaults makes one error of several, a line each.
func joinFaults(faults []error) error {
	if len(faults) == 1 {
		return faults[0]
	}
	return errors.Join(faults...)
}

// joinColumns makes one text of column names that no other list of names has.
func joinColumns(columns []string) string {
	var b strings.Builder
	for _, c := range columns {
		fmt.Fprintf(&b, "%d:%s,", len(c), c)
	}
	return b.String()
}
