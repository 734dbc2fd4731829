package graph

import (
	"fmt"
	"regexp"
	"strings"
)

// A node is one value of a graph file, JSON or YAML, with the place where it stands. The two readers
// (load_json.go, load_yaml.go) make the same tree, so everything after them has one kind of input.
type node struct {
	kind      nodeKind
	text      string  // a scalar as written (unquoted and unescaped)
	keys      []*node // nodeMap: the names, each a nodeText
	items     []*node // nodeList: the items; nodeMap: the values
	line, col int     // from 1; columns count characters
}

type nodeKind uint8

const (
	nodeNull nodeKind = iota
	nodeBool
	nodeInt   // decimal, without leading zeros, any size
	nodeFloat // any other number
	nodeText
	nodeList
	nodeMap
)

// String names the kind as messages do.
func (k nodeKind) String() string {
	return [...]string{"null", "a boolean", "an integer", "a number with a fraction", "text", "a list", "an object"}[k]
}

// maxDepth bounds how deep lists and objects nest in a graph file.
const maxDepth = 64

// fault is a file that cannot be read as JSON or YAML at all.
type fault struct {
	line, col int
	text      string
}

func (f *fault) Error() string { return fmt.Sprintf("line %d, column %d: %s", f.line, f.col, f.text) }

// value returns the value of a name in an object, or nil. Of a name written twice it is the first.
func (n *node) value(name string) *node {
	if n == nil || n.kind != nodeMap {
		return nil
	}
	for i, k := range n.keys {
		if k.text == name {
			return n.items[i]
		}
	}
	return nil
}

// keyText returns the text of a key written as text, as a list of parts, or as {"parts": [...]}, or what is wrong.
func keyText(n *node) (text, problem string) {
	if n.kind == nodeMap && len(n.keys) == 1 && n.keys[0].text == "parts" {
		n = n.items[0]
		if n.kind != nodeList {
			return "", fmt.Sprintf("parts is %v; write the key as text, such as \"video/raw\"", n.kind)
		}
	}
	switch n.kind {
	case nodeText:
		return n.text, ""
	case nodeList:
		parts := make([]string, len(n.items))
		for i, item := range n.items {
			if item.kind != nodeText {
				return "", fmt.Sprintf("part %d is %v; write the key as text, such as \"video/raw\"", i+1, item.kind)
			}
			if strings.Contains(item.text, "/") {
				return "", fmt.Sprintf("part %q has a '/'; write the key as text, such as \"video/raw\"", item.text)
			}
			parts[i] = item.text
		}
		return strings.Join(parts, "/"), ""
	}
	return "", fmt.Sprintf("is %v; write the key as text, such as \"video/raw\"", n.kind)
}

var (
	plainName    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)
	plainInteger = regexp.MustCompile(`^(0|-?[1-9][0-9]*)$`)
)

// member extends a path by a name.
func member(path, name string) string {
	switch {
	case !plainName.MatchString(name):
		return fmt.Sprintf("%s[%.60q]", path, name)
	case path == "":
		return name
	}
	return path + "." + name
}
