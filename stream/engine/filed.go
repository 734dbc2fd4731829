package engine

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/freshline/freshline/graph"
)

// filed is what a router task has filed of one record key: the own row, whole, which is its
// memory of what was usable, and where it stands on other edges. It is a view of rows.
//
// Its bytes: place of the own row; bytes(own row as in rows); bytes(sample name under which it stands in
// the index 'X', empty if it does not); uvarint number of further places; each: place, 8 bytes digest
// of what its readers see; uvarint number of other own places; each: place, bytes(own row as in rows); of a
// row that a request has marked: uvarint bound.
// place is edge bytes(K) bytes(rest).
type filed struct {
	own     place
	row     []byte
	indexed []byte
	edges   []filedEdge
	others  []filedOwn
	marked  int64 // a request holds for writes below this offset (S10); 0: none does
}

// filedOwn is another own place, which only recovery sees: partitions of rows are read one after
// another, so that a row is met where it has moved to before it is met as taken back.
type filedOwn struct {
	place
	row []byte
}

// place is where a row stands: under which key on which edge. The zero place is nowhere.
type place struct {
	edge       graph.EdgeName
	join, rest string
}

// filedEdge is a row on an edge that is not the own one.
type filedEdge struct {
	place
	digest uint64 // of what its readers see
}

var errFiled = errors.New("not the bytes of a filed record")

func (p place) zero() bool { return p == place{} }

func appendPlace(dst []byte, p place) []byte {
	return appendText(appendText(append(dst, p.edge[:]...), p.join), p.rest)
}

func (r *byteReader) place() (p place) {
	copy(p.edge[:], r.take(nameSize))
	p.join, p.rest = string(r.bytes()), string(r.bytes())
	return p
}

func (f *filed) append(dst []byte) []byte {
	dst = appendPlace(dst, f.own)
	dst = appendText(dst, f.row)
	dst = appendText(dst, f.indexed)
	dst = binary.AppendUvarint(dst, uint64(len(f.edges)))
	for _, e := range f.edges {
		dst = binary.BigEndian.AppendUint64(appendPlace(dst, e.place), e.digest)
	}
	dst = binary.AppendUvarint(dst, uint64(len(f.others)))
	for _, o := range f.others {
		dst = appendText(appendPlace(dst, o.place), o.row)
	}
	if f.marked > 0 {
		dst = binary.AppendUvarint(dst, uint64(f.marked))
	}
	return dst
}

// decode reads a filed record; its slices are copies.
func (f *filed) decode(value []byte) error {
	r := byteReader{b: append([]byte(nil), value...)}
	f.own = r.place()
	f.row = r.bytes()
	f.indexed = r.bytes()
	n := r.uvarint()
	f.edges = f.edges[:0]
	for i := uint64(0); i < n && !r.bad; i++ {
		e := filedEdge{place: r.place()}
		if b := r.take(8); b != nil {
			e.digest = binary.BigEndian.Uint64(b)
		}
		f.edges = append(f.edges, e)
	}
	n = r.uvarint()
	f.others = f.others[:0]
	for i := uint64(0); i < n && !r.bad; i++ {
		f.others = append(f.others, filedOwn{r.place(), r.bytes()})
	}
	if f.marked = 0; len(r.b) > 0 {
		f.marked = int64(r.uvarint())
	}
	if r.bad {
		return errFiled
	}
	return nil
}

// setOwn takes over an own row, beside one at another place.
func (f *filed) setOwn(at place, row []byte) {
	if !f.own.zero() && f.own != at {
		f.others = append(f.others, filedOwn{f.own, f.row})
	}
	f.others = slices.DeleteFunc(f.others, func(o filedOwn) bool { return o.place == at })
	f.own, f.row = at, row
}

// dropOwn takes over that an own row is taken back.
func (f *filed) dropOwn(at place) {
	f.others = slices.DeleteFunc(f.others, func(o filedOwn) bool { return o.place == at })
	if f.own != at {
		return
	}
	f.own, f.row = place{}, nil
	if n := len(f.others); n > 0 {
		f.own, f.row = f.others[n-1].place, f.others[n-1].row
		f.others = f.others[:n-1]
	}
}

// recordHash names a record key of a log in the state.
func recordHash(s Source, record []byte) uint64 {
	d := xxhash.New()
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], s.hash())
	_, _ = d.Write(b[:])
	_, _ = d.Write(record)
	return d.Sum64()
}
