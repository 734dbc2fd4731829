package schema

import (
	"fmt"
	"math"
	"unicode/utf8"
)

const (
	maxValueDepth = 64 // values within values
	// maxValueCost bounds what one payload may unfold to. A value costs about what decoding it allocates, in
	// units of some 32 bytes: without a bound an array of nulls, or records of records of nulls, cost
	// gigabytes and are a few bytes long.
	maxValueCost = 4 << 20
	costOfRecord = 16 // beside its fields; also of an array, a map and each entry of a map
)

// walker goes over the binary form of a value by its schema. It is the guard of every decoder: what it has
// walked over has lengths that fit, branches and symbols that are there, text that is UTF-8, and a bounded size.
type walker struct {
	buf  []byte
	pos  int
	cost int
}

// skim walks over a whole body. All errors are of class ErrBadBytes.
func skim(root *node, body []byte) error {
	w := walker{buf: body}
	if err := w.skip(root, 0); err != nil {
		return err
	}
	return w.end()
}

func (w *walker) end() error {
	if rest := len(w.buf) - w.pos; rest > 0 {
		return w.fault("%d bytes follow the record", rest)
	}
	return nil
}

func (w *walker) fault(format string, args ...any) error {
	return badBytes("at byte %d of the body: %s", w.pos, fmt.Sprintf(format, args...))
}

func (w *walker) charge(cost int) error {
	if w.cost += cost; w.cost > maxValueCost {
		return w.fault("too many values for one record")
	}
	return nil
}

// skip walks over one value.
func (w *walker) skip(n *node, depth int) (err error) {
	if depth > maxValueDepth {
		return w.fault("values lie more than %d deep", maxValueDepth)
	}
	if err := w.charge(1); err != nil {
		return err
	}
	switch n.kind {
	case avroNull:
	case avroBoolean:
		_, err = w.boolean()
	case avroInt:
		_, err = w.int()
	case avroLong:
		_, err = w.long()
	case avroFloat:
		_, err = w.take(4)
	case avroDouble:
		_, err = w.take(8)
	case avroBytes:
		_, err = w.bytes()
	case avroString:
		_, err = w.text()
	case avroFixed:
		_, err = w.take(n.size)
	case avroEnum:
		_, err = w.symbol(n)
	case avroUnion:
		branch, err := w.branch(n)
		if err != nil {
			return err
		}
		return w.skip(branch, depth) // a union cannot stand in a union: no deeper
	case avroRecord:
		if err := w.charge(costOfRecord + len(n.fields)); err != nil {
			return err
		}
		for i := range n.fields {
			if err := w.skip(n.fields[i].node, depth+1); err != nil {
				return inField(n.fields[i].name, err)
			}
		}
	case avroArray, avroMap:
		if err := w.charge(costOfRecord); err != nil {
			return err
		}
		for {
			count, err := w.block()
			if err != nil || count == 0 {
				return err
			}
			for range count {
				if n.kind == avroMap {
					if err := w.charge(costOfRecord); err != nil {
						return err
					}
					if _, err := w.text(); err != nil {
						return err
					}
				}
				if err := w.skip(n.item, depth+1); err != nil {
					return err
				}
			}
		}
	}
	return err
}

func inField(name string, err error) error { return fmt.Errorf("field %s: %w", name, err) }

// block reads the head of a block of an array or a map; 0 is the end. The count is not to be trusted for more
// than a loop: each of the values costs, so walking stops in time.
func (w *walker) block() (count int64, err error) {
	count, err = w.long()
	if err != nil || count >= 0 {
		return count, err
	}
	if count == math.MinInt64 {
		return 0, w.fault("a block of %d values", count)
	}
	size, err := w.long() // of the block in bytes, for readers that skip it
	if err == nil && (size < 0 || size > int64(len(w.buf)-w.pos)) {
		err = w.fault("a block of %d bytes, where %d are left", size, len(w.buf)-w.pos)
	}
	return -count, err
}

func (w *walker) long() (int64, error) {
	var u uint64
	for i := 0; i < 10; i++ {
		if w.pos+i >= len(w.buf) {
			return 0, w.fault("the bytes end within an integer")
		}
		b := w.buf[w.pos+i]
		if i == 9 && b > 1 {
			break
		}
		u |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			w.pos += i + 1
			return int64(u>>1) ^ -int64(u&1), nil
		}
	}
	return 0, w.fault("an integer of more than 64 bits")
}

func (w *walker) int() (int64, error) {
	start := w.pos
	v, err := w.long()
	if err == nil && (v < math.MinInt32 || v > math.MaxInt32) {
		w.pos = start
		err = w.fault("%d is no int of 32 bits", v)
	}
	return v, err
}

func (w *walker) boolean() (bool, error) {
	b, err := w.take(1)
	if err != nil {
		return false, err
	}
	if b[0] > 1 {
		w.pos--
		return false, w.fault("%#02x is no boolean", b[0])
	}
	return b[0] == 1, nil
}

// take returns the next size bytes, which alias the body.
func (w *walker) take(size int) ([]byte, error) {
	if left := len(w.buf) - w.pos; size > left {
		return nil, w.fault("%d bytes wanted, where %d are left", size, left)
	}
	w.pos += size
	return w.buf[w.pos-size : w.pos : w.pos], nil
}

func (w *walker) bytes() ([]byte, error) {
	size, err := w.long()
	if err != nil {
		return nil, err
	}
	if left := len(w.buf) - w.pos; size < 0 || size > int64(left) {
		return nil, w.fault("a length of %d bytes, where %d are left", size, left)
	}
	return w.take(int(size))
}

// text returns the next string as bytes. Text that is not UTF-8 is refused: goavro would hand it out, and ids,
// keys and JSON would then say something else than the producer did.
func (w *walker) text() ([]byte, error) {
	b, err := w.bytes()
	if err == nil && !utf8.Valid(b) {
		w.pos -= len(b)
		err = w.fault("a string that is not UTF-8")
	}
	return b, err
}

func (w *walker) symbol(n *node) (string, error) {
	index, err := w.index("symbol", len(n.symbols))
	if err != nil {
		return "", err
	}
	return n.symbols[index], nil
}

func (w *walker) branch(n *node) (*node, error) {
	index, err := w.index("branch", len(n.branches))
	if err != nil {
		return nil, err
	}
	return n.branches[index], nil
}

func (w *walker) index(of string, count int) (int64, error) {
	start := w.pos
	index, err := w.long()
	if err == nil && (index < 0 || index >= int64(count)) {
		w.pos = start
		err = w.fault("%s %d of %d", of, index, count)
	}
	return index, err
}
