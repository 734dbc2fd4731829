package state

// Limit bounds what one Apply can take. A zero field is no bound.
type Limit struct {
	Keys  int // pending writes
	Bytes int // what Overlay.Bytes counts
}
