// Values as canonical JSON (E2): the record keys of events, and the values inside them.
package graph

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// MaxKeyJSON bounds the text that ParseKeyJSON reads, in bytes.
const MaxKeyJSON = 64 << 10

// AppendJSON appends the canonical JSON of v to dst, without spaces. Types that JSON lacks are objects with one name:
// {"bytes":"<standard base64>"}, {"date":"2026-01-31"}, {"timestamp":"2026-01-31T00:00:00.5Z"}, {"uuid":"…"},
// {"decimal":"1.5"}. A double is a plain number that always has a point or an exponent, and null if it is NaN or
// infinite; an array, map or record is its own text.
func AppendJSON(dst []byte, v Value) []byte {
	switch v.kind {
	case KindBool:
		return strconv.AppendBool(dst, v.num == 1)
	case KindInt:
		return strconv.AppendInt(dst, v.num, 10)
	case KindString:
		return AppendJSONString(dst, v.str)
	case KindBytes:
		dst = append(dst, `{"bytes":"`...)
		dst = base64.StdEncoding.AppendEncode(dst, []byte(v.str))
		return append(dst, `"}`...)
	case KindDate:
		return append(appendDate(append(dst, `{"date":"`...), v.num), `"}`...)
	case KindTimestamp:
		micros, nanos, _ := v.AsTimestamp()
		return append(appendTimestamp(append(dst, `{"timestamp":"`...), micros, nanos), `"}`...)
	case KindUUID:
		return append(append(append(dst, `{"uuid":"`...), v.str...), `"}`...)
	case KindDecimal:
		return append(append(append(dst, `{"decimal":"`...), v.str...), `"}`...)
	case KindDouble:
		return appendJSONDouble(dst, math.Float64frombits(uint64(v.num)))
	case KindOther:
		return append(dst, v.str...)
	}
	return append(dst, "null"...)
}

// AppendKeyJSON appends the object of E2 to dst: each name with its value, in the order given, {"video_id":1}.
// A value that cannot be used (Usable), or that is not there, is null.
func AppendKeyJSON(dst []byte, names []string, values []Value) []byte {
	dst = append(dst, '{')
	for i, name := range names {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(AppendJSONString(dst, name), ':')
		if i < len(values) && values[i].Usable() {
			dst = AppendJSON(dst, values[i])
		} else {
			dst = append(dst, "null"...)
		}
	}
	return append(dst, '}')
}

// AppendJSONString appends s as JSON text to dst. Escaped are only the quotation mark, the backslash and the control
// characters below U+0020: \b \t \n \f \r where JSON has a short form, else \u00xx in lower case.
// Bytes that are no UTF-8 become U+FFFD.
func AppendJSONString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				dst = append(append(dst, s[start:i]...), "\uFFFD"...)
				start = i + 1
			}
			i += size
			continue
		}
		if c < 0x20 || c == '"' || c == '\\' {
			dst = appendEscape(append(dst, s[start:i]...), c)
			start = i + 1
		}
		i++
	}
	return append(append(dst, s[start:]...), '"')
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, '\\', 'b')
	case '\t':
		return append(dst, '\\', 't')
	case '\n':
		return append(dst, '\\', 'n')
	case '\f':
		return append(dst, '\\', 'f')
	case '\r':
		return append(dst, '\\', 'r')
	}
	const hex = "0123456789abcdef"
	return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}

// appendJSONDouble appends the shortest text that reads as the same double and as no integer.
func appendJSONDouble(dst []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...)
	}
	if size := math.Abs(f); size != 0 && (size < 1e-6 || size >= 1e21) {
		return strconv.AppendFloat(dst, f, 'e', -1, 64)
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'f', -1, 64)
	if !slices.Contains(dst[start:], '.') {
		dst = append(dst, ".0"...)
	}
	return dst
}

// ParseKeyJSON reads the object that AppendKeyJSON writes, in whatever spelling JSON allows (spaces, escapes, the order
// of names is kept). Refused are: more than MaxKeyJSON bytes, a name twice, a value that is neither null nor Usable
// (so a number with a point or an exponent, or outside int64), text that is not UTF-8, and anything but one object.
func ParseKeyJSON(b []byte) (names []string, values []Value, err error) {
	if len(b) > MaxKeyJSON {
		return nil, nil, fmt.Errorf("the key has %d bytes, more than %d", len(b), MaxKeyJSON)
	}
	r := jsonReader{text: b}
	if r.peek() != '{' {
		return nil, nil, errors.New("the key is no JSON object")
	}
	err = r.object(func(name string) error {
		v, err := r.value(true)
		if err != nil {
			return err
		}
		if !v.IsNull() && !v.Usable() {
			return r.errorf("the value of %q cannot be an id", shorten(name))
		}
		names, values = append(names, name), append(values, v)
		return nil
	})
	if err == nil {
		err = r.end()
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read the key: %w", err)
	}
	return names, values, nil
}

// typedValue reads the text of an object with one name that stands for a type JSON lacks. known says whether the
// name is that of such a type.
func typedValue(name, text string) (v Value, known bool, err error) {
	switch name {
	case "bytes":
		b, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil || base64.StdEncoding.EncodedLen(len(b)) != len(text) { // the decoder skips line breaks
			return Value{}, true, fmt.Errorf("bytes are written in standard base64, not %q", shorten(text))
		}
		return Bytes(b), true, nil
	case "date":
		days, ok := parseDate(text)
		if !ok {
			return Value{}, true, fmt.Errorf("a date is written like 2026-01-31, not %q", shorten(text))
		}
		return Date(days), true, nil
	case "timestamp":
		v, ok := parseTimestamp(text)
		if !ok {
			return Value{}, true, fmt.Errorf("a timestamp is written like 2026-01-31T00:00:00.5Z, not %q", shorten(text))
		}
		return v, true, nil
	case "uuid":
		v, err := UUID(text)
		return v, true, err
	case "decimal":
		v, err := Decimal(text)
		return v, true, err
	}
	return Value{}, false, nil
}
