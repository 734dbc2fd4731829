// The tokens of a filter.
package graph

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokenEnd    tokenKind = iota
	tokenWord             // a name or a keyword
	tokenName             // a name in double quotes, text without them
	tokenText             // text in single quotes, text without them
	tokenNumber           // without a sign
	tokenSymbol           // one or two characters; == is =, and <> is !=
)

type token struct {
	kind tokenKind
	text string
	at   int // byte
}

// filterError is what is wrong with a filter, and where.
type filterError struct {
	at      int // byte
	message string
}

// lexFilter cuts a text into tokens, the last one tokenEnd. Characters that no filter has become symbols,
// so that the parser can say what it expected in their place.
func lexFilter(text string) ([]token, *filterError) {
	var tokens []token
	for at := 0; ; {
		at = skipSpace(text, at)
		if at == len(text) {
			return append(tokens, token{tokenEnd, "", at}), nil
		}
		next, end, err := lexToken(text, at)
		if err != nil {
			return nil, err
		}
		tokens, at = append(tokens, next), end
	}
}

// skipSpace skips white space and comments.
func skipSpace(text string, at int) int {
	for at < len(text) {
		r, size := utf8.DecodeRuneInString(text[at:])
		switch {
		case unicode.IsSpace(r):
			at += size
		case strings.HasPrefix(text[at:], "--"):
			n := strings.IndexByte(text[at:], '\n')
			if n < 0 {
				return len(text)
			}
			at += n
		default:
			return at
		}
	}
	return at
}

func lexToken(text string, at int) (token, int, *filterError) {
	r, size := utf8.DecodeRuneInString(text[at:])
	switch {
	case isWordStart(r):
		end := wordEnd(text, at)
		return token{tokenWord, text[at:end], at}, end, nil
	case r == '\'':
		inner, end, ok := lexQuoted(text, at, "'")
		if !ok {
			return token{}, 0, &filterError{at, "the text has no closing '"}
		}
		return token{tokenText, inner, at}, end, nil
	case r == '"':
		inner, end, ok := lexQuoted(text, at, `"`)
		if !ok {
			return token{}, 0, &filterError{at, `the quoted name has no closing "`}
		}
		if inner == "" {
			return token{}, 0, &filterError{at, "the quoted name is empty"}
		}
		return token{tokenName, inner, at}, end, nil
	case isDigit(text, at) || r == '.' && isDigit(text, at+1):
		end := numberEnd(text, at)
		if past := wordEnd(text, end); past > end {
			return token{}, 0, &filterError{at, "not a number: " + shorten(text[at:past])}
		}
		return token{tokenNumber, text[at:end], at}, end, nil
	}
	for _, symbol := range [...]struct{ written, read string }{
		{"==", "="}, {"<>", "!="}, {"!=", "!="}, {"<=", "<="}, {">=", ">="}, {"::", "::"}, {"||", "||"}, {"/*", "/*"},
	} {
		if strings.HasPrefix(text[at:], symbol.written) {
			return token{tokenSymbol, symbol.read, at}, at + 2, nil
		}
	}
	return token{tokenSymbol, text[at : at+size], at}, at + size, nil
}

// lexQuoted reads from one quote to the next; two quotes in a row stand for one.
func lexQuoted(text string, at int, quote string) (inner string, end int, ok bool) {
	for end = at + 1; ; end += 2 {
		n := strings.Index(text[end:], quote)
		if n < 0 {
			return "", 0, false
		}
		end += n
		if !strings.HasPrefix(text[end+1:], quote) {
			return strings.ReplaceAll(text[at+1:end], quote+quote, quote), end + 1, true
		}
	}
}

// numberEnd is where the number ends that begins at a place: digits, a point and digits (either may be missing),
// an exponent.
func numberEnd(text string, at int) int {
	digits := func() {
		for isDigit(text, at) {
			at++
		}
	}
	digits()
	if at < len(text) && text[at] == '.' {
		at++
		digits()
	}
	if at < len(text) && (text[at] == 'e' || text[at] == 'E') {
		exponent := at + 1
		if exponent < len(text) && (text[exponent] == '+' || text[exponent] == '-') {
			exponent++
		}
		if isDigit(text, exponent) {
			at = exponent
			digits()
		}
	}
	return at
}

func isDigit(text string, at int) bool { return at < len(text) && '0' <= text[at] && text[at] <= '9' }

func isWordStart(r rune) bool { return r == '_' || unicode.IsLetter(r) }

// wordEnd is where the characters of words end that begin at a place.
func wordEnd(text string, at int) int {
	for at < len(text) {
		r, size := utf8.DecodeRuneInString(text[at:])
		if !isWordStart(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) && r != '$' {
			break
		}
		at += size
	}
	return at
}

// isWord says whether all of s is one word.
func isWord(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return s != "" && isWordStart(r) && wordEnd(s, 0) == len(s)
}
