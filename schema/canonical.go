package schema

import (
	"errors"
	"strconv"
	"strings"
)

// maxCanonical bounds a schema written out: a long namespace counts again at each use of a type.
const maxCanonical = 4 << 20 // bytes

var errCanonicalTooLong = errors.New("written out with full names the schema is longer than 4 MiB")

// form is a way to write a schema without what does not matter.
type form uint8

const (
	// canonicalForm is the Parsing Canonical Form of the Avro specification, which has no logical types.
	canonicalForm form = iota
	// goavroForm is what goavro is given: no logical types, so that it hands out plain integers, text and
	// bytes, and names that no namespace rule can change.
	goavroForm
	// typedForm is the canonical form with the logical types. It is no JSON, and only compared.
	typedForm
)

// schemaWriter writes nodes as a schema in some form.
type schemaWriter struct {
	strings.Builder
	form    form
	defined map[*node]bool
}

func (f form) text(root *node) (string, error) {
	w := schemaWriter{form: f, defined: make(map[*node]bool)}
	err := w.write(root)
	return w.String(), err
}

func (w *schemaWriter) write(n *node) error {
	if w.Len() > maxCanonical {
		return errCanonicalTooLong
	}
	name := n.name
	if w.form == goavroForm {
		name = n.goavro
	}
	if w.form == typedForm && n.logical != logicalNone {
		w.WriteByte('a' + byte(n.logical))
		w.WriteString(strconv.Itoa(n.scale))
	}
	if name != "" {
		if w.defined[n] {
			w.quote(name)
			return nil
		}
		w.defined[n] = true
	}
	switch n.kind {
	case avroArray, avroMap:
		if n.kind == avroArray {
			w.WriteString(`{"type":"array","items":`)
		} else {
			w.WriteString(`{"type":"map","values":`)
		}
		if err := w.write(n.item); err != nil {
			return err
		}
		w.WriteByte('}')
	case avroUnion:
		w.WriteByte('[')
		for i, branch := range n.branches {
			w.comma(i)
			if err := w.write(branch); err != nil {
				return err
			}
		}
		w.WriteByte(']')
	case avroRecord:
		w.head(name, `"record","fields":[`)
		for i, field := range n.fields {
			w.comma(i)
			w.WriteString(`{"name":`)
			w.quote(field.name)
			w.WriteString(`,"type":`)
			if err := w.write(field.node); err != nil {
				return err
			}
			w.WriteByte('}')
		}
		w.WriteString("]}")
	case avroEnum:
		w.head(name, `"enum","symbols":[`)
		for i, symbol := range n.symbols {
			w.comma(i)
			w.quote(symbol)
		}
		w.WriteString("]}")
	case avroFixed:
		w.head(name, `"fixed","size":`)
		w.WriteString(strconv.Itoa(n.size))
		w.WriteByte('}')
	default:
		w.quote(primitiveNames[n.kind])
	}
	return nil
}

func (w *schemaWriter) head(name, rest string) {
	w.WriteString(`{"name":`)
	w.quote(name)
	w.WriteString(`,"type":`)
	w.WriteString(rest)
}

func (w *schemaWriter) comma(i int) {
	if i > 0 {
		w.WriteByte(',')
	}
}

// quote needs no escapes: names are [A-Za-z0-9_.].
func (w *schemaWriter) quote(name string) {
	w.WriteByte('"')
	w.WriteString(name)
	w.WriteByte('"')
}
