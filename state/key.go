package state

import (
	"bytes"
	"fmt"
)

const (
	// MaxKey is the length in bytes of the longest key.
	MaxKey = 65000
	// MaxValue is the length in bytes of the longest value: what Badger still keeps beside the key.
	MaxValue = 1<<20 - 1
)

// badgerPrefix begins the keys that Badger keeps for itself.
var badgerPrefix = []byte("!badger!")

// PrefixEnd returns the least key that is greater than all keys that begin with prefix;
// nil, which a Reader takes as the end, where there is none.
func PrefixEnd(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xff {
			end := bytes.Clone(prefix[:i+1])
			end[i]++
			return end
		}
	}
	return nil
}

// checkWrite refuses what not every store can hold.
func checkWrite(key, value []byte) error {
	switch {
	case len(key) == 0:
		return fmt.Errorf("state: write an empty key")
	case len(key) > MaxKey:
		return fmt.Errorf("%w: a key of %d bytes, the longest allowed has %d: %.64q…", ErrTooLarge, len(key), MaxKey, key)
	case len(value) > MaxValue:
		return fmt.Errorf("%w: a value of %d bytes, the longest allowed has %d: key %.64q", ErrTooLarge, len(value), MaxValue, key)
	case bytes.HasPrefix(key, badgerPrefix):
		return fmt.Errorf("state: write key %.64q: keys that begin with %q are Badger's own", key, badgerPrefix)
	}
	return nil
}
