// Which fields read which (metaxy-semantics 3).
package graph

import (
	"fmt"
	"strings"
	"testing"
)

func TestResolve(t *testing.T) {
	for _, c := range []struct{ name, deps, field, want string }{
		{"same name", "[a, b]", "x", "a.x b.x"},
		{"no name in one upstream: all of it", "[a, b]", "y", "a.x a.x/y a.z b.y"},
		{"not excluded", "[{feature: a, fields_mapping: {mapping: {type: default, exclude_fields: [x]}}}]", "x", "a.x/y a.z"},
		{"suffix", "[{feature: a, fields_mapping: {mapping: {type: default, match_suffix: true}}}]", "y", "a.x/y"},
		{"suffix is whole parts", "[{feature: a, fields_mapping: {mapping: {type: default, match_suffix: true}}}]", "x/y", "a.x/y"},
		{"suffix excluded", "[{feature: a, fields_mapping: {mapping: {type: default, match_suffix: true, exclude_fields: [x/y]}}}]", "y", "a.x a.z"},
		{"all", "[{feature: a, fields_mapping: {mapping: {type: all}}}]", "x", "a.x a.x/y a.z"},
		{"none beside default", "[{feature: a, fields_mapping: {mapping: {type: none}}}, b]", "x", "b.x"},
		{"specific", "[{feature: a, fields_mapping: {mapping: {type: specific, mapping: {q: [z, no]}}}}]", "q", "a.z"},
		{"the sentinel ignores mappings", "[{feature: a, fields_mapping: {mapping: {type: none}}}]", "{key: q, deps: __METAXY_ALL_DEP__}", "a.x a.x/y a.z"},
		{"explicit", "[a, b]", "{key: q, deps: {b: [y, y], a: __METAXY_ALL_DEP__}}", "a.x a.x/y a.z b.y"},
		{"explicit twice", "[a]", "{key: q, deps: [{feature: a, fields: [x]}, {feature: a, fields: [z, x]}]}", "a.x a.z"},
		{"explicitly none", "[a]", "{key: q, deps: {a: []}}", ""},
		{"no dependencies", "[]", "{key: q, deps: {no/such: [x]}}", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := mustParse(t, fmt.Sprintf(`
features:
  - {key: d, id_columns: [id], deps: %s, fields: [%s]}
  - {key: b, id_columns: [id], fields: [x, y]}
  - {key: a, id_columns: [id], fields: [z, x/y, x]}
`, c.deps, c.field))
			resolved := g.Resolve()
			d := g.Feature("d")
			parents := g.Parents("d")[d.Fields[0].Key]
			got := map[string]bool{}
			for i, p := range parents {
				got[p.String()] = true
				if i > 0 && parents[i-1].String() >= p.String() {
					t.Errorf("%v is not sorted", parents)
				}
			}
			want := strings.Fields(c.want)
			if len(got) != len(want) {
				t.Errorf("parents %v, want %v", parents, want)
			}
			for _, w := range want {
				if !got[w] {
					t.Errorf("parents %v, want %v", parents, want)
				}
			}
			for _, r := range resolved {
				if r.Feature == d && fmt.Sprint(r.Fields[0].Parents) != fmt.Sprint(parents) {
					t.Errorf("Resolve gives %v, Parents %v", r.Fields[0].Parents, parents)
				}
			}
		})
	}
	if g := mustParse(t, "features: []"); g.Parents("a") != nil || g.Resolve() != nil {
		t.Error("an empty graph has parents")
	}
}

func TestTopological(t *testing.T) {
	g := mustParse(t, `
features:
  - {key: z, id_columns: [id]}
  - {key: b, id_columns: [id], deps: [z]}
  - {key: a-b, id_columns: [id]}
  - {key: a/b, id_columns: [id], deps: [c]}
  - {key: c, id_columns: [id]}
`)
	var got []string
	for _, f := range g.Topological() {
		got = append(got, f.Key.String())
	}
	if want := "a-b c a/b z b"; strings.Join(got, " ") != want {
		t.Errorf("%v, want %s", got, want)
	}
	cycle := &Graph{Features: []*Feature{
		{Key: "q", Deps: []*Dependency{{Feature: "p"}}}, {Key: "p", Deps: []*Dependency{{Feature: "q"}, {Feature: "gone"}}}, {Key: "r"},
	}}
	if order := cycle.Topological(); len(order) != 3 || order[0].Key != "r" || order[1].Key != "p" {
		t.Errorf("a cycle is ordered %v", order)
	}
	cycle.Versions() // ends
}
