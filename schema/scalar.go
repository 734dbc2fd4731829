package schema

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/big"
	"strconv"

	"github.com/freshline/freshline/graph"
)

// The functions here make values of what both decoders read: they are the rules of types, in one place.

var errTimestampRange = errors.New("a timestamp beyond 64 bits of microseconds")

// integerValue is the value of an int or a long.
func integerValue(n *node, v int64) (graph.Value, error) {
	switch n.logical {
	case logicalDate:
		return graph.Date(int32(v)), nil
	case logicalTimestampMillis:
		micros := v * 1000
		if micros/1000 != v {
			return graph.Value{}, errTimestampRange
		}
		return graph.Timestamp(micros, 0), nil
	case logicalTimestampMicros:
		return graph.Timestamp(v, 0), nil
	case logicalTimestampNanos:
		micros, below := v/1000, v%1000
		if below < 0 {
			micros, below = micros-1, below+1000
		}
		return graph.Timestamp(micros, int(below)), nil
	case logicalTimeMillis:
		return graph.Other(`{"time-millis":` + strconv.FormatInt(v, 10) + `}`), nil
	case logicalTimeMicros:
		return graph.Other(`{"time-micros":` + strconv.FormatInt(v, 10) + `}`), nil
	}
	return graph.Int(v), nil
}

// textValue is the value of a string. One that its logical type does not fit is plain text.
func textValue(n *node, s string) graph.Value {
	switch n.logical {
	case logicalUUID:
		if v, err := graph.UUID(s); err == nil {
			return v
		}
	case logicalJSON:
		if json.Valid([]byte(s)) {
			return graph.Other(s)
		}
	}
	return graph.String(s)
}

// bytesValue is the value of bytes or a fixed. It copies b.
func bytesValue(n *node, b []byte) (graph.Value, error) {
	switch n.logical {
	case logicalDecimal:
		if len(b) > graph.MaxDecimalDigits { // spares making a number that is refused anyway
			return graph.Value{}, errors.New("a decimal of " + strconv.Itoa(len(b)) + " bytes")
		}
		return graph.DecimalUnscaled(twosComplement(b), n.scale)
	case logicalUUID:
		var text [36]byte
		hex.Encode(text[:8], b[:4])
		hex.Encode(text[9:13], b[4:6])
		hex.Encode(text[14:18], b[6:8])
		hex.Encode(text[19:23], b[8:10])
		hex.Encode(text[24:], b[10:16])
		text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
		return graph.UUID(string(text[:]))
	}
	return graph.Bytes(b), nil
}

// twosComplement reads a big-endian two's complement number; no bytes are 0.
func twosComplement(b []byte) *big.Int {
	i := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0]&0x80 != 0 {
		i.Sub(i, new(big.Int).Lsh(big.NewInt(1), uint(len(b))*8))
	}
	return i
}

// appendTwosComplement is the shortest form of a number that twosComplement reads, of one byte at least.
func appendTwosComplement(dst []byte, i *big.Int) []byte {
	if i.Sign() >= 0 {
		b := i.Bytes()
		if len(b) == 0 || b[0]&0x80 != 0 {
			dst = append(dst, 0)
		}
		return append(dst, b...)
	}
	// -i-1 has the bits of i turned over: as many bytes as it needs beside a sign bit.
	b := new(big.Int).Not(i).Bytes()
	if len(b) == 0 || b[0]&0x80 != 0 {
		b = append([]byte{0}, b...)
	}
	for _, c := range b {
		dst = append(dst, ^c)
	}
	return dst
}
