package graph

import "strconv"

// How a feature spec and its fields are read (metaxy-semantics 8.1, the short forms of G1).

// readFeature reads a feature spec and adds it to the graph. It returns nil where the key is unreadable.
func (l *loader) readFeature(s spot) *Feature {
	f := &Feature{source: s.n}
	if key := s.at("key"); s.n.kind == nodeMap && key.n != nil {
		if text, problem := keyText(key.n); problem == "" && keyFault(text) == "" {
			f.Key = FeatureKey(text)
		}
	}
	// From here on paths begin at the feature.
	f.Place = s.place()
	s = f.spot(s.refusal)
	s.refuseRepeats(true)
	if !s.object("key", "id_columns", "deps", "fields", "topic", "description", "metadata") {
		l.holes = true
		return nil
	}
	if key := s.at("key"); f.Key == "" {
		if key.n == nil {
			s.fail("has no key; write key: and a name such as video/raw")
		} else {
			key.readFeatureKey()
		}
	}
	if ids := s.at("id_columns"); !ids.given() {
		s.fail("has no id_columns; write id_columns: and the columns that tell its samples apart")
	} else if names, ok := ids.readNames(); ok {
		f.IDColumns = names
		if len(names) == 0 {
			ids.fail("names no column; write the columns that tell its samples apart")
		}
	}
	if deps := s.at("deps"); deps.given() {
		f.Deps, _ = readList(deps, "features", readDependency)
		if len(f.Deps) > maxFeatures {
			deps.fail("%d dependencies; %d are the limit", len(f.Deps), maxFeatures)
		}
	}
	l.readFields(f, s.at("fields"))
	if topic := s.at("topic"); topic.given() {
		f.Topic, _ = topic.readText()
		if f.Topic == "" && topic.n.kind == nodeText {
			topic.fail("is empty; write the name of a topic, or leave it out")
		}
	}
	if text := s.at("description"); text.given() {
		f.Description, f.HasDescription = text.readText()
	}
	if metadata := s.at("metadata"); metadata.given() {
		f.Metadata = metadata.readMetadata()
	}
	if f.Key == "" {
		l.holes = true
		return nil
	}
	l.graph.Features = append(l.graph.Features, f)
	return f
}

func (l *loader) readFields(f *Feature, s spot) {
	if s.n == nil {
		f.Fields = []*Field{{Key: "default", CodeVersion: InitialCodeVersion, Place: s.place()}}
		return
	}
	f.Fields, _ = readList(s, "fields", readField)
	if len(f.Fields) > maxFields {
		s.fail("%d fields; %d are the limit", len(f.Fields), maxFields)
		f.Fields = f.Fields[:maxFields]
	}
}

// readField always returns a field, one without a key where that is unreadable, as readDependency does.
func readField(s spot) (*Field, bool) {
	f := &Field{CodeVersion: InitialCodeVersion, Place: s.place()}
	if s.n.kind != nodeMap || s.n.value("parts") != nil {
		f.Key, _ = s.readFieldKey() // a bare key
		return f, true
	}
	s.object("key", "code_version", "deps")
	if key := s.at("key"); key.n == nil {
		s.fail("has no key; write key: and a name such as audio")
	} else {
		f.Key, _ = key.readFieldKey()
	}
	if version := s.at("code_version"); version.n != nil {
		f.CodeVersion = version.readCodeVersion()
	}
	if deps := s.at("deps"); deps.given() {
		f.Deps = deps.readFieldDeps()
	}
	return f, true
}

// readCodeVersion reads text or an integer (G1).
func (s spot) readCodeVersion() string {
	switch s.n.kind {
	case nodeText, nodeInt:
		return s.n.text
	case nodeFloat:
		example, reads := "1.10", "1.1"
		if v, err := strconv.ParseFloat(s.n.text, 64); err == nil {
			if text := strconv.FormatFloat(v, 'g', -1, 64); text != s.n.text {
				example, reads = s.n.text, text
			}
		}
		s.fail("%.30s is a number, not text; quote it: %.30s would read %s", s.n.text, example, reads)
	case nodeBool, nodeNull:
		if s.n.text == "" {
			s.fail("is null; write text, or leave it out")
		} else {
			s.fail("%s is %v, not text; quote it: %q", s.n.text, s.n.kind, s.n.text)
		}
	default:
		s.fail("is %v; write text or an integer", s.n.kind)
	}
	return ""
}

// readFieldDeps reads the sentinel, a list of {feature, fields}, or an object of feature to fields.
func (s spot) readFieldDeps() FieldDeps {
	switch s.n.kind {
	case nodeText:
		if s.n.text != AllFields {
			s.fail("%.60q is no list; write {FEATURE: [FIELD, ...]}, or %q for every field of every dependency", s.n.text, AllFields)
		}
		return FieldDeps{All: true}
	case nodeList:
		deps, _ := readList(s, "{feature, fields}", readFieldDep)
		if len(deps) == 0 {
			deps = nil
		}
		return FieldDeps{List: deps}
	case nodeMap:
		var deps []FieldDep
		for i, key := range s.n.keys {
			d := FieldDep{Place: s.entry(i).place()}
			name := s.entry(i)
			name.n = key
			d.Feature, _ = name.readFeatureKey()
			d.readFields(s.entry(i))
			deps = append(deps, d)
		}
		return FieldDeps{List: deps}
	}
	s.fail("is %v; write {FEATURE: [FIELD, ...]}", s.n.kind)
	return FieldDeps{}
}

func readFieldDep(s spot) (FieldDep, bool) {
	d := FieldDep{Place: s.place()}
	if !s.object("feature", "fields") {
		return d, true
	}
	if feature := s.at("feature"); feature.n == nil {
		s.fail("has no feature; write feature: and the key of a dependency")
	} else {
		d.Feature, _ = feature.readFeatureKey()
	}
	if fields := s.at("fields"); fields.n == nil {
		d.All = true
	} else {
		d.readFields(fields)
	}
	return d, true
}

func (d *FieldDep) readFields(s spot) {
	switch {
	case s.n.kind == nodeText && s.n.text == AllFields:
		d.All = true
	case s.n.kind == nodeText:
		s.fail("is text; write a list: [%.60s], or %q for every field", s.n.text, AllFields)
	default:
		d.Fields, _ = readList(s, "field keys", spot.readFieldKey)
	}
}
