package state

import (
	"fmt"
	"syscall"
)

// Badger writes to files that are mapped into memory and have holes: where the disk has no block for one, the system ends
// the process by SIGBUS, and nobody can say why. So nothing that makes it write is begun while the disk has little room.

// spareOf is how much room there must be, in bytes: for a table in memory that is written, and one that goes to a file.
func spareOf(o options) uint64 { return 2 * uint64(o.memtable) }

// checkRoom refuses with syscall.ENOSPC where the disk has less left than is spare, in bytes.
func (d *directory) checkRoom(spare uint64) error {
	free, ok := d.free(d.path)
	if !ok || free >= spare {
		return nil
	}
	return fmt.Errorf("%w: its disk has %d MiB free and must have %d MiB; make room there, or use a directory on another disk", syscall.ENOSPC, free>>20, spare>>20)
}
