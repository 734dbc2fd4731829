// The partition of a tuple, as Kafka's default partitioner chooses it for a record with that key.
package graph

// Partition is the partition, of n, of a record whose key is the tuple: murmur2 of the bytes, without its sign,
// modulo n. An n below 1 counts as 1.
func Partition(tuple []byte, n int32) int32 {
	if n <= 1 {
		return 0
	}
	return int32(murmur2(tuple)&0x7fffffff) % n
}

// murmur2 is MurmurHash2 with Kafka's seed.
func murmur2(b []byte) uint32 {
	const (
		seed uint32 = 0x9747b28c
		m    uint32 = 0x5bd1e995
	)
	h := seed ^ uint32(len(b))
	for ; len(b) >= 4; b = b[4:] {
		k := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
		k *= m
		k ^= k >> 24
		h = h*m ^ k*m
	}
	switch len(b) {
	case 3:
		h ^= uint32(b[2]) << 16
		fallthrough
	case 2:
		h ^= uint32(b[1]) << 8
		fallthrough
	case 1:
		h ^= uint32(b[0])
		h *= m
	}
	h ^= h >> 13
	h *= m
	return h ^ h>>15
}
