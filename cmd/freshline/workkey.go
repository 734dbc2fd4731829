package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/freshline/freshline/graph"
	"github.com/freshline/freshline/stream"
)

// workKey is a key of the work list as somebody writes it: that of an event, with its columns in any
// order, or the ids of a sample.
type workKey struct {
	text   string
	names  []string
	values []graph.Value
	event  []byte         // the key of the event (E2); nil: only ids are known
	ids    []graph.Column // where event is nil
}

// parseWorkKey reads a key of a feature.
func parseWorkKey(f *graph.FeaturePlan, text string) (*workKey, error) {
	names, values, err := graph.ParseKeyJSON([]byte(text))
	if err != nil {
		return nil, &usageError{text: fmt.Sprintf("key %s of %s: %s", text, f.Key, err), hint: "write it as " + keyForms(f)}
	}
	k := &workKey{text: text, names: names, values: values}
	for _, columns := range [][]string{f.Shape.SampleColumns, f.Shape.InputColumns} {
		if ordered, ok := k.inOrder(columns); ok {
			k.event = graph.AppendKeyJSON(nil, columns, ordered)
			return k, nil
		}
	}
	if ordered, ok := k.inOrder(f.IDs); ok {
		for i, name := range f.IDs {
			k.ids = append(k.ids, graph.Column{Name: name, Value: ordered[i]})
		}
		return k, nil
	}
	return nil, &usageError{text: fmt.Sprintf("key %s is none of %s", text, f.Key), hint: "write it as " + keyForms(f)}
}

// inOrder returns the values in the order of the columns, if they are those of the key.
func (k *workKey) inOrder(columns []string) ([]graph.Value, bool) {
	if len(columns) != len(k.names) {
		return nil, false
	}
	ordered := make([]graph.Value, len(columns))
	for i, column := range columns {
		at := slices.Index(k.names, column)
		if at < 0 {
			return nil, false
		}
		ordered[i] = k.values[at]
	}
	return ordered, true
}

// keyForms says how keys of a feature look.
func keyForms(f *graph.FeaturePlan) string {
	var forms []string
	for _, columns := range [][]string{f.Shape.SampleColumns, f.Shape.InputColumns, f.IDs} {
		form := graph.AppendKeyJSON(nil, columns, nil)
		if text := strings.ReplaceAll(string(form), "null", "…"); !slices.Contains(forms, text) {
			forms = append(forms, text)
		}
	}
	return strings.Join(forms, " or ")
}

// of says whether an event is of the key.
func (k *workKey) of(e stream.Event) bool {
	if k.event != nil {
		return bytes.Equal(e.Key, k.event)
	}
	names, values, err := graph.ParseKeyJSON(e.Key)
	if err != nil {
		return false
	}
	for _, id := range k.ids {
		if i := slices.Index(names, id.Name); i < 0 || values[i] != id.Value {
			return false
		}
	}
	return true
}

// outstanding returns the events of a feature's work list that fn wants, until it has enough.
func (c *cli) outstanding(ctx context.Context, cluster stream.Cluster, feature graph.FeatureKey, fn func(stream.Event) (enough bool)) error {
	schemas, err := c.eventSchemas()
	if err != nil {
		return err
	}
	defer c.startProgress("read the work list", nil).end()
	for e, err := range stream.Worklist(ctx, cluster, c.namespace(), schemas, feature) {
		if err != nil {
			return err
		}
		if e.Err != nil {
			return e.Err
		}
		if fn(e) {
			return nil
		}
	}
	return nil
}

// workFeature is the feature that a command about work names, and the cluster that it asks.
func (c *cli) workFeature(ctx context.Context, name string) (stream.Cluster, *graph.FeaturePlan, error) {
	cluster, err := c.cluster()
	if err != nil {
		return cluster, nil, err
	}
	plan, err := c.plan(ctx, cluster)
	if err != nil {
		return cluster, nil, err
	}
	f, err := c.featureOf(plan, name)
	return cluster, f, err
}
