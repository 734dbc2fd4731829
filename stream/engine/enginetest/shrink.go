package enginetest

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
)

// ShrinkList drops elements for as long as what is left fails: halves first, then single ones, until
// no single one can go. It is deterministic.
func ShrinkList[T any](list []T, fails func([]T) bool) []T {
	for size := max(1, len(list)/2); ; {
		shorter := false
		for at := 0; at+size <= len(list); {
			if trial := slices.Concat(list[:at], list[at+size:]); fails(trial) {
				list, shorter = trial, true
			} else {
				at += size
			}
		}
		if size == 1 && !shorter {
			return list
		}
		size = max(1, size/2)
	}
}

// ShrinkLines makes a failing replay file small: first it drops lines, then in each line that is left
// what JSON can be without: features, fields, dependencies, properties, columns.
func ShrinkLines(lines [][]byte, fails func([][]byte) bool) [][]byte {
	for {
		before := bytes.Join(lines, nil)
		lines = ShrinkList(lines, fails)
		for i := range lines {
			lines[i] = shrinkJSON(lines[i], func(text []byte) bool {
				trial := slices.Clone(lines)
				trial[i] = text
				return fails(trial)
			})
		}
		if bytes.Equal(before, bytes.Join(lines, nil)) {
			return lines
		}
	}
}

// shrinkJSON drops members and elements of a JSON value for as long as it fails. Text that is not
// JSON stays as it is.
func shrinkJSON(text []byte, fails func([]byte) bool) []byte {
	var root any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if decoder.Decode(&root) != nil {
		return text
	}
	try := func() bool {
		trial := encodeJSON(root)
		if len(trial) >= len(text) || !fails(trial) {
			return false
		}
		text = trial
		return true
	}
	var walk func(at any, set func(any))
	walk = func(at any, set func(any)) {
		switch at := at.(type) {
		case map[string]any:
			for _, name := range slices.Sorted(maps.Keys(at)) {
				value := at[name]
				if delete(at, name); !try() {
					at[name] = value
					walk(value, func(v any) { at[name] = v })
				}
			}
		case []any:
			for i := 0; i < len(at); {
				shorter := slices.Concat(at[:i], at[i+1:])
				set(shorter)
				if try() {
					at = shorter
					continue
				}
				set(at)
				walk(at[i], func(v any) { at[i] = v })
				i++
			}
		}
	}
	walk(root, func(v any) { root = v })
	return text
}

func encodeJSON(value any) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err)
	}
	return bytes.TrimSpace(b.Bytes())
}
