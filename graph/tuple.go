// Tuples: sequences of values as bytes that sort as the values do. Keys of the state are made of them,
// and the partition of a join key is a hash of them, so THE BYTES CAN NEVER CHANGE.
//
// A value is a tag and what the tag says. Tags lie in 0x10 to 0xEF; so a byte below 0x10 may follow a tuple as a
// separator, and an escaped 0x00 (0x00 0xFF) is never mistaken for an end followed by a tag.
//
//	0x10          null
//	0x14, 0x15    false, true
//	0x20 … 0x30   integer, 0x28 ± n with n bytes, big-endian, n as small as can be: 0 is 0x28; a positive one is its
//	              bytes; of a negative one the bytes of its magnitude, inverted
//	0x40          string: its bytes, 0x00 as 0x00 0xFF; then 0x00
//	0x48          bytes: likewise
//	0x50          date: the days, as an integer is
//	0x54          timestamp: the microseconds, as an integer is; then 0x00, or nanoseconds n below them (1 to 999) as
//	              0x01 + n/256, n%256
//	0x58          uuid: 16 bytes
//	0x60          negative decimal: the bytes of the positive one after its tag, inverted
//	0x61          decimal 0
//	0x62          positive decimal 0.d1d2… · 10^e, d1 not 0: e + 0x8000 in two bytes; 1 + each pair of digits (the last
//	              filled with a 0) in a byte; then 0x00
//	0x68          double: 8 bytes, big-endian, sign bit inverted, of a negative one all bits
//	0x70          other: its JSON as a string is
package graph

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"strings"
)

const (
	tagNull            = 0x10
	tagFalse           = 0x14
	tagTrue            = 0x15
	tagInt             = 0x28 // of 0; ± 8
	tagString          = 0x40
	tagBytes           = 0x48
	tagDate            = 0x50
	tagTimestamp       = 0x54
	tagUUID            = 0x58
	tagDecimalNegative = 0x60
	tagDecimalZero     = 0x61
	tagDecimalPositive = 0x62
	tagDouble          = 0x68
	tagOther           = 0x70
)

// ErrTuple says that bytes are no tuple, or not as AppendTuple writes it.
var ErrTuple = errors.New("not the encoding of a value")

// AppendTuple appends the encodings of the values to dst. Of two tuples the bytes compare as the values do, one by
// one (Compare); a tuple sorts before those that go on from it.
func AppendTuple(dst []byte, values ...Value) []byte {
	for _, v := range values {
		dst = AppendValue(dst, v)
	}
	return dst
}

// AppendValue appends the encoding of one value to dst.
func AppendValue(dst []byte, v Value) []byte {
	switch v.kind {
	case KindBool:
		return append(dst, tagFalse+byte(v.num))
	case KindInt:
		return appendTupleInt(dst, v.num)
	case KindString:
		return appendEscaped(append(dst, tagString), v.str)
	case KindBytes:
		return appendEscaped(append(dst, tagBytes), v.str)
	case KindDate:
		return appendTupleInt(append(dst, tagDate), v.num)
	case KindTimestamp:
		dst = appendTupleInt(append(dst, tagTimestamp), v.num)
		_, n, _ := v.AsTimestamp()
		if n == 0 {
			return append(dst, 0)
		}
		return append(dst, 1+byte(n>>8), byte(n))
	case KindUUID:
		return appendTupleUUID(append(dst, tagUUID), v.str)
	case KindDecimal:
		return appendTupleDecimal(dst, v.str)
	case KindDouble:
		return binary.BigEndian.AppendUint64(append(dst, tagDouble), orderedBits(v.num))
	case KindOther:
		return appendEscaped(append(dst, tagOther), v.str)
	}
	return append(dst, tagNull)
}

func appendTupleInt(dst []byte, i int64) []byte {
	magnitude, flip := uint64(i), byte(0)
	if i < 0 {
		magnitude, flip = -magnitude, 0xff
	}
	n := (bits.Len64(magnitude) + 7) / 8
	if i < 0 {
		dst = append(dst, byte(tagInt-n))
	} else {
		dst = append(dst, byte(tagInt+n))
	}
	for shift := 8 * (n - 1); shift >= 0; shift -= 8 {
		dst = append(dst, byte(magnitude>>shift)^flip)
	}
	return dst
}

func appendEscaped(dst []byte, s string) []byte {
	for {
		i := strings.IndexByte(s, 0)
		if i < 0 {
			return append(append(dst, s...), 0)
		}
		dst = append(append(dst, s[:i]...), 0, 0xff)
		s = s[i+1:]
	}
}

func appendTupleUUID(dst []byte, text string) []byte {
	for i := 0; i+1 < len(text); i += 2 {
		if text[i] == '-' {
			i++
		}
		high, _ := hexDigit(text[i])
		low, _ := hexDigit(text[i+1])
		dst = append(dst, high<<4|low)
	}
	return dst
}

func appendTupleDecimal(dst []byte, text string) []byte {
	if text == "0" {
		return append(dst, tagDecimalZero)
	}
	text, negative := strings.CutPrefix(text, "-")
	flip := byte(0)
	if negative {
		dst, flip = append(dst, tagDecimalNegative), 0xff
	} else {
		dst = append(dst, tagDecimalPositive)
	}
	whole, fraction, _ := strings.Cut(text, ".")
	exponent := len(whole)
	if whole == "0" {
		whole, exponent = "", 0
		trimmed := strings.TrimLeft(fraction, "0")
		exponent -= len(fraction) - len(trimmed)
		fraction = trimmed
	}
	if fraction == "" {
		whole = strings.TrimRight(whole, "0")
	}
	e := uint16(exponent + 0x8000)
	dst = append(dst, byte(e>>8)^flip, byte(e)^flip)
	digit := func(i int) byte {
		if i < len(whole) {
			return whole[i] - '0'
		}
		if i -= len(whole); i < len(fraction) {
			return fraction[i] - '0'
		}
		return 0
	}
	for i := 0; i < len(whole)+len(fraction); i += 2 {
		dst = append(dst, (1+digit(i)*10+digit(i+1))^flip)
	}
	return append(dst, flip)
}
