package engine

import (
	"encoding/binary"
	"math/bits"

	"github.com/zeebo/xxh3"

	"github.com/freshline/freshline/graph"
)

// setDigest is the digest of a set: the sum of the hashes of its members, so that the order in which they
// come does not matter. The zero value is that of no members.
type setDigest struct{ hi, lo uint64 }

func (d *setDigest) add(member []byte) {
	sum := xxh3.Hash128(member)
	var carry uint64
	d.lo, carry = bits.Add64(d.lo, sum.Lo, 0)
	d.hi, _ = bits.Add64(d.hi, sum.Hi, carry)
}

// addTuple adds the values of a tuple under their names. What the tuple lacks at its end is not there.
func (d *setDigest) addTuple(names []string, tuple []byte) {
	var b [128]byte
	for _, name := range names {
		rest, err := graph.SkipValue(tuple)
		if err != nil {
			return
		}
		d.add(append(appendText(b[:0], name), tuple[:len(tuple)-len(rest)]...))
		tuple = rest
	}
}

func (d *setDigest) append(dst []byte) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(dst, d.hi), d.lo)
}

// tupleValue returns one value of a tuple, nil if it has not so many.
func tupleValue(tuple []byte, at int) []byte {
	for {
		rest, err := graph.SkipValue(tuple)
		if err != nil {
			return nil
		}
		if at == 0 {
			return tuple[:len(tuple)-len(rest)]
		}
		tuple, at = rest, at-1
	}
}
