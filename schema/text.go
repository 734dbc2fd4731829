package schema

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// checkText refuses what Avro's type string cannot hold: decoders would refuse the whole record.
func checkText(texts ...string) error {
	for _, s := range texts {
		if !utf8.ValidString(s) {
			return fmt.Errorf("text that is not UTF-8: %.60q", s)
		}
	}
	return nil
}

// validText replaces what is not UTF-8, in words that only people read.
func validText(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
