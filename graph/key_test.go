// The grammar of keys and their two orders.
package graph

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestParseKeys(t *testing.T) {
	for _, text := range []string{"a", "_", "video/raw", "a-b/0", "a_/_b", "x/1/9-", "a_b-c/d"} {
		if key, err := ParseFeatureKey(text); err != nil || key.String() != text {
			t.Errorf("ParseFeatureKey(%q) = %q, %v", text, key, err)
		}
		if key, err := ParseFieldKey(text); err != nil || key.String() != text {
			t.Errorf("ParseFieldKey(%q) = %q, %v", text, key, err)
		}
	}
	for _, text := range []string{"", "/", "a/", "/a", "a//b", "1a", "-a", "a/-b", "a__b", "A", "aB", "a b", "a\n", "a.b", "é", "a\xff"} {
		if key, err := ParseFeatureKey(text); err == nil || key != "" || !strings.Contains(err.Error(), ";") {
			t.Errorf("ParseFeatureKey(%q) = %q, %v", text, key, err)
		}
		if key, err := ParseFieldKey(text); err == nil || key != "" {
			t.Errorf("ParseFieldKey(%q) = %q, %v", text, key, err)
		}
	}
}

func TestKeyNames(t *testing.T) {
	key := FeatureKey("video/face-crop/x_y")
	if got := key.StructName(); got != "video_face-crop_x_y" {
		t.Errorf("StructName: %s", got)
	}
	if got := key.TopicName(); got != "video.face-crop.x_y" {
		t.Errorf("TopicName: %s", got)
	}
	if got := FieldKey("audio/en-gb").StructName(); got != "audio_en-gb" {
		t.Errorf("StructName: %s", got)
	}
}

func TestKeyOrders(t *testing.T) {
	inOrder := []FeatureKey{"a", "a/-", "a/b", "a/b/c", "a-", "a-b", "a0", "a_", "a_b", "aa", "b"}
	for i, a := range inOrder {
		for j, b := range inOrder {
			want := max(-1, min(1, i-j))
			if got := a.Compare(b); got != want {
				t.Errorf("%q.Compare(%q) = %d, want %d", a, b, got, want)
			}
			if got := slices.Compare(a.Parts(), b.Parts()); got != want {
				t.Errorf("parts of %q and %q compare %d, want %d", a, b, got, want)
			}
		}
	}
	if FieldKey("a-b").Compare("a/b") >= 0 {
		t.Error("field keys do not sort as text")
	}
	parents := []Parent{{"a", "z"}, {"a-b", "c"}, {"a/b", "c"}, {"a", "a"}, {"ab", "a"}, {"a0", "a"}}
	for _, a := range parents {
		for _, b := range parents {
			if got, want := a.Compare(b), strings.Compare(a.String(), b.String()); got != want {
				t.Errorf("%v.Compare(%v) = %d, want %d", a, b, got, want)
			}
		}
	}
}

func TestKeysInJSON(t *testing.T) {
	for _, text := range []string{`"a/b"`, `["a", "b"]`, `{"parts": ["a", "b"]}`} {
		var feature FeatureKey
		var field FieldKey
		if err := json.Unmarshal([]byte(text), &feature); err != nil || feature != "a/b" {
			t.Errorf("feature key %s: %q, %v", text, feature, err)
		}
		if err := json.Unmarshal([]byte(text), &field); err != nil || field != "a/b" {
			t.Errorf("field key %s: %q, %v", text, field, err)
		}
	}
	for _, text := range []string{`"A"`, `[]`, `{}`, `7`, `null`, `["a/b"]`, `[["a"]]`, `{"parts": "a"}`, `{"parts": []}`} {
		key := FeatureKey("before")
		if err := json.Unmarshal([]byte(text), &key); text != "null" && (err == nil || key != "before") {
			t.Errorf("feature key %s: %q, %v", text, key, err)
		}
	}
	keys := map[FeatureKey]int{}
	if err := json.Unmarshal([]byte(`{"A": 1}`), &keys); err == nil {
		t.Error("a bad key of an object is read")
	}
}

func FuzzParseFeatureKey(f *testing.F) {
	for _, text := range []string{"video/raw", "", "a//b", "a__b", "A", "a\n", "a_/_b", "\xff"} {
		f.Add(text, "a-b")
	}
	f.Fuzz(func(t *testing.T, text, other string) {
		key, err := ParseFeatureKey(text)
		if err != nil {
			if key != "" || !strings.Contains(err.Error(), "; ") {
				t.Fatalf("ParseFeatureKey(%q) = %q, %v", text, key, err)
			}
			return
		}
		if string(key) != text || strings.Join(key.Parts(), "/") != text || strings.Contains(key.TopicName(), "/") {
			t.Fatalf("ParseFeatureKey(%q) = %q", text, key)
		}
		if second, err := ParseFeatureKey(other); err == nil {
			if got, want := key.Compare(second), slices.Compare(key.Parts(), second.Parts()); got != want || got != -second.Compare(key) {
				t.Fatalf("%q.Compare(%q) = %d, want %d", key, second, got, want)
			}
		}
	})
}
