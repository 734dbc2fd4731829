package graph

import (
	"fmt"
	"slices"
	"strings"
)

// How single properties of a graph file are read: each reader notes at its spot what is wrong and says so.

// object reports whether an object is written here, and refuses what else is.
func (s spot) object(known ...string) bool {
	if s.n.kind != nodeMap {
		s.fail("is %v; write an object with %s", s.n.kind, list(known))
		return false
	}
	for i, key := range s.n.keys {
		if slices.Contains(known, key.text) {
			continue
		}
		at := s.entry(i)
		at.n = key
		if near := nearest(key.text, known); near != "" {
			at.fail("unknown property %.60q; did you mean %q?", key.text, near)
		} else {
			at.fail("unknown property %.60q; known here: %s", key.text, list(known))
		}
	}
	return true
}

// given reports whether something other than null is written here.
func (s spot) given() bool { return s.n != nil && s.n.kind != nodeNull }

func (s spot) readText() (string, bool) {
	if s.n.kind != nodeText {
		s.fail("is %v; write text, in quotes", s.n.kind)
		return "", false
	}
	return s.n.text, true
}

// readName reads the name of a column.
func (s spot) readName() (string, bool) {
	text, ok := s.readText()
	if ok && text == "" {
		s.fail("is empty; write the name of a column")
		return "", false
	}
	return text, ok
}

func (s spot) readBool() (bool, bool) {
	if s.n.kind != nodeBool {
		s.fail("is %v; write true or false", s.n.kind)
		return false, false
	}
	// YAML has True and TRUE as well.
	return strings.EqualFold(s.n.text, "true"), true
}

// readList reads a list, each item with read. It returns no nil slice.
func readList[T any](s spot, what string, read func(spot) (T, bool)) ([]T, bool) {
	if s.n.kind != nodeList {
		s.fail("is %v; write a list of %s, such as [...]", s.n.kind, what)
		return nil, false
	}
	values, all := make([]T, 0, len(s.n.items)), true
	for i := range s.n.items {
		value, ok := read(s.index(i))
		if ok {
			values = append(values, value)
		}
		all = all && ok
	}
	return values, all
}

func (s spot) readNames() ([]string, bool) {
	if s.tooMany(len(s.n.items)) {
		return nil, false
	}
	return readList(s, "column names", spot.readName)
}

// tooMany refuses more columns or filters in one place than maxColumns.
func (s spot) tooMany(n int) bool {
	if n > maxColumns {
		s.fail("%d entries; %d are the limit", n, maxColumns)
	}
	return n > maxColumns
}

func (s spot) readKey() (string, bool) {
	text, problem := keyText(s.n)
	if problem != "" {
		s.fail("%s", problem)
		return "", false
	}
	if problem = keyFault(text); problem != "" {
		s.fail("key %.60q %s", text, problem)
		return "", false
	}
	return text, true
}

func (s spot) readFeatureKey() (FeatureKey, bool) {
	text, ok := s.readKey()
	return FeatureKey(text), ok
}

func (s spot) readFieldKey() (FieldKey, bool) {
	text, ok := s.readKey()
	return FieldKey(text), ok
}

// refuseRepeats refuses names that are written twice in one object, here and below.
func (s spot) refuseRepeats(deep bool) {
	if s.n == nil {
		return
	}
	seen := make(map[string]bool, len(s.n.keys))
	for i, key := range s.n.keys {
		if seen[key.text] {
			at := s.entry(i)
			at.n = key
			at.fail("%.60q is written twice in one object; leave one of them out", key.text)
		}
		seen[key.text] = true
	}
	if !deep {
		return
	}
	for i, item := range s.n.items {
		switch {
		case item.kind < nodeList:
		case s.n.kind == nodeMap:
			s.entry(i).refuseRepeats(true)
		default:
			s.index(i).refuseRepeats(true)
		}
	}
}

// list joins names for a message.
func list(names []string) string {
	switch len(names) {
	case 0:
		return "nothing"
	case 1:
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

// quoted joins keys or names for a message, at most ten of them.
func quoted[T ~string](names []T) string {
	var texts []string
	for i, name := range names {
		if i == 10 {
			texts = append(texts, fmt.Sprintf("%d more", len(names)-i))
			break
		}
		texts = append(texts, fmt.Sprintf("%q", string(name)))
	}
	return strings.Join(texts, ", ")
}

// nearest returns the name that a mistyped one most likely means, or "".
func nearest[T ~string](text string, known []T) T {
	best, bestDistance := T(""), 0
	for _, name := range known {
		limit := max(1, min(len(text), len(name))/3)
		d := distance(text, string(name), limit)
		if len(text) > 3 && strings.Contains(string(name), text) {
			d = min(d, limit) // a part of the name, such as version
		}
		if d <= limit && (best == "" || d < bestDistance) {
			best, bestDistance = name, d
		}
	}
	return best
}

// distance returns how many single-character edits lie between two texts, or limit+1 if more than limit do.
func distance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return min(row[len(b)], limit+1)
}
