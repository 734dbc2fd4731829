package engine

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/freshline/freshline/graph"
)

// The bytes of a filed row, in rows and in the state:
//
//	uvarint  offset of the record in its log
//	varint   its timestamp, ms since 1970
//	bytes    its traceparent, often empty
//	bytes    what is judged: a byte of flags, the version, the fields by struct name
//	columns  uvarint number; each: bytes name, the value as a tuple
//
// bytes is a uvarint length and so many bytes. In the state the uvarint partition of the
// log stands before it (in rows it is in the key). What a reader sees begins behind the
// traceparent: equal bytes there are an equal row.
const (
	flagVersion    = 1 << iota // the row has a feature version
	flagProvenance             // the fields have their provenance: rows of an own edge
	flagShadowed               // another record key has a later write of the sample (R2): it counts for nothing
	flagGroup                  // it is the record of one expansion (S7)
	flagChildren               // it says how many children: a uvarint behind the flags
	flagMarked                 // a request asks for it again (S10)
)

var errRowBytes = errors.New("not the bytes of a row")

// stored is a row read from its bytes.
type stored struct {
	source    uint64 // names its log and record key, as the key of the state does; set where own rows are read
	partition int32
	offset    int64
	time      int64 // ms
	trace     string
	row       graph.Row // Columns are read by columns()
	judged    []byte    // flags, version and fields: equal bytes are judged alike
	rest      []byte    // the columns, encoded
}

// origin is where a change came from.
type origin struct {
	offset int64
	time   int64
	trace  string
}

// appendRow appends the bytes of a row. Provenance is left out on edges that only readers see.
func appendRow(dst []byte, o origin, row *graph.Row, columns []graph.Column, provenance, shadowed bool) []byte {
	dst = binary.AppendUvarint(dst, uint64(o.offset))
	dst = binary.AppendVarint(dst, o.time)
	dst = appendText(dst, o.trace)
	size := 1 + 10 + len(row.Version)
	for i := range row.Fields {
		f := &row.Fields[i]
		size += len(f.Name) + len(f.Provenance) + len(f.DataVersion) + 30
	}
	judged := make([]byte, 0, size)
	var flags byte
	if row.HasVersion {
		flags |= flagVersion
	}
	if provenance {
		flags |= flagProvenance
	}
	if shadowed {
		flags |= flagShadowed
	}
	if provenance {
		if row.Group {
			flags |= flagGroup
		}
		if row.Children >= 0 {
			flags |= flagChildren
		}
		if row.Marked {
			flags |= flagMarked
		}
	}
	judged = append(judged, flags)
	if flags&flagChildren != 0 {
		judged = binary.AppendUvarint(judged, uint64(row.Children))
	}
	if row.HasVersion {
		judged = appendText(judged, row.Version)
	}
	judged = binary.AppendUvarint(judged, uint64(len(row.Fields)))
	for i := range row.Fields {
		f := &row.Fields[i]
		judged = appendText(judged, f.Name)
		if !provenance {
			judged = appendText(judged, f.DataVersion)
			continue
		}
		judged = appendText(judged, f.Provenance)
		if f.DataVersion == f.Provenance {
			judged = append(judged, 0)
		} else {
			judged = appendText(append(judged, 1), f.DataVersion)
		}
	}
	dst = binary.AppendUvarint(dst, uint64(len(judged)))
	dst = append(dst, judged...)
	dst = binary.AppendUvarint(dst, uint64(len(columns)))
	for _, c := range columns {
		dst = graph.AppendValue(appendText(dst, c.Name), c.Value)
	}
	return dst
}

// seenOf returns the part of a row's bytes that readers see.
func seenOf(value []byte) []byte {
	r := byteReader{b: value}
	r.uvarint()
	r.varint()
	r.bytes()
	if r.bad {
		return nil
	}
	return r.b
}

// decode reads a row from its bytes, as rows has them. The texts of s are copies; judged and rest point into value.
func (s *stored) decode(value []byte) error {
	if err := s.head(&byteReader{b: value}); err != nil {
		return err
	}
	return s.decodeJudged(s.judged)
}

// decodeState reads a row from its bytes, as the state has them.
func (s *stored) decodeState(value []byte) error {
	if err := s.decodeHead(value); err != nil {
		return err
	}
	return s.decodeJudged(s.judged)
}

// decodeHead reads a row as decodeState does, but for what is judged, which is left in its bytes.
func (s *stored) decodeHead(value []byte) error {
	r := &byteReader{b: value}
	s.partition = int32(r.uvarint())
	return s.head(r)
}

func (s *stored) head(r *byteReader) error {
	s.offset = int64(r.uvarint())
	s.time = r.varint()
	s.trace = string(r.bytes())
	s.judged = r.bytes()
	s.rest = r.b
	if r.bad {
		return errRowBytes
	}
	return nil
}

// isShadowed reads the flag of a row of which only the head has been decoded.
func (s *stored) isShadowed() bool { return len(s.judged) > 0 && s.judged[0]&flagShadowed != 0 }

// isMarked is isShadowed for the mark of a request.
func (s *stored) isMarked() bool { return len(s.judged) > 0 && s.judged[0]&flagMarked != 0 }

// decodeJudged reads what is judged. One copy of the bytes is made; every text is a part of it.
func (s *stored) decodeJudged(judged []byte) error {
	if len(judged) == 0 {
		return errRowBytes
	}
	flags := judged[0]
	r := textReader{s: string(judged[1:])}
	s.row.Group, s.row.Marked, s.row.Children = flags&flagGroup != 0, flags&flagMarked != 0, -1
	if flags&flagChildren != 0 {
		s.row.Children = int64(r.uvarint())
	}
	s.row.HasVersion = flags&flagVersion != 0
	s.row.Version = ""
	if s.row.HasVersion {
		s.row.Version = r.text()
	}
	n := r.uvarint()
	if n > graph.MaxFields*2 {
		return fmt.Errorf("%w: %d fields", errRowBytes, n)
	}
	s.row.Fields = s.row.Fields[:0]
	for range n {
		f := graph.RowField{Name: r.text()}
		if flags&flagProvenance == 0 {
			f.DataVersion = r.text()
		} else {
			f.Provenance = r.text()
			f.DataVersion = f.Provenance
			if r.byte() == 1 {
				f.DataVersion = r.text()
			}
		}
		s.row.Fields = append(s.row.Fields, f)
	}
	if r.bad {
		return errRowBytes
	}
	return nil
}

// columns reads the columns.
func (s *stored) columns(dst []graph.Column) []graph.Column {
	r := byteReader{b: s.rest}
	n := r.uvarint()
	for range n {
		name := string(r.bytes())
		v, rest, err := graph.DecodeValue(r.b)
		if err != nil || r.bad {
			return dst
		}
		r.b = rest
		dst = append(dst, graph.Column{Name: name, Value: v})
	}
	return dst
}

func appendText[T string | []byte](dst []byte, text T) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(text))), text...)
}

// byteReader reads a sequence of varints and bytes; bad is set where they end too early.
type byteReader struct {
	b   []byte
	bad bool
}

func (r *byteReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *byteReader) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *byteReader) bytes() []byte { return r.take(r.uvarint()) }

func (r *byteReader) take(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.bad, r.b = true, nil
		return nil
	}
	head := r.b[:n:n]
	r.b = r.b[n:]
	return head
}

// textReader is a byteReader of a string: texts are parts of it, without a copy.
type textReader struct {
	s   string
	bad bool
}

func (r *textReader) byte() byte {
	if r.s == "" {
		r.bad = true
		return 0
	}
	b := r.s[0]
	r.s = r.s[1:]
	return b
}

func (r *textReader) uvarint() uint64 {
	var v uint64
	for shift := 0; shift < 64; shift += 7 {
		b := r.byte()
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v
		}
	}
	r.bad = true
	return 0
}

func (r *textReader) text() string {
	n := r.uvarint()
	if n > uint64(len(r.s)) {
		r.bad, r.s = true, ""
		return ""
	}
	text := r.s[:n]
	r.s = r.s[n:]
	return text
}
