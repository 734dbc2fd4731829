package graph

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Metadata of a feature means nothing to Freshline, but it is hashed into the spec version, so it is kept in
// the text form that is hashed: Python's json.dumps(..., sort_keys=True) (metaxy-semantics 2).

// readMetadata returns the metadata in that form, nil if there are none.
func (s spot) readMetadata() []byte {
	if s.n.kind != nodeMap {
		s.fail("is %v; write an object", s.n.kind)
		return nil
	}
	if len(s.n.items) == 0 {
		return nil
	}
	return s.appendPython(nil)
}

func (s spot) appendPython(b []byte) []byte {
	n := s.n
	switch n.kind {
	case nodeNull:
		return append(b, "null"...)
	case nodeBool:
		return append(b, strings.ToLower(n.text)...)
	case nodeInt:
		return append(b, n.text...)
	case nodeFloat:
		v, err := strconv.ParseFloat(n.text, 64)
		if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
			s.fail("%.30q is no finite decimal number; write one, or quote it", n.text)
		}
		return appendPythonFloat(b, v)
	case nodeText:
		return appendPythonString(b, n.text)
	case nodeList:
		b = append(b, '[')
		for i := range n.items {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = s.index(i).appendPython(b)
		}
		return append(b, ']')
	}
	order := make([]int, len(n.keys))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return strings.Compare(n.keys[i].text, n.keys[j].text) })
	b = append(b, '{')
	for at, i := range order {
		if at > 0 {
			b = append(b, ", "...)
		}
		b = appendPythonString(b, n.keys[i].text)
		b = append(b, ": "...)
		b = s.entry(i).appendPython(b)
	}
	return append(b, '}')
}

// appendPythonFloat writes a double as Python's repr does: the shortest text that reads the same, with an
// exponent below 1e-4 and from 1e16 on, and always with a '.' or an exponent.
func appendPythonFloat(b []byte, v float64) []byte {
	if abs := math.Abs(v); abs != 0 && (abs < 1e-4 || abs >= 1e16) {
		return strconv.AppendFloat(b, v, 'e', -1, 64)
	}
	start := len(b)
	b = strconv.AppendFloat(b, v, 'f', -1, 64)
	if !slices.Contains(b[start:], '.') {
		b = append(b, ".0"...)
	}
	return b
}

// appendPythonString writes a string as Python's json.dumps does with ensure_ascii.
func appendPythonString(b []byte, text string) []byte {
	const hex = "0123456789abcdef"
	unit := func(u rune) { b = append(b, '\\', 'u', hex[u>>12&15], hex[u>>8&15], hex[u>>4&15], hex[u&15]) }
	b = append(b, '"')
	for _, r := range text {
		switch {
		case r == '"', r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\r':
			b = append(b, `\r`...)
		case r == '\t':
			b = append(b, `\t`...)
		case r == '\b':
			b = append(b, `\b`...)
		case r == '\f':
			b = append(b, `\f`...)
		case r < 0x20 || r > 0x7e && r < 0x10000:
			unit(r)
		case r >= 0x10000:
			r -= 0x10000
			unit(0xd800 + r>>10)
			unit(0xdc00 + r&0x3ff)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}
