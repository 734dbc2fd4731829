package graph

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
)

// What changes between two graphs: features by their definition versions, fields by their field versions
// (metaxy-semantics 8.4). It is printed as text (diff_text.go), JSON and Mermaid (diff_mermaid.go).

// DiffStatus says what happened to a feature or a field.
type DiffStatus string

const (
	DiffAdded     DiffStatus = "added"
	DiffRemoved   DiffStatus = "removed"
	DiffChanged   DiffStatus = "changed" // of a feature: its definition version differs, its feature version perhaps not
	DiffUnchanged DiffStatus = "unchanged"
)

// GraphDiff is the union of two graphs with what differs.
type GraphDiff struct {
	Features []FeatureDiff // of both graphs, by key
	Settings []SettingDiff // of the graphs and of features, what Metaxy does not have; changed ones only
}

// FeatureDiff is a feature of either graph.
type FeatureDiff struct {
	Key          FeatureKey
	Status       DiffStatus
	Old, New     string       // feature versions; "" where the graph has no such feature
	Dependencies []FeatureKey // in the order of the feature; the old ones of a removed feature
	Fields       []FieldDiff  // of both graphs, by key
}

// FieldDiff is a field of a feature of either graph.
type FieldDiff struct {
	Key      FieldKey
	Status   DiffStatus
	Old, New string // field versions; "" where the feature has no such field
}

// SettingDiff is a setting that versions do not show.
type SettingDiff struct {
	Feature  FeatureKey // "" for a setting of the graph
	Name     string     // such as gate, topic or deps[video/raw].settle
	Old, New string     // as written; "" where it is not set
}

// Diff compares graph a, the older one, with graph b.
func Diff(a, b *Graph) *GraphDiff {
	old, now := a.Versions(), b.Versions()
	diff := &GraphDiff{Settings: diffSettings(a, b)}
	for _, key := range unionOf(old, now) {
		was, existed := old[key]
		is, exists := now[key]
		f := FeatureDiff{Key: key, Old: was.Feature, New: is.Feature, Status: status(existed, exists, was.Definition == is.Definition)}
		if exists {
			f.Dependencies = b.Feature(key).dependencyKeys()
		} else {
			f.Dependencies = a.Feature(key).dependencyKeys()
		}
		for _, field := range unionOf(was.Fields, is.Fields) {
			before, had := was.Fields[field]
			after, has := is.Fields[field]
			f.Fields = append(f.Fields, FieldDiff{field, status(had, has, before == after), before, after})
		}
		diff.Features = append(diff.Features, f)
	}
	return diff
}

// Changed reports whether anything differs.
func (d *GraphDiff) Changed() bool {
	return len(d.Settings) > 0 || slices.ContainsFunc(d.Features, func(f FeatureDiff) bool { return f.Status != DiffUnchanged || f.Old != f.New })
}

func status(existed, exists, same bool) DiffStatus {
	switch {
	case !existed:
		return DiffAdded
	case !exists:
		return DiffRemoved
	case !same:
		return DiffChanged
	}
	return DiffUnchanged
}

// unionOf returns the keys of both maps in their order.
func unionOf[K interface {
	~string
	Compare(K) int
}, V any](a, b map[K]V) []K {
	keys := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.SortFunc(keys, K.Compare)
	return slices.Compact(keys)
}

func diffSettings(a, b *Graph) []SettingDiff {
	var diffs []SettingDiff
	add := func(key FeatureKey, name, old, now string) {
		if old != now {
			diffs = append(diffs, SettingDiff{key, name, old, now})
		}
	}
	length := func(g *Graph) string {
		if g.TruncationLength == 0 {
			return ""
		}
		return strconv.Itoa(g.TruncationLength)
	}
	add("", "hash_algorithm", string(a.HashAlgorithm), string(b.HashAlgorithm))
	add("", "hash_truncation_length", length(a), length(b))
	add("", "gate", a.Gate.String(), b.Gate.String())
	settle := func(d *Dependency) string {
		if d.Settle == nil {
			return ""
		}
		return strconv.FormatBool(*d.Settle)
	}
	for _, f := range slices.SortedFunc(slices.Values(b.Features), func(x, y *Feature) int { return x.Key.Compare(y.Key) }) {
		was := a.Feature(f.Key)
		if was == nil {
			continue
		}
		add(f.Key, "topic", was.Topic, f.Topic)
		for _, d := range f.Deps {
			i := slices.IndexFunc(was.Deps, func(w *Dependency) bool { return w.Feature == d.Feature })
			if i < 0 {
				continue
			}
			place := "deps[" + string(d.Feature) + "]"
			add(f.Key, place+".settle", settle(was.Deps[i]), settle(d))
			add(f.Key, place+".receipts", was.Deps[i].Receipts, d.Receipts)
		}
	}
	return diffs
}

// fieldChanges returns the fields that differ: added, then removed, then changed, each by key.
func (f *FeatureDiff) fieldChanges() []FieldDiff {
	rank := map[DiffStatus]int{DiffAdded: 0, DiffRemoved: 1, DiffChanged: 2}
	changes := slices.DeleteFunc(slices.Clone(f.Fields), func(d FieldDiff) bool { return d.Status == DiffUnchanged })
	slices.SortStableFunc(changes, func(a, b FieldDiff) int { return cmp.Compare(rank[a.Status], rank[b.Status]) })
	return changes
}

// MarshalJSON writes the merged form of metaxy-semantics 8.4: nodes and edges of both graphs. A version that
// there is not is null. Settings are not in it: Metaxy has none.
func (d *GraphDiff) MarshalJSON() ([]byte, error) {
	type fieldChange struct {
		Key     FieldKey `json:"field_key"`
		Old     *string  `json:"old_version"`
		New     *string  `json:"new_version"`
		Added   bool     `json:"is_added"`
		Removed bool     `json:"is_removed"`
		Changed bool     `json:"is_changed"`
	}
	type node struct {
		Status       DiffStatus    `json:"status"`
		Old          *string       `json:"old_version"`
		New          *string       `json:"new_version"`
		Dependencies []FeatureKey  `json:"dependencies"`
		FieldChanges []fieldChange `json:"field_changes"`
	}
	type edge struct {
		From FeatureKey `json:"from"`
		To   FeatureKey `json:"to"`
	}
	version := func(text string) *string {
		if text == "" {
			return nil
		}
		return &text
	}
	edges := []edge{}
	var b bytes.Buffer
	b.WriteString(`{"nodes":{`)
	for i, f := range d.Features {
		n := node{f.Status, version(f.Old), version(f.New), append([]FeatureKey{}, f.Dependencies...), []fieldChange{}}
		if f.Status == DiffChanged {
			for _, c := range f.fieldChanges() {
				n.FieldChanges = append(n.FieldChanges, fieldChange{c.Key, version(c.Old), version(c.New), c.Status == DiffAdded, c.Status == DiffRemoved, c.Status == DiffChanged})
			}
		}
		for _, dep := range f.Dependencies {
			edges = append(edges, edge{dep, f.Key})
		}
		text, err := json.Marshal(n)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Quote(string(f.Key))) // ASCII, so quoted as JSON is
		b.WriteByte(':')
		b.Write(text)
	}
	text, err := json.Marshal(edges)
	if err != nil {
		return nil, err
	}
	b.WriteString(`},"edges":`)
	b.Write(text)
	b.WriteByte('}')
	return b.Bytes(), nil
}
