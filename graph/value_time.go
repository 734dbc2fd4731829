// Dates and times as text: RFC 3339, and for years that four digits cannot write a sign and as many digits as it takes.
package graph

import (
	"strconv"
	"strings"
	"time"
)

// appendDate appends 2026-01-31 for the days since 1970-01-01.
func appendDate(dst []byte, days int64) []byte {
	year, month, day := time.Unix(days*86400, 0).UTC().Date()
	switch {
	case year > 9999:
		dst = strconv.AppendInt(append(dst, '+'), int64(year), 10)
	case year < 0:
		dst = appendPadded(append(dst, '-'), -year, 4)
	default:
		dst = appendPadded(dst, year, 4)
	}
	dst = appendPadded(append(dst, '-'), int(month), 2)
	return appendPadded(append(dst, '-'), day, 2)
}

// appendTimestamp appends 2026-01-31T00:00:00.5Z, the fraction without trailing zeros or not at all.
func appendTimestamp(dst []byte, micros int64, nanosBelow int) []byte {
	seconds, rest := floorDiv(micros, 1e6)
	days, second := floorDiv(seconds, 86400)
	dst = appendDate(dst, days)
	dst = appendPadded(append(dst, 'T'), int(second/3600), 2)
	dst = appendPadded(append(dst, ':'), int(second/60%60), 2)
	dst = appendPadded(append(dst, ':'), int(second%60), 2)
	if nanos := int(rest)*1000 + nanosBelow; nanos > 0 {
		dst = appendPadded(append(dst, '.'), nanos, 9)
		for dst[len(dst)-1] == '0' {
			dst = dst[:len(dst)-1]
		}
	}
	return append(dst, 'Z')
}

// appendPadded appends n, which is not negative, with at least width digits.
func appendPadded(dst []byte, n, width int) []byte {
	for power := 10; width > 1; width, power = width-1, power*10 {
		if n < power {
			for ; width > 1; width-- {
				dst = append(dst, '0')
			}
			break
		}
	}
	return strconv.AppendInt(dst, int64(n), 10)
}

func floorDiv(a, b int64) (quotient, rest int64) {
	quotient, rest = a/b, a%b
	if rest < 0 {
		quotient, rest = quotient-1, rest+b
	}
	return quotient, rest
}

// parseDate reads what appendDate writes: a day that exists, and that an int32 of days reaches.
func parseDate(text string) (days int32, ok bool) {
	n, ok := parseDays(text)
	return int32(n), ok && n == int64(int32(n))
}

func parseDays(text string) (days int64, ok bool) {
	rest, sign := text, byte(0)
	if text != "" && (text[0] == '+' || text[0] == '-') {
		sign, rest = text[0], text[1:]
	}
	width := strings.IndexByte(rest, '-')
	switch {
	case width < 4 || width > 7 || sign == 0 && width != 4 || width > 4 && rest[0] == '0':
		return 0, false
	case len(rest) != width+len("-01-31") || rest[width+3] != '-':
		return 0, false
	case !isDigits(rest[:width]) || !isDigits(rest[width+1:width+3]) || !isDigits(rest[width+4:]):
		return 0, false
	}
	year, _ := strconv.Atoi(rest[:width])
	month, _ := strconv.Atoi(rest[width+1 : width+3])
	day, _ := strconv.Atoi(rest[width+4:])
	if sign == '+' && year <= 9999 || sign == '-' && year == 0 {
		return 0, false
	}
	if sign == '-' {
		year = -year
	}
	t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	if _, m, d := t.Date(); int(m) != month || d != day {
		return 0, false
	}
	days, _ = floorDiv(t.Unix(), 86400)
	return days, true
}

// parseTimestamp reads a timestamp as RFC 3339 has it, or with a space for the T, with at most nine digits of fraction;
// an offset is subtracted.
func parseTimestamp(text string) (Value, bool) {
	at := strings.IndexAny(text, "Tt ")
	if at < 0 {
		return Value{}, false
	}
	days, ok := parseDays(text[:at])
	clock := text[at+1:]
	if !ok || len(clock) < len("00:00:00Z") || clock[2] != ':' || clock[5] != ':' ||
		!isDigits(clock[:2]) || !isDigits(clock[3:5]) || !isDigits(clock[6:8]) {
		return Value{}, false
	}
	hour, _ := strconv.Atoi(clock[:2])
	minute, _ := strconv.Atoi(clock[3:5])
	second, _ := strconv.Atoi(clock[6:8])
	if hour > 23 || minute > 59 || second > 59 {
		return Value{}, false
	}
	rest, nanos := clock[8:], 0
	if rest[0] == '.' {
		end := 1
		for end < len(rest) && '0' <= rest[end] && rest[end] <= '9' {
			end++
		}
		if end == 1 || end > 10 {
			return Value{}, false
		}
		nanos, _ = strconv.Atoi((rest[1:end] + "00000000")[:9])
		rest = rest[end:]
	}
	offset, ok := parseOffset(rest)
	if !ok {
		return Value{}, false
	}
	seconds := days*86400 + int64(hour*3600+minute*60+second) - offset
	v := Timestamp(seconds*1e6+int64(nanos/1000), nanos%1000)
	if back, _ := floorDiv(v.num, 1e6); back != seconds {
		return Value{}, false // further away than an int64 of microseconds reaches
	}
	return v, true
}

// parseOffset reads Z or +01:00, as seconds.
func parseOffset(text string) (seconds int64, ok bool) {
	if text == "Z" || text == "z" {
		return 0, true
	}
	if len(text) != len("+01:00") || text[0] != '+' && text[0] != '-' || text[3] != ':' || !isDigits(text[1:3]) || !isDigits(text[4:]) {
		return 0, false
	}
	hours, _ := strconv.Atoi(text[1:3])
	minutes, _ := strconv.Atoi(text[4:])
	if hours > 23 || minutes > 59 {
		return 0, false
	}
	seconds = int64(hours*3600 + minutes*60)
	if text[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}
