package graph

// Algorithm names the hash of sample-level provenance (metaxy-semantics 4.3). Definition hashes are always SHA-256.
type Algorithm string

const (
	XXHash32 Algorithm = "xxhash32"
	XXHash64 Algorithm = "xxhash64"
	XXH3     Algorithm = "xxh3_64"
	WyHash   Algorithm = "wyhash"
	SHA256   Algorithm = "sha256"
	MD5      Algorithm = "md5"
)
