package graph

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Keys name features and fields (metaxy-semantics 1.1): lower-case parts joined by '/'.
// The two kinds sort differently, and both orders enter hashes: feature keys part by part,
// field keys as text. They differ wherever '-' meets '/': "a/b" sorts before "a-b" part by part
// and after it as text.

// FeatureKey names a feature: parts joined by '/', such as "video/raw".
// Feature keys sort part by part (Compare), not as text.
type FeatureKey string

// FieldKey names a field of a feature: parts joined by '/'.
// Field keys sort as text.
type FieldKey string

// ParseFeatureKey reads a feature key. The error says which part is wrong and what to write.
func ParseFeatureKey(text string) (FeatureKey, error) {
	if fault := keyFault(text); fault != "" {
		return "", fmt.Errorf("feature key %q %s", text, fault)
	}
	return FeatureKey(text), nil
}

// ParseFieldKey reads a field key. The error says which part is wrong and what to write.
func ParseFieldKey(text string) (FieldKey, error) {
	if fault := keyFault(text); fault != "" {
		return "", fmt.Errorf("field key %q %s", text, fault)
	}
	return FieldKey(text), nil
}

// String returns the key with '/' between its parts.
func (k FeatureKey) String() string { return string(k) }

// String returns the key with '/' between its parts.
func (k FieldKey) String() string { return string(k) }

// Parts returns the parts of the key, in order.
func (k FeatureKey) Parts() []string { return strings.Split(string(k), "/") }

// Parts returns the parts of the key, in order.
func (k FieldKey) Parts() []string { return strings.Split(string(k), "/") }

// Compare orders feature keys part by part: -1, 0 or +1.
func (k FeatureKey) Compare(other FeatureKey) int { return comparePartwise(string(k), string(other)) }

// Compare orders field keys as text: -1, 0 or +1.
func (k FieldKey) Compare(other FieldKey) int { return strings.Compare(string(k), string(other)) }

// StructName returns the key as one name, '/' written '_' and hyphens kept.
func (k FeatureKey) StructName() string { return strings.ReplaceAll(string(k), "/", "_") }

// StructName returns the name of the field in the *_by_field maps of a row: '/' written '_', hyphens kept.
func (k FieldKey) StructName() string { return strings.ReplaceAll(string(k), "/", "_") }

// TopicName returns the key as it stands in the name of a topic: '/' written '.'.
func (k FeatureKey) TopicName() string { return strings.ReplaceAll(string(k), "/", ".") }

// UnmarshalText reads a key as ParseFeatureKey does.
func (k *FeatureKey) UnmarshalText(text []byte) error {
	key, err := ParseFeatureKey(string(text))
	if err == nil {
		*k = key
	}
	return err
}

// UnmarshalText reads a key as ParseFieldKey does.
func (k *FieldKey) UnmarshalText(text []byte) error {
	key, err := ParseFieldKey(string(text))
	if err == nil {
		*k = key
	}
	return err
}

// UnmarshalJSON reads a key from text, from a list of parts, or from the older {"parts": [...]}.
func (k *FeatureKey) UnmarshalJSON(data []byte) error {
	text, err := keyFromJSON(data)
	if err != nil {
		return fmt.Errorf("feature key %.100s %w", data, err)
	}
	return k.UnmarshalText([]byte(text))
}

// UnmarshalJSON reads a key from text, from a list of parts, or from the older {"parts": [...]}.
func (k *FieldKey) UnmarshalJSON(data []byte) error {
	text, err := keyFromJSON(data)
	if err != nil {
		return fmt.Errorf("field key %.100s %w", data, err)
	}
	return k.UnmarshalText([]byte(text))
}

func keyFromJSON(data []byte) (string, error) {
	root, fault := parseJSON(data)
	if fault != nil {
		return "", fault
	}
	text, problem := keyText(root)
	if problem != "" {
		return "", fmt.Errorf("%s", problem)
	}
	return text, nil
}

// keyFault says what is wrong with the text of a key and what to write, or "". It goes on after the key.
func keyFault(text string) string {
	if text == "" {
		return "is empty; name it with parts joined by '/', such as video/raw"
	}
	for i, part := range strings.Split(text, "/") {
		if part == "" {
			return "has an empty part; write one '/' between two parts, and none before the first or after the last"
		}
		if strings.Contains(part, "__") {
			return fmt.Sprintf("has \"__\" in the part %q, which separates parts in names of tables; write one '_'", part)
		}
		for j, r := range part {
			switch {
			case r >= 'a' && r <= 'z', r == '_':
			case r >= '0' && r <= '9':
				if i == 0 && j == 0 {
					return fmt.Sprintf("begins with the digit %q; begin it with a lower-case letter or '_'", r)
				}
			case r == '-':
				if j == 0 {
					return fmt.Sprintf("has the part %q, which begins with '-'; begin it with a lower-case letter or '_'", part)
				}
			case r >= 'A' && r <= 'Z':
				return fmt.Sprintf("has the capital %q; write %q", r, strings.ToLower(text))
			default:
				return fmt.Sprintf("has the character %q; use lower-case letters, digits, '_' and '-', and '/' between parts", r)
			}
		}
	}
	return ""
}

// comparePartwise compares lists of parts without splitting them: '/' ends a part, so it sorts before every
// other character and after the end of the text.
func comparePartwise(a, b string) int {
	for i := 0; i < len(a) && i < len(b); i++ {
		if a[i] == b[i] {
			continue
		}
		switch {
		case a[i] == '/':
			return -1
		case b[i] == '/':
			return 1
		case a[i] < b[i]:
			return -1
		}
		return 1
	}
	switch {
	case len(a) < len(b):
		return -1
	case len(a) > len(b):
		return 1
	}
	return 0
}

var (
	_ json.Unmarshaler = (*FeatureKey)(nil)
	_ json.Unmarshaler = (*FieldKey)(nil)
)
