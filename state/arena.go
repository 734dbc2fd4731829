package state

// arenaBlock is the size of a block: some hundred keys and values.
const arenaBlock = 64 << 10

// arena gives memory for copies that all end at the same time.
type arena struct {
	blocks [][]byte // of arenaBlock bytes each, kept over a reset
	next   int      // blocks[next:] have not been used since the reset
	free   []byte   // rest of blocks[next-1]
}

// copy returns a copy of b that lives until the reset. It is never nil.
func (a *arena) copy(b []byte) []byte {
	n := len(b)
	if n == 0 {
		return []byte{}
	}
	if n > len(a.free) {
		if n > arenaBlock/4 { // its own, and the garbage collector's: one large value must not stay for ever
			return append(make([]byte, 0, n), b...)
		}
		if a.next == len(a.blocks) {
			a.blocks = append(a.blocks, make([]byte, arenaBlock))
		}
		a.free = a.blocks[a.next]
		a.next++
	}
	c := a.free[:n:n]
	copy(c, b)
	a.free = a.free[n:]
	return c
}

// reset takes all memory back.
func (a *arena) reset() {
	a.next, a.free = 0, nil
}
