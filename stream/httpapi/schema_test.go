package httpapi

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// schemaCheck holds a value against a JSON Schema: of the language just the words that our schemas use. A word
// that it does not know is an error, so that none is passed over.
type schemaCheck struct{ defs map[string]any }

// annotations say nothing about values.
var annotations = []string{"$schema", "title", "description", "$defs"}

func checkSchema(schema, value []byte) error {
	var s, v any
	if err := json.Unmarshal(schema, &s); err != nil {
		return fmt.Errorf("the schema is no JSON: %w", err)
	}
	if err := json.Unmarshal(value, &v); err != nil {
		return fmt.Errorf("the value is no JSON: %w", err)
	}
	c := schemaCheck{}
	c.defs, _ = s.(map[string]any)["$defs"].(map[string]any)
	return c.check("", s.(map[string]any), v)
}

func (c *schemaCheck) check(at string, schema map[string]any, value any) error {
	for word, arg := range schema {
		if err := c.word(at, schema, word, arg, value); err != nil {
			return err
		}
	}
	return nil
}

func (c *schemaCheck) word(at string, schema map[string]any, word string, arg, value any) error {
	object, isObject := value.(map[string]any)
	switch word {
	case "$ref":
		def, ok := c.defs[strings.TrimPrefix(arg.(string), "#/$defs/")].(map[string]any)
		if !ok {
			return fmt.Errorf("%s: %v is not in $defs", at, arg)
		}
		return c.check(at, def, value)
	case "type":
		types, ok := arg.([]any)
		if !ok {
			types = []any{arg}
		}
		if !slices.ContainsFunc(types, func(t any) bool { return isType(t.(string), value) }) {
			return fmt.Errorf("%s: %v is not of type %v", at, value, types)
		}
	case "enum":
		if !slices.Contains(arg.([]any), value) {
			return fmt.Errorf("%s: %v is none of %v", at, value, arg)
		}
	case "pattern":
		if text, ok := value.(string); ok && !regexp.MustCompile(arg.(string)).MatchString(text) {
			return fmt.Errorf("%s: %q does not match %s", at, text, arg)
		}
	case "required":
		for _, name := range arg.([]any) {
			if _, there := object[name.(string)]; isObject && !there {
				return fmt.Errorf("%s: %v is missing", at, name)
			}
		}
	case "properties":
		for name, s := range arg.(map[string]any) {
			if v, there := object[name]; there {
				if err := c.check(at+"/"+name, s.(map[string]any), v); err != nil {
					return err
				}
			}
		}
	case "additionalProperties":
		known, _ := schema["properties"].(map[string]any)
		for name, v := range object {
			if known[name] != nil {
				continue
			}
			s, ok := arg.(map[string]any)
			if !ok {
				return fmt.Errorf("%s: %s is not in the schema", at, name)
			}
			if err := c.check(at+"/"+name, s, v); err != nil {
				return err
			}
		}
	case "items":
		list, _ := value.([]any)
		for i, v := range list {
			if err := c.check(fmt.Sprintf("%s/%d", at, i), arg.(map[string]any), v); err != nil {
				return err
			}
		}
	case "allOf":
		for _, s := range arg.([]any) {
			if err := c.check(at, s.(map[string]any), value); err != nil {
				return err
			}
		}
	case "anyOf":
		var last error
		for _, s := range arg.([]any) {
			if last = c.check(at, s.(map[string]any), value); last == nil {
				return nil
			}
		}
		return last
	default:
		if !slices.Contains(annotations, word) {
			return fmt.Errorf("%s: the test does not know the word %q of the schema", at, word)
		}
	}
	return nil
}

func isType(name string, value any) bool {
	switch v := value.(type) {
	case nil:
		return name == "null"
	case bool:
		return name == "boolean"
	case string:
		return name == "string"
	case float64:
		return name == "number" || name == "integer" && v == float64(int64(v))
	case []any:
		return name == "array"
	}
	return name == "object"
}

// mustFit fails the test where an answer does not fit a schema.
func mustFit(t *testing.T, name string, answer []byte) {
	t.Helper()
	schema, err := schemaNamed(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := checkSchema(schema, answer); err != nil {
		t.Errorf("the answer does not fit %s: %v\n%s", name, err, answer)
	}
}

// TestSchemasOfGoldenExplanations holds an explanation of each status and cause against the schema.
func TestSchemasOfGoldenExplanations(t *testing.T) {
	files, err := filepath.Glob("../../cmd/freshline/testdata/explain/*.json")
	if err != nil || len(files) < 15 {
		t.Fatalf("there are %d explanations, %v", len(files), err)
	}
	for _, file := range files {
		answer, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		mustFit(t, "explanation.json", answer)
	}
}

// TestSchemaCheckRefuses: the check finds what does not fit.
func TestSchemaCheckRefuses(t *testing.T) {
	schema, err := schemaNamed("error.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, answer := range []string{`{"error":"x"}`, `{"error":1,"reason":"INTERNAL"}`, `{"error":"x","reason":"OTHER"}`, `{"error":"x","reason":"INTERNAL","more":1}`, `[]`} {
		if checkSchema(schema, []byte(answer)) == nil {
			t.Errorf("%s fits the schema", answer)
		}
	}
	for _, name := range schemaNames {
		text, err := schemaNamed(name)
		if err != nil || !json.Valid(text) {
			t.Errorf("schema %s: %v", name, err)
		}
	}
}
