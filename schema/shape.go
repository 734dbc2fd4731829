package schema

import (
	"slices"
	"strings"

	"github.com/freshline/freshline/graph"
)

// role is what a field at the top of a record is to a graph.Record. System columns without a role of their own are
// passed over: what a producer writes there is recomputed or means nothing here (R4).
type role uint8

const (
	roleUser role = iota
	roleIgnored
	roleProvenance
	roleDataVersion
	roleFeatureVersion
	roleDeletedAt
	roleChildren
)

// shape says where each field of a record goes in a graph.Record.
type shape struct {
	roles []role
	slots []int // of roleUser: the place among the columns sorted by name
	users int
}

func roleOf(name string) role {
	switch name {
	case graph.ColumnProvenance:
		return roleProvenance
	case graph.ColumnDataVersion:
		return roleDataVersion
	case graph.ColumnFeatureVersion:
		return roleFeatureVersion
	case graph.ColumnDeletedAt:
		return roleDeletedAt
	case graph.ColumnChildren:
		return roleChildren
	}
	if graph.IsSystemColumn(name) {
		return roleIgnored
	}
	return roleUser
}

func newShape(record *node) *shape {
	s := &shape{roles: make([]role, len(record.fields)), slots: make([]int, len(record.fields))}
	var users []int
	for i, field := range record.fields {
		if s.roles[i] = roleOf(field.name); s.roles[i] == roleUser {
			users = append(users, i)
		}
	}
	slices.SortFunc(users, func(a, b int) int { return strings.Compare(record.fields[a].name, record.fields[b].name) })
	for slot, field := range users {
		s.slots[field] = slot
	}
	s.users = len(users)
	return s
}
