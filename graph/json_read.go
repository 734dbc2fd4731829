// A strict reader of JSON: unlike the standard library's it refuses a name twice, text that is not UTF-8 and half
// surrogates, and it keeps integers apart from doubles.
package graph

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxJSONDepth bounds how deep arrays and objects stand in each other.
const maxJSONDepth = 64

type jsonReader struct {
	text  []byte
	at    int
	depth int
}

func (r *jsonReader) errorf(format string, args ...any) error {
	return fmt.Errorf("byte %d: %w", r.at, fmt.Errorf(format, args...))
}

// peek is the next byte that is no space, or 0 at the end (and for a byte 0, which no JSON has there).
func (r *jsonReader) peek() byte {
	for ; r.at < len(r.text); r.at++ {
		switch c := r.text[r.at]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// end says whether nothing but space is left.
func (r *jsonReader) end() error {
	if r.peek(); r.at < len(r.text) {
		return r.errorf("unexpected text after the value")
	}
	return nil
}

// expected is the error for what stands where something else should.
func (r *jsonReader) expected(what string) error {
	if r.at >= len(r.text) {
		return r.errorf("expected %s, but the text ends", what)
	}
	c, _ := utf8.DecodeRune(r.text[r.at:])
	return r.errorf("expected %s, found %q", what, c)
}

// object reads an object and calls each after a name and its colon; each reads the value.
func (r *jsonReader) object(each func(name string) error) error {
	var names map[string]struct{}
	return r.sequence('{', '}', func() error {
		if r.peek() != '"' {
			return r.expected("a name in quotes")
		}
		at := r.at
		name, err := r.string()
		if err != nil {
			return err
		}
		if _, twice := names[name]; twice {
			r.at = at
			return r.errorf("the name %q stands twice in one object", shorten(name))
		}
		if names == nil {
			names = make(map[string]struct{})
		}
		names[name] = struct{}{}
		if r.peek() != ':' {
			return r.expected("':'")
		}
		r.at++
		return each(name)
	})
}

// sequence reads what stands between two brackets, with commas between.
func (r *jsonReader) sequence(open, end byte, each func() error) error {
	if r.peek() != open {
		return r.expected(strconv.QuoteRune(rune(open)))
	}
	if r.depth == maxJSONDepth {
		return r.errorf("more than %d arrays and objects stand in each other", maxJSONDepth)
	}
	r.depth++
	r.at++
	for first := true; ; first = false {
		switch c := r.peek(); {
		case c == end: // after a comma each has refused it
			r.at++
			r.depth--
			return nil
		case first:
		case c == ',':
			r.at++
		default:
			return r.expected(fmt.Sprintf("',' or '%c'", end))
		}
		if err := each(); err != nil {
			return err
		}
	}
}

// string reads text in quotes.
func (r *jsonReader) string() (string, error) {
	start := r.at + 1
	n := bytes.IndexAny(r.text[start:], "\"\\")
	if n >= 0 && r.text[start+n] == '"' {
		plain := r.text[start : start+n]
		if utf8.Valid(plain) && !slices.ContainsFunc(plain, isControl) {
			r.at = start + n + 1
			return string(plain), nil
		}
	}
	var out []byte
	for r.at = start; r.at < len(r.text); {
		switch c := r.text[r.at]; {
		case c == '"':
			r.at++
			return string(out), nil
		case c == '\\':
			var err error
			if out, err = r.escape(out); err != nil {
				return "", err
			}
		case isControl(c):
			return "", r.errorf("a control character in text must be escaped")
		case c < utf8.RuneSelf:
			out = append(out, c)
			r.at++
		default:
			char, size := utf8.DecodeRune(r.text[r.at:])
			if char == utf8.RuneError && size == 1 {
				return "", r.errorf("the text is not UTF-8")
			}
			out = append(out, r.text[r.at:r.at+size]...)
			r.at += size
		}
	}
	return "", r.errorf("the text has no end quote")
}

func isControl(c byte) bool { return c < 0x20 }

func (r *jsonReader) escape(out []byte) ([]byte, error) {
	if r.at+1 < len(r.text) {
		c := r.text[r.at+1]
		if i := strings.IndexByte(`"\/bfnrt`, c); i >= 0 {
			r.at += 2
			return append(out, "\"\\/\b\f\n\r\t"[i]), nil
		}
		if c == 'u' {
			char, ok := r.escapedUnit(r.at)
			size := 6
			if ok && utf16.IsSurrogate(char) {
				low, _ := r.escapedUnit(r.at + 6)
				char = utf16.DecodeRune(char, low)
				ok, size = char != utf8.RuneError, 12
			}
			if ok {
				r.at += size
				return utf8.AppendRune(out, char), nil
			}
		}
	}
	return nil, r.errorf("no escape that JSON knows, or half a surrogate pair")
}

// escapedUnit reads \u0041 at a place.
func (r *jsonReader) escapedUnit(at int) (rune, bool) {
	if at+6 > len(r.text) || r.text[at] != '\\' || r.text[at+1] != 'u' {
		return 0, false
	}
	var unit rune
	for _, c := range r.text[at+2 : at+6] {
		digit, ok := hexDigit(c)
		if !ok {
			return 0, false
		}
		unit = unit<<4 | rune(digit)
	}
	return unit, true
}

// number reads a number; integer says that it has no point and no exponent.
func (r *jsonReader) number() (text string, integer bool, err error) {
	start := r.at
	digits := func() bool {
		from := r.at
		for r.at < len(r.text) && '0' <= r.text[r.at] && r.text[r.at] <= '9' {
			r.at++
		}
		return r.at > from
	}
	next := func(chars string) bool {
		if r.at < len(r.text) && strings.IndexByte(chars, r.text[r.at]) >= 0 {
			r.at++
			return true
		}
		return false
	}
	next("-")
	if !next("0") && !digits() {
		return "", false, r.expected("a digit")
	}
	integer = true
	if next(".") {
		if integer = false; !digits() {
			return "", false, r.expected("a digit")
		}
	}
	if next("eE") {
		integer = false
		next("+-")
		if !digits() {
			return "", false, r.expected("a digit")
		}
	}
	return string(r.text[start:r.at]), integer, nil
}

// numberValue is a double for a number with a point or an exponent or outside int64 (beyond doubles: infinite),
// else an integer.
func numberValue(text string, integer bool) Value {
	if integer {
		if i, err := strconv.ParseInt(text, 10, 64); err == nil {
			return Int(i)
		}
	}
	f, _ := strconv.ParseFloat(text, 64) // the only error is that of a number too large, which is infinite then
	return Double(f)
}

func (r *jsonReader) word(word string) error {
	if !bytes.HasPrefix(r.text[r.at:], []byte(word)) {
		return r.expected("a JSON value")
	}
	r.at += len(word)
	return nil
}

// value reads any value. With typed, an object of one name that stands for a type JSON lacks (AppendJSON), with text as
// its value, is of that type. Other objects and arrays are Other.
func (r *jsonReader) value(typed bool) (Value, error) {
	switch c := r.peek(); c {
	case '"':
		s, err := r.string()
		return String(s), err
	case 't':
		return Bool(true), r.word("true")
	case 'f':
		return Bool(false), r.word("false")
	case 'n':
		return Null(), r.word("null")
	case '{', '[':
		if typed && c == '{' {
			if v, end, ok, err := r.typedObject(); ok {
				if err != nil {
					return Value{}, r.errorf("%w", err)
				}
				r.at = end
				return v, nil
			}
		}
		text, err := r.canonical(nil)
		if err != nil {
			return Value{}, err
		}
		return Other(string(text)), nil
	default:
		if c != '-' && (c < '0' || c > '9') {
			return Value{}, r.expected("a JSON value")
		}
		text, integer, err := r.number()
		if err != nil {
			return Value{}, err
		}
		return numberValue(text, integer), nil
	}
}

// typedObject looks, without moving on, whether an object stands here that is a value of a type JSON lacks, and where
// it ends. An object of another shape, or a broken one, is none.
func (r jsonReader) typedObject() (v Value, end int, ok bool, err error) {
	text := func() (s string) {
		if ok = r.peek() == '"'; ok {
			s, err = r.string()
			ok = err == nil
		}
		return s
	}
	r.at++
	name := text()
	if ok = ok && r.peek() == ':'; !ok {
		return Value{}, 0, false, nil
	}
	r.at++
	written := text()
	if ok = ok && r.peek() == '}'; !ok {
		return Value{}, 0, false, nil
	}
	v, ok, err = typedValue(name, written)
	return v, r.at + 1, ok, err
}

// canonical reads any value and appends it to dst without spaces, names sorted, texts and doubles as AppendJSON
// writes them; a number that neither int64 nor double can hold stays as it was written.
func (r *jsonReader) canonical(dst []byte) ([]byte, error) {
	switch c := r.peek(); {
	case c == '{':
		type entry struct {
			name string
			text []byte
		}
		var entries []entry
		err := r.object(func(name string) error {
			text, err := r.canonical(nil)
			entries = append(entries, entry{name, text})
			return err
		})
		if err != nil {
			return nil, err
		}
		slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
		dst = append(dst, '{')
		for i, e := range entries {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(append(AppendJSONString(dst, e.name), ':'), e.text...)
		}
		return append(dst, '}'), nil
	case c == '[':
		dst = append(dst, '[')
		empty := len(dst)
		err := r.sequence('[', ']', func() (err error) {
			if len(dst) > empty {
				dst = append(dst, ',')
			}
			dst, err = r.canonical(dst)
			return err
		})
		return append(dst, ']'), err
	case c == '-' || '0' <= c && c <= '9':
		text, integer, err := r.number()
		if err != nil {
			return nil, err
		}
		v := numberValue(text, integer)
		if f, ok := v.AsDouble(); ok && (integer || math.IsInf(f, 0)) {
			return append(dst, text...), nil
		}
		return AppendJSON(dst, v), nil
	}
	v, err := r.value(false)
	if err != nil {
		return nil, err
	}
	return AppendJSON(dst, v), nil
}
