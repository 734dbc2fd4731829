package graph

import (
	"cmp"
	"slices"
)

// How a dependency is read, with its lineage and its mapping of fields (metaxy-semantics 8.1, the short forms of G1).

// readDependency always returns a dependency, one without a feature where that is unreadable: the checks
// that follow find what is wrong by its index.
func readDependency(s spot) (*Dependency, bool) {
	d := &Dependency{Place: s.place()}
	if s.n.kind != nodeMap || s.n.value("parts") != nil {
		d.Feature, _ = s.readFeatureKey() // a bare key
		return d, true
	}
	s.object("feature", "select", "rename", "fields_mapping", "filters", "sql_filters", "lineage", "optional", "settle", "receipts")
	if feature := s.at("feature"); feature.n == nil {
		s.fail("has no feature; write feature: and the key of the upstream feature")
	} else {
		d.Feature, _ = feature.readFeatureKey()
	}
	if columns := s.at("select"); columns.given() {
		d.Select, _ = columns.readNames()
		d.HasSelect = true
	}
	if rename := s.at("rename"); rename.given() {
		d.Rename = rename.readRename()
	}
	if mapping := s.at("fields_mapping"); mapping.given() {
		d.Mapping = mapping.readMapping()
	}
	d.Filters = s.readFilters()
	if lineage := s.at("lineage"); lineage.given() {
		d.Lineage = lineage.readLineage()
	}
	if optional := s.at("optional"); optional.n != nil {
		d.Optional, _ = optional.readBool()
	}
	if settle := s.at("settle"); settle.given() {
		if value, ok := settle.readBool(); ok {
			d.Settle = &value
		}
	}
	if receipts := s.at("receipts"); receipts.given() {
		if text, ok := receipts.readText(); ok && text != "required" {
			receipts.fail("unknown word %.60q; write required, or leave it out", text)
		} else {
			d.Receipts = text
		}
	}
	return d, true
}

// readFilters reads the filters under either of their names.
func (s spot) readFilters() []string {
	filters, long := s.at("filters"), s.at("sql_filters")
	switch {
	case filters.given() && long.given():
		filters.fail("stands beside sql_filters, which is the same; leave one of them out")
	case long.given():
		filters = long
	}
	if !filters.given() {
		return nil
	}
	if filters.tooMany(len(filters.n.items)) {
		return nil
	}
	texts, _ := readList(filters, "filters", spot.readText)
	return texts
}

func (s spot) readRename() []Rename {
	if s.n.kind != nodeMap {
		s.fail("is %v; write an object {OLD: NEW, ...}", s.n.kind)
		return nil
	}
	if s.tooMany(len(s.n.items)) {
		return nil
	}
	renames := make([]Rename, 0, len(s.n.items))
	for i, key := range s.n.keys {
		to, ok := s.entry(i).readName()
		if key.text == "" {
			s.entry(i).fail("renames a column without a name; write its name")
		} else if ok {
			renames = append(renames, Rename{From: key.text, To: to})
		}
	}
	slices.SortStableFunc(renames, func(a, b Rename) int { return cmp.Compare(a.From, b.From) })
	return renames
}

// readLineage reads {relationship: {type, on}}, or the short {expansion: [...]} or {aggregation: [...]|true}.
func (s spot) readLineage() Lineage {
	var l Lineage
	if !s.object("expansion", "aggregation", "relationship") {
		return l
	}
	if len(s.n.keys) != 1 {
		s.fail("has %d properties; write one of expansion, aggregation or relationship", len(s.n.keys))
		return l
	}
	if relationship := s.at("relationship"); relationship.n != nil {
		return relationship.readRelationship()
	}
	if on := s.at("expansion"); on.n != nil {
		l.Kind = Expansion
		l.On, _ = on.readOn("write the id columns of the upstream, such as [video_id]")
	} else if on := s.at("aggregation"); on.n != nil {
		l.Kind = Aggregation
		if on.n.kind != nodeBool {
			l.On, _ = on.readOn("write the columns to group by, or true for the id columns of this feature")
		} else if whole, _ := on.readBool(); !whole {
			on.fail("is false; write true or the columns to group by, or leave lineage out")
		}
	}
	return l
}

func (s spot) readOn(advice string) ([]string, bool) {
	if s.n.kind != nodeList {
		s.fail("is %v; %s", s.n.kind, advice)
		return nil, false
	}
	if len(s.n.items) == 0 {
		s.fail("names no column; %s", advice)
		return nil, false
	}
	return s.readNames()
}

func (s spot) readRelationship() Lineage {
	var l Lineage
	if s.n.kind != nodeMap {
		s.object("type", "on")
		return l
	}
	word := s.at("type")
	if word.n == nil {
		s.fail("has no type; write type: \"1:1\", \"N:1\" or \"1:N\"")
		return l
	}
	text, ok := word.readText()
	if !ok {
		return l
	}
	on := s.at("on")
	switch text {
	case "1:1":
		s.object("type")
	case "N:1":
		l.Kind = Aggregation
		s.object("type", "on")
		if on.given() {
			l.On, _ = on.readOn("write the columns to group by, or null for the id columns of this feature")
		}
	case "1:N":
		l.Kind = Expansion
		s.object("type", "on", "id_generation_pattern")
		if !on.given() {
			s.fail("has no on; write the id columns of the upstream, such as on: [video_id]")
		} else {
			l.On, _ = on.readOn("write the id columns of the upstream, such as [video_id]")
		}
		if pattern := s.at("id_generation_pattern"); pattern.given() {
			if text, ok := pattern.readText(); ok {
				l.IDGenerationPattern = &text
			}
		}
	default:
		word.fail("unknown type %.60q; write \"1:1\", \"N:1\" or \"1:N\"", text)
	}
	return l
}

// readMapping reads {mapping: {type: ...}}.
func (s spot) readMapping() Mapping {
	var m Mapping
	if !s.object("mapping") {
		return m
	}
	s = s.at("mapping")
	if s.n == nil {
		s.fail("is missing; write mapping: {type: default}")
		return m
	}
	if s.n.kind != nodeMap {
		s.object("type")
		return m
	}
	word := s.at("type")
	if word.n == nil {
		s.fail("has no type; write type: default, specific, all or none")
		return m
	}
	text, ok := word.readText()
	if !ok {
		return m
	}
	switch text {
	case "default":
		s.object("type", "match_suffix", "exclude_fields")
		if suffix := s.at("match_suffix"); suffix.given() {
			m.MatchSuffix, _ = suffix.readBool()
		}
		if exclude := s.at("exclude_fields"); exclude.given() {
			m.ExcludeFields, _ = readList(exclude, "field keys", spot.readFieldKey)
		}
		if len(m.ExcludeFields) == 0 {
			m.ExcludeFields = nil
		}
	case "specific":
		m.Kind = MapSpecific
		s.object("type", "mapping")
		m.Specific = s.at("mapping").readSpecific()
	case "all":
		m.Kind = MapAll
		s.object("type")
	case "none":
		m.Kind = MapNone
		s.object("type")
	default:
		word.fail("unknown type %.60q; write default, specific, all or none", text)
	}
	return m
}

func (s spot) readSpecific() map[FieldKey][]FieldKey {
	specific := map[FieldKey][]FieldKey{}
	if s.n == nil || s.n.kind != nodeMap {
		s.fail("is no object; write mapping: {FIELD: [UPSTREAM FIELD, ...]}")
		return specific
	}
	for i, key := range s.n.keys {
		name := s.entry(i)
		name.n = key
		downstream, ok := name.readFieldKey()
		upstream, _ := readList(s.entry(i), "field keys", spot.readFieldKey)
		// A set to Metaxy, which writes it sorted by the lists of parts.
		slices.SortFunc(upstream, func(a, b FieldKey) int { return comparePartwise(string(a), string(b)) })
		if ok {
			specific[downstream] = slices.Compact(upstream)
		}
	}
	return specific
}
