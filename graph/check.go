package graph

import (
	"regexp"
	"slices"
)

// Check, the part of G2 that versions do not need: names that would be one name, columns, topics, filters. How
// dependencies join (J1 to J3) is checked where the joins are made, in Compile.

var topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

// Check refuses what G2 refuses beyond Parse, but for joins, which Compile checks. What is refused is refused
// as Problems, all that were found.
func (g *Graph) Check() error {
	r := &refusal{file: g.Name}
	if g.byKey == nil { // not from Parse
		l := &loader{graph: g, top: spot{refusal: r}}
		err := l.check()
		g.byKey = nil
		if err != nil {
			return err
		}
	}
	structNames := make(map[string]*Feature, len(g.Features))
	topics := make(map[string]*Feature)
	for _, f := range g.Features {
		if first := structNames[f.Key.StructName()]; first != nil {
			f.spot(r).at("key").fail("is the same as feature %q%s once '/' is written '_', and columns and topics are named so; give one of them another key",
				string(first.Key), onLine(first.Place))
		} else {
			structNames[f.Key.StructName()] = f
		}
		if f.Topic != "" {
			f.checkTopic(r, topics[f.Topic])
			if topics[f.Topic] == nil {
				topics[f.Topic] = f
			}
		}
		f.checkIDs(r)
		f.checkFields(r)
		for i, d := range f.Deps {
			s := f.spot(r).at("deps").index(i)
			ids := g.Feature(d.Feature).IDColumns
			d.checkRename(s.at("rename"), ids)
			d.checkSelect(s.at("select"))
			d.checkOn(s.at("lineage"))
			d.checkFilters(s)
		}
		g.checkSelects(r, f)
	}
	return r.err()
}

func (f *Feature) checkTopic(r *refusal, first *Feature) {
	s := f.spot(r).at("topic")
	switch {
	case !topicName.MatchString(f.Topic) || f.Topic == "." || f.Topic == "..":
		s.fail("%.60q is no name of a Kafka topic; use at most 249 letters, digits, '.', '_' and '-'", f.Topic)
	case first != nil:
		s.fail("%q is the topic of feature %q too%s; give each feature a topic of its own", f.Topic, string(first.Key), onLine(first.Place))
	}
}

func (f *Feature) checkIDs(r *refusal) {
	ids := f.spot(r).at("id_columns")
	if len(f.IDColumns) == 0 {
		ids.fail("names no column; write the columns that tell its samples apart")
	}
	seen := make(map[string]bool, len(f.IDColumns))
	for i, id := range f.IDColumns {
		switch {
		case seen[id]:
			ids.index(i).fail("id column %q is written twice; leave one of them out", id)
		case IsSystemColumn(id):
			ids.index(i).fail("%q is a system column; use a column of your own", id)
		}
		seen[id] = true
	}
}

func (f *Feature) checkFields(r *refusal) {
	fields := f.spot(r).at("fields")
	if len(f.Fields) == 0 {
		fields.fail("has no field; write one, or leave fields out for the field default")
	}
	names := make(map[string]FieldKey, len(f.Fields))
	for i, field := range f.Fields {
		name := field.Key.StructName()
		if first, taken := names[name]; taken {
			fields.index(i).fail("field %q is the same as field %q once '/' is written '_', and rows name it so; give one of them another key", string(field.Key), string(first))
		}
		names[name] = field.Key
	}
}

// checkRename checks the renames of a dependency; ids are the id columns of the upstream.
func (d *Dependency) checkRename(s spot, ids []string) {
	renamed := d.renames()
	targets := make(map[string]string, len(d.Rename))
	for _, rename := range d.Rename {
		at := s.at(rename.From)
		switch first, taken := targets[rename.To]; {
		case IsSystemColumn(rename.From):
			at.fail("renames %q, a system column; take this rename out", rename.From)
		case IsSystemColumn(rename.To):
			at.fail("renames onto %q, a system column; choose another name", rename.To)
		case taken:
			at.fail("renames %q onto %q, as it does %q; choose another name for one of them", rename.From, rename.To, first)
		case slices.Contains(ids, rename.To) && renamed[rename.To] == "":
			at.fail("renames %q onto %q, an id column of %q that keeps its name; choose another name, or rename the id column too", rename.From, rename.To, string(d.Feature))
		}
		targets[rename.To] = rename.From
	}
}

// renames returns the new names of columns by their old ones.
func (d *Dependency) renames() map[string]string {
	renames := make(map[string]string, len(d.Rename))
	for _, rename := range d.Rename {
		renames[rename.From] = rename.To
	}
	return renames
}

// checkSelect refuses a select of a column that a rename has taken away.
func (d *Dependency) checkSelect(s spot) {
	renamed, targets := d.renames(), make(map[string]bool, len(d.Rename))
	for _, rename := range d.Rename {
		targets[rename.To] = true
	}
	for i, column := range d.Select {
		if to := renamed[column]; to != "" && !targets[column] {
			s.index(i).fail("selects %q, which is renamed to %q; select %q", column, to, to)
		}
	}
}

func (d *Dependency) checkOn(s spot) {
	seen := make(map[string]bool, len(d.Lineage.On))
	for i, column := range d.Lineage.On {
		if seen[column] {
			s.on().index(i).fail("column %q is written twice; leave one of them out", column)
		}
		seen[column] = true
	}
}

// on returns where the columns of a lineage stand.
func (s spot) on() spot {
	for _, short := range []string{"expansion", "aggregation"} {
		if s.n.value(short) != nil {
			return s.at(short)
		}
	}
	return s.at("relationship").at("on")
}

func (d *Dependency) checkFilters(s spot) {
	filters := s.at("filters")
	if filters.n == nil && s.n.value("sql_filters") != nil {
		filters = s.at("sql_filters")
	}
	for i, text := range d.Filters {
		if err := checkFilter(text); err != nil {
			filters.index(i).fail("%v", err)
		}
	}
}

// checkSelects refuses a column that two select lists of a feature have, unless it is an id column: one that
// is a renamed id column of an upstream, or a column of a lineage.
func (g *Graph) checkSelects(r *refusal, f *Feature) {
	ids := make(map[string]bool)
	for _, d := range f.Deps {
		for _, column := range d.renamed(g.Feature(d.Feature).IDColumns) {
			ids[column] = true
		}
		on := d.Lineage.On
		if d.Lineage.Kind == Aggregation && on == nil {
			on = f.IDColumns
		}
		for _, column := range on {
			ids[column] = true
		}
	}
	first := make(map[string]int)
	for i, d := range f.Deps {
		for j, column := range d.Select {
			at, taken := first[column]
			switch {
			case ids[column]:
			case !taken:
				first[column] = i
			case at != i:
				f.spot(r).at("deps").index(i).at("select").index(j).fail("selects %q, which the dependency on %q selects too; rename one of them",
					column, string(f.Deps[at].Feature))
			}
		}
	}
}

// renamed returns the names that columns of the upstream have after rename.
func (d *Dependency) renamed(columns []string) []string {
	names, renames := slices.Clone(columns), d.renames()
	for i, column := range columns {
		if to := renames[column]; to != "" {
			names[i] = to
		}
	}
	return names
}
