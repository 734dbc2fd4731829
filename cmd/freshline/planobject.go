package main

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/freshline/freshline/graph"
)

// planObject is a compiled graph, as JSON and for people.
type planObject struct {
	Hash           graph.Algorithm     `json:"hash_algorithm"`
	Length         int                 `json:"hash_truncation_length"`
	Gate           string              `json:"gate"`
	ProjectVersion string              `json:"project_version"`
	Features       []planFeatureObject `json:"features"`
	Edges          []planEdgeObject    `json:"edges"`
}

type planFeatureObject struct {
	Feature      graph.FeatureKey       `json:"feature"`
	Version      string                 `json:"feature_version"`
	IDs          []string               `json:"id_columns"`
	Match        []string               `json:"match_key"`
	Join         []string               `json:"join_key"`
	Expands      bool                   `json:"expands"`
	Edge         string                 `json:"edge"` // where its own rows are filed
	Dependencies []planDependencyObject `json:"dependencies"`
	Fields       []planFieldObject      `json:"fields"`
}

type planDependencyObject struct {
	Feature  graph.FeatureKey `json:"feature"`
	Lineage  string           `json:"lineage"`
	Inputs   []string         `json:"input_ids"`
	Optional bool             `json:"optional"`
	Edge     string           `json:"edge"`
}

type planFieldObject struct {
	Field       graph.FieldKey `json:"field"`
	CodeVersion string         `json:"code_version"`
	Version     string         `json:"field_version"`
	Parents     []string       `json:"parents"`
}

type planEdgeObject struct {
	Edge     string             `json:"edge"`
	Upstream graph.FeatureKey   `json:"upstream"`
	Own      bool               `json:"own"`
	Key      []string           `json:"key"`
	Readers  []graph.FeatureKey `json:"readers"`
}

func newPlanObject(p *graph.Plan) planObject {
	o := planObject{
		Hash: p.Hash, Length: p.Length, Gate: cmp.Or(p.Graph.Gate.String(), graph.GateImmediate.String()),
		ProjectVersion: p.Graph.ProjectVersion(), Features: []planFeatureObject{}, Edges: []planEdgeObject{},
	}
	for _, f := range p.Features {
		o.Features = append(o.Features, newPlanFeature(f))
	}
	for _, e := range p.Edges {
		edge := planEdgeObject{edgeText(e), e.Upstream.Key, e.Own, e.Columns, []graph.FeatureKey{}}
		for _, r := range e.Readers {
			edge.Readers = append(edge.Readers, r.Feature.Key)
		}
		o.Edges = append(o.Edges, edge)
	}
	return o
}

func newPlanFeature(f *graph.FeaturePlan) planFeatureObject {
	o := planFeatureObject{
		Feature: f.Key, Version: f.Version, IDs: f.IDs, Match: f.Match, Join: f.Layout[:f.K], Expands: f.Expands,
		Edge: edgeText(f.Own), Dependencies: []planDependencyObject{}, Fields: []planFieldObject{},
	}
	for _, d := range f.Deps {
		o.Dependencies = append(o.Dependencies, planDependencyObject{
			d.Upstream.Key, lineageText(d.Spec.Lineage.Kind), f.Layout[:d.N], d.Spec.Optional, edgeText(d.Edge),
		})
	}
	for _, field := range f.FieldsByKey() {
		parents := []string{}
		for _, p := range field.Parents {
			upstream := f.Deps[p.Dep].Upstream
			parents = append(parents, graph.Parent{Feature: upstream.Key, Field: upstream.Fields[p.Field].Key}.String())
		}
		o.Fields = append(o.Fields, planFieldObject{field.Key, field.CodeVersion, field.Version, parents})
	}
	return o
}

func edgeText(e *graph.Edge) string { return hex.EncodeToString(e.Name[:]) }

func lineageText(kind graph.LineageKind) string {
	switch kind {
	case graph.Aggregation:
		return "N:1"
	case graph.Expansion:
		return "1:N"
	}
	return "1:1"
}

// print writes the plan for people.
func (o planObject) print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, project version %s, %s cut to %d characters, gate %s\n", counted(len(o.Features), "feature"), o.ProjectVersion, o.Hash, o.Length, o.Gate)
	for _, f := range o.Features {
		fmt.Fprintf(&b, "\n%s  %s\n", f.Feature, f.Version)
		fmt.Fprintf(&b, "  ids     %s\n", strings.Join(f.IDs, ", "))
		fmt.Fprintf(&b, "  match   %s\n", strings.Join(f.Match, ", "))
		fmt.Fprintf(&b, "  join    %s\n", strings.Join(f.Join, ", "))
		fmt.Fprintf(&b, "  edge    %s\n", f.Edge)
		for _, d := range f.Dependencies {
			optional := ""
			if d.Optional {
				optional = ", optional"
			}
			fmt.Fprintf(&b, "  reads   %s (%s%s) by %s, edge %s\n", d.Feature, d.Lineage, optional, strings.Join(d.Inputs, ", "), d.Edge)
		}
		width := 0
		for _, field := range f.Fields {
			width = max(width, len(field.Field))
		}
		for _, field := range f.Fields {
			parents := ""
			if len(field.Parents) > 0 {
				parents = "  ← " + strings.Join(field.Parents, ", ")
			}
			fmt.Fprintf(&b, "  field   %-*s  %s%s\n", width, field.Field, field.Version, parents)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
