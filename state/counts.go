package state

// Reads counts what an Overlay has asked of its base.
type Reads struct {
	Gets  uint64 // Get calls
	Seeks uint64 // Scan and Last calls
	Keys  uint64 // keys that Scan calls went over
}

// Writes counts the calls of an Overlay that write.
type Writes struct {
	Sets    uint64
	Deletes uint64
}
