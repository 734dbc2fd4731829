package schema

import "testing"

func TestRabin(t *testing.T) {
	for text, want := range map[string]uint64{ // the Avro project's own vectors, share/test/data/schema-tests.txt
		`"null"`:    7195948357588979594,
		`"boolean"`: 0x9f42fc78a4d4f764,
		`"int"`:     0x7275d51a3f395c8f,
		`"long"`:    0xd054e14493f41db7,
		`"float"`:   0x4d7c02cb3ea8d790,
		`"double"`:  0x8e7535c032ab957e,
		`"bytes"`:   0x4fc016dac3201965,
		`"string"`:  0x8f014872634503c7,
		``:          rabinEmpty,
	} {
		if got := rabin(text); got != want {
			t.Errorf("rabin(%s) = %#x, want %#x", text, got, want)
		}
	}
}
