package graph

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
)

// The versions of definitions (metaxy-semantics 2): SHA-256 over plain concatenations, cut to the length of
// the graph at every level, so that a cut text is what the next level hashes.

// Versions are the versions of the features of one graph.
type Versions map[FeatureKey]FeatureVersions

// FeatureVersions are the versions of one feature, each cut to the length of the graph.
type FeatureVersions struct {
	Feature    string              // of the fields, with all that they read
	Code       string              // of the code versions alone
	Spec       string              // of the whole spec, as Metaxy writes it as JSON
	Definition string              // of the spec and the empty schema {}
	Fields     map[FieldKey]string // of each field, with all that it reads
}

// Versions computes the versions of all features. What a graph that Parse would refuse refers to without
// having it does not count.
func (g *Graph) Versions() Versions {
	versions := make(Versions, len(g.Features))
	for _, f := range g.Resolve() {
		v := FeatureVersions{Fields: make(map[FieldKey]string, len(f.Fields))}
		for _, field := range f.Fields {
			texts := []string{string(f.Feature.Key), ".", string(field.Field.Key), field.Field.CodeVersion}
			for _, parent := range field.Parents {
				texts = append(texts, versions[parent.Feature].Fields[parent.Field])
			}
			v.Fields[field.Field.Key] = g.definitionHash(texts...)
		}
		fields := slices.SortedFunc(slices.Values(f.Feature.Fields), func(a, b *Field) int { return a.Key.Compare(b.Key) })
		var feature, code []string
		for _, field := range fields {
			feature = append(feature, string(field.Key), v.Fields[field.Key])
			code = append(code, string(field.Key), field.CodeVersion)
		}
		v.Feature = g.definitionHash(feature...)
		v.Code = g.definitionHash(code...)
		v.Spec = g.definitionHash(string(f.Feature.appendSpec(nil, false)))
		v.Definition = g.definitionHash(v.Spec, "{}")
		versions[f.Feature.Key] = v
	}
	return versions
}

// ProjectVersion returns the version of all definitions together, of schemas that are all empty.
func (g *Graph) ProjectVersion() string { return g.projectVersion(g.Versions()) }

func (g *Graph) projectVersion(versions Versions) string {
	if len(versions) == 0 {
		return "empty"
	}
	keys := make([]FeatureKey, 0, len(versions))
	for key := range versions {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, FeatureKey.Compare)
	var texts []string
	for _, key := range keys {
		texts = append(texts, string(key), versions[key].Definition)
	}
	return g.definitionHash(texts...)
}

// definitionHash hashes the concatenation of texts and cuts it to the length of the graph.
func (g *Graph) definitionHash(texts ...string) string {
	h := sha256.New()
	for _, text := range texts {
		h.Write([]byte(text))
	}
	text := hex.EncodeToString(h.Sum(nil))
	return text[:min(cmp.Or(g.TruncationLength, defaultTruncation), len(text))]
}

// MarshalJSON writes the feature and field versions:
// {"video/raw": {"feature_version": "d842b740", "fields": {"audio": "7132721c", ...}}, ...}.
func (v Versions) MarshalJSON() ([]byte, error) {
	type entry struct {
		Feature string              `json:"feature_version"`
		Fields  map[FieldKey]string `json:"fields"`
	}
	entries := make(map[FeatureKey]entry, len(v))
	for key, version := range v {
		entries[key] = entry{version.Feature, version.Fields}
	}
	return json.Marshal(entries)
}
