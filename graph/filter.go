// Filters: the SQL conditions of a dependency (metaxy-semantics 7, J4), parsed once and evaluated for each row.
//
//	condition := and { OR and }        and := not { AND not }        not := NOT not | test
//	test      := operand ( = | == | != | <> | < | <= | > | >= ) operand
//	           | operand IS [NOT] operand | column [NOT] IN "(" [ literal { , literal } ] ")"
//	           | column | TRUE | FALSE | NULL | "(" condition ")"
//	operand   := column | literal | "(" operand ")"
//	literal   := 'text' | [-] number | TRUE | FALSE | NULL
//	column    := name { . name }       name := word | "quoted"
//
// Keywords are read in either case, names are not. A column of several names is one name with dots in it. A -- comment
// goes to the end of its line, and the text may end with semicolons. What differs from SQL, with Metaxy: = NULL and != NULL
// are IS NULL and IS NOT NULL; IS TRUE, IS FALSE and IS with any other operand are = (so null stays null); a NULL in
// a list counts for nothing; IN () and IN (SELECT …) are lists of nothing. Unlike Metaxy's, a filter may be a constant.
//
// A verdict is true, false or unknown, by the logic of SQL. It is unknown what a null compares to, what a null is in,
// and what values of different types compare to, but for these: integers, doubles and decimals compare as numbers,
// exactly, -0 being 0 and NaN equal to itself and above all others; a literal with a point is a decimal to integers
// and decimals, and to doubles the nearest double; one with an exponent is a double; text compares to a date, a
// timestamp, a uuid or a decimal as what it reads as (a timestamp as RFC 3339 has it, also with a space for the T,
// without an offset for UTC, or a day for its midnight), and is unknown to it when it does not read so.
// Booleans order false before true, text by its UTF-8 bytes. Arrays, maps and records are null.
package graph

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	// MaxFilterText bounds the text of a filter, in bytes.
	MaxFilterText = 64 << 10
	// MaxFilterDepth bounds how deep parentheses and NOTs stand in each other.
	MaxFilterDepth = 200
)

// Verdict is what a filter says of a row: a row is kept only for True.
type Verdict uint8

const (
	Unknown Verdict = iota // null in SQL
	False
	True
)

// String is the verdict in lower case.
func (v Verdict) String() string {
	switch v {
	case True:
		return "true"
	case False:
		return "false"
	}
	return "unknown"
}

// Filter is a parsed condition. It is immutable and may be used from several goroutines.
type Filter struct {
	root    *condition
	columns []string
}

type conditionKind uint8

const (
	kindConstant conditionKind = iota // verdict
	kindColumn                        // left, a boolean column
	kindNot                           // parts[0]
	kindAnd                           // parts, none of them kindAnd
	kindOr                            // parts, none of them kindOr
	kindCompare                       // left, operator, right
	kindIsNull                        // left, negated
	kindIn                            // left, list, negated
)

// condition is a node of the tree that a filter is.
type condition struct {
	kind     conditionKind
	verdict  Verdict
	parts    []*condition
	left     operand
	operator string // one of = != < <= > >=
	right    operand
	list     []operand // literals, none of them null
	negated  bool
}

// operand is a column or a literal.
type operand struct {
	column   string
	isColumn bool
	literal  Value
	decimal  Value      // of a literal with a point: its exact value; else null
	forms    *textForms // of a literal that is text
}

// textForms are what a text literal reads as, null where it does not.
type textForms struct{ date, timestamp, uuid, decimal Value }

// ParseFilter reads a filter. The error names the line (of several) and the column, both from 1 and in characters, and what
// was expected there. An empty text, one of more than MaxFilterText bytes, and one that is not UTF-8 are errors.
func ParseFilter(text string) (*Filter, error) {
	if len(text) > MaxFilterText {
		return nil, fmt.Errorf("the filter has %d bytes, more than %d", len(text), MaxFilterText)
	}
	if !utf8.ValidString(text) {
		return nil, fmt.Errorf("the filter is not UTF-8")
	}
	p := filterParser{}
	root, err := p.parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %s", place(text, err.at), err.message)
	}
	slices.Sort(p.columns)
	return &Filter{root, slices.Clip(slices.Compact(p.columns))}, nil
}

// place is where a byte of the text stands, for people.
func place(text string, at int) string {
	before := text[:at]
	column := utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
	if !strings.Contains(text, "\n") {
		return fmt.Sprintf("column %d", column)
	}
	return fmt.Sprintf("line %d, column %d", strings.Count(before, "\n")+1, column)
}

// Columns lists the columns that the filter reads, sorted. The caller does not change it.
func (f *Filter) Columns() []string { return f.columns }

// String is the filter in canonical text, which parses to the same filter: keywords in capitals, single spaces,
// no parentheses without need, names quoted only where they must be.
func (f *Filter) String() string { return string(f.root.append(nil)) }

func (c *condition) append(dst []byte) []byte {
	switch c.kind {
	case kindConstant:
		switch c.verdict {
		case True:
			return append(dst, "TRUE"...)
		case False:
			return append(dst, "FALSE"...)
		}
		return append(dst, "NULL"...)
	case kindColumn:
		return c.left.append(dst)
	case kindNot:
		return c.parts[0].appendWithin(append(dst, "NOT "...), kindNot)
	case kindAnd, kindOr:
		for i, part := range c.parts {
			if i > 0 && c.kind == kindAnd {
				dst = append(dst, " AND "...)
			} else if i > 0 {
				dst = append(dst, " OR "...)
			}
			dst = part.appendWithin(dst, c.kind)
		}
		return dst
	case kindCompare:
		dst = append(append(append(c.left.append(dst), ' '), c.operator...), ' ')
		return c.right.append(dst)
	case kindIsNull:
		dst = append(c.left.append(dst), " IS "...)
		if c.negated {
			dst = append(dst, "NOT "...)
		}
		return append(dst, "NULL"...)
	}
	dst = append(c.left.append(dst), ' ')
	if c.negated {
		dst = append(dst, "NOT "...)
	}
	dst = append(dst, "IN ("...)
	for i := range c.list {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = c.list[i].append(dst)
	}
	return append(dst, ')')
}

// appendWithin appends the condition as a part of another, in parentheses where that binds tighter.
func (c *condition) appendWithin(dst []byte, outer conditionKind) []byte {
	if c.kind == kindOr || c.kind == kindAnd && outer == kindNot {
		return append(c.append(append(dst, '(')), ')')
	}
	return c.append(dst)
}

func (o *operand) append(dst []byte) []byte {
	if o.isColumn {
		return appendName(dst, o.column)
	}
	switch o.literal.kind {
	case KindBool:
		return append(dst, strings.ToUpper(strconv.FormatBool(o.literal.num == 1))...)
	case KindInt:
		return strconv.AppendInt(dst, o.literal.num, 10)
	case KindString:
		return append(append(append(dst, '\''), strings.ReplaceAll(o.literal.str, "'", "''")...), '\'')
	case KindDecimal:
		return append(dst, o.literal.str...)
	case KindDouble:
		if o.decimal.IsNull() {
			f, _ := o.literal.AsDouble()
			return strconv.AppendFloat(dst, f, 'e', -1, 64)
		}
		dst = append(dst, o.decimal.str...)
		if !strings.Contains(o.decimal.str, ".") {
			dst = append(dst, ".0"...)
		}
		return dst
	}
	return append(dst, "NULL"...)
}

// appendName appends the name of a column, in quotes if it would not be read as a name without.
func appendName(dst []byte, name string) []byte {
	for part := range strings.SplitSeq(name, ".") {
		if !isWord(part) || isReserved(part) {
			return append(append(append(dst, '"'), strings.ReplaceAll(name, `"`, `""`)...), '"')
		}
	}
	return append(dst, name...)
}
