// Filters against testdata/filter: what they keep, what they refuse and in which words; and their text, read again.
package graph

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

func mustFilter(t testing.TB, text string) *Filter {
	t.Helper()
	f, err := ParseFilter(text)
	if err != nil {
		t.Fatalf("ParseFilter(%q): %v", text, err)
	}
	return f
}

// goldenLines is a file without its comments and empty lines.
func goldenLines(t *testing.T, path string) []string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(strings.Split(string(raw), "\n"), func(line string) bool {
		return line == "" || line[0] == '#'
	})
}

func unquote(t *testing.T, line string) string {
	t.Helper()
	var text string
	if err := json.Unmarshal([]byte(line), &text); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return text
}

func TestFilterVerdicts(t *testing.T) {
	type row struct {
		name   string
		record *Record
	}
	var table, want string
	var rows []row
	for _, line := range goldenLines(t, "testdata/filter/verdicts.txt") {
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "table":
			table, rows = rest, nil
		case "row":
			name, text, _ := strings.Cut(rest, " ")
			record, err := ParseRecordJSON([]byte(text), RecordOptions{TypedObjects: true})
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			rows = append(rows, row{name, record})
		case "keep":
			want = strings.TrimPrefix(rest, "-")
		case "":
			text := unquote(t, strings.TrimSpace(rest))
			f := mustFilter(t, text)
			again := mustFilter(t, f.String())
			var kept []string
			for _, r := range rows {
				verdict := f.Eval(r.record.Column)
				if verdict == True {
					kept = append(kept, r.name)
				}
				if other := again.Eval(r.record.Column); other != verdict {
					t.Errorf("%s: %s is %v for row %s, and as %s it is %v", table, text, verdict, r.name, f, other)
				}
			}
			if got := strings.Join(kept, " "); got != want {
				t.Errorf("%s: %s keeps %q, want %q", table, text, got, want)
			}
		default:
			t.Fatalf("cannot read %q", line)
		}
	}
}

func TestFilterRefused(t *testing.T) {
	const path = "testdata/filter/refused.txt"
	var out strings.Builder
	lines := goldenLines(t, path)
	for i := 0; i+1 < len(lines); i += 2 {
		text, want := unquote(t, lines[i]), strings.TrimSpace(lines[i+1])
		f, err := ParseFilter(text)
		if err == nil {
			t.Errorf("%q is taken, as %s", text, f)
			continue
		}
		fmt.Fprintf(&out, "%s\n  %v\n", lines[i], err)
		if err.Error() != want && !*update {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	if *update && !t.Failed() {
		head := "# Filters that are refused, in JSON quotes, and what is said. Write the messages anew with: go test ./graph -run FilterRefused -update\n"
		if err := os.WriteFile(path, []byte(head+out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFilterBounds(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("(", n) + "x" + strings.Repeat(")", n) }
	mustFilter(t, deep(MaxFilterDepth))
	mustFilter(t, strings.Repeat("NOT ", MaxFilterDepth)+"x")
	mustFilter(t, "x"+strings.Repeat(" AND x OR x", 5000))
	for _, text := range []string{
		deep(MaxFilterDepth + 1), strings.Repeat("NOT ", MaxFilterDepth+1) + "x", strings.Repeat("(", 60000), "x = '" + strings.Repeat("a", MaxFilterText) + "'",
		"x = '\xff'", "x = 1" + strings.Repeat("0", 1000), "x = 1" + strings.Repeat("0", 400) + ".5",
	} {
		if _, err := ParseFilter(text); err == nil {
			t.Errorf("%s is taken", shorten(text))
		}
	}
}

func TestFilterText(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"x==1", "x = 1"}, {"x<>-1", "x != -1"}, {"(x)", "x"}, {"((a = 1)) and (b or (c))", "a = 1 AND (b OR c)"},
		{"a or (b or c) or d and (e and f)", "a OR b OR c OR d AND e AND f"}, {"not (a and b)", "NOT (a AND b)"}, {"not (not (a = 1))", "NOT NOT a = 1"},
		{"x = null", "x IS NULL"}, {"NULL <> x", "x IS NOT NULL"}, {"x is true", "x = TRUE"}, {"x is not 'a'", "x != 'a'"}, {"x < null", "x < NULL"},
		{"x in (1, null, 'it''s')", "x IN (1, 'it''s')"}, {"x not in (select 1)", "x NOT IN ()"}, {"x = 1.50", "x = 1.5"}, {"x = 2.", "x = 2.0"}, {"x = .5", "x = 0.5"},
		{"x = 1e3", "x = 1e+03"}, {"x = -9223372036854775808", "x = -9223372036854775808"}, {"x = 9223372036854775808", "x = 9223372036854775808"}, {"x = -0", "x = 0"},
		{`"a b" = 1`, `"a b" = 1`}, {`"a"."b" = 1`, "a.b = 1"}, {`a."select" = 1`, `"a.select" = 1`}, {`"a""b"`, `"a""b"`}, {`".a"`, `".a"`}, {"Date = 'x'", "Date = 'x'"},
		{"TRUE or null", "TRUE OR NULL"}, {"x ; ; -- y", "x"},
	} {
		if got := mustFilter(t, c.text).String(); got != c.want {
			t.Errorf("%s is written %s, want %s", c.text, got, c.want)
		}
	}
	if got := mustFilter(t, `b = a.c or "b" in (1) and z is null`).Columns(); !slices.Equal(got, []string{"a.c", "b", "z"}) {
		t.Errorf("columns %q", got)
	}
	if got := mustFilter(t, "1 = 1").Columns(); len(got) != 0 {
		t.Errorf("columns %q of a constant", got)
	}
}

// The logic of SQL holds for random filters over random values: what negation, De Morgan and the order of parts do.
func TestFilterLogic(t *testing.T) {
	r := newRand(t)
	names := []string{"a", "b", "c"}
	for range 5000 {
		row := map[string]Value{}
		for _, name := range names {
			row[name] = randomValue(r)
		}
		column := func(name string) Value { return row[name] }
		x, y := randomFilter(r, names, 2), randomFilter(r, names, 2)
		eval := func(format string, args ...any) Verdict {
			text := fmt.Sprintf(format, args...)
			f := mustFilter(t, text)
			if again := mustFilter(t, f.String()); again.String() != f.String() || again.Eval(column) != f.Eval(column) {
				t.Fatalf("%s is written %s, and that %s", text, f, again)
			}
			return f.Eval(column)
		}
		vx, vy := eval("%s", x), eval("%s", y)
		if got := eval("NOT (%s)", x); got != vx.not() {
			t.Fatalf("%s is %v on %v, and its negation %v", x, vx, row, got)
		}
		if a, b := eval("NOT ((%s) AND (%s))", x, y), eval("NOT (%s) OR NOT (%s)", y, x); a != b {
			t.Fatalf("%s (%v), %s (%v) on %v: De Morgan has %v and %v", x, vx, y, vy, row, a, b)
		}
		if a, b := eval("a < b"), eval("b > a"); a != b {
			t.Fatalf("a < b is %v and b > a is %v on %v", a, b, row)
		}
		if a, b := eval("a <= b"), eval("NOT b < a"); a != b {
			t.Fatalf("a <= b is %v and NOT b < a is %v on %v", a, b, row)
		}
		if a, b := eval("a = b"), eval("a <= b AND a >= b"); a != b {
			t.Fatalf("a = b is %v and a <= b AND a >= b is %v on %v", a, b, row)
		}
	}
}

func randomFilter(r *rand.Rand, names []string, depth int) string {
	name := func() string { return names[r.IntN(len(names))] }
	literal := func() string {
		return []string{"1", "-1", "0.1", "1e3", "'a'", "''", "TRUE", "NULL", "'2026-01-31'", "9223372036854775808", "256", "'1'"}[r.IntN(12)]
	}
	if depth > 0 && r.IntN(3) > 0 {
		x, y := randomFilter(r, names, depth-1), randomFilter(r, names, depth-1)
		return []string{"NOT (" + x + ")", "(" + x + ") AND (" + y + ")", x + " OR " + y, x + " AND " + y}[r.IntN(4)]
	}
	switch r.IntN(5) {
	case 0:
		return name()
	case 1:
		return name() + " IN (" + literal() + ", " + literal() + ")"
	case 2:
		return name() + " IS NOT " + literal()
	case 3:
		return name() + []string{" = ", " != ", " < ", " >= "}[r.IntN(4)] + name()
	}
	return literal() + []string{" = ", " != ", " < ", " >= "}[r.IntN(4)] + name()
}

func FuzzParseFilter(f *testing.F) {
	for _, text := range []string{"a = 1 OR b < 2.5 AND NOT c", `"a.b" IN ('x', -1, NULL)`, "x IS NOT NULL; -- y", "x NOT IN (SELECT 1)", "((a)) = 1e3", "x = .5", "NULL", "d.e.f != 18446744073709551616"} {
		f.Add(text)
	}
	row := []Value{Null(), Bool(true), Int(1), String("2026-01-31"), Date(1), Double(0.1), Timestamp(1, 1), mustDecimal(f, "1.5")}
	f.Fuzz(func(t *testing.T, text string) {
		first, err := ParseFilter(text)
		if err != nil {
			return
		}
		canonical := first.String()
		if len(canonical) > MaxFilterText {
			return
		}
		second, err := ParseFilter(canonical)
		if err != nil {
			t.Fatalf("%q is written %q, which is refused: %v", text, canonical, err)
		}
		if second.String() != canonical || !slices.Equal(first.Columns(), second.Columns()) {
			t.Fatalf("%q is written %q, and that %q", text, canonical, second)
		}
		for i := range row {
			column := func(name string) Value { return row[(i+len(name))%len(row)] }
			if a, b := first.Eval(column), second.Eval(column); a != b {
				t.Fatalf("%q is %v, and as %q it is %v", text, a, canonical, b)
			}
		}
	})
}

func TestEvalDoesNotAllocate(t *testing.T) {
	f := mustFilter(t, "status = 'ok' AND n >= 1.5 AND n IN (1, 2, 3) AND d >= '2026-01-31' AND NOT b")
	row := &Record{Columns: []Column{{"b", Bool(false)}, {"d", Date(30000)}, {"n", Int(3)}, {"status", String("ok")}}}
	column := row.Column
	if n := testing.AllocsPerRun(100, func() {
		if f.Eval(column) != True {
			t.Error("the row is dropped")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkEval(b *testing.B) {
	f := mustFilter(b, "status = 'ok' AND (duration > 1.5 OR lang IN ('en', 'de')) AND deleted IS NULL")
	row := &Record{Columns: []Column{{"duration", Double(1)}, {"lang", String("de")}, {"status", String("ok")}}}
	column := row.Column
	b.ReportAllocs()
	for b.Loop() {
		f.Eval(column)
	}
}

func BenchmarkParseFilter(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseFilter("status = 'ok' AND (duration > 1.5 OR lang IN ('en', 'de')) AND deleted IS NULL"); err != nil {
			b.Fatal(err)
		}
	}
}
