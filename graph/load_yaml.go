package graph

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The YAML reader: one document, without aliases (a short file could stand for one of any size) and
// with the tags that JSON has too.

// parseYAML reads one YAML document. Of an empty one the node is nil.
func parseYAML(data []byte) (*node, *fault) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document, second yaml.Node
	if err := decoder.Decode(&document); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		return nil, yamlFault(err)
	}
	switch err := decoder.Decode(&second); {
	case err == nil:
		return nil, &fault{second.Line, second.Column, "begins a second YAML document; write one graph a file"}
	case !errors.Is(err, io.EOF):
		return nil, yamlFault(err)
	}
	if document.Kind != yaml.DocumentNode || len(document.Content) != 1 {
		return nil, nil
	}
	return fromYAML(document.Content[0], 0)
}

var yamlLine = regexp.MustCompile(`line (\d+): `)

// yamlFault takes the line out of an error text: the library has it nowhere else.
func yamlFault(err error) *fault {
	text, line := strings.TrimPrefix(err.Error(), "yaml: "), 1
	if m := yamlLine.FindStringSubmatchIndex(text); m != nil {
		if n, err := strconv.Atoi(text[m[2]:m[3]]); err == nil {
			line = max(n, 1)
		}
		text = text[:m[0]] + text[m[1]:]
	}
	return &fault{line, 1, "is no YAML: " + text + "; correct it near there"}
}

func fromYAML(y *yaml.Node, depth int) (*node, *fault) {
	n := &node{line: y.Line, col: y.Column}
	refuse := func(format string, args ...any) (*node, *fault) {
		return nil, &fault{y.Line, y.Column, fmt.Sprintf(format, args...)}
	}
	if depth > maxDepth {
		return refuse("nests too deep; %d levels are the limit", maxDepth)
	}
	switch y.Kind {
	case yaml.ScalarNode:
		n.text = y.Value
		switch tag := y.ShortTag(); tag {
		case "!!str", "!!timestamp": // a date is what was written
			n.kind = nodeText
		case "!!null":
			n.kind = nodeNull
		case "!!bool":
			n.kind = nodeBool
		case "!!int", "!!float":
			n.kind = nodeFloat // also 010 and 0x10, which readers of YAML do not agree on
			if plainInteger.MatchString(y.Value) {
				n.kind = nodeInt
			}
		case "!!merge":
			n.kind = nodeText // "<<" is no property of anything
		default:
			return refuse("has the tag %.60q; write it without a tag", tag)
		}
	case yaml.SequenceNode, yaml.MappingNode:
		if tag := y.ShortTag(); tag != "!!seq" && tag != "!!map" {
			return refuse("has the tag %.60q; write it without a tag", tag)
		}
		n.kind = nodeList
		content, step := y.Content, 1
		if y.Kind == yaml.MappingNode {
			n.kind, step = nodeMap, 2
		}
		for i := 0; i+step <= len(content); i += step {
			if step == 2 {
				key, f := fromYAML(content[i], depth+1)
				if f != nil {
					return nil, f
				}
				if key.kind != nodeText {
					return nil, &fault{key.line, key.col, fmt.Sprintf("has a name that is %v; write it in quotes", key.kind)}
				}
				n.keys = append(n.keys, key)
			}
			item, f := fromYAML(content[i+step-1], depth+1)
			if f != nil {
				return nil, f
			}
			n.items = append(n.items, item)
		}
	case yaml.AliasNode:
		return refuse("uses the alias %.60q; write out what it stands for", "*"+y.Value)
	default:
		return refuse("is no value; write a graph: features: [...]")
	}
	return n, nil
}
