// Reading tuples back: exactly the bytes that tuple.go writes, whatever else comes is refused.
package graph

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math"
	"strings"
)

// SkipValue is what follows the first value of b, without building it. It finds the end only: an encoding that
// DecodeValue refuses may pass. The error is ErrTuple.
func SkipValue(b []byte) (rest []byte, err error) {
	if len(b) == 0 {
		return nil, ErrTuple
	}
	tag, b := b[0], b[1:]
	switch tag {
	case tagNull, tagFalse, tagTrue, tagDecimalZero:
		return b, nil
	case tagString, tagBytes, tagOther:
		n := escapedEnd(b)
		if n < 0 {
			return nil, ErrTuple
		}
		return b[n+1:], nil
	case tagDate, tagTimestamp:
		if _, b, err = decodeTupleInt(b); err != nil || tag == tagDate {
			return b, err
		}
		_, b, err = decodeNanos(b)
		return b, err
	case tagUUID:
		return skipBytes(b, 16)
	case tagDouble:
		return skipBytes(b, 8)
	case tagDecimalNegative, tagDecimalPositive:
		end := byte(0)
		if tag == tagDecimalNegative {
			end = 0xff
		}
		if b, err = skipBytes(b, 2); err != nil {
			return nil, err
		}
		n := bytes.IndexByte(b, end)
		if n < 0 {
			return nil, ErrTuple
		}
		return b[n+1:], nil
	}
	n := int(tag) - tagInt
	if n < -8 || n > 8 {
		return nil, ErrTuple
	}
	return skipBytes(b, max(n, -n))
}

func skipBytes(b []byte, n int) ([]byte, error) {
	if len(b) < n {
		return nil, ErrTuple
	}
	return b[n:], nil
}

// escapedEnd is where the 0x00 lies that ends an escaped text, or -1.
func escapedEnd(b []byte) int {
	for i := 0; i < len(b); i++ {
		if b[i] == 0 {
			if i+1 == len(b) || b[i+1] != 0xff {
				return i
			}
			i++
		}
	}
	return -1
}

// DecodeValue reads the first value of b and returns what follows it. It accepts exactly what AppendValue writes;
// anything else is ErrTuple.
func DecodeValue(b []byte) (v Value, rest []byte, err error) {
	rest, err = SkipValue(b)
	if err != nil {
		return Value{}, nil, err
	}
	tag, body := b[0], b[1:len(b)-len(rest)]
	switch tag {
	case tagNull:
	case tagFalse, tagTrue:
		v = Bool(tag == tagTrue)
	case tagString, tagBytes, tagOther:
		v.str = unescape(body[:len(body)-1])
		switch tag {
		case tagString:
			v.kind = KindString
		case tagBytes:
			v.kind = KindBytes
		default:
			v.kind = KindOther
		}
	case tagDate:
		n, _, err := decodeTupleInt(body)
		if err != nil || n != int64(int32(n)) {
			return Value{}, nil, ErrTuple
		}
		v = Date(int32(n))
	case tagTimestamp:
		micros, nanos, err := decodeTupleInt(body)
		if err != nil {
			return Value{}, nil, err
		}
		n, _, err := decodeNanos(nanos)
		if err != nil {
			return Value{}, nil, err
		}
		v = Timestamp(micros, n)
	case tagUUID:
		var text [36]byte
		hex.Encode(text[0:], body[:4])
		hex.Encode(text[9:], body[4:6])
		hex.Encode(text[14:], body[6:8])
		hex.Encode(text[19:], body[8:10])
		hex.Encode(text[24:], body[10:])
		text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
		v = Value{kind: KindUUID, str: string(text[:])}
	case tagDecimalNegative, tagDecimalZero, tagDecimalPositive:
		v, err = decodeTupleDecimal(tag, body)
	case tagDouble:
		ordered := binary.BigEndian.Uint64(body)
		if ordered>>63 == 1 {
			ordered ^= 1 << 63
		} else {
			ordered = ^ordered
		}
		if v = Double(math.Float64frombits(ordered)); uint64(v.num) != ordered {
			err = ErrTuple // another NaN than the one that Double knows
		}
	default:
		var n int64
		n, _, err = decodeTupleInt(b)
		v = Int(n)
	}
	if err != nil {
		return Value{}, nil, err
	}
	return v, rest, nil
}

func decodeTupleInt(b []byte) (i int64, rest []byte, err error) {
	if len(b) == 0 {
		return 0, nil, ErrTuple
	}
	n, flip := int(b[0])-tagInt, byte(0)
	if n < 0 {
		n, flip = -n, 0xff
	}
	b = b[1:]
	if n > 8 || n > len(b) {
		return 0, nil, ErrTuple
	}
	if n == 0 {
		return 0, b, nil
	}
	var magnitude uint64
	for _, c := range b[:n] {
		magnitude = magnitude<<8 | uint64(c^flip)
	}
	most := uint64(math.MaxInt64)
	if flip != 0 {
		most++
	}
	if magnitude > most || b[0]^flip == 0 {
		return 0, nil, ErrTuple
	}
	if flip != 0 {
		magnitude = -magnitude
	}
	return int64(magnitude), b[n:], nil
}

func decodeNanos(b []byte) (n int, rest []byte, err error) {
	if len(b) == 0 {
		return 0, nil, ErrTuple
	}
	if b[0] == 0 {
		return 0, b[1:], nil
	}
	if len(b) < 2 {
		return 0, nil, ErrTuple
	}
	n = int(b[0]-1)<<8 | int(b[1])
	if n == 0 || n > 999 {
		return 0, nil, ErrTuple
	}
	return n, b[2:], nil
}

func unescape(b []byte) string {
	if bytes.IndexByte(b, 0) < 0 {
		return string(b)
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		out = append(out, b[i])
		if b[i] == 0 {
			i++ // its 0xFF
		}
	}
	return string(out)
}

func decodeTupleDecimal(tag byte, body []byte) (Value, error) {
	if tag == tagDecimalZero {
		return Value{kind: KindDecimal, str: "0"}, nil
	}
	flip := byte(0)
	if tag == tagDecimalNegative {
		flip = 0xff
	}
	exponent := int(uint16(body[0]^flip)<<8|uint16(body[1]^flip)) - 0x8000
	pairs := body[2 : len(body)-1]
	if len(pairs) == 0 || len(pairs) > MaxDecimalDigits || exponent > MaxDecimalDigits || exponent < -MaxDecimalDigits {
		return Value{}, ErrTuple
	}
	digits := make([]byte, 0, 2*len(pairs))
	for _, c := range pairs {
		c = (c ^ flip) - 1
		if c > 99 {
			return Value{}, ErrTuple
		}
		digits = append(digits, '0'+c/10, '0'+c%10)
	}
	if digits[len(digits)-1] == '0' {
		digits = digits[:len(digits)-1]
	}
	if digits[0] == '0' || digits[len(digits)-1] == '0' {
		return Value{}, ErrTuple
	}
	text := make([]byte, 0, len(digits)+8)
	if flip != 0 {
		text = append(text, '-')
	}
	switch {
	case exponent <= 0:
		text = append(append(append(text, "0."...), strings.Repeat("0", -exponent)...), digits...)
	case exponent >= len(digits):
		text = append(append(text, digits...), strings.Repeat("0", exponent-len(digits))...)
	default:
		text = append(append(append(text, digits[:exponent]...), '.'), digits[exponent:]...)
	}
	v, err := Decimal(string(text)) // counts the digits
	if err != nil {
		return Value{}, ErrTuple
	}
	return v, nil
}
