package graph

// fieldSince says since which graph a field has had the version that it has.
type fieldSince struct {
	version string
	number  int64
}

// sinceOf says it for every field of a plan that follows on h.
func (h *History) sinceOf(p *Plan) map[FeatureKey]map[FieldKey]fieldSince {
	since := make(map[FeatureKey]map[FieldKey]fieldSince, len(p.Features))
	for _, f := range p.Features {
		fields := make(map[FieldKey]fieldSince, len(f.Fields))
		for _, field := range f.Fields {
			s := fieldSince{field.Version, p.Number}
			if h != nil {
				if was, ok := h.since[f.Key][field.Key]; ok && was.version == field.Version {
					s = was
				}
			}
			fields[field.Key] = s
		}
		since[f.Key] = fields
	}
	return since
}

// Since returns the number of the first graph of the unbroken run of graphs in which a field has had the
// version in force; ok is false for a field that the graph in force does not have.
func (h *History) Since(key FeatureKey, field FieldKey) (number int64, ok bool) {
	s, ok := h.since[key][field]
	return s.number, ok
}
