// The verdict of a filter on a row, in three-valued logic.
package graph

import (
	"math"
	"math/big"
	"strconv"
)

// Eval is the verdict on a row, which column gives the values of: null for one that the row lacks.
// It allocates nothing but where text is compared to a column of another type and where decimals meet other numbers.
func (f *Filter) Eval(column func(name string) Value) Verdict { return f.root.eval(column) }

func verdictOf(b bool) Verdict {
	if b {
		return True
	}
	return False
}

func (v Verdict) not() Verdict {
	switch v {
	case True:
		return False
	case False:
		return True
	}
	return Unknown
}

func (c *condition) eval(column func(string) Value) Verdict {
	switch c.kind {
	case kindConstant:
		return c.verdict
	case kindColumn:
		b, ok := column(c.left.column).AsBool()
		if !ok {
			return Unknown
		}
		return verdictOf(b)
	case kindNot:
		return c.parts[0].eval(column).not()
	case kindAnd, kindOr:
		decisive := False
		if c.kind == kindOr {
			decisive = True
		}
		result := decisive.not()
		for _, part := range c.parts {
			switch part.eval(column) {
			case decisive:
				return decisive
			case Unknown:
				result = Unknown
			}
		}
		return result
	case kindCompare:
		order, ok := compareOperands(&c.left, c.left.value(column), &c.right, c.right.value(column))
		if !ok {
			return Unknown
		}
		return verdictOf(holds(c.operator, order))
	case kindIsNull:
		v := c.left.value(column)
		return verdictOf((v.IsNull() || v.kind == KindOther) != c.negated)
	}
	verdict := c.isIn(column(c.left.column))
	if c.negated {
		return verdict.not()
	}
	return verdict
}

func (c *condition) isIn(v Value) Verdict {
	if v.IsNull() || v.kind == KindOther {
		return Unknown
	}
	result := False
	for i := range c.list {
		switch order, ok := compareOperands(&c.left, v, &c.list[i], c.list[i].literal); {
		case !ok:
			result = Unknown
		case order == 0:
			return True
		}
	}
	return result
}

func holds(operator string, order int) bool {
	switch operator {
	case "=":
		return order == 0
	case "!=":
		return order != 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order >= 0
}

func (o *operand) value(column func(string) Value) Value {
	if o.isColumn {
		return column(o.column)
	}
	return o.literal
}

// valueFor is the value v of the operand in the form in which it compares to a value of another kind.
func (o *operand) valueFor(kind Kind, v Value) Value {
	switch {
	case o.forms != nil && v.kind != kind:
		switch kind {
		case KindDate:
			return o.forms.date
		case KindTimestamp:
			return o.forms.timestamp
		case KindUUID:
			return o.forms.uuid
		case KindDecimal:
			return o.forms.decimal
		}
	case !o.decimal.IsNull() && (kind == KindInt || kind == KindDecimal):
		return o.decimal
	}
	return v
}

// compareOperands compares the values that two operands have. It is not ok where the verdict is unknown.
func compareOperands(a *operand, x Value, b *operand, y Value) (order int, ok bool) {
	return compareLoosely(a.valueFor(y.kind, x), b.valueFor(x.kind, y))
}

func compareLoosely(x, y Value) (order int, ok bool) {
	if x.kind > y.kind {
		order, ok = compareLoosely(y, x)
		return -order, ok
	}
	switch x.kind {
	case KindNull, KindOther:
		return 0, false
	case KindDouble:
		if y.kind != KindDouble {
			return 0, false
		}
		return compareDoubles(math.Float64frombits(uint64(x.num)), math.Float64frombits(uint64(y.num))), true
	}
	if x.kind == y.kind {
		return Compare(x, y), true
	}
	switch {
	case x.kind == KindInt && y.kind == KindDouble:
		return compareIntDouble(x.num, math.Float64frombits(uint64(y.num))), true
	case x.kind == KindInt && y.kind == KindDecimal:
		var digits [20]byte
		return compareDecimal(string(strconv.AppendInt(digits[:0], x.num, 10)), y.str), true
	case x.kind == KindDecimal && y.kind == KindDouble:
		return compareDecimalDouble(x.str, math.Float64frombits(uint64(y.num))), true
	case x.kind == KindString:
		if x = readText(x.str, y.kind); !x.IsNull() {
			return Compare(x, y), true
		}
	}
	return 0, false
}

// compareDoubles compares as numbers do, NaN being equal to itself and above all others.
func compareDoubles(x, y float64) int {
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	case x == y:
		return 0
	}
	switch xNaN, yNaN := x != x, y != y; {
	case xNaN && yNaN:
		return 0
	case xNaN:
		return 1
	}
	return -1
}

// compareIntDouble compares exactly, where a conversion to double would round.
func compareIntDouble(i int64, f float64) int {
	const twoTo63 = 1 << 63
	switch {
	case f != f || f >= twoTo63:
		return -1
	case f < -twoTo63:
		return 1
	}
	whole := math.Trunc(f)
	switch j := int64(whole); {
	case i < j:
		return -1
	case i > j:
		return 1
	}
	return compareDoubles(whole, f)
}

func compareDecimalDouble(decimal string, f float64) int {
	switch {
	case f != f || math.IsInf(f, 1):
		return -1
	case math.IsInf(f, -1):
		return 1
	}
	x, ok := new(big.Rat).SetString(decimal)
	if !ok {
		return 0 // a Value holds no such text
	}
	return x.Cmp(new(big.Rat).SetFloat64(f))
}

// readText is what text stands for where a value of another type is compared to it; null if it reads as none.
func readText(text string, kind Kind) Value {
	switch kind {
	case KindDate:
		if days, ok := parseDate(text); ok {
			return Date(days)
		}
	case KindTimestamp:
		for _, rest := range [...]string{"", "Z", "T00:00:00Z"} {
			if v, ok := parseTimestamp(text + rest); ok {
				return v
			}
		}
	case KindUUID:
		if v, err := UUID(text); err == nil {
			return v
		}
	case KindDecimal:
		if v, err := Decimal(text); err == nil {
			return v
		}
	}
	return Value{}
}
