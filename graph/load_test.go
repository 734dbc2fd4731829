// Reading graph files: bounds, places, and what is read at all.
package graph

import (
	"fmt"
	"strings"
	"testing"
)

func TestParseBounds(t *testing.T) {
	many := func(n int, item func(i int) string) string {
		items := make([]string, n)
		for i := range items {
			items[i] = item(i)
		}
		return strings.Join(items, ",")
	}
	fields := func(n int) string {
		return many(n, func(i int) string { return fmt.Sprintf(`"f%d"`, i) })
	}
	wide := many(3, func(i int) string {
		return fmt.Sprintf(`{"key": "up%d", "id_columns": ["id"], "fields": [%s]}`, i, fields(1000))
	})
	for _, c := range []struct{ name, text, want string }{
		{"size", strings.Repeat(" ", MaxGraphSize+1), "8388609 bytes"},
		{"features", "[" + many(maxFeatures+1, func(int) string { return "{}" }) + "]", "10001 features; 10000 are the limit"},
		{"fields", `[{"key": "a", "id_columns": ["id"], "fields": [` + fields(1001) + `]}]`, "1001 fields; 1000 are the limit"},
		{"columns", `[{"key": "a", "id_columns": [` + fields(1001) + `]}]`, "1001 entries; 1000 are the limit"},
		{"filters", `[{"key": "a", "id_columns": ["id"], "deps": [{"feature": "b", "filters": [` + fields(1001) + `]}]}]`, "1001 entries; 1000 are the limit"},
		{"depth", strings.Repeat("[", 100) + strings.Repeat("]", 100), "nests too deep"},
		{"depth of YAML", "a: " + strings.Repeat("[", 100) + strings.Repeat("]", 100), "nests too deep"},
		{"much depth", strings.Repeat("[", 1_000_000), "is no "},
		{"laughs", "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "uses the alias"},
		{"an alias to itself", "features: &a [*a]\n", "uses the alias"},
		{"not UTF-8", "\xff", "not UTF-8"},
		{"parents", `[` + wide + `, {"key": "down", "id_columns": ["id"], "deps": ["up0", "up1", "up2"], "fields": [` + many(1000, func(i int) string { return fmt.Sprintf(`"d%d"`, i) }) + `]}]`, "more than 2000000 parents"},
		{"problems", "[" + many(200, func(int) string { return "{}" }) + "]", "and 300 more"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse([]byte(c.text), "")
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Parse: %.300v\nwant %s", err, c.want)
			}
		})
	}
}

func TestParsePlaces(t *testing.T) {
	const yaml = "features:\n  - key: a\n    id_columns: [id]\n  - key: é/b\n"
	const json = "{\"é\": \"😀\",\r\n\t\"features\" : [ {\"key\": \"é\", \"id_columns\": [\"id\"]}]}"
	for _, c := range []struct{ text, want string }{
		{yaml, "f:4:10: features[1].key"},
		{json, "f:1:2: é"},
		{json, "f:2:25: features[0].key"},
	} {
		_, err := Parse([]byte(c.text), "f")
		if err == nil || !strings.Contains(err.Error(), c.want) && !strings.Contains(err.Error(), strings.Replace(c.want, "é", `["é"]`, 1)) {
			t.Errorf("Parse: %v\nwant %s", err, c.want)
		}
	}
	g := mustParse(t, everything)
	if got, want := g.Feature("video/chunk").Deps[1].Place, (Place{23, 9, "features[2].deps[1]"}); got != want {
		t.Errorf("the place of a dependency is %+v, want %+v", got, want)
	}
	if f := g.Feature("other"); f.Fields[0].Key != "default" || f.Fields[0].CodeVersion != InitialCodeVersion {
		t.Errorf("the default field is %+v", f.Fields[0])
	}
}

func TestNearest(t *testing.T) {
	known := []string{"feature", "select", "rename", "fields_mapping", "filters", "lineage", "optional"}
	for text, want := range map[string]string{
		"features": "feature", "lineages": "lineage", "renames": "rename", "optinal": "optional", "field_mapping": "fields_mapping",
		"mapping": "fields_mapping", "filter": "filters", "owner": "", "x": "", "": "",
	} {
		if got := nearest(text, known); got != want {
			t.Errorf("nearest(%q) = %q, want %q", text, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{
		everything, `{"features": []}`, `[{"key": "a", "id_columns": ["id"]}]`, "- {key: a, id_columns: [id]}",
		`{"a": {"feature_spec": {"key": "a", "id_columns": ["id"]}}}`, "a: &a [*a]", "{", "features:\n  - key: a\n   id_columns", "\ufeff[]", "--- a\n...\n--- b",
		"- {key: p, id_columns: [id], deps: [q]}\n- {key: q, id_columns: [id], deps: [p]}",
	} {
		f.Add([]byte(text), "g.yaml")
		f.Add([]byte(text), "")
	}
	f.Fuzz(func(t *testing.T, text []byte, name string) {
		g, err := Parse(text, name)
		if err != nil {
			if g != nil || err.Error() == "" {
				t.Fatalf("Parse gives %v and %v", g, err)
			}
			return
		}
		checkRoundTrip(t, g)
		if err := g.Check(); err != nil && err.Error() == "" {
			t.Fatal("Check gives an error without words")
		}
		if got := len(g.Topological()); got != len(g.Features) {
			t.Fatalf("%d features in topological order, want %d", got, len(g.Features))
		}
	})
}
