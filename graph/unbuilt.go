package graph

import "errors"

// checkUnbuilt refuses what this release does not evaluate yet, rather than answer wrongly.
func checkUnbuilt(g *Graph) error {
	if g.Gate == GateSettled {
		return errors.New("gate: settled is not built yet; write gate: immediate, or leave it out")
	}
	return nil
}
