// Sample-level hashes: which algorithms there are, and the text form in which a hash is stored and hashed again.
package graph

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/cespare/xxhash/v2"
	"github.com/zeebo/xxh3"
)

// Algorithm names the hash of sample-level provenance (metaxy-semantics 4.3). Definition hashes are always SHA-256.
// The empty Algorithm stands for DefaultAlgorithm.
type Algorithm string

const (
	XXHash32 Algorithm = "xxhash32"
	XXHash64 Algorithm = "xxhash64"
	XXH3     Algorithm = "xxh3_64"
	WyHash   Algorithm = "wyhash"
	SHA256   Algorithm = "sha256"
	MD5      Algorithm = "md5"
)

// DefaultAlgorithm is what a graph has that names none (G5).
const DefaultAlgorithm = XXHash64

// ParseAlgorithm reads the name of an algorithm as a graph writes it. The empty name is refused:
// that a graph sets none is known to its reader.
func ParseAlgorithm(name string) (Algorithm, error) {
	switch a := Algorithm(name); a {
	case XXHash32, XXHash64, XXH3, WyHash, SHA256, MD5:
		return a, nil
	}
	return "", fmt.Errorf("unknown hash algorithm %q: use one of %s, %s, %s, %s, %s, %s",
		name, XXHash64, XXHash32, XXH3, WyHash, SHA256, MD5)
}

// Sum appends the full text form of the hash of text to dst: unsigned decimal without padding for the xx and wy
// families (at most 20 characters), lower-case hex for sha256 (64) and md5 (32). dst may share memory with text
// only if it begins after it. It allocates only when dst is too short.
// An Algorithm that ParseAlgorithm would refuse counts as DefaultAlgorithm.
func (a Algorithm) Sum(dst, text []byte) []byte {
	switch a {
	case XXHash32:
		return strconv.AppendUint(dst, uint64(xxhash32(text)), 10)
	case XXH3:
		return strconv.AppendUint(dst, xxh3.Hash(text), 10)
	case WyHash:
		return strconv.AppendUint(dst, wyhash(text, 0), 10)
	case SHA256:
		sum := sha256.Sum256(text)
		return hex.AppendEncode(dst, sum[:])
	case MD5:
		sum := md5.Sum(text)
		return hex.AppendEncode(dst, sum[:])
	default:
		return strconv.AppendUint(dst, xxhash.Sum64(text), 10)
	}
}

// AppendSum is Sum cut to its leading length characters (G5), the form in which a hash is stored;
// a length of 0 or less leaves it whole.
func (a Algorithm) AppendSum(dst, text []byte, length int) []byte {
	start := len(dst)
	dst = a.Sum(dst, text)
	if length > 0 && len(dst)-start > length {
		dst = dst[:start+length]
	}
	return dst
}

// Truncate keeps the leading n characters of the text form of a hash, which is ASCII.
// A shorter text stays as it is, and an n of 0 or less cuts nothing.
func Truncate(text string, n int) string {
	if n <= 0 || len(text) <= n {
		return text
	}
	return text[:n]
}
