// Decimal values: exact numbers as canonical text, so that equal numbers are equal values.
package graph

import (
	"fmt"
	"math/big"
	"strings"
)

// MaxDecimalDigits bounds the digits of a decimal, before and after the point together.
const MaxDecimalDigits = 1000

// Decimal reads a number such as -12.50: an optional sign, digits, and optionally a point and digits.
// Its value is the canonical text: no plus, no needless zeros, no -0, and a digit before the point.
// An exponent, or more than MaxDecimalDigits digits in the canonical text, is an error.
func Decimal(text string) (Value, error) {
	rest, negative := strings.CutPrefix(text, "-")
	if !negative {
		rest = strings.TrimPrefix(rest, "+")
	}
	whole, fraction, point := strings.Cut(rest, ".")
	if !isDigits(whole) || point && !isDigits(fraction) {
		return Value{}, fmt.Errorf("a decimal is digits with an optional sign and an optional fraction, not %q", shorten(text))
	}
	whole, fraction = strings.TrimLeft(whole, "0"), strings.TrimRight(fraction, "0")
	if whole == "" {
		whole = "0"
	}
	if len(whole)+len(fraction) > MaxDecimalDigits {
		return Value{}, errDecimalDigits
	}
	canonical := whole
	if fraction != "" {
		canonical += "." + fraction
	}
	if negative && canonical != "0" {
		canonical = "-" + canonical
	}
	if canonical == text {
		canonical = text // keep the caller's memory, not a copy
	}
	return Value{kind: KindDecimal, str: canonical}, nil
}

var errDecimalDigits = fmt.Errorf("a decimal has at most %d digits", MaxDecimalDigits)

// DecimalUnscaled is the decimal unscaled · 10^-scale, the form that Avro has.
// An unscaled value of more than MaxDecimalDigits digits, or a scale outside ±MaxDecimalDigits, is an error.
func DecimalUnscaled(unscaled *big.Int, scale int) (Value, error) {
	const bitsOfMaxDigits = 3322 // of 10^MaxDecimalDigits - 1: spares printing a number that is refused anyway
	if scale < -MaxDecimalDigits || scale > MaxDecimalDigits || unscaled.BitLen() > bitsOfMaxDigits {
		return Value{}, errDecimalDigits
	}
	text := unscaled.String()
	digits, negative := strings.CutPrefix(text, "-")
	if scale < 0 {
		digits += strings.Repeat("0", -scale)
	} else if scale > 0 {
		if len(digits) <= scale {
			digits = strings.Repeat("0", scale-len(digits)+1) + digits
		}
		digits = digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
	}
	if negative {
		digits = "-" + digits
	}
	return Decimal(digits)
}

// compareDecimal orders two canonical decimal texts as numbers.
func compareDecimal(a, b string) int {
	a, aNegative := strings.CutPrefix(a, "-")
	b, bNegative := strings.CutPrefix(b, "-")
	switch {
	case aNegative && !bNegative:
		return -1
	case !aNegative && bNegative:
		return 1
	case aNegative:
		a, b = b, a
	}
	aWhole, aFraction, _ := strings.Cut(a, ".")
	bWhole, bFraction, _ := strings.Cut(b, ".")
	if len(aWhole) != len(bWhole) {
		if len(aWhole) < len(bWhole) {
			return -1
		}
		return 1
	}
	if c := strings.Compare(aWhole, bWhole); c != 0 {
		return c
	}
	return strings.Compare(aFraction, bFraction) // the longer of two that begin alike has a last digit that is not 0
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// shorten cuts what a message quotes of a text from outside.
func shorten(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
