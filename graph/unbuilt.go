package graph

import "errors"

// checkUnbuilt refuses what this release does not evaluate yet, rather than answer wrongly.
func checkUnbuilt(g *Graph, d Defaults) error {
	if g.Gate == GateSettled && !d.Settled {
		return errors.New("gate: settled is not built yet but for replay; write gate: immediate, or leave it out")
	}
	return nil
}
