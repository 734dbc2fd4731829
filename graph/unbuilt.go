package graph

import "errors"

// checkUnbuilt refuses what this release does not evaluate yet, rather than answer wrongly.
func checkUnbuilt(g *Graph) error {
	var faults []error
	if g.Gate == GateSettled {
		faults = append(faults, errors.New("gate: settled is not built yet; write gate: immediate, or leave it out"))
	}
	for _, spec := range g.Features {
		f := &FeaturePlan{Key: spec.Key, Spec: spec}
		for i, dep := range spec.Deps {
			f.Deps = append(f.Deps, &DepPlan{Spec: dep})
			if dep.Settle != nil {
				faults = append(faults, f.fault(i, "settle", "is not built yet", "leave it out: the gate is immediate, and nothing waits"))
			}
			if dep.Receipts != "" {
				faults = append(faults, f.fault(i, "receipts", "is not built yet", "leave it out: the children alone decide"))
			}
		}
	}
	return errors.Join(faults...)
}
