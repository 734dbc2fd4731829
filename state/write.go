package state

import "bytes"

// write is what is pending for one key.
type write struct {
	key, value []byte
	deleted    bool // value is nil then
}

func (w *write) less(v *write) bool { return bytes.Compare(w.key, v.key) < 0 }

// writeBlock is the number of writes in a block of writeArena.
const writeBlock = 256

// writeArena gives writes that all end at the same time.
type writeArena struct {
	blocks []*[writeBlock]write
	used   int
}

// take returns a write of unspecified content.
func (a *writeArena) take() *write {
	b, i := a.used/writeBlock, a.used%writeBlock
	if b == len(a.blocks) {
		a.blocks = append(a.blocks, new([writeBlock]write))
	}
	a.used++
	return &a.blocks[b][i]
}

// reset takes all writes back, and lets go of large values.
func (a *writeArena) reset() {
	for b := 0; b*writeBlock < a.used; b++ {
		clear(a.blocks[b][:])
	}
	a.used = 0
}
