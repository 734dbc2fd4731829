package graph

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"
)

// The JSON reader: encoding/json does not say where a value stands, so this walks its tokens and
// counts lines and columns along the way.

// parseJSON reads one JSON document.
func parseJSON(data []byte) (*node, *fault) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	p := &jsonParser{data: data, dec: json.NewDecoder(bytes.NewReader(data)), line: 1, col: 1}
	var whole json.RawMessage
	if err := json.Unmarshal(data, &whole); err != nil {
		var syntax *json.SyntaxError
		text := err.Error()
		if errors.As(err, &syntax) {
			// The offset of a SyntaxError lies behind the character that is wrong.
			p.advance(max(int(syntax.Offset)-1, 0))
			text = strings.TrimPrefix(syntax.Error(), "json: ")
		}
		return nil, &fault{p.line, p.col, "is no JSON: " + text + "; correct it there"}
	}
	p.dec.UseNumber()
	return p.value(0)
}

type jsonParser struct {
	data      []byte
	dec       *json.Decoder
	offset    int // of line and col
	line, col int
}

// advance moves the place to an offset, which never goes back.
func (p *jsonParser) advance(offset int) {
	for p.offset < offset && p.offset < len(p.data) {
		r, size := utf8.DecodeRune(p.data[p.offset:])
		p.offset += size
		if r == '\n' {
			p.line, p.col = p.line+1, 1
		} else {
			p.col++
		}
	}
}

// next returns the next token with the place where it begins.
func (p *jsonParser) next() (json.Token, *node, *fault) {
	at := int(p.dec.InputOffset())
	for at < len(p.data) && strings.IndexByte(" \t\r\n,:", p.data[at]) >= 0 {
		at++
	}
	p.advance(at)
	n := &node{line: p.line, col: p.col}
	token, err := p.dec.Token()
	if err != nil {
		return nil, nil, &fault{p.line, p.col, "is no JSON: " + err.Error() + "; correct it there"}
	}
	return token, n, nil
}

func (p *jsonParser) value(depth int) (*node, *fault) {
	token, n, f := p.next()
	if f != nil {
		return nil, f
	}
	switch t := token.(type) {
	case nil:
		n.kind, n.text = nodeNull, "null"
	case bool:
		n.kind, n.text = nodeBool, "false"
		if t {
			n.text = "true"
		}
	case json.Number:
		n.kind, n.text = nodeInt, string(t)
		if n.text == "-0" {
			n.text = "0"
		}
		if strings.ContainsAny(n.text, ".eE") {
			n.kind = nodeFloat
		}
	case string:
		n.kind, n.text = nodeText, t
	case json.Delim:
		if depth >= maxDepth {
			return nil, &fault{n.line, n.col, "nests too deep; 64 levels are the limit"}
		}
		n.kind = nodeList
		if t == '{' {
			n.kind = nodeMap
		}
		if f := p.children(n, depth); f != nil {
			return nil, f
		}
	}
	return n, nil
}

func (p *jsonParser) children(n *node, depth int) *fault {
	for p.dec.More() {
		if n.kind == nodeMap {
			name, key, f := p.next()
			if f != nil {
				return f
			}
			key.kind = nodeText
			key.text, _ = name.(string)
			n.keys = append(n.keys, key)
		}
		item, f := p.value(depth + 1)
		if f != nil {
			return f
		}
		n.items = append(n.items, item)
	}
	_, _, f := p.next() // the closing bracket
	return f
}
