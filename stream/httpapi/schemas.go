package httpapi

import (
	"embed"
	"encoding/json"
	"slices"
	"strings"
)

// schemaFiles are the JSON Schemas of the answers, served below /v1/schemas/.
//
//go:embed schemas/*.json
var schemaFiles embed.FS

// schemaNames are those that are served.
var schemaNames = []string{"error.json", "explanation.json", "graph.json", "status.json"}

func schemaNamed(name string) (json.RawMessage, error) {
	if !slices.Contains(schemaNames, name) {
		return nil, fault(UnknownPath, "there is no schema %.100q; there are %s", name, strings.Join(schemaNames, ", "))
	}
	return schemaFiles.ReadFile("schemas/" + name)
}

func schemaPaths() []string {
	paths := make([]string, len(schemaNames))
	for i, name := range schemaNames {
		paths[i] = pathSchemas + name
	}
	return paths
}
