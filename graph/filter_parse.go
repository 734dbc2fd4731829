// The grammar of filters, by recursive descent, and the words for what it refuses.
package graph

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// reservedWords are no names unless quoted. The value says what is refused, "" for keywords of the grammar.
var reservedWords = map[string]string{
	"AND": "", "OR": "", "NOT": "", "IS": "", "IN": "", "NULL": "", "TRUE": "", "FALSE": "",
	"BETWEEN": "BETWEEN is not supported: write x >= 1 AND x <= 2",
	"LIKE":    noPatterns, "ILIKE": noPatterns, "RLIKE": noPatterns, "REGEXP": noPatterns, "SIMILAR": noPatterns, "GLOB": noPatterns,
	"COLLATE":  "COLLATE is not supported",
	"DISTINCT": "IS DISTINCT FROM is not supported: compare, and test IS NULL",
	"CASE":     "CASE is not supported: write conditions with AND and OR",
	"CAST":     noCasts, "TRY_CAST": noCasts,
	"SELECT": "SELECT is not supported", "EXISTS": "SELECT is not supported",
	"CURRENT_DATE": noFunctions, "CURRENT_TIME": noFunctions, "CURRENT_TIMESTAMP": noFunctions,
}

const (
	noPatterns   = "patterns (LIKE and its kin) are not supported: compare with =, <, > or IN"
	noCasts      = "CAST is not supported: compare to a value of the column's type"
	noFunctions  = "functions are not supported"
	noArithmetic = "arithmetic is not supported: a name with such a character in it is written in double quotes"
	noIntervals  = "INTERVAL is not supported: compare to a date or time as text, '2026-01-31'"
	noTyped      = "a date or time is written as plain text, '2026-01-31'"
)

func isReserved(word string) bool {
	_, ok := reservedWords[strings.ToUpper(word)]
	return ok
}

type filterParser struct {
	tokens  []token
	next    token // tokens[0]
	depth   int
	columns []string
}

// term is what stands where a condition or an operand may: one of them.
type term struct {
	condition *condition
	operand   operand
	at        int
}

func (p *filterParser) parse(text string) (*condition, *filterError) {
	tokens, err := lexFilter(text)
	if err != nil {
		return nil, err
	}
	p.tokens, p.next = tokens, tokens[0]
	if p.next.kind == tokenEnd {
		return nil, &filterError{p.next.at, "the filter is empty: expected a condition, such as status = 'ok'"}
	}
	t, err := p.or()
	if err != nil {
		return nil, err
	}
	root, err := t.asCondition()
	if err != nil {
		return nil, err
	}
	ended := false
	for p.symbol(";") {
		ended = true
	}
	if p.next.kind == tokenEnd {
		return root, nil
	}
	if ended {
		return nil, p.expected("the end after ';', as there is one condition in a filter")
	}
	return nil, p.expected("AND, OR or the end")
}

func (p *filterParser) advance() {
	if len(p.tokens) > 1 {
		p.tokens = p.tokens[1:]
	}
	p.next = p.tokens[0]
}

// symbol passes over a symbol if it is next.
func (p *filterParser) symbol(s string) bool {
	if p.next.kind != tokenSymbol || p.next.text != s {
		return false
	}
	p.advance()
	return true
}

// keyword passes over a keyword if it is next.
func (p *filterParser) keyword(word string) bool {
	if p.next.kind != tokenWord || !strings.EqualFold(p.next.text, word) {
		return false
	}
	p.advance()
	return true
}

// expected is the error for what stands next; a form of SQL that filters lack is named as that.
func (p *filterParser) expected(what string) *filterError {
	t := p.next
	found := fmt.Sprintf("%q", shorten(t.text))
	switch t.kind {
	case tokenEnd:
		return &filterError{t.at, "expected " + what + ", but the filter ends"}
	case tokenText:
		found = "a text"
	case tokenNumber:
		found = "a number"
	case tokenWord:
		if refused := reservedWords[strings.ToUpper(t.text)]; refused != "" {
			return &filterError{t.at, refused}
		}
		if isReserved(t.text) {
			found = strings.ToUpper(t.text)
		}
	case tokenSymbol:
		switch t.text {
		case "+", "-", "*", "/", "%", "||", "^", "&", "|", "~":
			return &filterError{t.at, noArithmetic}
		case "::":
			return &filterError{t.at, noCasts}
		case "/*":
			return &filterError{t.at, "expected " + what + "; a comment begins with -- and ends with its line"}
		}
	}
	return &filterError{t.at, "expected " + what + ", found " + found}
}

// enter goes one deeper into parentheses or NOTs; the caller leaves by p.depth--.
func (p *filterParser) enter(at int) *filterError {
	if p.depth++; p.depth > MaxFilterDepth {
		return &filterError{at, fmt.Sprintf("more than %d parentheses and NOTs stand in each other", MaxFilterDepth)}
	}
	return nil
}

func (p *filterParser) or() (term, *filterError)  { return p.chain("OR", kindOr, p.and) }
func (p *filterParser) and() (term, *filterError) { return p.chain("AND", kindAnd, p.not) }

// chain reads parts with a keyword between them. One part alone stays what it is.
func (p *filterParser) chain(word string, kind conditionKind, part func() (term, *filterError)) (term, *filterError) {
	first, err := part()
	if err != nil || p.next.kind != tokenWord || !strings.EqualFold(p.next.text, word) {
		return first, err
	}
	whole := &condition{kind: kind}
	for t := first; ; {
		c, err := t.asCondition()
		if err != nil {
			return term{}, err
		}
		if c.kind == kind { // it stood in parentheses, which change nothing
			whole.parts = append(whole.parts, c.parts...)
		} else {
			whole.parts = append(whole.parts, c)
		}
		if !p.keyword(word) {
			return term{condition: whole, at: first.at}, nil
		}
		if t, err = part(); err != nil {
			return term{}, err
		}
	}
}

func (p *filterParser) not() (term, *filterError) {
	at := p.next.at
	if !p.keyword("NOT") {
		return p.test()
	}
	if err := p.enter(at); err != nil {
		return term{}, err
	}
	t, err := p.not()
	if err != nil {
		return term{}, err
	}
	p.depth--
	c, err := t.asCondition()
	if err != nil {
		return term{}, err
	}
	return term{condition: &condition{kind: kindNot, parts: []*condition{c}}, at: at}, nil
}

// test reads an operand with what it is tested for, or an operand alone, or a condition in parentheses.
func (p *filterParser) test() (term, *filterError) {
	t, err := p.atom("a column, a value, NOT or '('")
	if err != nil {
		return term{}, err
	}
	operator := p.next
	switch {
	case operator.kind == tokenSymbol && isComparison(operator.text):
		p.advance()
		return p.compare(t, operator.text, operator.text)
	case p.keyword("IS"):
		if p.keyword("NOT") {
			return p.compare(t, "!=", "IS NOT")
		}
		return p.compare(t, "=", "IS")
	case p.keyword("IN"):
		return p.in(t, false)
	case p.keyword("NOT"):
		if !p.keyword("IN") {
			return term{}, p.expected("IN after NOT")
		}
		return p.in(t, true)
	}
	return t, nil
}

func isComparison(symbol string) bool {
	switch symbol {
	case "=", "!=", "<", "<=", ">", ">=":
		return true
	}
	return false
}

// compare reads the right side of an operator.
func (p *filterParser) compare(left term, operator, written string) (term, *filterError) {
	l, err := left.asOperand()
	if err != nil {
		return term{}, err
	}
	right, err := p.atom("a column or a value after " + written)
	if err != nil {
		return term{}, err
	}
	r, err := right.asOperand()
	if err != nil {
		return term{}, err
	}
	c := &condition{kind: kindCompare, left: l, operator: operator, right: r}
	if operator == "=" || operator == "!=" {
		switch {
		case r.isNull():
			c = &condition{kind: kindIsNull, left: l, negated: operator == "!="}
		case l.isNull():
			c = &condition{kind: kindIsNull, left: r, negated: operator == "!="}
		}
	}
	return term{condition: c, at: left.at}, nil
}

func (p *filterParser) in(left term, negated bool) (term, *filterError) {
	if left.condition != nil || !left.operand.isColumn {
		return term{}, &filterError{left.at, "expected a column to the left of IN"}
	}
	if !p.symbol("(") {
		return term{}, p.expected("'(' after IN")
	}
	c := &condition{kind: kindIn, left: left.operand, negated: negated}
	switch {
	case p.symbol(")"):
	case p.keyword("SELECT"):
		for open := 1; open > 0; p.advance() {
			switch {
			case p.next.kind == tokenEnd:
				return term{}, p.expected("')' after SELECT")
			case p.next.kind != tokenSymbol:
			case p.next.text == "(":
				open++
			case p.next.text == ")":
				open--
			}
		}
	default:
		for {
			literal, ok, err := p.literal()
			if err != nil {
				return term{}, err
			}
			if !ok {
				return term{}, p.expected("a value in the list of IN (columns cannot stand there)")
			}
			if !literal.isNull() {
				c.list = append(c.list, literal)
			}
			if p.symbol(")") {
				break
			}
			if !p.symbol(",") {
				return term{}, p.expected("',' or ')' in the list of IN")
			}
		}
	}
	return term{condition: c, at: left.at}, nil
}

// atom reads a column, a literal, or either or a condition in parentheses.
func (p *filterParser) atom(what string) (term, *filterError) {
	at := p.next.at
	if p.symbol("(") {
		if err := p.enter(at); err != nil {
			return term{}, err
		}
		t, err := p.or()
		if err != nil {
			return term{}, err
		}
		if !p.symbol(")") {
			return term{}, p.expected("AND, OR or ')'")
		}
		p.depth--
		t.at = at
		return t, nil
	}
	literal, ok, err := p.literal()
	if err != nil {
		return term{}, err
	}
	if ok {
		return term{operand: literal, at: at}, nil
	}
	if p.next.kind != tokenName && (p.next.kind != tokenWord || isReserved(p.next.text)) {
		return term{}, p.expected(what)
	}
	return p.column()
}

// column reads a name, or several with dots between them.
func (p *filterParser) column() (term, *filterError) {
	first := p.next
	name := first.text
	p.advance()
	if first.kind == tokenWord {
		switch after := p.next; {
		case after.kind == tokenSymbol && after.text == "(":
			return term{}, &filterError{first.at, noFunctions}
		case strings.EqualFold(name, "INTERVAL") && (after.kind == tokenText || after.kind == tokenNumber):
			return term{}, &filterError{first.at, noIntervals}
		case after.kind == tokenText:
			return term{}, &filterError{first.at, noTyped}
		}
	}
	for p.symbol(".") {
		if p.next.kind != tokenName && p.next.kind != tokenWord {
			return term{}, p.expected("a name after '.'")
		}
		name += "." + p.next.text
		p.advance()
		if p.next.kind == tokenSymbol && p.next.text == "(" {
			return term{}, &filterError{first.at, noFunctions}
		}
	}
	p.columns = append(p.columns, name)
	return term{operand: operand{column: name, isColumn: true}, at: first.at}, nil
}

// literal reads a literal if one is next.
func (p *filterParser) literal() (o operand, ok bool, err *filterError) {
	t := p.next
	switch {
	case t.kind == tokenText:
		p.advance()
		return textLiteral(t.text), true, nil
	case t.kind == tokenNumber:
		p.advance()
		o, err = numberLiteral(t.text, t.at)
		return o, true, err
	case t.kind == tokenSymbol && t.text == "-":
		p.advance()
		number := p.next
		if number.kind != tokenNumber {
			return operand{}, false, &filterError{t.at, noArithmetic}
		}
		p.advance()
		o, err = numberLiteral("-"+number.text, t.at)
		return o, true, err
	case p.keyword("TRUE"):
		return operand{literal: Bool(true)}, true, nil
	case p.keyword("FALSE"):
		return operand{literal: Bool(false)}, true, nil
	case p.keyword("NULL"):
		return operand{}, true, nil
	}
	return operand{}, false, nil
}

func textLiteral(s string) operand {
	return operand{literal: String(s), forms: &textForms{
		date: readText(s, KindDate), timestamp: readText(s, KindTimestamp), uuid: readText(s, KindUUID), decimal: readText(s, KindDecimal),
	}}
}

// numberLiteral reads digits with an optional sign, point and exponent.
func numberLiteral(text string, at int) (operand, *filterError) {
	if strings.ContainsAny(text, "eE") {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsInf(f, 0) {
			return operand{}, &filterError{at, "the number is too large for a double: " + shorten(text)}
		}
		return operand{literal: Double(f)}, nil
	}
	whole, fraction, point := strings.Cut(text, ".")
	if !point {
		if i, err := strconv.ParseInt(text, 10, 64); err == nil {
			return operand{literal: Int(i)}, nil
		}
	}
	exact, err := Decimal(whole[:len(whole)-len(strings.TrimLeft(whole, "-"))] + "0" + strings.TrimLeft(whole, "-") + "." + fraction + "0")
	if err != nil {
		return operand{}, &filterError{at, fmt.Sprintf("the number has more than %d digits", MaxDecimalDigits)}
	}
	if !point {
		return operand{literal: exact}, nil
	}
	f, err := strconv.ParseFloat(exact.str, 64)
	if err != nil {
		return operand{}, &filterError{at, "the number is too large for a double: " + shorten(text)}
	}
	return operand{literal: Double(f), decimal: exact}, nil
}

func (o *operand) isNull() bool { return !o.isColumn && o.literal.IsNull() }

// asCondition is the term as a condition: a column is one, and so are the literals TRUE, FALSE and NULL.
func (t term) asCondition() (*condition, *filterError) {
	switch {
	case t.condition != nil:
		return t.condition, nil
	case t.operand.isColumn:
		return &condition{kind: kindColumn, left: t.operand}, nil
	case t.operand.isNull():
		return &condition{kind: kindConstant, verdict: Unknown}, nil
	}
	if b, ok := t.operand.literal.AsBool(); ok {
		return &condition{kind: kindConstant, verdict: verdictOf(b)}, nil
	}
	return nil, &filterError{t.at, "expected a condition, found a value alone: compare it to a column"}
}

func (t term) asOperand() (operand, *filterError) {
	if t.condition != nil {
		return operand{}, &filterError{t.at, "expected a column or a value on either side of a comparison, found a condition"}
	}
	return t.operand, nil
}
