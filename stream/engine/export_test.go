package engine

import (
	"fmt"

	"github.com/freshline/freshline/graph"
)

// History returns the graphs that have been pushed.
func (l *Local) History() *graph.History { return l.history }

// RowsKeyText words the key of a record of rows, for the traces of the simulation.
func RowsKeyText(key []byte) string {
	k, err := parseRowsKey(key)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%c edge %x K %v rest %v log %s/%d record %s", k.kind, k.edge[:2], values(nil, k.join), values(nil, k.rest), k.source.Topic, k.source.Partition, k.record)
}
