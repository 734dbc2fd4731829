package schema

import (
	"slices"
	"strings"
)

// FieldTexts is a text for each field: a provenance, or data versions. Sorted by field, each field once.
type FieldTexts []FieldText

// FieldText is the text of one field. Field is the field's struct name ('/' written '_').
type FieldText struct{ Field, Text string }

// Get returns the text of a field; ok is false where there is none.
func (t FieldTexts) Get(field string) (text string, ok bool) {
	i, ok := slices.BinarySearchFunc(t, field, func(e FieldText, field string) int { return strings.Compare(e.Field, field) })
	if !ok {
		return "", false
	}
	return t[i].Text, true
}

// Map returns the texts as a map of their own.
func (t FieldTexts) Map() map[string]string {
	m := make(map[string]string, len(t))
	for _, e := range t {
		m[e.Field] = e.Text
	}
	return m
}
