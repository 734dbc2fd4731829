// The first version of wyhash, which Metaxy has by way of the Rust crate wyhash 0.5.
// Later versions of wyhash (final, final3, final4) are other functions with the same name.
package graph

import (
	"encoding/binary"
	"math/bits"
)

const (
	wy0 uint64 = 0xa0761d6478bd642f
	wy1 uint64 = 0xe7037ed1a0b428db
	wy2 uint64 = 0x8ebc6af09c88c6e3
	wy3 uint64 = 0x589965cc75374cc3
	wy4 uint64 = 0x1d8e4e27c47d124f
	wy5 uint64 = 0xeb44accab455d165
)

func wyhash(b []byte, seed uint64) uint64 {
	length := uint64(len(b))
	for ; len(b) >= 32; b = b[32:] {
		seed = wymum(seed^wy0,
			wymum(binary.LittleEndian.Uint64(b)^wy1, binary.LittleEndian.Uint64(b[8:])^wy2)^
				wymum(binary.LittleEndian.Uint64(b[16:])^wy3, binary.LittleEndian.Uint64(b[24:])^wy4))
	}
	seed ^= wy0
	switch (len(b) + 7) / 8 {
	case 1:
		seed = wymum(seed, wyRest(b)^wy1)
	case 2:
		seed = wymum(wySwapped(b)^seed, wyRest(b[8:])^wy2)
	case 3:
		seed = wymum(wySwapped(b)^seed, wySwapped(b[8:])^wy2) ^ wymum(seed, wyRest(b[16:])^wy3)
	case 4:
		seed = wymum(wySwapped(b)^seed, wySwapped(b[8:])^wy2) ^ wymum(wySwapped(b[16:])^seed, wyRest(b[24:])^wy4)
	}
	return wymum(seed, length^wy5)
}

// wymum folds the 128-bit product of a and b.
func wymum(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// wySwapped reads eight bytes as two little-endian halves, the first of them the upper one.
func wySwapped(b []byte) uint64 {
	return uint64(binary.LittleEndian.Uint32(b))<<32 | uint64(binary.LittleEndian.Uint32(b[4:]))
}

// wyRest reads one to eight bytes: four, then two, then one, each little-endian, the first the uppermost.
func wyRest(b []byte) uint64 {
	if len(b) == 8 {
		return wySwapped(b)
	}
	var v uint64
	if len(b) >= 4 {
		v, b = uint64(binary.LittleEndian.Uint32(b)), b[4:]
	}
	if len(b) >= 2 {
		v, b = v<<16|uint64(binary.LittleEndian.Uint16(b)), b[2:]
	}
	if len(b) >= 1 {
		v = v<<8 | uint64(b[0])
	}
	return v
}
