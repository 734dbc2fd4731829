// The 32-bit xxHash (XXH32) with seed 0, by its specification; the libraries in use have only the 64-bit ones.
package graph

import (
	"encoding/binary"
	"math/bits"
)

const (
	xx32Prime1 uint32 = 2654435761
	xx32Prime2 uint32 = 2246822519
	xx32Prime3 uint32 = 3266489917
	xx32Prime4 uint32 = 668265263
	xx32Prime5 uint32 = 374761393
)

func xxhash32(b []byte) uint32 {
	h, length := xx32Prime5, uint32(len(b)) // the length counts modulo 2^32, as specified
	if len(b) >= 16 {
		p1, p2 := xx32Prime1, xx32Prime2 // variables: the sums below wrap around, which constants may not
		v1, v2, v3, v4 := p1+p2, p2, uint32(0), -p1
		for ; len(b) >= 16; b = b[16:] {
			v1 = xx32Round(v1, binary.LittleEndian.Uint32(b))
			v2 = xx32Round(v2, binary.LittleEndian.Uint32(b[4:]))
			v3 = xx32Round(v3, binary.LittleEndian.Uint32(b[8:]))
			v4 = xx32Round(v4, binary.LittleEndian.Uint32(b[12:]))
		}
		h = bits.RotateLeft32(v1, 1) + bits.RotateLeft32(v2, 7) + bits.RotateLeft32(v3, 12) + bits.RotateLeft32(v4, 18)
	}
	h += length
	for ; len(b) >= 4; b = b[4:] {
		h = bits.RotateLeft32(h+binary.LittleEndian.Uint32(b)*xx32Prime3, 17) * xx32Prime4
	}
	for _, c := range b {
		h = bits.RotateLeft32(h+uint32(c)*xx32Prime5, 11) * xx32Prime1
	}
	h = (h ^ h>>15) * xx32Prime2
	h = (h ^ h>>13) * xx32Prime3
	return h ^ h>>16
}

func xx32Round(v, lane uint32) uint32 {
	return bits.RotateLeft32(v+lane*xx32Prime2, 13) * xx32Prime1
}
