package schema

import "fmt"

// plain takes all values of unions out of goavro's wrappings.
func plain(n *node, value any) any {
	n, value = unwrap(n, value)
	switch value := value.(type) {
	case []any:
		for i := range value {
			value[i] = plain(n.item, value[i])
		}
		return value
	case map[string]any:
		if n.kind == avroRecord {
			for _, field := range n.fields {
				value[field.name] = plain(field.node, value[field.name])
			}
			return value
		}
		for key := range value {
			value[key] = plain(n.item, value[key])
		}
		return value
	}
	return value
}

// wrapped is the other way round: it wraps what lies under a union by the first branch of the value's Go type.
// What fits no branch stays as it is, for goavro to refuse.
func wrapped(n *node, value any) any {
	if n.kind == avroUnion {
		for _, branch := range n.branches {
			if !fits(branch, value) {
				continue
			}
			if value == nil {
				return nil
			}
			return map[string]any{branch.branchName(): wrapped(branch, value)}
		}
		return value
	}
	switch value := value.(type) {
	case []any:
		for i := range value {
			value[i] = wrapped(n.item, value[i])
		}
	case map[string]any:
		for _, field := range n.fields {
			value[field.name] = wrapped(field.node, value[field.name])
		}
		if n.kind == avroMap {
			for key := range value {
				value[key] = wrapped(n.item, value[key])
			}
		}
	}
	return value
}

func fits(n *node, value any) bool {
	switch value.(type) {
	case nil:
		return n.kind == avroNull
	case bool:
		return n.kind == avroBoolean
	case int32, int64:
		return n.kind == avroInt || n.kind == avroLong
	case float64:
		return n.kind == avroDouble
	case string:
		return n.kind == avroString || n.kind == avroEnum
	case []byte:
		return n.kind == avroBytes || n.kind == avroFixed
	case []any:
		return n.kind == avroArray
	case map[string]any:
		return n.kind == avroRecord || n.kind == avroMap
	}
	panic(fmt.Sprintf("no Avro type for %T", value)) // of our own making, never of outside input
}
