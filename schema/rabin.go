package schema

// rabinEmpty is the fingerprint of no bytes: the seed and the polynomial of CRC-64-AVRO.
const rabinEmpty uint64 = 0xc15d213aa4d7a795

var rabinTable = func() (table [256]uint64) {
	for i := range table {
		fp := uint64(i)
		for range 8 {
			fp = fp>>1 ^ rabinEmpty&-(fp&1)
		}
		table[i] = fp
	}
	return table
}()

// rabin is the CRC-64-AVRO fingerprint of the Avro specification ("Schema Fingerprints").
func rabin(text string) uint64 {
	fp := rabinEmpty
	for i := range len(text) {
		fp = fp>>8 ^ rabinTable[byte(fp)^text[i]]
	}
	return fp
}
